use port::mem;

use super::*;

/// A frame as the SecY makes it, as far as it is looked at.
fn protected(an: u8, pn: u32) -> Vec<u8> {
    let mut frame = vec![0; 64];
    frame[ETHERTYPE_AT..TCI_AT].copy_from_slice(&ETHERTYPE_MACSEC.to_be_bytes());
    frame[TCI_AT] = 0x2c | an;
    frame[PN_AT..PN_AT + 4].copy_from_slice(&pn.to_be_bytes());
    frame
}

/// Sends these; how many nonces were used twice, and how often the key changed.
fn sent(frames: &[(u8, u32)]) -> (u64, usize) {
    let (end, _other) = mem::pair(64);
    let probe = Probe::default();
    let mut port = BlackProbe::new(end.open().unwrap(), probe.clone(), Duration::ZERO);
    for &(an, pn) in frames {
        port.copy_tx(&protected(an, pn));
    }
    assert_eq!(probe.count(Count::BlackTx), frames.len() as u64);
    (probe.safety().repeated, probe.take_switches().len())
}

#[test]
fn packet_numbers_grow_under_a_key_and_begin_again_under_the_next() {
    assert_eq!(sent(&[(0, 1), (0, 2), (0, 9), (1, 1), (1, 2)]), (0, 1));
    assert_eq!(sent(&[(3, 7), (0, 1), (1, 1), (2, 1), (3, 1)]), (0, 4));
}

#[test]
fn a_number_that_comes_twice_under_an_an_is_a_repeat_also_if_it_is_1() {
    assert_eq!(sent(&[(0, 1), (0, 2), (0, 2)]), (1, 0));
    assert_eq!(sent(&[(0, 1), (0, 2), (0, 1), (0, 2)]), (1, 0));
    assert_eq!(
        sent(&[(0, 7), (1, 1), (0, 5)]),
        (1, 2),
        "back to the key of before"
    );
}

/// Four keys without a frame, and the AN is the same again.
#[test]
fn after_a_pause_a_key_may_be_new_under_the_same_an() {
    let (end, _other) = mem::pair(64);
    let probe = Probe::default();
    let mut port = BlackProbe::new(end.open().unwrap(), probe.clone(), Duration::ZERO);
    let pool = port::Pool::new(4, 100).unwrap();
    let mut send = |an, pn| {
        let mut frame = pool.frame().unwrap();
        assert!(frame.copy_from(port::HEADROOM, &protected(an, pn)));
        let mut burst = Burst::new();
        burst.push(frame);
        port.tx_burst(&mut burst);
        probe.safety().repeated
    };
    assert_eq!((send(0, 1), send(0, 2)), (0, 0));
    probe.resume();
    assert_eq!((send(0, 1), send(0, 2)), (0, 0), "a new one");
    probe.resume();
    assert_eq!((send(0, 3), send(0, 4)), (0, 0), "the same one");
    probe.resume();
    assert_eq!(
        send(0, 4),
        1,
        "neither a new one's first nor the next of this"
    );
    assert_eq!(send(0, 1), 2, "no pause before it");
}

#[test]
fn what_is_neither_protected_nor_the_protocols_is_in_clear() {
    let (end, _other) = mem::pair(64);
    let probe = Probe::default();
    let mut port = BlackProbe::new(end.open().unwrap(), probe.clone(), Duration::ZERO);
    let mut control = vec![0; 64];
    control[ETHERTYPE_AT..TCI_AT].copy_from_slice(&ETHERTYPE_REKEY.to_be_bytes());
    for frame in [&protected(0, 1), &control, &vec![0; 64], &vec![0; 13]] {
        port.copy_tx(frame);
    }
    let safety = probe.safety();
    assert_eq!((safety.nonces, safety.repeated, safety.clear), (1, 0, 2));
    assert_eq!(probe.count(Count::BlackTxControl), 1);
}

#[test]
fn frames_under_the_key_of_before_are_counted_after_the_switch() {
    let (end, other) = mem::pair(64);
    let probe = Probe::default();
    let mut port = BlackProbe::new(end.open().unwrap(), probe.clone(), Duration::ZERO);
    let mut line = other.open().unwrap();
    for (an, pn) in [(3, 7), (3, 8), (0, 1), (3, 9), (0, 2), (1, 1), (0, 3)] {
        line.copy_tx(&protected(an, pn));
    }
    port.rx_burst(&mut Burst::new());
    assert_eq!(probe.count(Count::BlackRx), 7);
    assert_eq!(probe.count(Count::BlackRxOldKey), 2);
}

#[test]
fn keys_that_changed_while_no_frame_came_are_new() {
    for pause in 1..=4 {
        let (end, other) = mem::pair(64);
        let probe = Probe::default();
        let mut port = BlackProbe::new(end.open().unwrap(), probe.clone(), Duration::ZERO);
        let mut line = other.open().unwrap();
        // Once round, so that each AN has had a key.
        let first = (0..5).flat_map(|epoch: u8| (1..9).map(move |pn| (epoch % 4, pn)));
        let after = (1..9).map(|pn| (pause % 4, pn));
        for (an, pn) in first.chain(after) {
            line.copy_tx(&protected(an, pn));
        }
        for _ in 0..2 {
            port.rx_burst(&mut Burst::new());
        }
        assert_eq!(probe.count(Count::BlackRx), 48, "{pause}");
        assert_eq!(probe.count(Count::BlackRxOldKey), 0, "{pause}");
    }
}

#[test]
fn a_sham_switch_is_where_the_next_user_frame_leaves() {
    let (end, _other) = mem::pair(64);
    let probe = Probe::default();
    let mut port = BlackProbe::new(end.open().unwrap(), probe.clone(), Duration::ZERO);
    probe.order_sham(3);
    probe.order_sham(3);
    probe.order_sham(0);
    probe.order_sham(64);
    let mut burst = Burst::new();
    port.tx_burst(&mut burst);
    assert!(probe.take_shams().is_empty(), "nothing left");
    let ordered = Instant::now();
    for _ in 0..2 {
        let pool = port::Pool::new(4, 100).unwrap();
        let mut frame = pool.frame().unwrap();
        assert!(frame.copy_from(port::HEADROOM, &protected(0, 1)));
        burst.push(frame);
        port.tx_burst(&mut burst);
    }
    let shams = probe.take_shams();
    assert_eq!(shams.iter().map(|sham| sham.0).collect::<Vec<_>>(), [0, 3]);
    assert!(shams.iter().all(|(_, at)| *at >= ordered));
    assert!(probe.take_switches().is_empty());
}

/// A full line refuses frames of both kinds, which are counted apart.
#[test]
fn drops_of_the_protocols_frames_are_known() {
    let (end, _other) = mem::pair(2);
    let probe = Probe::default();
    let mut port = BlackProbe::new(end.open().unwrap(), probe.clone(), Duration::ZERO);
    let mut control = vec![0; 64];
    control[ETHERTYPE_AT..TCI_AT].copy_from_slice(&ETHERTYPE_REKEY.to_be_bytes());
    for pn in 1..=3 {
        port.copy_tx(&protected(0, pn));
    }
    port.copy_tx(&control);
    assert_eq!(port.counters().tx_refused, 2);
    assert_eq!(probe.count(Count::ControlRefused), 1);
}
