//! Two ends under a virtual clock and a hostile world: checkers for the invariants of the design.
//!
//! `SEED=n cargo test -p rekey --test sim -- one` replays one seed; `SEEDS=n` runs that many.

#[expect(unreachable_pub, reason = "shared with the tests inside the crate")]
mod world;

use world::World;
use world::plan::Plan;

fn run(plan: Plan) -> World {
    let mut world = World::new(plan);
    if let Err(violation) = world.run() {
        panic!("seed {}: {violation}\n{:#?}", world.plan.seed, world.plan);
    }
    world
}

fn seeds(default: u64) -> u64 {
    std::env::var("SEEDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(default)
}

#[test]
fn i5_without_faults_nothing_is_lost_and_every_interval_switches() {
    for seed in 0..seeds(200) {
        let world = run(Plan::calm(seed));
        assert_eq!(world.check.undecipherable, 0, "seed {seed}");
    }
}

fn drawn(from: u64, to: u64) {
    let (mut switches, mut crashes, mut injected, mut sent) = (0, 0, 0, 0);
    for seed in from..to {
        let world = run(Plan::drawn(seed));
        switches += world.check.switches.iter().map(Vec::len).sum::<usize>();
        crashes += world.crashes;
        injected += world.injected;
        sent += world.check.sent;
    }
    println!("{switches} switches, {crashes} crashes, {injected} injected, {sent} user frames");
    assert!(switches > 0 && crashes > 0 && injected > 0 && sent > 0);
}

#[test]
fn i1_to_i9_under_faults_first_half() {
    drawn(0, seeds(1000) / 2);
}

#[test]
fn i1_to_i9_under_faults_second_half() {
    drawn(seeds(1000) / 2, seeds(1000));
}

#[test]
fn i1_with_kmes_that_repeat_keys_no_sak_comes_twice() {
    let mut crashes = 0;
    for seed in 0..seeds(1000) / 20 {
        crashes += run(Plan::repeating(seed)).crashes;
    }
    assert!(crashes > 0);
}

#[test]
fn i10_when_one_end_dies_the_other_keeps_its_keys_and_then_lets_go() {
    for seed in 0..seeds(1000) / 20 {
        run(Plan::dying(seed));
    }
}

#[test]
fn one_seed() {
    if let Some(seed) = std::env::var("SEED").ok().and_then(|n| n.parse().ok()) {
        let world = run(Plan::drawn(seed));
        println!("{:?}", world.check.events);
    }
}
