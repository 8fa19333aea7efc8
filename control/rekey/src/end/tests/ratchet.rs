//! The KEM ratchet between two ends, with the real KEMs.

use std::time::Duration;

use super::two::{Two, ms};
use crate::event::{Cause, Ended, Event, RatchetFailure, Refusal};
use crate::key_policy::KeyPolicy;
use crate::schedule::MacKey;
use crate::secret::RootSecret;
use crate::{FRAME_LEN, FRAME_LEN_MAX, limits};

const OFFER: u8 = 2;
const KEM_KEY: u8 = 5;
const KEM_TEXT: u8 = 6;
const KEM_HAVE: u8 = 7;
const KEM_DONE: u8 = 8;

fn ratcheted(event: &Event) -> bool {
    matches!(event, Event::Ratcheted { .. })
}

fn switched(event: &Event) -> bool {
    matches!(event, Event::Switched { .. })
}

fn roots(two: &Two, side: usize) -> Vec<u32> {
    let root = |event: &Event| match event {
        Event::Switched { root, .. } => Some(*root),
        _ => None,
    };
    two.events[side].iter().filter_map(root).collect()
}

fn failed(why: RatchetFailure) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::RatchetFailed { failure, .. } if *failure == why)
}

fn kinds(two: &Two, side: usize) -> Vec<u8> {
    two.frames[side].iter().map(|frame| frame[15]).collect()
}

/// MAC again what only a holder of the secret can send.
pub(super) fn sign(frame: &mut [u8]) {
    let root = RootSecret::from_slice(&[7; 32]).expect("32 octets");
    let key: MacKey = root.schedule().0;
    let end = frame.len() - 16;
    let mac = key.mac(&frame[..end]);
    frame[end..].copy_from_slice(&mac);
}

#[test]
fn rekey_41_the_first_keys_rest_on_a_kem_exchange() {
    let mut two = Two::plain();
    two.run(ms(1000));
    for side in 0..2 {
        let status = two.ends[side].status(two.now).root;
        assert_eq!((status.policy, status.epoch), (KeyPolicy::QkdAndPqc, 1));
        assert_eq!((status.exchanges, status.previous), (1, None));
        assert_eq!(roots(&two, side), [1, 1], "both directions");
        let first = |what: fn(&Event) -> bool| two.events[side].iter().position(what);
        assert!(first(ratcheted) < first(switched));
    }
    // REKEY-42: the end with the lower SCI asks, and pieces go once over a line that loses nothing.
    let count = |side, kind| kinds(&two, side).iter().filter(|of| **of == kind).count();
    assert_eq!((count(0, KEM_KEY), count(1, KEM_TEXT)), (10, 10));
    assert_eq!((count(1, KEM_KEY), count(0, KEM_TEXT)), (0, 0));
    assert!(two.frames.iter().flatten().all(|frame| {
        frame.len()
            == if [KEM_KEY, KEM_TEXT].contains(&frame[15]) {
                FRAME_LEN_MAX
            } else {
                FRAME_LEN
            }
    }));
}

#[test]
fn rekey_41_without_an_exchange_no_key_is_offered_nor_taken() {
    for kind in [KEM_KEY, KEM_TEXT, KEM_DONE] {
        let mut two = Two::silent(|_, _| {});
        two.lost = vec![kind];
        two.start();
        two.run(ms(20_000));
        assert_eq!((two.sealing, roots(&two, 0)), ([None; 2], vec![]));
        assert!(!kinds(&two, 0).contains(&OFFER) && !kinds(&two, 1).contains(&OFFER));
        two.lost.clear();
        two.run(ms(40_000));
        assert!(
            two.sealing.iter().all(Option::is_some),
            "and when they come again, all is well"
        );
    }
}

#[test]
fn rekey_40_qkd_alone_never_exchanges() {
    let mut two = Two::new(|_, config| config.policy = KeyPolicy::Qkd, [7, 7]);
    two.run(ms(130_000));
    for side in 0..2 {
        assert!(kinds(&two, side).iter().all(|kind| *kind < KEM_KEY));
        assert!(roots(&two, side).iter().all(|root| *root == 0));
        assert!(two.sealing[side].is_some());
    }
}

#[test]
fn rekey_40_two_policies_are_one_clear_event_and_no_key() {
    let change = |side, config: &mut crate::Config| {
        config.policy = [KeyPolicy::QkdAndPqc, KeyPolicy::Qkd][side];
    };
    let mut two = Two::new(change, [7, 7]);
    two.run(ms(20_000));
    for side in 0..2 {
        let policies = [KeyPolicy::QkdAndPqc, KeyPolicy::Qkd];
        let (ours, theirs) = (policies[side], policies[1 - side]);
        assert_eq!(
            two.seen(side, |event| *event
                == Event::PolicyMismatch { ours, theirs }),
            1
        );
        assert_eq!(two.sealing[side], None);
    }
}

