//! The network under a virtual clock and a hostile world: checkers for what must hold.
//!
//! `SEED=n cargo test -p network --test sim -- one` replays one seed; `SEEDS=n` sets the number of
//! seeds, and `FROM=n` the first one.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

#[expect(unreachable_pub, reason = "a module of a test")]
mod world;

use std::time::{Duration, Instant};

use network::{LinkId, NodeId};
use world::World;
use world::plan::{Fault, Plan};
use world::seeds::{number, seeds};

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
fn keys_that_nobody_asked_for_are_replaced_in_time() {
    for seed in seeds(2) {
        assert!(run(Plan::idle(seed)).check.delivered > 0);
    }
}

#[test]
fn a_node_with_another_topology_stays_alone() {
    for seed in seeds(5) {
        run(Plan::estranged(seed));
    }
}

/// All 132 directions of twelve nodes at 3 s over links of 10 kbit/s. A node dies for good, then a
/// link: who can be reached has keys all the time.
#[test]
fn twelve_nodes_miss_no_key_when_a_node_and_a_link_fail() {
    let mut plan = Plan::metro(1, Duration::from_secs(3));
    let (back, link) = (Duration::from_secs(999), LinkId(8));
    plan.faults = vec![
        (
            Duration::from_secs(20),
            Fault::Crash {
                node: NodeId(5),
                back,
            },
        ),
        (
            Duration::from_secs(40),
            Fault::Break {
                link,
                back,
                told: true,
            },
        ),
    ];
    let world = run(plan);
    let to = |pair: usize| world.place(&world.plan.demand[pair].target);
    let started = Duration::from_secs(3);
    let mut missed = world.missed.clone();
    missed.retain(|(at, pair, _)| *at > started && to(*pair) != NodeId(5));
    for (at, pair, why) in &missed {
        let demand = &world.plan.demand[*pair];
        eprintln!("{at:?} {} to {}: {why}", demand.initiator, demand.target);
    }
    assert_eq!(missed.len(), 0);
    let sum = |of: fn(&network::Accounts) -> u64| world.accounts().iter().map(of).sum::<u64>();
    let (relayed, authentication) = (sum(|a| a.relayed), sum(|a| a.authentication));
    eprintln!(
        "{} keys, {relayed} bits relayed, {authentication} to authenticate",
        world.check.delivered
    );
    assert!(authentication < relayed);
}

/// The same at 100 ms, 1,320 keys/s, without faults.
#[test]
fn twelve_nodes_miss_no_key_at_100_ms() {
    let mut plan = Plan::metro(1, Duration::from_millis(100));
    plan.end = Duration::from_millis(4500);
    let start = Instant::now();
    let world = run(plan);
    let late = world
        .missed
        .iter()
        .filter(|(at, ..)| *at > Duration::from_secs(3));
    assert_eq!(late.count(), 0);
    eprintln!("{} keys in {:?}", world.check.delivered, start.elapsed());
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
        if seed % 500 == 0 {
            eprintln!("at seed {seed}, {found} complaints");
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

/// Switches off each guard: the checkers must find that, with this complaint.
///
/// `cargo test -p network --features guards --test sim -- mutations --nocapture` prints the seed
/// that found each one.
#[cfg(feature = "guards")]
mod mutations {
    use network::guards::{Guard, without};

    use super::world::World;
    use super::world::plan::Plan;

    #[track_caller]
    fn found(off: &[Guard], plan: fn(u64) -> Plan, complaint: &str) {
        let run = |seed| without(off, || World::new(plan(seed)).run().err());
        let first = (0..400).find_map(|seed| Some((seed, run(seed)?)));
        let (seed, violation) = first.unwrap_or_else(|| panic!("{off:?} off is not found"));
        eprintln!("{off:?} off: seed {seed}: {violation:.140}");
        let what = violation.split(": ").nth(1);
        assert_eq!(what, Some(complaint), "{off:?}: {violation}");
    }

    #[test]
    fn of_the_key_of_a_link() {
        found(&[Guard::PadOnce], Plan::calm, "pad");
        found(&[Guard::PadRises], Plan::drawn, "forged");
        found(&[Guard::Tag], Plan::drawn, "forged");
        found(&[Guard::BlockAtBothEnds], Plan::calm, "step");
        let both = [Guard::PoolEndsWithRun, Guard::BlocksCompared];
        found(&both, Plan::drawn, "step");
        found(&[Guard::SameTopology], Plan::estranged, "topology");
    }

    #[test]
    fn of_the_shares() {
        found(&[Guard::FairShare], Plan::greedy, "live");
    }

    #[test]
    fn of_a_batch() {
        found(&[Guard::StockAfterAck], Plan::drawn, "void");
        found(&[Guard::Confirmation], Plan::drawn, "bits");
        found(&[Guard::VoidedForever], Plan::drawn, "void");
        found(&[Guard::BatchOnce], Plan::drawn, "twice");
        found(&[Guard::Disjoint], Plan::drawn, "paths");
    }

    #[test]
    fn of_the_keys_that_wait() {
        found(&[Guard::StockEndsWithRun], Plan::drawn, "stock");
        found(&[Guard::StockAge], Plan::idle, "stock");
        found(&[Guard::EncOnce], Plan::calm, "twice");
        found(&[Guard::DecOnce], Plan::calm, "twice");
        found(&[Guard::TargetOnly], Plan::calm, "other");
    }
}
