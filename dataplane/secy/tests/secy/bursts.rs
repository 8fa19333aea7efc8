//! Bursts with mixed SCs and SAs, with a PN twice, and with more than `BURST_MAX` frames.

use gcm::Engine;
use proptest::prelude::{Just, Strategy, prop};
use proptest::{prop_assert_eq, prop_oneof, proptest};
use secy::{Discard, RxConfig, RxScs, Suite, TxSc, TxScConfig};
use wire::{MacAddr, Sci, Ssci};

use crate::line::{
    Key, Outcome, SRC, frame, id, line, pn, protect, protect_one, sci, tx_config, validate,
    validate_one,
};

const RX: RxConfig = RxConfig {
    replay_window: 1024,
    validate: secy::ValidateFrames::Strict,
    clear_vlan_tags: 0,
};

/// A peer with three workers, each with its own SC: one SAK, three SSCIs. The receiver holds two
/// keys.
fn peer(engine: Engine, suite: Suite) -> (Vec<TxSc>, RxScs) {
    let mut rx = RxScs::new(RX);
    let txs = (1..=3)
        .map(|port| {
            let key = Key {
                engine,
                ssci: Ssci(port.into()),
                ..Key::new(suite, 1)
            };
            let next = Key {
                id: id(1, 2),
                fill: 2,
                ..key
            };
            let mut tx = TxSc::new(TxScConfig {
                sci: sci(port),
                ..tx_config()
            });
            // The second worker has already switched.
            tx.install(if port == 2 { next.tx() } else { key.tx() });
            rx.install(sci(port), key.rx()).expect("a free AN");
            rx.install(sci(port), next.rx()).expect("a free AN");
            tx
        })
        .collect();
    (txs, rx)
}

#[test]
fn scs_and_sas_mixed_in_one_burst() {
    for engine in Engine::available() {
        for suite in Suite::ALL {
            let (mut txs, mut rx) = peer(engine, suite);
            let plain: Vec<_> = (0..64).map(|i| frame(40 + i)).collect();
            let sent: Vec<_> = plain
                .iter()
                .enumerate()
                .map(|(i, p)| protect_one(&mut txs[i % 3], p))
                .collect();
            let want: Vec<Outcome> = plain.into_iter().map(Ok).collect();
            assert_eq!(validate(&mut rx, &sent), want, "{suite} {engine}");
            let used: Vec<_> = rx
                .sas()
                .map(|sa| (sa.sci, sa.id, sa.in_pkts_ok, sa.next_pn.value()))
                .collect();
            assert_eq!(
                used,
                [
                    (sci(1), id(0, 1), 22, 23),
                    (sci(1), id(1, 2), 0, 1),
                    (sci(2), id(0, 1), 0, 1),
                    (sci(2), id(1, 2), 21, 22),
                    (sci(3), id(0, 1), 21, 22),
                    (sci(3), id(1, 2), 0, 1),
                ]
            );
        }
    }
}

/// Both copies pass the early replay test; the second copy must fail the later test.
#[test]
fn the_same_pn_twice_in_one_burst() {
    for engine in Engine::available() {
        let key = Key {
            engine,
            ..Key::new(Suite::GcmAesXpn256, 1)
        };
        let (mut tx, mut rx) = line(&key, tx_config(), RX);
        let sent: Vec<_> = protect(&mut tx, &vec![frame(64); 4])
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let burst = [0, 1, 1, 0, 2, 2, 2, 3].map(|i| sent[i].clone());
        let ok: Outcome = Ok(frame(64));
        let twice: Outcome = Err(Discard::InPktsDuplicate);
        let want = [&ok, &ok, &twice, &twice, &ok, &twice, &twice, &ok].map(Clone::clone);
        assert_eq!(validate(&mut rx, &burst), want);
        assert_eq!(rx.counters().in_pkts_duplicate, 4);
    }
}

/// A frame can become late because of an earlier frame in the same burst, as in two bursts.
#[test]
fn late_within_one_burst() {
    let key = Key::new(Suite::GcmAes256, 1);
    let (mut tx, mut rx) = line(
        &key,
        tx_config(),
        RxConfig {
            replay_window: 2,
            ..RX
        },
    );
    let sent: Vec<_> = protect(&mut tx, &vec![frame(64); 4])
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let outcomes = validate(&mut rx, &[3, 2, 1, 0].map(|i| sent[i].clone()));
    let passed: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.clone().map(|_| ()))
        .collect();
    let late = Err(Discard::InPktsLate);
    assert_eq!(passed, [Ok(()), Ok(()), late, late]);
}

