use super::*;

/// A published table: a link that gives 10 kbit/s, failed blocks deducted, in blocks of 1000 s; the
/// demand in bit/s, the share of blocks that fail, and the reserve in Mbit.
#[test]
fn the_reserve_equals_known_values() {
    for (demand, loss, mbit) in [
        (170.7, 0.05, 0.96),
        (1707.0, 0.05, 9.6),
        (6827.0, 0.05, 41.0),
        (1707.0, 0.20, 16.36),
        (6827.0, 0.20, 80.0),
    ] {
        let block_mbit = 10.0 / (1.0 - loss);
        let drain = demand * 1e-3 / block_mbit;
        let theta = exponent(drain, loss).expect("a load below 1");
        let blocks: f64 = drain - DRY.ln() / theta;
        let reserve = blocks * block_mbit;
        assert!(
            (reserve / mbit - 1.0).abs() < 0.01,
            "{demand} {loss}: {reserve}"
        );
        let whole = Reserve::of(drain, loss, 1).expect("a load below 1");
        assert_eq!(whole.blocks, blocks.ceil().max(2.0) as u64);
    }
}

#[test]
fn the_simulation_stays_below_the_bound_and_near_it() {
    for (drain, loss) in [(0.3, 0.05), (0.6, 0.2), (0.9, 0.05), (0.93, 0.05)] {
        let found = Reserve::of(drain, loss, 7).expect("a load below 1");
        assert!(
            found.bound <= DRY && found.simulated <= found.bound,
            "{found:?}"
        );
        assert!(found.simulated > found.bound / 50.0, "{found:?}");
    }
}

/// Rare events are counted by their likelihood; events that are not rare can be counted plainly.
#[test]
fn the_simulation_agrees_with_plain_counting() {
    let (blocks, drain, loss) = (2.0, 0.7, 0.2);
    let theta = exponent(drain, loss).expect("a load below 1");
    let weighted = dry_probability(blocks, drain, loss, theta, 3);
    let mut random = Random(4);
    let mut runs_dry = || {
        let mut pool = blocks;
        for _ in 0..2000 {
            pool -= drain;
            if pool < 0.0 {
                return true;
            }
            pool += if random.share() < loss { 0.0 } else { 1.0 };
        }
        false
    };
    let dry = (0..4000).filter(|_| runs_dry()).count();
    let counted = dry as f64 / 4000.0;
    assert!((0.05..0.5).contains(&counted), "{counted}");
    assert!((weighted - counted).abs() < 0.03, "{weighted} {counted}");
}

#[test]
fn the_ends_of_the_range() {
    assert_eq!(Reserve::of(0.951, 0.05, 1), None);
    assert_eq!(Reserve::of(1.1, 0.0, 1), None);
    let unused = Reserve::of(0.0, 0.05, 1).expect("nothing is used");
    assert_eq!((unused.blocks, unused.simulated), (2, 0.0));
    let edge = Reserve::of(0.9499, 0.05, 1).expect("just below 1");
    assert!(edge.blocks > 1000, "{edge:?}");
}
