//! Frames that protect refuses; it must not change anything else.

use secy::{Discard, Protection, Slot, Suite, TxSc, TxScConfig};

use crate::line::{Key, frame, id, pn, protect, protect_one, tx_config};

fn tx(config: TxScConfig) -> TxSc {
    let mut tx = TxSc::new(config);
    tx.install(Key::new(Suite::GcmAesXpn256, 1).tx());
    tx
}

#[test]
fn without_an_sa_nothing_goes_out() {
    let mut tx = TxSc::new(tx_config());
    assert_eq!((tx.sa(), tx.next_pn()), (None, None));
    let no_sa = vec![Err(Discard::OutPktsNoSa); 3];
    assert_eq!(protect(&mut tx, &vec![frame(50); 3]), no_sa);
    assert!(tx.install(Key::new(Suite::GcmAesXpn256, 1).tx()).is_none());
    assert_eq!((tx.sa(), tx.next_pn()), (Some(id(0, 1)), Some(pn(1))));
    protect_one(&mut tx, &frame(50));
    // A switch returns the previous SA, and so does retire.
    let old = tx.install(
        Key {
            id: id(1, 2),
            ..Key::new(Suite::GcmAesXpn256, 2)
        }
        .tx(),
    );
    assert_eq!(
        old.map(|sa| (sa.id(), sa.next_pn())),
        Some((id(0, 1), Some(pn(2))))
    );
    assert_eq!(tx.next_pn(), Some(pn(1)));
    assert_eq!(tx.retire().map(|sa| sa.id()), Some(id(1, 2)));
    assert_eq!(protect(&mut tx, &vec![frame(50); 3]), no_sa);
    assert_eq!(tx.counters().out_pkts_no_sa, 6);
}

#[test]
fn lengths() {
    let longest = frame(1502); // 1514 octets; protection adds 32
    let too_long = frame(1503);
    for (explicit_sci, frame_len_max) in [(true, 1546), (false, 1538)] {
        let mut tx = tx(TxScConfig {
            explicit_sci,
            frame_len_max,
            ..tx_config()
        });
        let frames = [
            longest.clone(),
            too_long.clone(),
            frame(1),
            frame(2),
            vec![],
        ];
        let outcomes = protect(&mut tx, &frames);
        assert_eq!(outcomes[0].as_ref().map(Vec::len), Ok(frame_len_max));
        assert_eq!(outcomes[1], Err(Discard::OutPktsTooLong));
        assert_eq!(outcomes[2], Err(Discard::OutPktsTooShort));
        assert!(outcomes[3].is_ok());
        assert_eq!(outcomes[4], Err(Discard::OutPktsTooShort));
        // The dropped frames used no PN.
        assert_eq!(tx.next_pn(), Some(pn(3)));
        assert_eq!(tx.counters().out_octets_encrypted, 1502 + 2);
    }
    // No frame is longer than the engines' limit, whatever the config says.
    let mut tx = tx(TxScConfig {
        frame_len_max: usize::MAX,
        ..tx_config()
    });
    let outcomes = protect(&mut tx, &[frame(9216), frame(60_000)]);
    assert!(outcomes[0].is_ok());
    assert_eq!(outcomes[1], Err(Discard::OutPktsTooLong));
}

/// With too little headroom or tailroom the frame is dropped and the octets around it are
/// unchanged.
#[test]
fn no_room() {
    let plain = frame(50);
    // (headroom, tailroom, fits)
    for (head, tail, fits) in [
        (16, 16, true),
        (15, 16, false),
        (16, 15, false),
        (0, 0, false),
    ] {
        let mut tx = tx(tx_config());
        let mut room = [&vec![0xee; head], &plain[..], &vec![0xee; tail]].concat();
        let before = room.clone();
        let mut burst = [Slot::new(&mut room, head, head + plain.len())];
        tx.protect(&mut burst);
        let range = burst[0].range();
        if fits {
            assert_eq!((burst[0].discard, range), (None, (0, before.len())));
        } else {
            assert_eq!(burst[0].discard, Some(Discard::OutPktsNoRoom));
            assert_eq!(range, (head, head + plain.len()));
            assert_eq!((room, tx.next_pn()), (before, Some(pn(1))));
        }
    }
}

#[test]
fn a_range_outside_the_room_is_cut() {
    let mut room = frame(50);
    for (start, end) in [
        (70, 80),
        (5, 3),
        (usize::MAX, 0),
        (0, usize::MAX),
        (3, usize::MAX),
    ] {
        let slot = Slot::new(&mut room, start, end);
        let (start, end) = slot.range();
        assert!(start <= end && end <= 62);
        assert_eq!(slot.frame().len(), end - start);
    }
}

#[test]
fn integrity_only_leaves_the_user_data() {
    let mut tx = tx(TxScConfig {
        protection: Protection::IntegrityOnly,
        ..tx_config()
    });
    let plain = frame(60);
    let protected = protect_one(&mut tx, &plain);
    assert_eq!(protected[12..16], [0x88, 0xe5, 0x20, 0]);
    assert_eq!(protected[28..88], plain[12..]);
    let counters = tx.counters();
    assert_eq!(
        (counters.out_pkts_protected, counters.out_octets_protected),
        (1, 60)
    );
    assert_eq!(counters.out_pkts_encrypted, 0);
}

/// SAs move from the control thread to a worker, so all of these must be `Send`.
#[test]
fn all_can_be_sent_to_a_worker() {
    fn sent<T: Send>() {}
    sent::<secy::TxSa>();
    sent::<secy::RxSa>();
    sent::<TxSc>();
    sent::<secy::RxScs>();
    sent::<secy::Sak>();
}