#[test]
fn more_frames_than_a_burst_has() {
    let (mut tx, mut rx) = line(&Key::new(Suite::GcmAesXpn256, 1), tx_config(), RX);
    let plain: Vec<_> = (0..200).map(|i| frame(20 + i)).collect();
    let sent: Vec<_> = protect(&mut tx, &plain)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let want: Vec<Outcome> = plain.into_iter().map(Ok).collect();
    assert_eq!(validate(&mut rx, &sent), want);
    assert!(protect(&mut tx, &[]).is_empty() && validate(&mut rx, &[]).is_empty());
}

/// A wrong frame does not affect the other frames of its burst.
#[test]
fn forged_frames_between_good_ones() {
    let (mut tx, mut rx) = line(&Key::new(Suite::GcmAesXpn256, 1), tx_config(), RX);
    let plain: Vec<_> = (0..64).map(|i| frame(40 + i)).collect();
    let mut sent: Vec<_> = protect(&mut tx, &plain)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    for forged in sent.iter_mut().step_by(3) {
        *forged.last_mut().unwrap() ^= 1;
    }
    for (index, outcome) in validate(&mut rx, &sent).into_iter().enumerate() {
        let want = if index % 3 == 0 {
            Err(Discard::InPktsNotValid)
        } else {
            Ok(plain[index].clone())
        };
        assert_eq!(outcome, want);
    }
}

#[test]
fn the_old_sa_receives_until_it_is_retired() {
    let key = Key::new(Suite::GcmAesXpn256, 1);
    let next = Key {
        id: id(1, 2),
        fill: 2,
        ..key
    };
    let (mut tx, mut rx) = line(&key, tx_config(), RX);
    let in_flight = protect_one(&mut tx, &frame(64));
    let later = protect_one(&mut tx, &frame(64));
    rx.install(sci(1), next.rx()).unwrap();
    tx.install(next.tx());
    let switched = protect_one(&mut tx, &frame(64));
    assert_eq!(
        validate(&mut rx, &[switched, in_flight]),
        vec![Ok(frame(64)); 2]
    );
    assert_eq!(
        rx.retire(sci(1), id(0, 1)).map(|sa| sa.in_pkts_ok()),
        Some(1)
    );
    assert_eq!(
        validate_one(&mut rx, &later),
        Err(Discard::InPktsNotUsingSa)
    );
    assert_eq!(rx.retire_all(), 1);
    assert_eq!(validate_one(&mut rx, &later), Err(Discard::InPktsNoSci));
}

/// The receiver remembers the previous frame with the index of its SC. SCs that come and go in
/// between must not affect the next frame.
#[test]
fn scs_come_and_go_between_frames_of_one_sc() {
    let (mut txs, mut rx) = peer(Engine::best(), Suite::GcmAesXpn256);
    let mut next = |rx: &mut RxScs| validate_one(rx, &protect_one(&mut txs[2], &frame(64)));
    assert_eq!(next(&mut rx), Ok(frame(64)));
    // The index of the SC falls as others are removed.
    for (port, an) in [(1, 0), (1, 1), (2, 0), (2, 1)] {
        rx.retire(sci(port), id(an, (an + 1).into()))
            .expect("installed by `peer`");
        assert_eq!(next(&mut rx), Ok(frame(64)));
    }
    let key = Key {
        ssci: Ssci(3),
        ..Key::new(Suite::GcmAesXpn256, 1)
    };
    rx.install(sci(9), key.rx()).unwrap();
    assert_eq!(next(&mut rx), Ok(frame(64)));
    rx.retire(sci(3), id(0, 1)).expect("the SA of those frames");
    assert_eq!(next(&mut rx), Err(Discard::InPktsNotUsingSa));
    rx.install(sci(3), key.rx()).unwrap();
    assert_eq!(next(&mut rx), Ok(frame(64)));
    assert_eq!(rx.retire_all(), 3);
    assert_eq!(next(&mut rx), Err(Discard::InPktsNoSci));
}

/// Without SCI: ES means port 1 of the source address. With neither bit it is the only SC.
#[test]
fn implied_sci() {
    let config = TxScConfig {
        explicit_sci: false,
        ..tx_config()
    };
    for suite in Suite::ALL {
        let (mut tx, mut rx) = line(&Key::new(suite, 1), config, RX);
        let protected = protect_one(&mut tx, &frame(64));
        assert_eq!(protected[14], 0x4c, "ES, E and C");
        assert_eq!(validate_one(&mut rx, &protected), Ok(frame(64)));
        // A foreign source address means another SC.
        let mut foreign = protect_one(&mut tx, &frame(64));
        foreign[11] ^= 1;
        assert_eq!(validate_one(&mut rx, &foreign), Err(Discard::InPktsNoSci));
        // With a second SC, ES still selects the right one.
        rx.install(
            sci(7),
            Key {
                fill: 7,
                ..Key::new(suite, 7)
            }
            .rx(),
        )
        .unwrap();
        let protected = protect_one(&mut tx, &frame(64));
        assert_eq!(validate_one(&mut rx, &protected), Ok(frame(64)));
    }
}

