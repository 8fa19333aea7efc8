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
#[expect(unreachable_pub, reason = "a module of a test")]
mod world;

use plan::Plan;
use world::World;

fn run(plan: Plan) -> World {
    let mut world = World::new(plan);
    if let Err(violation) = world.run() {
        panic!("seed {}: {violation}\n{:?}", world.plan.seed, world.plan);
    }
    world
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|n| n.parse().ok())
}

fn seeds(default: u64) -> impl Iterator<Item = u64> {
    let from = number("FROM").unwrap_or(0);
    from..from + number("SEEDS").unwrap_or(default)
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

/// All complaints of many seeds, for a nightly run.
#[test]
fn survey() {
    let mut found = 0;
    for seed in seeds(0) {
        let mut world = World::new(Plan::drawn(seed));
        if let Err(violation) = world.run() {
            eprintln!("seed {seed}: {violation:.300}");
            found += 1;
        }
    }
    assert_eq!(found, 0);
}

#[test]
fn one_seed() {
    if let Some(seed) = number("SEED") {
        let world = run(Plan::drawn(seed));
        eprintln!("{} keys", world.check.delivered);
    }
}
