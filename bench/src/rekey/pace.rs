//! How fast a sender gives what it owes after it was kept from its core.
//!
//! All that became due meanwhile at once, 6000 frames after 90 ms, overruns every ring: no wire carries that, so no
//! card would see it. A sender that is behind a little gives all, and one that is far behind catches up slowly.
//! Frames count from when they were due all the same; how late they are is not hidden.

use std::time::Duration;

/// So many frames may leave at once: half of a ring of AF_XDP.
const AT_ONCE: f64 = 1024.0;
/// And beyond these so many times what becomes due. At 90 % of the no-drop rate encryptors keep up with that.
const CATCHING_UP: f64 = 1.1;

/// Of one direction: a bucket of frames that may leave.
pub(super) struct Pace {
    /// Frames a second.
    rate: f64,
    /// Since the start, when it was filled last.
    filled: Duration,
    held: f64,
}

impl Pace {
    /// Of a sender at this rate, frames a second.
    pub(super) fn new(rate: f64) -> Self {
        Self {
            rate: rate * CATCHING_UP,
            filled: Duration::ZERO,
            held: AT_ONCE,
        }
    }

    /// How many of `due` may leave so long after the start; they are taken as gone.
    pub(super) fn take(&mut self, due: u64, now: Duration) -> u64 {
        let fresh = self.rate * now.saturating_sub(self.filled).as_secs_f64();
        self.filled = now;
        self.held = (self.held + fresh).min(AT_ONCE);
        let count = due.min(self.held as u64);
        self.held -= count as f64;
        count
    }
}

#[cfg(test)]
mod tests;
