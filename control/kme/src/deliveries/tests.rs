use super::{Deliveries, Origin, Source};
use crate::config::LinkConfig;
use crate::entropy::{Entropy, EntropyError};
use crate::store::Store;
use proptest::prelude::*;
use std::time::Duration;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn supply(block_bits: u64, every_ms: u64, blocks_at_start: u32) -> Deliveries {
    let origin = Origin::Modelled;
    Deliveries {
        block_bits,
        block_every: ms(every_ms),
        blocks_at_start,
        origin,
    }
}

fn store() -> Store {
    Store::new(LinkConfig::default(), Entropy::system())
}

#[test]
fn key_comes_in_blocks_not_smoothly() {
    let (mut store, mut source) = (store(), Source::new(ms(500), supply(1000, 100, 3)));
    let mut steps = Vec::new();
    for now in [500, 599, 600, 650, 699, 700, 950] {
        source.fill(ms(now), &mut store).unwrap();
        steps.push(store.pool_bits());
    }
    assert_eq!(steps, [3000, 3000, 4000, 4000, 4000, 5000, 7000]);
    assert_eq!(source.next_block_at(), ms(1000));
    assert_eq!(store.counters().blocks, 7);
}

#[test]
fn a_clock_that_jumps_a_year_needs_no_loop() {
    let (mut store, mut source) = (store(), Source::new(ms(0), supply(8, 1, 0)));
    let year = Duration::from_secs(365 * 24 * 3600);
    assert_eq!(source.fill(year, &mut store), Ok(365 * 24 * 3600 * 1000));
    assert_eq!(source.next_block_at(), year + ms(1));
    assert_eq!(store.pool_bits(), store.config().pool_bits_max);
}

#[test]
fn a_link_without_key_fills_nothing() {
    let (mut store, mut source) = (store(), Source::new(ms(0), supply(0, 10, 5)));
    assert_eq!(source.fill(ms(1000), &mut store), Ok(105));
    assert_eq!(store.pool_bits(), 0);
    assert_eq!(supply(0, 10, 5).rate_bps(), 0.0);
}

#[test]
fn a_failed_random_source_loses_the_block_and_no_more() {
    let mut broken = Store::new(LinkConfig::default(), Entropy::new(|_| Err(EntropyError)));
    let mut source = Source::new(ms(0), supply(800, 10, 1));
    assert_eq!(source.fill(ms(0), &mut broken), Err(EntropyError));
    let mut store = store();
    assert_eq!(source.fill(ms(10), &mut store), Ok(1));
    assert_eq!(store.pool_bits(), 800);
}

proptest! {
    /// The bits do not depend on the interval of the timer: parts of octets are carried over.
    #[test]
    fn bits_do_not_depend_on_the_times_of_filling(
        bits in 0..500_u64,
        every in 1..50_u64,
        at_start in 0..4_u32,
        gaps in prop::collection::vec(0..200_u64, 1..40),
    ) {
        let (mut store, mut source) = (store(), Source::new(ms(0), supply(bits, every, at_start)));
        let mut now = 0;
        for gap in gaps {
            now += gap;
            source.fill(ms(now), &mut store).unwrap();
            let blocks = u64::from(at_start) + now / every;
            prop_assert_eq!(store.counters().blocks, blocks);
            prop_assert_eq!(store.pool_bits(), blocks * bits / 8 * 8);
            prop_assert_eq!(source.next_block_at(), ms((now / every + 1) * every));
        }
    }
}

#[test]
fn blocks_need_time_between_them() {
    let origin = Origin::Modelled;
    let mut supply = Deliveries {
        block_bits: 1,
        block_every: Duration::ZERO,
        blocks_at_start: 0,
        origin,
    };
    assert_eq!(supply.check().unwrap_err().field, "block_every");
    supply.block_every = Duration::from_nanos(1);
    assert_eq!(supply.check(), Ok(()));
}
