//! Offsets the key switches of the two directions of a pair by half an interval.
//!
//! If both ends start together, both would ask their KMEs in the same millisecond for as long as
//! they run. Some KMEs do not handle that well. So the end with the higher SCI shortens one
//! interval when its switch falls near that of the peer (REKEY-58).

use core::time::Duration;

/// Number of switches between two shortened intervals, so that a late KME costs at most one key in
/// this many.
const APART: u32 = 8;

/// The last switch of the peer, and the state of our own shortened intervals.
#[derive(Default)]
pub(super) struct Stagger {
    /// The time at which the peer's key in use took over.
    pub(super) peer: Option<Duration>,
    /// Full intervals left before another one may be shortened.
    whole: u32,
}

impl Stagger {
    /// The time of use for a key that takes over at `now`. `yields`: this end moves its switches.
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