/// Our sender never clears ES without an SCI, so the test seals the frame itself. The same for SCB.
#[test]
fn implied_sci_of_other_senders() {
    let key = Key::new(Suite::GcmAesXpn256, 1);
    // (TCI, installed SCIs, true if one of them is found)
    let other = Sci::new(MacAddr([4, 0, 0, 0, 0, 1]), 9);
    let cases = [
        (0x0c, vec![other], true),
        (0x0c, vec![other, sci(1)], true),
        (0x0c, vec![other, sci(2)], false),
        (0x1c, vec![sci(1), Sci::new(SRC, 0)], true),
        (0x5c, vec![sci(1), Sci::new(SRC, 0)], true),
        (0x1c, vec![sci(1)], false),
    ];
    for (tci, scis, found) in cases {
        let mut rx = RxScs::new(RX);
        for &sci in &scis {
            // XPN: the nonce does not contain the SCI, so one key fits all.
            rx.install(sci, key.rx()).unwrap();
        }
        let outcome = validate_one(&mut rx, &sealed_with_tci(tci));
        let want = if found {
            Ok(frame(64))
        } else {
            Err(Discard::InPktsNoSci)
        };
        assert_eq!(outcome, want, "TCI {tci:#x}, SCIs {scis:?}");
    }
}

/// [`frame`] under PN 1 of `Key::new(GcmAesXpn256, 1)`, with a TCI of choice and no SCI.
fn sealed_with_tci(tci: u8) -> Vec<u8> {
    let plain = frame(64);
    let sectag = [0x88, 0xe5, tci, 0, 0, 0, 0, 1];
    let mut sealed = [&plain[..12], &sectag, &plain[12..], &[0; 16]].concat();
    let mut nonce = [1_u8; 12];
    nonce[3] ^= 1; // SSCI
    nonce[11] ^= 1; // PN
    let mut key = Engine::best().expand(gcm::RawKey::Aes256(&[1; 32]));
    key.seal(&mut [gcm::Job::new(&mut sealed, 20, nonce)]);
    sealed
}

/// Arrivals from the line: indices of sent frames in order of arrival, the lengths of the bursts,
/// and the replay window.
fn arrivals() -> impl Strategy<Value = (Vec<usize>, Vec<usize>, u32)> {
    let order = prop::collection::vec(0..90_usize, 1..150);
    let bursts = prop::collection::vec(1..70_usize, 1..8);
    (order, bursts, prop_oneof![Just(0), 1..20_u32, Just(1024)])
}

proptest! {
    /// Each frame has the same result in any split into bursts as on its own.
    #[test]
    fn a_burst_is_its_frames_one_by_one((order, bursts, replay_window) in arrivals()) {
        let key = Key { engine: Engine::best(), ..Key::new(Suite::GcmAesXpn256, 1) };
        let config = RxConfig { replay_window, ..RX };
        let (mut alone, mut together) = (RxScs::new(config), RxScs::new(config));
        let mut sent = Vec::new();
        for port in 1..=3 {
            let key = Key { ssci: Ssci(port.into()), ..key };
            let mut tx = TxSc::new(TxScConfig { sci: sci(port), ..tx_config() });
            // Across 2^32, so that PN recovery is used.
            let start = pn((1 << 32) - 15);
            tx.install(key.tx().with_next_pn(start));
            alone.install(sci(port), key.rx().with_lowest_pn(start)).unwrap();
            together.install(sci(port), key.rx().with_lowest_pn(start)).unwrap();
            sent.extend(protect(&mut tx, &vec![frame(50); 30]).into_iter().map(Result::unwrap));
        }
        let arrived: Vec<_> = order.iter().map(|&index| sent[index].clone()).collect();
        let want: Vec<_> = arrived.iter().map(|f| validate_one(&mut alone, f)).collect();
        let mut outcomes = Vec::new();
        let mut rest = &arrived[..];
        for len in bursts.into_iter().cycle() {
            let (burst, after) = rest.split_at(len.min(rest.len()));
            outcomes.extend(validate(&mut together, burst));
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        // The reason for a drop may differ. The early replay test does not know the earlier frames
        // of the same burst. So a duplicate is not yet late there, or the PN of a late frame is
        // still recovered correctly.
        let ok = |outcomes: Vec<Outcome>| outcomes.into_iter().map(Result::ok).collect::<Vec<_>>();
        prop_assert_eq!(ok(outcomes), ok(want));
        prop_assert_eq!(together.counters().in_pkts_ok, alone.counters().in_pkts_ok);
        prop_assert_eq!(
            together.sas().collect::<Vec<_>>(),
            alone.sas().collect::<Vec<_>>()
        );
    }
}
