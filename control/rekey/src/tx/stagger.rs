//! The two directions of a pair change keys half an interval apart.
//!
//! Both ends start together. Without this, both would ask their KMEs in the same millisecond for as
//! long as they run, which some KMEs bear badly. The end with the higher SCI makes one interval
//! shorter when its switch falls near the peer's (REKEY-58).

use core::time::Duration;

/// Switches between two intervals that are made shorter, so that a late KME costs no more than one key
/// in so many.
const APART: u32 = 8;

/// What is known of the peer's switches, and of our own shorter intervals.
#[derive(Default)]
pub(super) struct Stagger {
    /// When the peer's key in use took over.
    pub(super) peer: Option<Duration>,
    /// Whole intervals still to come before one may be shorter again.
    whole: u32,
}

impl Stagger {
    /// How long the key that takes over `now` is used. `yields`: we are the end that moves.
    pub(super) fn time(&mut self, now: Duration, interval: Duration, yields: bool) -> Duration {
        self.whole = self.whole.saturating_sub(1);
        let near = self.peer.is_some_and(|peer| {
            let since = now.saturating_sub(peer);
            since < interval / 4 || since > interval * 3 / 4
        });
        if !yields || !near || self.whole > 0 {
            return interval;
        }
        self.whole = APART;
        interval / 2
    }
}

#[cfg(test)]
mod tests;
