//! `cargo test -p sim` runs 1,000 seeds; `SEEDS=n` runs n seeds; `SEED=n cargo test -p sim -- one`
//! runs seed n.

use crate::{Outcome, Plan, Tally, run, run_aloud};

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn good(plan: Plan) -> Outcome {
    let told = format!("{plan:#?}");
    let outcome = run(plan);
    assert_eq!(outcome.violation, None, "seed {}\n{told}", outcome.seed);
    outcome
}

fn all(seeds: u64, plan: fn(u64) -> Plan) -> Tally {
    let mut tally = Tally::default();
    for seed in 0..number("SEEDS").map_or(seeds, |all| all * seeds / 1000) {
        tally += good(plan(seed)).tally;
    }
    eprintln!("{tally}");
    tally
}

#[test]
fn i5_without_faults_nothing_is_lost() {
    let tally = all(80, Plan::calm);
    assert!(tally.received > 0 && tally.refused == 0 && tally.blocked == 0);
}

#[test]
fn i3_i5_an_adversary_alone_costs_no_frame() {
    let tally = all(80, Plan::hostile);
    assert!(tally.received > 0 && tally.injected > 0);
}

#[test]
fn i10_kmes_in_trouble_cost_no_frame() {
    let tally = all(80, Plan::kme_trouble);
    assert!(tally.received > 0 && tally.refused > 0);
}

#[test]
fn i1_to_i9_when_everything_goes_wrong() {
    let tally = all(610, Plan::drawn);
    assert!(tally.received > 0 && tally.injected > 0 && tally.crashes > 0 && tally.jumps > 0);
    assert!(tally.ratcheted > 0 && tally.stages > 0);
}

#[test]
fn keys_short_for_long_are_what_the_policy_says() {
    let tally = all(40, Plan::starved);
    assert!(tally.blocked > 0 && tally.alone > 0 && tally.stages > 0);
}

#[test]
fn i4_clocks_that_jump() {
    let tally = all(30, Plan::jumping);
    assert!(tally.received > 0 && tally.jumps > 0);
}

#[test]
fn i9_a_twin_that_appears_for_a_moment() {
    let tally = all(60, Plan::twins);
    assert!(tally.twins > 0 && tally.received > 0 && tally.ratcheted > 0);
}

#[test]
fn i1_with_kmes_that_repeat_keys() {
    assert!(all(50, Plan::repeating).crashes > 0);
}

#[test]
fn a_dead_peer_is_found_dead_and_its_keys_end() {
    assert!(all(30, Plan::dying).crashes > 0);
}

/// Seeds that once found a bug, each with a description.
#[test]
fn seeds_that_found_a_hole_find_none() {
    // A jump of the receiver's clock ended the active SA but not the pending one (REKEY-29).
    good(Plan::drawn(702_595));
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..10 {
        for plan in [Plan::drawn, Plan::hostile, Plan::kme_trouble] {
            let (first, second) = (run(plan(seed)), run(plan(seed)));
            assert_eq!(first.trace, second.trace, "seed {seed}");
            assert_eq!(first.tally, second.tally, "seed {seed}");
        }
        assert_ne!(
            run(Plan::drawn(seed)).trace,
            run(Plan::drawn(seed + 1)).trace
        );
    }
}

#[test]
fn one_seed() {
    if let Some(seed) = number("SEED") {
        let plan = match std::env::var("PLAN").as_deref() {
            Ok("calm") => Plan::calm(seed),
            Ok("hostile") => Plan::hostile(seed),
            Ok("kme") => Plan::kme_trouble(seed),
            Ok("repeating") => Plan::repeating(seed),
            Ok("dying") => Plan::dying(seed),
            Ok("jumping") => Plan::jumping(seed),
            Ok("starved") => Plan::starved(seed),
            Ok("twins") => Plan::twins(seed),
            Ok("drawn") => Plan::drawn(seed),
            _ => Plan::mixed(seed),
        };
        eprintln!("{plan:#?}");
        let outcome = run_aloud(plan);
        eprintln!("trace {:016x}\n{}", outcome.trace, outcome.tally);
        assert_eq!(outcome.violation, None);
    }
}
