//! Waits for an event, within a limit.

use std::thread;
use std::time::{Duration, Instant};

/// Interval between two checks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Waits until the condition holds. Returns the time that this took; `None` if the condition did
/// not hold within `limit`.
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
