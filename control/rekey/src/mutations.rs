//! Each guard, switched off: the simulation must find it. What finds it is written beside it.
//!
//! `cargo test -p rekey --lib mutations -- --nocapture` prints how many seeds each took.

#[path = "../tests/world/mod.rs"]
#[expect(unreachable_pub, reason = "shared with tests/sim.rs")]
pub(crate) mod world;

use core::time::Duration;

use crate::guards::{Guard, Plant, without};
use world::World;
use world::plan::Plan;

const SEEDS: u64 = 400;

/// For guards that the ratchet's own ones would hide.
fn without_kem(seed: u64) -> Plan {
    Plan {
        policy: crate::KeyPolicy::Qkd,
        ..Plan::drawn(seed)
    }
}

/// Runs plans with guards off until a checker complains, and wants that complaint.
fn found(guards: &[Guard], plan: fn(u64) -> Plan, complaint: &str) {
    for seed in 0..SEEDS {
        if let Err(violation) = without(guards, || World::new(plan(seed)).run()) {
            eprintln!("{guards:?} off: seed {seed}: {violation}");
            let expected = violation.contains(complaint);
            assert!(
                expected,
                "{guards:?} off was found for another reason: {violation}"
            );
            return;
        }
    }
    panic!("{guards:?} off, and {SEEDS} seeds see nothing");
}

/// Another guard covers this one: alone it is not missed.
fn covered(guard: Guard) {
    for seed in 0..SEEDS / 10 {
        if let Err(violation) = without(&[guard], || World::new(Plan::drawn(seed)).run()) {
            panic!("{guard:?} was thought to be covered; seed {seed}: {violation}");
        }
    }
}

#[test]
fn the_sender_s_guards() {
    found(
        &[Guard::SwitchOnReady],
        Plan::drawn,
        "no receiver ever had it",
    );
    found(
        &[Guard::SwitchOnReady],
        Plan::gone,
        "no receiver ever had it",
    );
    found(&[Guard::ReadyExact], Plan::drawn, "I4");
    found(&[Guard::ReadyKcv], Plan::drawn, "no receiver ever had it");
    found(
        &[Guard::Announce],
        Plan::drawn,
        "its receiver has dropped it",
    );
    found(&[Guard::HoldLimit], Plan::drawn, "hold:");
}

#[test]
fn the_receiver_s_guards() {
    found(
        &[Guard::ReadyAfterInstall],
        Plan::drawn,
        "no receiver ever had it",
    );
    found(&[Guard::Grace], Plan::drawn, "its receiver has dropped it");
    found(&[Guard::RxHoldLimit], Plan::dying, "after its install");
    found(&[Guard::KeyIdOnce], Plan::repeating, "I6");
}

#[test]
fn the_session_s_guards() {
    found(&[Guard::AdoptOnAnswer], Plan::drawn, "Returned");
    found(&[Guard::NonceOnce], Plan::drawn, "Returned");
    found(&[Guard::SameSessions], without_kem, "Forgotten");
    found(&[Guard::NotOwnFrame], Plan::drawn, "Forgotten");
    found(&[Guard::FrameOnce], Plan::dying, "Forgotten");
    found(&[Guard::SessionsInContext], Plan::repeating, "I1");
}

#[test]
fn the_root_s_guards() {
    found(&[Guard::RootFirst], Plan::drawn, "pre-shared secret alone");
    found(&[Guard::RootConfirmed], Plan::drawn, "Roots");
    found(&[Guard::RootEndsWithSession], Plan::drawn, "Roots");
    found(&[Guard::RootErased], Plan::drawn, "too long");
    found(&[Guard::RootEpochGrows], Plan::drawn, "root");
}

const PLANTS: [fn(&mut crate::Rekey); 3] = [
    |end| end.plant(Plant::Forgotten),
    |end| end.plant(Plant::Other),
    |end| end.plant(Plant::Ahead),
];

/// Plans in which a test makes the roots of the two ends differ.
fn planted(seed: u64) -> Plan {
    let mut plan = Plan::twins(seed);
    plan.policy = [crate::KeyPolicy::QkdAndPqc, crate::KeyPolicy::PqcWhenShort][seed as usize % 2];
    plan.twins.clear();
    let at = plan.calm.saturating_sub(Duration::from_millis(seed % 500));
    plan.plant = Some((at, seed as usize / 2 % 2, PLANTS[seed as usize % 3]));
    plan
}

#[test]
fn roots_that_differ_are_found_and_both_ends_begin_again() {
    for seed in 0..SEEDS / 4 {
        if let Err(violation) = World::new(planted(seed)).run() {
            panic!("seed {seed}: {violation}");
        }
    }
}

#[test]
fn the_guards_of_what_two_ends_share() {
    found(&[Guard::RootsCompared], planted, "root");
    found(
        &[Guard::PairOnce, Guard::PeerForgets, Guard::RootsCompared],
        Plan::twins,
        "root",
    );
    found(&[Guard::PairOnce, Guard::PeerForgets], Plan::twins, "I9");
    // The rule that a pair forms only once suffices for the effects of a twin.
    for seed in 0..SEEDS / 4 {
        let off = [Guard::PeerForgets, Guard::RootsCompared];
        if let Err(violation) = without(&off, || World::new(Plan::twins(seed)).run()) {
            panic!("{off:?} were thought to be covered; seed {seed}: {violation}");
        }
    }
}

/// An honest sender offers an AN that is free, and a receiver refuses one that is not: either
/// suffices, both missing is fatal.
#[test]
fn the_an_s_guards_cover_each_other() {
    covered(Guard::SameAn);
    covered(Guard::AnFree);
    found(
        &[Guard::SameAn, Guard::AnFree],
        Plan::drawn,
        "was installed over",
    );
}

/// A restarted end holds no key, and says so in its first frame.
#[test]
fn the_end_of_a_session_and_what_the_peer_holds_cover_each_other() {
    covered(Guard::HeldTold);
    found(
        &[Guard::KeysEndWithSession, Guard::HeldTold],
        without_kem,
        "its session has ended",
    );
}

/// An old OFFER is stopped by its counter and by its epoch.
#[test]
fn the_replay_guards_cover_each_other() {
    covered(Guard::EpochGrows);
    found(
        &[Guard::EpochGrows, Guard::FrameOnce],
        without_kem,
        "Forgotten",
    );
}

/// The mailbox keeps the order of commands, so the SA to go is gone before the next comes; the
/// guard makes that independent of the workers.
#[test]
fn the_order_of_the_mailbox_covers_retire_before_install() {
    covered(Guard::RetireBeforeInstall);
}