#[test]
fn rekey_46_the_root_is_renewed_every_minute_and_the_old_one_erased_when_the_new_is_used() {
    let mut two = Two::plain();
    two.run(ms(200_000));
    for side in 0..2 {
        let status = two.ends[side].status(two.now).root;
        assert_eq!(
            (status.epoch, two.seen(side, ratcheted)),
            (4, 4),
            "at 0, 1, 2, 3 min"
        );
        assert_eq!(
            status.previous, None,
            "the offers of the next 3 s used the new one"
        );
        assert_eq!(status.failures, 0);
        let roots = roots(&two, side);
        assert!(roots.is_sorted() && roots.last() == Some(&4));
        // Hitless: nothing given up, refused, late.
        assert_eq!(
            two.seen(side, |event| matches!(event, Event::OfferAbandoned { .. })),
            0
        );
        assert_eq!(two.stages(side), "n");
    }
}

/// The old root ends in time, even if nobody uses the new one.
#[test]
fn rekey_46_an_old_root_is_erased_in_time_without_use_too() {
    let mut two = Two::new(
        |_, config| config.interval = Duration::from_secs(1000),
        [7, 7],
    );
    two.run(ms(1000));
    two.lost = vec![OFFER];
    let mut seen = [Duration::ZERO; 2];
    for _ in 0..2000 {
        two.run(ms(100));
        for (side, seen) in seen.iter_mut().enumerate() {
            if two.ends[side].status(two.now).root.previous.is_some() {
                *seen += ms(100);
            }
        }
    }
    for seen in seen {
        let each = seen / 3;
        assert!(each > ms(9800) && each <= limits::PREVIOUS_ROOT, "{each:?}");
    }
}

#[test]
fn rekey_45_until_both_have_proved_it_keys_rest_on_the_root_in_force() {
    let mut two = Two::plain();
    two.run(ms(30_000));
    two.lost = vec![KEM_DONE];
    two.run(ms(150_000));
    for side in 0..2 {
        let status = two.ends[side].status(two.now).root;
        assert_eq!(
            (status.epoch, status.stage),
            (1, ["confirming", "answering"][side])
        );
        assert!(roots(&two, side).iter().all(|root| *root == 1));
        assert_eq!(two.stages(side), "n", "keys go on");
    }
    two.lost.clear();
    two.run(ms(5000));
    for side in 0..2 {
        assert_eq!(two.ends[side].status(two.now).root.epoch, 2);
        assert_eq!(roots(&two, side).last(), Some(&2));
    }
}

#[test]
fn rekey_t11_an_exchange_that_gets_nowhere_is_given_up_and_begun_anew() {
    let mut two = Two::plain();
    two.run(ms(30_000));
    two.lost = vec![KEM_TEXT];
    two.run(ms(120_000));
    assert!(two.seen(0, failed(RatchetFailure::Late)) >= 2);
    two.lost.clear();
    two.run(ms(40_000));
    let [a, b] = [0, 1].map(|side| two.ends[side].status(two.now).root.epoch);
    assert!(
        a == b && a > 2,
        "epochs of exchanges given up do not come again: {a}, {b}"
    );
}

#[test]
fn rekey_43_loss_of_reports_costs_repetitions_only() {
    let mut two = Two::silent(|_, _| {});
    two.lost = vec![KEM_HAVE];
    two.start();
    two.run(ms(1000));
    assert_eq!(two.ends[1].status(two.now).root.epoch, 1);
}

#[test]
fn rekey_42_recorded_pieces_change_nothing() {
    let mut two = Two::plain();
    two.run(ms(61_000 + 10_000));
    let recorded: Vec<_> = two.frames[0]
        .iter()
        .filter(|frame| frame[15] >= KEM_KEY)
        .cloned()
        .collect();
    let before = [0, 1].map(|side| two.ends[side].status(two.now).root);
    assert!(recorded.len() > 20);
    let replayed = two.ends[1].status(two.now).counters.replayed;
    for frame in &recorded {
        two.ends[1].on_frame(two.now, frame);
    }
    two.settle();
    assert_eq!(
        [0, 1].map(|side| two.ends[side].status(two.now).root),
        before
    );
    let now = two.ends[1].status(two.now).counters.replayed;
    assert_eq!(now - replayed, recorded.len() as u64);
}

