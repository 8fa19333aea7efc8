//! Keys from the root alone: only where both ends agree to it, only after a long shortage of QKD
//! keys, and only until it ends.

use std::collections::BTreeSet;

use super::two::{Two, ms};
use crate::event::{Cause, Direction, Event, KeyFailure, Refusal};
use crate::guards::{Guard, without};
use crate::key_policy::KeyPolicy;
use crate::secret::Origin;
use crate::shortage_stage::ShortageStage;

const OFFER: u8 = 2;
/// Octet of an OFFER that names the origin of its key.
const ORIGIN_AT: usize = 19;

/// Keys may be held for 40 s, so the root alone steps in from 32 s on.
fn two(policy: [KeyPolicy; 2]) -> Two {
    let change = |side: usize, config: &mut crate::Config| {
        config.policy = policy[side];
        config.hold_max = ms(40_000);
    };
    Two::new(change, [7, 7])
}

fn allowed() -> Two {
    two([KeyPolicy::PqcWhenShort; 2])
}

/// Origins of the keys that an end has switched to, to send.
fn origins(two: &Two, side: usize) -> Vec<Origin> {
    let origin = |event: &Event| match event {
        Event::Switched {
            direction: Direction::Tx,
            origin,
            ..
        } => Some(*origin),
        _ => None,
    };
    two.events[side].iter().filter_map(origin).collect()
}

/// No end was without a key for a moment.
fn run_sealing(two: &mut Two, millis: u64) {
    for _ in 0..millis / 50 {
        two.run(ms(50));
        assert!(two.sealing.iter().all(Option::is_some), "at {:?}", two.now);
    }
}

#[test]
fn rekey_52_an_outage_is_bridged_by_the_root_and_qkd_keys_come_back_at_once() {
    let mut two = allowed();
    two.run(ms(7000));
    two.kme = Some(KeyFailure::NoKeys);
    run_sealing(&mut two, 120_000);
    let before = [0, 1].map(|side| {
        let origins = origins(&two, side);
        let qkd = origins.iter().take_while(|origin| **origin != Origin::Pqc);
        let (first, all) = (qkd.count(), origins.len());
        assert_eq!(
            first,
            3 + side, // end 1 had one shorter interval (REKEY-58)
            "the keys from before the outage are used up first"
        );
        assert!(
            all - first > 25 && origins[first..].iter().all(|origin| *origin == Origin::Pqc),
            "a key every 3 s: {all}"
        );
        assert_eq!(two.stages(side).find('p'), Some(2), "{}", two.stages(side));
        assert_eq!(two.ends[side].status(two.now).tx.supply, ShortageStage::Pqc);
        all
    });
    let made = two.made;
    assert!(made > 100, "QKD keys are asked for all the time");
    two.kme = None;
    run_sealing(&mut two, 3000);
    for (side, before) in before.into_iter().enumerate() {
        let origins = origins(&two, side);
        let back = origins.get(before..).unwrap_or_default();
        assert!(back.last() == Some(&Origin::Modelled), "{back:?}");
        assert!(back.len() <= 2, "{back:?}");
    }
    run_sealing(&mut two, 30_000);
    for side in 0..2 {
        assert_eq!(
            two.ends[side].status(two.now).tx.supply,
            ShortageStage::Normal
        );
        assert_eq!(origins(&two, side).last(), Some(&Origin::Modelled));
    }
}

#[test]
fn rekey_52_the_peer_s_kme_may_be_the_one_that_fails() {
    let mut two = allowed();
    two.run(ms(7000));
    two.dec = Some(KeyFailure::Unreachable);
    run_sealing(&mut two, 100_000);
    for side in 0..2 {
        assert_eq!(two.ends[side].status(two.now).tx.supply, ShortageStage::Pqc);
        let pqc = origins(&two, side)
            .iter()
            .filter(|of| **of == Origin::Pqc)
            .count();
        assert!((15..=25).contains(&pqc), "one an interval, no hurry: {pqc}");
    }
    two.dec = None;
    run_sealing(&mut two, 4000);
    for side in 0..2 {
        assert_eq!(origins(&two, side).last(), Some(&Origin::Modelled));
    }
}

#[test]
fn rekey_52_other_policies_block() {
    for policy in [KeyPolicy::QkdAndPqc, KeyPolicy::Qkd] {
        let mut two = two([policy; 2]);
        two.run(ms(7000));
        two.kme = Some(KeyFailure::NoKeys);
        two.run(ms(100_000));
        for side in 0..2 {
            assert_eq!(two.sealing[side], None);
            assert!(!origins(&two, side).contains(&Origin::Pqc));
        }
    }
}

