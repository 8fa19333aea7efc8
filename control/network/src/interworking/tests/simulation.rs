//! Many seeds: no key is released in one domain and voided in the other, and the books close.

use super::world::{Weather, World};

const CLEAR: Weather = Weather {
    lost_percent: 0,
    twice_percent: 0,
    failed_percent: 0,
    crash_percent: 0,
    outages: 0,
    synchronous: false,
};

fn run(seeds: u64, weather: Weather) -> (u32, u32) {
    // `SEED=n` repeats one run, `SEEDS=n` makes n of each kind.
    let set = |name| std::env::var(name).ok()?.parse().ok();
    let seeds = match set("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..set("SEEDS").unwrap_or(seeds),
    };
    let (mut keys, mut released) = (0, 0);
    for seed in seeds {
        println!("SEED={seed}");
        let mut world = World::new(seed, weather);
        world.run(40);
        let summary = world.check();
        keys += summary.keys;
        released += summary.released;
    }
    println!("{released} of {keys} keys released");
    (keys, released)
}

#[test]
fn without_faults_every_key_is_released() {
    for synchronous in [false, true] {
        let (keys, released) = run(
            20,
            Weather {
                synchronous,
                ..CLEAR
            },
        );
        assert_eq!(keys, released);
    }
}

#[test]
fn with_loss_outages_and_copies_both_domains_end_each_key_alike() {
    for synchronous in [false, true] {
        let weather = Weather {
            lost_percent: 20,
            twice_percent: 20,
            failed_percent: 10,
            outages: 3,
            synchronous,
            ..CLEAR
        };
        let (keys, released) = run(60, weather);
        assert!(released * 2 > keys, "{released} of {keys}");
    }
}

#[test]
fn with_crashes_both_domains_end_each_key_alike() {
    for synchronous in [false, true] {
        let weather = Weather {
            lost_percent: 15,
            twice_percent: 15,
            failed_percent: 5,
            crash_percent: 60,
            outages: 2,
            synchronous,
        };
        let (keys, released) = run(100, weather);
        assert!(released * 4 > keys, "{released} of {keys}");
    }
}
