use super::*;

/// Takes keys as a pair does, and returns the size of the batch that follows.
fn played(keys: usize, interval: Duration) -> usize {
    let full = full(keys, interval);
    let mut left = full;
    while missing(full, left) == 0 {
        left -= keys;
    }
    missing(full, left)
}

#[test]
fn the_usual_batch_is_that_of_a_pair_that_takes_its_keys() {
    for (keys, interval_ms, batch_keys) in [
        (1, 3000, 4),
        (3, 3000, 6),
        (64, 3000, 64),
        (1, 100, 20),
        (64, 100, 64),
        (1, 86_400_000, 4),
    ] {
        let interval = Duration::from_millis(interval_ms);
        assert_eq!(batch(keys, interval), batch_keys, "{keys} in {interval:?}");
        assert_eq!(played(keys, interval), batch_keys, "{keys} in {interval:?}");
    }
    assert!((1..=64).all(|keys| batch(keys, Duration::from_millis(700)) <= BATCH_KEYS_MAX));
}
