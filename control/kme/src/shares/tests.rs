use super::Shares;
use proptest::prelude::*;

const UNIT: u64 = 512;

fn two(max: u64) -> Shares {
    Shares::new(["a", "b"], UNIT, max)
}

#[test]
fn each_is_credited_an_equal_part_up_to_the_limit() {
    let mut shares = two(4 * UNIT);
    shares.deposit(6 * UNIT);
    assert_eq!(shares.kept_from("a"), 3 * UNIT);
    assert_eq!(shares.kept_from("b"), 3 * UNIT);
    shares.deposit(6 * UNIT);
    assert_eq!(shares.kept_from("a"), 4 * UNIT);
    // An SAE without an account must leave both accounts.
    assert_eq!(shares.kept_from("c"), 8 * UNIT);
}

#[test]
fn the_common_part_goes_first_then_the_own_account() {
    let mut shares = two(4 * UNIT);
    shares.deposit(20 * UNIT); // 4 + 4 kept, 12 common
    shares.draw("a", 12 * UNIT, 20 * UNIT);
    assert_eq!(shares.kept_from("b"), 4 * UNIT);
    shares.draw("a", 3 * UNIT, 8 * UNIT);
    assert_eq!(shares.kept_from("b"), UNIT);
    assert_eq!(shares.kept_from("a"), 4 * UNIT);
}

#[test]
fn a_small_pool_is_common() {
    let mut shares = two(100 * UNIT);
    shares.deposit(2 * UNIT - 2);
    assert_eq!(shares.kept_from("a"), 0);
}

#[test]
fn without_accounts_nothing_is_kept() {
    let mut shares = Shares::default();
    shares.deposit(1000);
    shares.draw("a", 1000, 1000);
    assert_eq!(shares.kept_from("a"), 0);
}

proptest! {
    /// One SAE repeatedly takes all that it may. The other draws no more than its part of the
    /// arriving bits and is always served. The amount kept is always in the pool.
    #[test]
    fn an_sae_within_its_share_is_always_served(
        arrivals in prop::collection::vec(0u64..40_000, 1..60),
        greed in 1u64..20_000,
        max_units in 1u64..100,
    ) {
        let max = max_units * UNIT;
        let mut shares = two(max);
        let (mut pool, mut credit) = (0u64, 0u64);
        for arrived in arrivals {
            pool += arrived;
            shares.deposit(arrived);
            // The guaranteed amount of the modest SAE: its part, up to the limit, in whole units.
            credit = (credit + arrived / 2).min(max);
            while pool.saturating_sub(shares.kept_from("greedy")) > 0
                && pool > shares.kept_from("a")
            {
                let take = greed.min(pool - shares.kept_from("a"));
                shares.draw("a", take, pool);
                pool -= take;
            }
            credit -= credit % UNIT;
            let modest = UNIT.min(credit);
            prop_assert!(pool - shares.kept_from("b") >= modest);
            shares.draw("b", modest, pool);
            pool -= modest;
            credit -= modest;
            prop_assert!(pool >= shares.kept_from("a") && pool >= shares.kept_from("b"));
        }
    }
}
