//! Two domains with interworking nodes under a virtual clock and a hostile world.
//!
//! `SEED=n cargo test -p network --test domains -- one` replays one seed; `SEEDS=n` sets the number
//! of seeds, and `FROM=n` the first one.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

#[expect(unreachable_pub, reason = "a module of a test")]
mod check;
#[expect(unreachable_pub, reason = "a module of a test")]
mod plan;
#[path = "../world/rng.rs"]
#[expect(unreachable_pub, reason = "a module of a test")]
mod rng;
#[path = "../world/seeds.rs"]
#[expect(unreachable_pub, reason = "a module of a test")]
mod seeds;
#[expect(unreachable_pub, reason = "a module of a test")]
mod world;

use plan::Plan;
use seeds::{number, seeds};
use world::World;

fn run(plan: Plan) -> World {
    let mut world = World::new(plan);
    if let Err(violation) = world.run() {
        panic!("seed {}: {violation}\n{:?}", world.plan.seed, world.plan);
    }
    world
}

#[test]
fn without_faults_no_key_is_voided_and_no_pair_waits() {
    for seed in seeds(40) {
        let world = run(Plan::calm(seed));
        let lost = (world.check.refused, world.check.without_part);
        assert_eq!(lost, (0, 0), "seed {seed}");
        assert!(world.check.fetched > 0, "seed {seed}");
    }
}

#[test]
fn under_faults_all_holds() {
    let (mut delivered, mut refused, mut crashes) = (0, 0, 0);
    for seed in seeds(100) {
        let world = run(Plan::drawn(seed));
        delivered += world.check.delivered;
        refused += world.check.refused;
        crashes += world.check.crashes.values().map(Vec::len).sum::<usize>();
    }
    eprintln!("{delivered} keys, {refused} lost at their target, {crashes} crashes");
    assert!(delivered > 0 && crashes > 0);
}

#[test]
fn requests_that_an_outage_swallowed_hold_up_others_until_their_time_limit() {
    run(Plan::drawn(142_923_663_290));
}

#[test]
fn a_key_that_is_taken_back_while_it_is_under_way_goes_to_nobody() {
    for seed in seeds(10) {
        run(Plan::overtaken(seed));
    }
}

#[test]
fn domains_that_are_apart_for_long_end_each_key_alike() {
    // Seed 231: the neighbour ended a key without a word.
    for seed in seeds(12).chain([231]) {
        run(Plan::long(seed));
    }
}

/// All complaints of many seeds, for a nightly run.
#[test]
fn survey() {
    let mut found = 0;
    for seed in seeds(0) {
        for plan in [Plan::drawn, Plan::overtaken, Plan::long] {
            if let Err(violation) = World::new(plan(seed)).run() {
                eprintln!("seed {seed}: {violation:.300}");
                found += 1;
            }
        }
    }
    assert_eq!(found, 0);
}

/// Switches off each guard of keys between domains: the checkers must find that, with this
/// complaint.
///
/// `cargo test -p network --features guards --test domains -- mutations --nocapture` prints the
/// seeds.
#[cfg(feature = "guards")]
mod mutations {
    use network::guards::{Guard, without};

    use super::plan::Plan;
    use super::world::World;

    #[track_caller]
    fn found(off: Guard, plan: fn(u64) -> Plan, complaint: &str) {
        let run = |seed| without(&[off], || World::new(plan(seed)).run().err());
        let first = (0..400).find_map(|seed| Some((seed, run(seed)?)));
        let (seed, violation) = first.unwrap_or_else(|| panic!("{off:?} off is not found"));
        eprintln!("{off:?} off: seed {seed}: {violation:.140}");
        let what = violation.split(": ").nth(1);
        assert_eq!(what, Some(complaint), "{off:?}: {violation}");
    }

    #[test]
    fn of_keys_for_the_neighbour_domain() {
        found(Guard::CrossedFirst, Plan::drawn, "stock");
        found(Guard::GivenUpBeyond, Plan::drawn, "ends");
        found(Guard::GivenUpForever, Plan::drawn, "ends");
    }

    #[test]
    fn of_keys_that_are_lost() {
        found(Guard::LostBeyond, Plan::drawn, "stock");
    }

    #[test]
    fn of_keys_that_are_taken_back() {
        found(Guard::AskHolder, Plan::drawn, "withdrawn");
        found(Guard::WithdrawnForever, Plan::overtaken, "withdrawn");
    }
}

#[test]
fn one_seed() {
    if let Some(seed) = number("SEED") {
        let world = run(Plan::drawn(seed));
        eprintln!("{} keys", world.check.delivered);
    }
}
