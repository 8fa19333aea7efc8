//! Two ends under a virtual clock and a hostile world: checkers for the invariants of the design.
//!
//! `SEED=n cargo test -p rekey --test sim -- one` replays one seed; `SEEDS=n` sets the number of
//! seeds, and `FROM=n` the first one.

#![expect(
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

#[expect(unreachable_pub, reason = "shared with the tests inside the crate")]
mod world;

use std::time::Duration;

use world::World;
use world::plan::{Gone, Plan};

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

/// The first seed. CI draws a different one for each commit.
fn from() -> u64 {
    let from = std::env::var("FROM").ok();
    from.and_then(|n| n.parse().ok()).unwrap_or(0)
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
    let mut roots = 0;
    for seed in from..to {
        let world = run(Plan::drawn(self::from() + seed));
        switches += world.check.switches.iter().map(Vec::len).sum::<usize>();
        roots += world.check.ratcheted.iter().map(Vec::len).sum::<usize>();
        crashes += world.crashes;
        injected += world.injected;
        sent += world.check.sent;
    }
    eprintln!(
        "{switches} switches, {crashes} crashes, {injected} injected, {sent} user frames, {roots} roots"
    );
    assert!(switches > 0 && crashes > 0 && injected > 0 && sent > 0 && roots > 0);
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
fn i1_to_i9_when_the_kme_of_one_end_is_gone() {
    let mut kept = 0;
    for seed in 0..seeds(1000) / 4 {
        kept += run(Plan::gone(from() + seed)).check.kept;
    }
    assert!(kept > 0);
}

/// A sender without keys stops at its limit. Its receiver's limit comes later, and leaves the
/// pending key, which the sender uses next, alone.
#[test]
fn a_receivers_limit_keeps_the_key_that_a_stopped_sender_uses_next() {
    run(Plan::gone(1_003_164));
}

/// A worker stalls when the faults stop: the keys that are due are counted from its return.
#[test]
fn a_kme_gone_and_a_worker_that_stalls_until_calm() {
    run(Plan::gone(701_026));
}

/// Three keys that the peer's KME has lost: one on offer, and two in stock.
#[test]
fn a_kme_gone_that_has_lost_the_keys_in_stock() {
    run(Plan::gone(720_118));
}

#[test]
fn i1_with_kmes_that_repeat_keys_no_sak_comes_twice() {
    let mut crashes = 0;
    for seed in 0..seeds(1000) / 20 {
        crashes += run(Plan::repeating(from() + seed)).crashes;
    }
    assert!(crashes > 0);
}

/// A worker applies an install 1.7 s late: its receiver has dropped the key with the session.
#[test]
fn a_twin_and_a_stalled_worker() {
    run(Plan::twins(700_502));
}

#[test]
fn a_twin_that_appears_for_a_moment_leaves_two_ends_that_agree() {
    let mut twins = 0;
    for seed in 0..seeds(1000) / 4 {
        twins += run(Plan::twins(from() + seed)).twins;
    }
    assert!(twins > 0);
}

#[test]
fn i10_when_one_end_dies_the_other_keeps_its_keys_and_then_lets_go() {
    for seed in 0..seeds(1000) / 20 {
        run(Plan::dying(from() + seed));
    }
}

/// 3 s at both ends, a LAN's worth of traffic, nothing wrong yet.
fn steady(seed: u64) -> Plan {
    let interval = [Duration::from_secs(3); 2];
    let hold_max = Duration::from_secs(300);
    let end = Duration::from_secs(40);
    Plan {
        interval,
        hold_max,
        end,
        traffic: 50,
        scis: [2, 2],
        ..Plan::calm(seed)
    }
}

/// Both ask at once and every answer takes two seconds: no role race, no offer given up for ever.
#[test]
fn a_simultaneous_start_with_a_second_of_latency() {
    for seed in 0..20 {
        let world = run(Plan {
            latency: Duration::from_secs(1),
            ..steady(seed)
        });
        for switches in &world.check.switches {
            assert!(switches.len() >= 8, "{switches:?}");
        }
        assert_eq!(world.check.undecipherable, 0);
    }
}

#[test]
fn a_quiet_line_rotates_too() {
    for seed in 0..20 {
        let world = run(Plan {
            traffic: 0,
            ..steady(seed)
        });
        assert!(
            world
                .check
                .rx_switches
                .iter()
                .all(|switches| *switches >= 12)
        );
    }
}

#[test]
fn both_ends_restart_at_once() {
    for seed in 0..50 {
        let at = Duration::from_millis(8000 + seed * 61);
        let world = run(Plan {
            crash_both: Some(at),
            calm: at,
            ..steady(seed)
        });
        assert_eq!(world.crashes, 2);
    }
}

/// I10, and the shortage's stages: 100 s without keys at an interval of 3 s lose no frame.
#[test]
fn i10_a_kme_outage_of_100_s_loses_nothing() {
    for seed in 0..20 {
        let kme_outage = Some((Duration::from_secs(5), Duration::from_secs(105)));
        let (calm, end) = (Duration::from_secs(105), Duration::from_secs(150));
        let world = run(Plan {
            kme_outage,
            calm,
            end,
            ..steady(seed)
        });
        assert_eq!(world.check.undecipherable, 0);
        for stages in &world.check.stages {
            let stages: Vec<_> = stages.0.iter().map(|(_, stage)| *stage).collect();
            let (down, up) = stages.split_at(4);
            use rekey::ShortageStage::{Held, Normal, Sparse, Stretched};
            assert_eq!(down, [Normal, Stretched, Sparse, Held]);
            assert_eq!(up, [Sparse, Stretched, Normal]);
        }
    }
}

/// The KME of end 1 is gone for 14 s, at an interval of 3 s, as often as `times` says.
fn one_kme_gone(seed: u64, answer: rekey::KeyFailure, spends: bool, times: u64) -> World {
    let gone = |time: u64| {
        let from = Duration::from_millis(12_000 + time * 90_000 + seed * 97);
        Gone {
            from,
            until: from + Duration::from_secs(14),
            answer,
            spends,
        }
    };
    let kme_gone: Vec<_> = (0..times).map(|time| (1, gone(time))).collect();
    let until = gone(times - 1).until;
    run(Plan {
        kme_gone,
        calm: until,
        end: until + Duration::from_secs(60),
        thrifty: !spends,
        ..steady(seed)
    })
}

/// Time from the return of the KME to the first switch of an end.
fn back_after(world: &World, side: usize) -> Duration {
    let calm = world.plan.calm;
    let mut switches = world.check.switches[side].iter();
    let first = switches.find(|at| **at > calm);
    first.map_or(Duration::MAX, |at| *at - calm)
}

/// REKEY-59: what end 0 fetched in the meantime is used, and used soon.
#[test]
fn one_kme_gone_for_14_s_costs_no_key_and_two_intervals() {
    use rekey::KeyFailure::{NoKeys, NotFound, Unreachable};
    for seed in 0..90 {
        let answer = [Unreachable, NotFound, NoKeys][seed as usize % 3];
        let world = one_kme_gone(seed, answer, false, 1);
        assert_eq!(world.check.undecipherable, 0, "seed {seed}");
        for side in 0..2 {
            let back = back_after(&world, side);
            assert!(back <= Duration::from_secs(6), "seed {seed}: {back:?}");
        }
    }
}

/// The KME has served the requests, only its replies were lost: the keys that were kept are worth
/// nothing, and others follow.
#[test]
fn one_kme_whose_replies_are_lost_for_14_s_costs_a_few_keys() {
    for seed in 0..30 {
        let world = one_kme_gone(seed, rekey::KeyFailure::Unreachable, true, 1);
        assert_eq!(world.check.undecipherable, 0, "seed {seed}");
        for side in 0..2 {
            let back = back_after(&world, side);
            assert!(back <= Duration::from_secs(9), "seed {seed}: {back:?}");
        }
        let abandoned = world.check.events.get("abandoned").copied();
        assert!(abandoned < Some(20), "seed {seed}: {abandoned:?}");
    }
}

/// A relapse wants two keys in time. Keys that were kept are such keys: the end whose KME is well
/// does not stay in stage sparse for them.
#[test]
fn one_kme_gone_again_is_no_longer_felt_than_the_first_time() {
    for seed in 0..30 {
        let world = one_kme_gone(seed, rekey::KeyFailure::Unreachable, false, 2);
        assert_eq!(world.check.undecipherable, 0, "seed {seed}");
        let stages = &world.check.stages[0].0;
        let late = world.plan.calm + Duration::from_secs(6);
        let stage = stages.iter().rfind(|(at, _)| *at <= late);
        let stage = stage.map(|(_, stage)| *stage);
        assert!(
            stage < Some(rekey::ShortageStage::Sparse),
            "seed {seed}: {stages:?}"
        );
    }
}

/// A KME that takes up to 5 s for each answer: keys come later than wished, nothing is lost.
#[test]
fn a_kme_slower_than_the_interval_loses_nothing() {
    for seed in 0..20 {
        let kme_lag = Duration::from_secs(5);
        let (calm, end) = (Duration::from_secs(60), Duration::from_secs(90));
        let world = run(Plan {
            kme_lag,
            calm,
            end,
            ..steady(seed)
        });
        assert_eq!(world.check.undecipherable, 0);
        for switches in &world.check.switches {
            let slow = switches.iter().filter(|at| **at < calm).count();
            assert!(slow >= 6, "{slow} switches in 60 s");
        }
    }
}

#[test]
fn one_seed() {
    if let Some(seed) = std::env::var("SEED").ok().and_then(|n| n.parse().ok()) {
        let world = run(Plan::drawn(seed));
        eprintln!("{:?}", world.check.events);
    }
}
