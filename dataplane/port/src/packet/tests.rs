use super::{accept, ring::Received};
use crate::{
    Frame, HEADROOM, Pool, PortCounters, TAILROOM, checksum::Unfinished, limits::frame_len_max,
};

const MTU: usize = 1500;

fn received(octets: &[u8]) -> Received<'_> {
    Received {
        octets,
        len: octets.len(),
        joined: false,
        unfinished: None,
        vlan_tag: None,
    }
}

fn accepted(received: Option<Received<'_>>) -> (Option<Frame>, PortCounters) {
    let mut counters = PortCounters::default();
    let pool = Pool::new(1, MTU).unwrap();
    (accept(received, &pool, &mut counters), counters)
}

#[test]
fn a_tag_goes_back_behind_the_addresses_after_the_checksum_is_finished() {
    // The kernel gives the offset of the checksum in the frame without the tag that it took out.
    let mut octets: Vec<u8> = (0..80).collect();
    octets[74..76].fill(0);
    let unfinished = Some(Unfinished {
        start: 70,
        offset: 4,
    });
    let tag = [0x81, 0x00, 0x20, 0x05];
    let (frame, counters) = accepted(Some(Received {
        unfinished,
        vlan_tag: Some(tag),
        ..received(&octets)
    }));
    let frame = frame.unwrap();
    let sum: u32 = [70, 72, 76, 78].iter().map(|&w| (w << 8) | (w + 1)).sum();
    let expected = !((sum & 0xffff) + (sum >> 16)) as u16;
    octets[74..76].copy_from_slice(&expected.to_be_bytes());
    let octets = [&octets[..12], &tag, &octets[12..]].concat();
    assert_eq!(frame.bytes(), octets);
    assert!(frame.headroom() >= HEADROOM && frame.tailroom() >= TAILROOM);
    assert_eq!((counters.rx_frames, counters.rx_octets), (1, 84));
    assert_eq!(
        (counters.rx_checksum_finished, counters.rx_dropped()),
        (1, 0)
    );
}

#[test]
fn the_longest_frame_keeps_its_tailroom() {
    let octets = vec![1; frame_len_max(MTU) - 4];
    let vlan_tag = Some([0x88, 0xa8, 0, 1]);
    let frame = accepted(Some(Received {
        vlan_tag,
        ..received(&octets)
    }))
    .0
    .unwrap();
    assert_eq!(frame.len(), octets.len() + 4);
    assert!(frame.tailroom() >= TAILROOM);
}

#[test]
fn every_drop_has_one_name() {
    let octets = vec![1; 3000];
    let short = |len: usize| received(&octets[..len]);
    let unfinished = Some(Unfinished {
        start: 58,
        offset: 1,
    });
    let vlan_tag = Some([0x81, 0, 0, 1]);
    let longest = Pool::new(1, MTU).unwrap().frame_len_max();
    let cases = [
        (None, "rx_malformed"),
        (Some(short(0)), "rx_malformed"),
        (Some(short(13)), "rx_malformed"),
        (
            Some(Received {
                len: 61,
                ..short(60)
            }),
            "rx_too_long",
        ),
        (
            Some(Received {
                joined: true,
                ..short(60)
            }),
            "rx_joined",
        ),
        (Some(short(3000)), "rx_too_long"),
        (
            Some(Received {
                vlan_tag,
                ..short(longest)
            }),
            "rx_too_long",
        ),
        (
            Some(Received {
                unfinished,
                ..short(60)
            }),
            "rx_checksum_unfinished",
        ),
    ];
    for (number, (case, name)) in cases.into_iter().enumerate() {
        let (frame, counters) = accepted(case);
        assert!(frame.is_none(), "case {number}");
        let counted: Vec<_> = counters.iter().filter(|&(_, value)| value > 0).collect();
        assert_eq!(counted, [(name, 1)], "case {number}");
    }
}

#[test]
fn an_empty_pool_has_a_name() {
    let pool = Pool::new(1, MTU).unwrap();
    let mut counters = PortCounters::default();
    let _held = accept(Some(received(&[1; 60])), &pool, &mut counters).unwrap();
    assert!(accept(Some(received(&[1; 60])), &pool, &mut counters).is_none());
    assert_eq!(counters.rx_no_buffer, 1);
}