/// Whoever holds the secret and bends the ciphertexts gets a root of its own, which nobody takes.
#[test]
fn rekey_45_bent_ciphertexts_are_found_by_the_tag() {
    let mut two = Two::silent(|_, _| {});
    two.bend = Some((1, KEM_TEXT, |frame| {
        frame[210] ^= 1;
        sign(frame);
    }));
    two.start();
    two.run(ms(3000));
    assert!(two.seen(0, failed(RatchetFailure::Tag)) >= 1);
    assert_eq!(two.sealing, [None; 2]);
    two.bend = None;
    two.run(ms(3000));
    assert!(two.sealing.iter().all(Option::is_some));
}

#[test]
fn rekey_45_a_wrong_confirmation_is_found_by_the_tag() {
    let mut two = Two::silent(|_, _| {});
    two.bend = Some((0, KEM_DONE, |frame| {
        frame[102] ^= 1;
        sign(frame);
    }));
    two.start();
    two.run(ms(10_000));
    let failures = two.seen(1, failed(RatchetFailure::Tag));
    assert!((6..=13).contains(&failures), "one a second: {failures}");
    assert_eq!(two.ends[1].status(two.now).root.epoch, 0);
    assert_eq!(two.sealing, [None; 2]);
    let ended = |event: &Event| {
        let why = Ended::Roots;
        matches!(event, Event::SessionEnded { why: of, .. } if *of == why)
    };
    assert_eq!(two.seen(1, ended), failures, "both begin again");
    two.bend = None;
    two.run(ms(3000));
    assert!(two.sealing.iter().all(Option::is_some), "and it heals");
}

#[test]
fn rekey_44_public_keys_out_of_range_and_padding_are_refused() {
    let bends: [fn(&mut Vec<u8>); 2] = [
        |frame| {
            if frame[192] == 0 {
                frame[200..203].fill(0xFF);
            }
            sign(frame);
        },
        |frame| {
            if frame[192] == 9 {
                frame[475] = 1;
            }
            sign(frame);
        },
    ];
    for bend in bends {
        let mut two = Two::silent(|_, _| {});
        two.bend = Some((0, KEM_KEY, bend));
        two.start();
        two.run(ms(1000));
        assert_eq!(two.seen(1, failed(RatchetFailure::Kem)), 1);
        assert!(!kinds(&two, 1).contains(&KEM_TEXT));
    }
}

/// An OFFER that names a root which is not held, not yet or no more, is refused with the reason.
#[test]
fn rekey_46_an_offer_under_another_root_is_refused() {
    for root in [0_u8, 9] {
        let bend: fn(&mut Vec<u8>) = match root {
            0 => |frame| {
                frame[191] = 0;
                sign(frame);
            },
            _ => |frame| {
                frame[191] = 9;
                sign(frame);
            },
        };
        let mut two = Two::silent(|_, _| {});
        two.bend = Some((0, OFFER, bend));
        two.start();
        two.run(ms(2000));
        let refused = |event: &Event| {
            let root = Cause::Refused(Refusal::Root);
            matches!(event, Event::OfferAbandoned { cause, .. } if *cause == root)
        };
        assert!(two.seen(0, refused) >= 1);
        assert_eq!(two.sealing[0], None);
        assert!(two.sealing[1].is_some());
    }
}

#[test]
fn rekey_47_a_session_that_ends_takes_its_roots_along() {
    let mut two = Two::plain();
    two.run(ms(65_000));
    assert_eq!(two.ends[1].status(two.now).root.epoch, 2);
    let now = two.now;
    two.ends[0].on_stop(now);
    two.settle();
    for side in 0..2 {
        let root = two.ends[side].status(two.now).root;
        assert_eq!((root.epoch, root.previous, root.age), (0, None, None));
    }
}

/// The end that takes pieces does not give up by itself. Otherwise the end that asks would repeat
/// them for half a minute without effect.
#[test]
fn rekey_t11_a_clock_that_jumps_in_an_exchange_costs_no_time() {
    let mut two = Two::silent(|_, _| {});
    two.bend = Some((0, KEM_KEY, |frame: &mut Vec<u8>| {
        if frame[192] != 0 {
            frame.clear(); // all pieces but the first
        }
    }));
    two.start();
    two.run(ms(200));
    assert_eq!(two.ends[1].status(two.now).root.stage, "taking");
    two.ahead[1] = ms(40_000);
    two.run(ms(50));
    two.bend = None;
    two.run(ms(3000));
    assert!(two.sealing.iter().all(Option::is_some));
}
