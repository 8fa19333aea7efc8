//! Waits for an event that must come, within a limit.

use std::thread;
use std::time::{Duration, Instant};

pub use lab::patience::waited;

/// Interval between two checks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Waits until the condition holds. Returns the time that this took.
///
/// # Panics
/// After `limit`, with `what` in the message.
pub fn wait_until(what: &str, limit: Duration, done: impl FnMut() -> bool) -> Duration {
    waited(limit, done).unwrap_or_else(|| panic!("{what}: not within {limit:?}"))
}

/// Checks repeatedly that the condition holds during all of `time`.
///
/// # Panics
/// If it does not hold.
pub fn hold_for(what: &str, time: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while start.elapsed() < time {
        assert!(holds(), "{what}: no longer after {:?}", start.elapsed());
        thread::sleep(LOOK_EVERY);
    }
}
