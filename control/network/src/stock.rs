//! The rule of a pair's stock: the keys that it holds, and when the next batch is due.

use std::time::Duration;

use crate::limits::{BATCH_KEYS_MAX, STOCK_MAX, STOCK_MIN, STOCK_TIME};

/// Keys of a full stock of a pair that uses `keys` in each interval.
pub(crate) fn full(keys: usize, interval: Duration) -> usize {
    let intervals = STOCK_TIME.as_micros().div_ceil(interval.as_micros());
    let enough = keys.saturating_mul(usize::try_from(intervals).unwrap_or(usize::MAX));
    enough.max(2 * keys).clamp(STOCK_MIN, STOCK_MAX)
}

/// Keys of the next batch with `left` in stock: none while more than half is there.
pub(crate) fn missing(full: usize, left: usize) -> usize {
    let missing = full.saturating_sub(left);
    match 2 * missing < full {
        true => 0,
        false => missing.min(BATCH_KEYS_MAX),
    }
}

/// Keys of a usual batch of a pair that uses `keys`, at least one, in each interval.
pub(crate) fn batch(keys: usize, interval: Duration) -> usize {
    let full = full(keys, interval);
    let used = full.div_ceil(2).next_multiple_of(keys);
    missing(full, full.saturating_sub(used))
}

#[cfg(test)]
mod tests;
