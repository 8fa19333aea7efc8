use std::time::Duration;

use super::Shares;
use crate::config::{Demand, Paths};
use crate::sites::PairId;
use kme_api::etsi020::SaeId;

fn demand() -> Demand {
    Demand {
        initiator: SaeId::parse("a").unwrap(),
        target: SaeId::parse("b").unwrap(),
        interval: Duration::from_secs(3),
        keys: 1,
        paths: Paths::One,
    }
}

/// Octets that a pair gets out of a pool within a time, if it always asks for more.
fn taken(mut usable: usize, time: Duration) -> usize {
    let mut shares = Shares::default();
    let mut taken = 0;
    for ms in 0..time.as_millis() as u64 {
        let now = Duration::from_millis(ms);
        if usable >= 100 && shares.allow(now, PairId(0), &demand(), 100, usable) {
            shares.book(now, PairId(0), 100);
            taken += 100;
            usable -= 100;
        }
    }
    taken
}

#[test]
fn nobody_takes_more_than_a_part_of_a_full_pool_at_once() {
    let part = taken(100_000, Duration::from_secs(1));
    assert!((15_000..=25_000).contains(&part), "{part}");
}

#[test]
fn nobody_is_left_without_its_demand() {
    let demand = 32 * 60 / 3;
    let least = taken(5000, Duration::from_secs(60));
    assert!(least >= demand, "{least}");
}
