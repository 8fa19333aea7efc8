//! Pacing: how fast a sender catches up after the scheduler took it off its core.
//!
//! All frames due meanwhile at once, 6000 after 90 ms, would overrun every ring; no network carries
//! such a burst. A sender that is a little behind sends all, and one that is far behind catches up
//! slowly. The latency of a frame counts from when it was due in both cases.

use std::time::Duration;

/// Frames that may leave at once: half of an AF_XDP ring.
const BURST: f64 = 1024.0;
/// The rate of catching up, in multiples of the offered rate. At 90 % of the no-drop rate
/// encryptors keep up.
const CATCH_UP: f64 = 1.1;

/// A token bucket of frames, for one direction.
pub(super) struct Pace {
    rate: f64,
    /// Time since the start at which it was filled last.
    filled: Duration,
    tokens: f64,
}

impl Pace {
    /// A full bucket, for a sender at this rate in frames a second.
    pub(super) fn new(rate: f64) -> Self {
        Self {
            rate: rate * CATCH_UP,
            filled: Duration::ZERO,
            tokens: BURST,
        }
    }

    /// Takes as many of `due` frames as may leave at this time since the start.
    pub(super) fn take(&mut self, due: u64, now: Duration) -> u64 {
        let fresh = self.rate * now.saturating_sub(self.filled).as_secs_f64();
        self.filled = now;
        self.tokens = (self.tokens + fresh).min(BURST);
        let count = due.min(self.tokens as u64);
        self.tokens -= count as f64;
        count
    }
}

#[cfg(test)]
mod tests;
