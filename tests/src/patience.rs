//! Waiting for something that must come, with a limit.

use std::thread;
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks until it is so; returns how long that took.
///
/// # Panics
/// After `limit`, with `what`.
pub fn wait_until(what: &str, limit: Duration, done: impl FnMut() -> bool) -> Duration {
    waited(limit, done).unwrap_or_else(|| panic!("{what}: not within {limit:?}"))
}

/// Looks until it is so; `None` if it was not within `limit`.
pub fn waited(limit: Duration, mut done: impl FnMut() -> bool) -> Option<Duration> {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > limit {
            return None;
        }
        thread::sleep(LOOK_EVERY);
    }
    Some(start.elapsed())
}

/// Looks all the time, and it must be so all the time.
///
/// # Panics
/// When it is not so.
pub fn hold_for(what: &str, time: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while start.elapsed() < time {
        assert!(holds(), "{what}: no longer after {:?}", start.elapsed());
        thread::sleep(LOOK_EVERY);
    }
}
