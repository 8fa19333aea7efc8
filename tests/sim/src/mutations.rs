//! Switches off each guard: the checkers must find that. Each test states the expected complaint.
//!
//! `cargo test -p sim --features guards -- mutations --nocapture` prints the seed that found each
//! one.

use std::time::Duration;

use rekey::guards::{Guard, Plant, without};

use crate::{Flaw, Plan, run};

const SEEDS: u64 = 400;

/// Runs plans until a checker complains, and expects this complaint.
#[track_caller]
fn found(what: &str, complaint: &str, run: impl Fn(u64) -> Option<String>) {
    let first = (0..SEEDS).find_map(|seed| Some((seed, run(seed)?)));
    let (seed, violation) = first.expect(what);
    eprintln!("{what}: seed {seed}: {violation:.140}");
    assert!(
        violation.contains(complaint),
        "{what} was found for another reason: {violation}"
    );
}

fn guards(off: &[Guard], plan: fn(u64) -> Plan, complaint: &str) {
    found(&format!("{off:?} off"), complaint, |seed| {
        without(off, || run(plan(seed)).violation)
    });
}

fn flaw(flaw: Flaw, plan: fn(u64) -> Plan, complaint: &str) {
    found(&format!("{flaw:?}"), complaint, |seed| {
        run(plan(seed).with_flaw(flaw)).violation
    });
}

/// For guards whose absence the ratchet's own guards would hide.
fn without_kem(seed: u64) -> Plan {
    let mut plan = Plan::drawn(seed);
    plan.policy = rekey::KeyPolicy::Qkd;
    plan
}

#[test]
fn the_sender_s_guards() {
    guards(
        &[Guard::SwitchOnReady],
        Plan::drawn,
        "no receiver ever had it",
    );
    guards(&[Guard::ReadyExact], Plan::drawn, "no receiver ever had it");
    guards(&[Guard::ReadyKcv], Plan::drawn, "no receiver ever had it");
    guards(
        &[Guard::Announce],
        Plan::drawn,
        "its receiver has dropped it",
    );
    guards(&[Guard::HoldLimit], Plan::drawn, "hold:");
}

#[test]
fn the_receiver_s_guards() {
    guards(
        &[Guard::ReadyAfterInstall],
        Plan::drawn,
        "no receiver ever had it",
    );
    guards(&[Guard::Grace], Plan::calm, "I5");
    guards(&[Guard::RxHoldLimit], Plan::dying, "hold: rx");
    guards(&[Guard::KeyIdOnce], Plan::repeating, "I6");
}

#[test]
fn the_session_s_guards() {
    // Seed 4 finds it too, because the ends never agree (I9).
    let after_seed_4 = |seed| Plan::drawn(seed + 5);
    guards(&[Guard::AdoptOnAnswer], after_seed_4, "sessions: one ended");
    guards(&[Guard::NonceOnce], without_kem, "sessions: one ended");
    let later = |seed| without_kem(seed + 12);
    guards(&[Guard::SameSessions], later, "sessions: one ended");
    guards(&[Guard::NotOwnFrame], without_kem, "sessions: one ended");
    guards(&[Guard::FrameOnce], Plan::dying, "sessions: one ended");
    guards(&[Guard::SessionsInContext], Plan::repeating, "twice");
}

#[test]
fn the_root_s_guards() {
    guards(&[Guard::RootFirst], Plan::drawn, "pre-shared secret alone");
    guards(&[Guard::RootConfirmed], Plan::drawn, "sessions: one ended");
    guards(
        &[Guard::RootEndsWithSession],
        Plan::drawn,
        "sessions: one ended",
    );
    guards(&[Guard::RootEpochGrows], Plan::drawn, "I9");
}

#[test]
fn the_policy_s_guards() {
    guards(&[Guard::AloneAfterHold], Plan::starved, "too early");
    guards(
        &[Guard::AloneByPolicy],
        Plan::starved,
        "rests on the root alone",
    );
}

