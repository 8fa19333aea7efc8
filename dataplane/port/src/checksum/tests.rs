use super::{Unfinished, finish, finish_if_open, fold};

#[test]
fn the_sum_of_rfc_1071() {
    assert_eq!(
        fold(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]),
        0xddf2
    );
    assert_eq!(fold(&[0x12]), 0x1200);
    assert_eq!(fold(&[]), 0);
}

/// UDP from 10.0.0.1:1000 to 10.0.0.2:2000. The checksum field holds the sum of the pseudo header.
fn datagram(payload: [u8; 3]) -> Vec<u8> {
    let pseudo = fold(&[10, 0, 0, 1, 10, 0, 0, 2, 0, 17, 0, 11]);
    let mut frame = vec![0xaa; 34];
    frame.extend([0x03, 0xe8, 0x07, 0xd0, 0, 11]);
    frame.extend(pseudo.to_be_bytes());
    frame.extend(payload);
    frame
}

#[test]
fn a_finished_datagram_sums_up_to_all_ones() {
    let mut frame = datagram(*b"hi!");
    assert!(finish(
        &mut frame,
        Unfinished {
            start: 34,
            offset: 6
        }
    ));
    let pseudo = [10, 0, 0, 1, 10, 0, 0, 2, 0, 17, 0, 11];
    let all: Vec<u8> = pseudo.iter().chain(&frame[34..]).copied().collect();
    assert_eq!(fold(&all), 0xffff);
    assert!(frame[..34].iter().all(|&octet| octet == 0xaa));
}

#[test]
fn zero_is_sent_as_all_ones() {
    // The payload that makes the sum all ones.
    let mut frame = datagram([0, 0, 0]);
    let missing = 0xffff - fold(&frame[34..]);
    frame[42..44].copy_from_slice(&missing.to_be_bytes());
    assert!(finish(
        &mut frame,
        Unfinished {
            start: 34,
            offset: 6
        }
    ));
    assert_eq!(frame[40..42], [0xff, 0xff]);
}

#[test]
fn a_place_outside_the_frame_is_refused() {
    let mut frame = [0; 60];
    for (start, offset) in [(61, 0), (60, 0), (50, 9), (usize::MAX / 2, 2), (0, 59)] {
        assert!(
            !finish(&mut frame, Unfinished { start, offset }),
            "{start} {offset}"
        );
    }
    assert!(finish(
        &mut frame,
        Unfinished {
            start: 50,
            offset: 8
        }
    ));
}

/// An IPv4 frame with UDP or TCP and an unfinished checksum, with the given tags and padding.
fn segment(tags: &[u8], protocol: u8, payload: &[u8], padding: usize) -> Vec<u8> {
    let (header_len, at) = if protocol == 6 { (20, 16) } else { (8, 6) };
    let len = header_len + payload.len();
    let mut frame = vec![2; 12];
    frame.extend(tags);
    frame.extend([
        0x08,
        0x00,
        0x45,
        0,
        0,
        20 + len as u8,
        0,
        0,
        0x40,
        0,
        64,
        protocol,
        0,
        0,
    ]);
    frame.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    let mut transport = vec![9; header_len];
    let pseudo = fold(&[10, 0, 0, 1, 10, 0, 0, 2, 0, protocol, 0, len as u8]);
    transport[at..at + 2].copy_from_slice(&pseudo.to_be_bytes());
    frame.extend(transport);
    frame.extend(payload);
    frame.resize(frame.len() + padding, 0);
    frame
}

#[test]
fn an_open_checksum_is_found_and_finished_once() {
    let tag = [0x81, 0, 0, 5];
    for tags in [&[][..], &tag, &[0x88, 0xa8, 0, 1, 0x81, 0, 0, 5]] {
        for protocol in [6, 17] {
            let mut frame = segment(tags, protocol, b"odd", 7);
            let (start, len) = (34 + tags.len(), frame.len() - 7);
            assert!(finish_if_open(&mut frame), "{tags:?} {protocol}");
            let segment = &frame[start..len];
            let pseudo = [
                10,
                0,
                0,
                1,
                10,
                0,
                0,
                2,
                0,
                protocol,
                0,
                segment.len() as u8,
            ];
            let all: Vec<u8> = pseudo.iter().chain(segment).copied().collect();
            assert_eq!(fold(&all), 0xffff);
            let before = frame.clone();
            assert!(!finish_if_open(&mut frame), "finished already");
            assert_eq!(frame, before);
        }
    }
}

#[test]
fn ipv6_too() {
    let mut frame = vec![2; 12];
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 11, 17, 64]);
    frame.extend([0xfe; 16]);
    frame.extend([0xfd; 16]);
    let pseudo = fold(&[&[0xfe; 16][..], &[0xfd; 16], &[0, 17, 0, 11]].concat());
    frame.extend([9, 9, 9, 9, 0, 11]);
    frame.extend(pseudo.to_be_bytes());
    frame.extend(b"hi!");
    assert!(finish_if_open(&mut frame));
    let all = [&[0xfe; 16][..], &[0xfd; 16], &[0, 17, 0, 11], &frame[54..]].concat();
    assert_eq!(fold(&all), 0xffff);
}

#[test]
fn what_is_not_open_stays_as_it_is() {
    let whole = segment(&[], 17, b"odd", 0);
    let mut wrong = whole.clone();
    wrong[41] ^= 1;
    let mut fragment = whole.clone();
    fragment[20] = 0x20;
    let mut icmp = whole.clone();
    icmp[23] = 1;
    let mut beyond = whole.clone();
    beyond[17] += 1;
    let mut trailer = whole.clone();
    trailer.push(1);
    for frame in [
        wrong,
        fragment,
        icmp,
        beyond,
        trailer,
        vec![0; 60],
        vec![0x81, 0],
        vec![],
    ] {
        let mut after = frame.clone();
        assert!(!finish_if_open(&mut after));
        assert_eq!(after, frame);
    }
    // A frame cut at any length causes no panic.
    for len in 0..whole.len() {
        assert!(!finish_if_open(&mut whole[..len].to_vec()));
    }
}