#[test]
fn rekey_40_both_ends_have_to_allow_it() {
    let mut two = two([KeyPolicy::PqcWhenShort, KeyPolicy::QkdAndPqc]);
    two.kme = Some(KeyFailure::NoKeys);
    two.run(ms(100_000));
    assert_eq!(two.sealing, [None; 2]);
    let mismatch = |event: &Event| matches!(event, Event::PolicyMismatch { .. });
    assert_eq!((two.seen(0, mismatch), two.seen(1, mismatch)), (1, 1));
}

/// An adversary on the line can stop rotation, and then traffic. It cannot force keys made of the
/// root alone.
#[test]
fn rekey_52_dropped_frames_bring_about_no_key_of_the_root_alone() {
    let mut two = allowed();
    two.run(ms(7000));
    two.lost = vec![OFFER];
    two.run(ms(100_000));
    for side in 0..2 {
        assert_eq!(
            (
                two.sealing[side],
                origins(&two, side).contains(&Origin::Pqc)
            ),
            (None, false)
        );
    }
    // After an outage that was real, offers of QKD keys are dropped, and only these.
    let mut two = allowed();
    two.run(ms(7000));
    two.kme = Some(KeyFailure::NoKeys);
    two.run(ms(60_000));
    assert_eq!(two.ends[0].status(two.now).tx.supply, ShortageStage::Pqc);
    let spent = two.made;
    two.kme = None;
    two.bend = Some((0, OFFER, |frame: &mut Vec<u8>| {
        if frame[ORIGIN_AT] != 3 {
            frame.clear();
        }
    }));
    two.run(ms(100_000));
    assert_eq!(two.sealing[0], None, "traffic stops at the hard limit");
    let stages = two.stages(0);
    assert_eq!(stages.matches('b').count(), 1, "{stages}");
    assert!(
        two.made - spent < 60,
        "keys are not burnt: {}",
        two.made - spent
    );
}

#[test]
fn rekey_52_a_start_without_qkd_keys_waits_as_long() {
    let mut two = Two::silent(|_, config| {
        config.policy = KeyPolicy::PqcWhenShort;
        config.hold_max = ms(40_000);
    });
    two.kme = Some(KeyFailure::Unreachable);
    two.start();
    two.run(ms(31_500));
    assert_eq!(two.sealing, [None; 2], "QKD keys may come yet");
    two.run(ms(1000));
    assert!(two.sealing.iter().all(Option::is_some));
    assert_eq!(two.stages(0), "p");
}

#[test]
fn rekey_52_a_key_of_the_root_alone_has_one_name_and_is_refused_under_another() {
    let mut two = allowed();
    two.run(ms(7000));
    two.kme = Some(KeyFailure::NoKeys);
    two.run(ms(60_000));
    let mut names = BTreeSet::new();
    for side in 0..2 {
        for event in &two.events[side] {
            if let Event::Switched {
                direction: Direction::Tx,
                key_id,
                origin: Origin::Pqc,
                id,
                ..
            } = event
            {
                let name = key_id.to_string();
                assert!(name.starts_with("pqc-") && name.ends_with(&format!("-{}", id.epoch)));
                assert!(names.insert(name));
            }
        }
    }
    assert!(names.len() > 10);
    // The name is of this session and epoch: what else it may be is refused.
    two.bend = Some((0, OFFER, |frame: &mut Vec<u8>| {
        frame[119 + 5] ^= 1;
        super::ratchet::sign(frame);
    }));
    two.run(ms(4000));
    let refused = |event: &Event| {
        matches!(
            event,
            Event::OfferRefused {
                refusal: Refusal::Origin,
                ..
            }
        )
    };
    assert!(two.seen(1, refused) > 0);
}

/// A sender that does not keep to its policy meets a receiver that does.
#[test]
fn rekey_52_the_receiver_keeps_to_the_policy_too() {
    let mut two = two([KeyPolicy::QkdAndPqc; 2]);
    two.run(ms(7000));
    two.bend = Some((0, OFFER, |frame: &mut Vec<u8>| {
        frame[ORIGIN_AT] = 3;
        super::ratchet::sign(frame);
    }));
    two.run(ms(4000));
    let refused = |event: &Event| {
        let cause = Cause::Refused(Refusal::Origin);
        matches!(event, Event::OfferAbandoned { cause: of, .. } if *of == cause)
    };
    assert!(two.seen(0, refused) > 0);
}

#[test]
fn rekey_52_not_before_the_hold_is_over() {
    let early = |guards: &[Guard]| {
        without(guards, || {
            let mut two = allowed();
            two.run(ms(7000));
            two.kme = Some(KeyFailure::NoKeys);
            two.run(ms(25_000));
            origins(&two, 0).contains(&Origin::Pqc)
        })
    };
    assert!(!early(&[]));
    assert!(early(&[Guard::AloneAfterHold]));
}