/// In these plans clocks jump.
#[test]
fn a_receiver_that_drops_a_key_says_so() {
    guards(
        &[Guard::HeldTold],
        Plan::jumping,
        "its receiver has dropped it",
    );
    guards(
        &[Guard::PendingEndsToo],
        Plan::jumping,
        "its receiver has dropped it",
    );
}

/// Plans in which a test makes the roots of the two ends differ.
fn planted(seed: u64) -> Plan {
    let plants: [fn(&mut rekey::Rekey); 3] = [
        |end| end.plant(Plant::Forgotten),
        |end| end.plant(Plant::Other),
        |end| end.plant(Plant::Ahead),
    ];
    let mut plan = Plan::twins(seed);
    plan.policy = [rekey::KeyPolicy::QkdAndPqc, rekey::KeyPolicy::PqcWhenShort][seed as usize % 2];
    plan.twins.clear();
    let at = plan.calm.saturating_sub(Duration::from_millis(seed % 500));
    plan.plant = Some((at, seed as usize / 2 % 2, plants[seed as usize % 3]));
    plan
}

#[test]
fn roots_that_differ_are_found_and_both_ends_begin_again() {
    for seed in 0..100 {
        assert_eq!(run(planted(seed)).violation, None, "seed {seed}");
    }
}

#[test]
fn the_guards_of_what_two_ends_share() {
    guards(&[Guard::RootsCompared], planted, "root");
    guards(
        &[Guard::PairOnce, Guard::PeerForgets, Guard::RootsCompared],
        Plan::twins,
        "I9",
    );
}

#[test]
fn guards_that_cover_each_other() {
    guards(
        &[Guard::KeysEndWithSession, Guard::HeldTold],
        without_kem,
        "stages: from Some(Starting)",
    );
    guards(&[Guard::SameAn, Guard::AnFree], Plan::drawn, "was refused");
    guards(
        &[Guard::EpochGrows, Guard::FrameOnce],
        without_kem,
        "sessions: one ended",
    );
}

/// Each of these guards is covered by another: switching off one alone changes nothing.
#[test]
fn guards_that_others_cover() {
    for guard in [
        Guard::SameAn,
        Guard::AnFree,
        Guard::EpochGrows,
        Guard::RetireBeforeInstall,
    ] {
        for seed in 0..20 {
            let violation = without(&[guard], || run(Plan::drawn(seed)).violation);
            assert_eq!(
                violation, None,
                "{guard:?} was thought to be covered; seed {seed}"
            );
        }
    }
}

#[test]
fn flaws_around_the_protocol() {
    flaw(Flaw::KeyKeptOverRestart, Plan::drawn, "I1");
    flaw(Flaw::OneSsci, Plan::calm, "I1");
    flaw(Flaw::RetireBeforeSwitch, Plan::calm, "I4");
    flaw(Flaw::FirstWorkerIsEnough, Plan::drawn, "I7");
    flaw(Flaw::Lenient, Plan::hostile, "I3");
    let without_kem = |seed| Plan {
        policy: rekey::KeyPolicy::Qkd,
        ..Plan::repeating(seed)
    };
    // A restart draws the same session ID as before. The peer takes it for a pair of sessions that
    // it has left.
    flaw(Flaw::SameEntropy, without_kem, "sessions: one ended");
}

/// The bitmap covers the last 16,384 frames of an SA; the replay window matters only for older
/// frames. No key is used for that many frames here.
#[test]
fn the_secy_s_guards() {
    use secy::guards::{Guard, without};
    let off = |guard, seed| without(guard, || run(Plan::hostile(seed)).violation);
    found("ReplayBitmap off", "came twice", |seed| {
        off(Guard::ReplayBitmap, seed)
    });
    for seed in 0..20 {
        assert_eq!(off(Guard::ReplayWindow, seed), None);
    }
}
