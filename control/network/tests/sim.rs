//! The network under a virtual clock and a hostile world: checkers for what must hold.
//!
//! `SEED=n cargo test -p network --test sim -- one` replays one seed; `SEEDS=n` sets the number of
//! seeds, and `FROM=n` the first one.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

#[expect(unreachable_pub, missing_docs, reason = "a module of a test")]
mod world;

use world::World;
use world::plan::Plan;

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
        assert_eq!(world.check.refused, 0, "seed {seed}");
    }
}

#[test]
fn under_faults_all_holds() {
    let (mut delivered, mut crashes, mut lies, mut replays) = (0, 0, 0, 0);
    let (mut voided, mut relayed) = (0, 0);
    for seed in seeds(200) {
        let world = run(Plan::drawn(seed));
        delivered += world.check.delivered;
        crashes += world.check.crashes.values().map(Vec::len).sum::<usize>();
        lies += world.lies;
        replays += world.replays;
        voided += world.check.voided;
        relayed += world.check.relayed;
    }
    eprintln!(
        "{delivered} keys, {relayed} relayed, {voided} voided, {crashes} crashes, {lies} lies, \
         {replays} replays"
    );
    assert!(delivered > 0 && voided > 0 && crashes > 0 && lies > 0 && replays > 0);
}

#[test]
fn a_greedy_pair_starves_no_other() {
    for seed in seeds(40) {
        run(Plan::greedy(seed));
    }
}

#[test]
fn one_seed() {
    if let Some(seed) = number("SEED") {
        let world = run(Plan::drawn(seed));
        eprintln!("{} keys", world.check.delivered);
    }
}

#[test]
fn survey() {
    if number("SURVEY").is_none() {
        return;
    }
    for seed in seeds(200) {
        let mut world = World::new(Plan::drawn(seed));
        if let Err(violation) = world.run() {
            eprintln!("seed {seed}: {violation:.300} liar {:?}", world.plan.liar);
        }
    }
}
