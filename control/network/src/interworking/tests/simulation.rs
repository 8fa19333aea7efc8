//! Many seeds: no key is released in one domain and voided in the other, and the books close.

use std::panic::catch_unwind;

use super::super::state::{Event, next};
use super::super::{Side, State, Verdict};
use super::world::{Table, Weather, World};

const CLEAR: Weather = Weather {
    lost_percent: 0,
    twice_percent: 0,
    failed_percent: 0,
    crash_percent: 0,
    void_percent: 0,
    outages: 0,
    synchronous: false,
};

const WIND: Weather = Weather {
    lost_percent: 20,
    twice_percent: 20,
    failed_percent: 10,
    void_percent: 10,
    outages: 3,
    ..CLEAR
};

const STORM: Weather = Weather {
    lost_percent: 15,
    twice_percent: 15,
    failed_percent: 5,
    crash_percent: 60,
    void_percent: 10,
    outages: 3,
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
        let mut world = World::new(seed, weather, next);
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
            synchronous,
            ..WIND
        };
        let (keys, released) = run(60, weather);
        assert!(released * 2 > keys, "{released} of {keys}");
    }
}

#[test]
fn with_crashes_both_domains_end_each_key_alike() {
    for synchronous in [false, true] {
        let weather = Weather {
            synchronous,
            ..STORM
        };
        let (keys, released) = run(100, weather);
        assert!(released * 4 > keys, "{released} of {keys}");
    }
}

/// Tables with one guard switched off.
const BROKEN: [(&str, Table); 6] = [
    ("a key is released at 202", |side, state, event| {
        match (side, state, event) {
            (Side::Sent, State::Offering, Event::Accepted) => Some(State::Released),
            _ => next(side, state, event),
        }
    }),
    (
        "a sent key is given up without a word",
        |side, state, event| match (side, state, event) {
            (Side::Sent, State::Offering | State::Accepted, Event::GiveUp) => VOIDED,
            _ => next(side, state, event),
        },
    ),
    (
        "a received key is given up without a word",
        |side, state, event| match (side, state, event) {
            (Side::Received, State::Relayed, Event::GiveUp) => VOIDED,
            _ => next(side, state, event),
        },
    ),
    (
        "a key that is being voided is released",
        |side, state, event| match (side, state, event) {
            (Side::Sent, State::Voiding, Event::SaidRelayed) => Some(State::Released),
            _ => next(side, state, event),
        },
    ),
    (
        "a released key is voided unseen",
        |side, state, event| match (side, state, event) {
            (Side::Sent, State::Released, Event::PeerVoids) => Some(State::Voided),
            _ => next(side, state, event),
        },
    ),
    (
        "a key on its way is voided unseen",
        |side, state, event| match (side, state, event) {
            (Side::Received, State::Relaying | State::Relayed, Event::PeerVoids) => {
                Some(State::Voided)
            }
            _ => next(side, state, event),
        },
    ),
];

const VOIDED: Option<State> = Some(State::Withdrawing(Verdict::Voided));

#[test]
fn each_guard_that_is_switched_off_is_found() {
    for (name, table) in BROKEN {
        let fails = |seed: &u64| {
            let weather = if seed.is_multiple_of(2) { WIND } else { STORM };
            let seed = *seed;
            let run = move || {
                let mut world = World::new(seed, weather, table);
                world.run(40);
                world.check();
            };
            catch_unwind(run).is_err()
        };
        let found = (0..200).find(fails);
        println!("{name}: found with seed {found:?}");
        assert!(found.is_some(), "{name}");
    }
}
