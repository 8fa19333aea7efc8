//! The stock of keys for our transmit direction: fetched ahead, at most two, each used once.
//!
//! The KME is asked for one key at a time. A failure is answered by a pause that doubles, with
//! jitter, up to half the interval (REKEY-T6), so that an outage costs the KME little and its end
//! is noticed within the interval.

use core::time::Duration;

use wire::KeyId;

use crate::config::TxTimers;
use crate::event::KeyFailure;
use crate::limits;
use crate::secret::QkdKey;

/// Keys held and the fetch under way.
pub(crate) struct Stock {
    /// And when each came.
    held: Vec<(KeyId, QkdKey, Duration)>,
    fetch: Fetch,
    /// Failures in a row.
    failures: u32,
    pub(crate) last_failure: Option<KeyFailure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fetch {
    Idle,
    /// The KME was asked then.
    Asked(Duration),
    /// Not again before.
    Pause(Duration),
}

impl Stock {
    pub(crate) const fn new() -> Self {
        Self {
            held: Vec::new(),
            fetch: Fetch::Idle,
            failures: 0,
            last_failure: None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    /// True when a key is to be fetched now.
    pub(crate) fn ask(&mut self, now: Duration, wanted: usize) -> bool {
        match self.fetch {
            Fetch::Asked(since) if now >= since + limits::FETCH_ANSWER => self.fetch = Fetch::Idle,
            Fetch::Pause(until) if now >= until => self.fetch = Fetch::Idle,
            Fetch::Idle | Fetch::Asked(_) | Fetch::Pause(_) => {}
        }
        let ask = self.fetch == Fetch::Idle && self.held.len() < wanted.min(limits::KEYS_HELD_MAX);
        if ask {
            self.fetch = Fetch::Asked(now);
        }
        ask
    }

    /// The KME gave a key. One that nobody asked for any more is still a good key if there is room.
    pub(crate) fn put(&mut self, now: Duration, key_id: KeyId, key: QkdKey) {
        self.fetch = Fetch::Idle;
        self.failures = 0;
        self.last_failure = None;
        if self.held.len() < limits::KEYS_HELD_MAX {
            self.held.push((key_id, key, now));
        }
    }

    /// The KME gave none. True when this is news.
    pub(crate) fn failed(
        &mut self,
        now: Duration,
        failure: KeyFailure,
        timers: &TxTimers,
        jitter: &mut dyn FnMut(Duration) -> Duration,
    ) -> bool {
        let pause = timers
            .retry
            .saturating_mul(1 << self.failures.min(16))
            .min(timers.retry_last);
        self.fetch = Fetch::Pause(now + jitter(pause));
        self.failures = self.failures.saturating_add(1);
        self.last_failure.replace(failure) != Some(failure)
    }

    /// The oldest key, for one offer, and when it came.
    pub(crate) fn take(&mut self) -> Option<(KeyId, QkdKey, Duration)> {
        if self.held.is_empty() {
            None
        } else {
            Some(self.held.remove(0))
        }
    }

    /// When to look again, if `wanted` keys are not held.
    pub(crate) fn next_wake(&self, wanted: usize) -> Option<Duration> {
        if self.held.len() >= wanted.min(limits::KEYS_HELD_MAX) {
            return None;
        }
        match self.fetch {
            Fetch::Idle => Some(Duration::ZERO),
            Fetch::Asked(since) => Some(since + limits::FETCH_ANSWER),
            Fetch::Pause(until) => Some(until),
        }
    }

    /// Wipes what is held.
    pub(crate) fn clear(&mut self) {
        self.held.clear();
    }
}

#[cfg(test)]
mod tests;
