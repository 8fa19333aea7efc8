//! The stock of keys for our transmit direction: fetched ahead, at most two, each used once; and
//! keys that were offered in vain and that nobody has used (REKEY-59).
//!
//! The KME is asked for one key at a time. A failure is answered by a pause that doubles, with
//! jitter, up to half the interval (REKEY-T6), so that an outage costs the KME little and its end
//! is noticed within the interval.

use core::time::Duration;

use wire::KeyId;

use crate::config::TxTimers;
use crate::event::{KeyFailure, Refusal};
use crate::limits;
use crate::secret::QkdKey;

/// Keys held and the fetch under way.
pub(crate) struct Stock {
    /// The oldest first.
    held: Vec<Key>,
    fetch: Fetch,
    /// Failures in a row.
    failures: u32,
    pub(crate) last_failure: Option<KeyFailure>,
}

/// A key that no SA was made of.
pub(crate) struct Key {
    pub(crate) id: KeyId,
    pub(crate) key: QkdKey,
    /// When it came.
    pub(crate) came: Duration,
    refused: Option<Refused>,
}

/// The peer's KME did not give this key.
#[derive(Clone, Copy)]
struct Refused {
    /// When, last.
    at: Duration,
    /// The peer has taken another key since then: its KME serves it.
    served: bool,
    /// How often that is the key's own fault, as it seems.
    strikes: u32,
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

    /// Keys that are as good as new.
    pub(crate) fn len(&self) -> usize {
        self.held.iter().filter(|key| key.is_ready()).count()
    }

    /// All keys, with those that were offered in vain.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// True when a key is to be fetched now.
    pub(crate) fn ask(&mut self, now: Duration, wanted: usize) -> bool {
        match self.fetch {
            Fetch::Asked(since) if now >= since + limits::FETCH_ANSWER => self.fetch = Fetch::Idle,
            Fetch::Pause(until) if now >= until => self.fetch = Fetch::Idle,
            Fetch::Idle | Fetch::Asked(_) | Fetch::Pause(_) => {}
        }
        let ask = self.fetch == Fetch::Idle && self.lacks(wanted);
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
        if self.len() < limits::KEYS_HELD_MAX {
            self.held.push(Key {
                id: key_id,
                key,
                came: now,
                refused: None,
            });
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

    /// A key for one offer. Those that are as good as new come first, then the one that was refused
    /// longest ago, not before `pause` is over. A doubtful key is tried `first`, once the peer has
    /// taken another one.
    pub(crate) fn take(&mut self, now: Duration, pause: Duration, first: bool) -> Option<Key> {
        let next = (0..self.held.len()).min_by_key(|at| self.held[*at].turn(pause, first))?;
        let due = self.held[next].turn(pause, first).1 <= now;
        due.then(|| self.held.remove(next))
    }

    /// When [`Stock::take`] gives one.
    pub(crate) fn take_at(&self, pause: Duration, first: bool) -> Option<Duration> {
        let turns = self.held.iter().map(|key| key.turn(pause, first).1);
        turns.min()
    }

    /// REKEY-59: the peer does not have this key. True if it is kept for another offer.
    pub(crate) fn keep(&mut self, now: Duration, mut key: Key, refusal: Refusal) -> bool {
        match refusal {
            Refusal::KeyNotFound | Refusal::KmeFailed => {
                let served = key.refused.is_some_and(|refused| refused.served);
                let strike = served || refusal == Refusal::KeyNotFound;
                let strikes = key.refused.map_or(0, |refused| refused.strikes) + u32::from(strike);
                key.refused = Some(Refused {
                    at: now,
                    served: false,
                    strikes,
                });
                if strikes >= limits::STRIKES_MAX {
                    return false;
                }
            }
            // The peer's KME was not asked.
            Refusal::AnInUse | Refusal::Suite | Refusal::Root | Refusal::Policy => {}
            // It gave the key, now or before.
            Refusal::KeyIdUsed | Refusal::Origin | Refusal::KeyUnusable => return false,
        }
        if key.over(now) || self.held.len() >= limits::KEYS_KEPT_MAX {
            return false;
        }
        let at = self.held.partition_point(|other| other.came <= key.came);
        self.held.insert(at, key);
        true
    }

    /// A doubtful key is to be tried again.
    pub(crate) fn has_trial(&self) -> bool {
        self.held.iter().any(Key::is_trial)
    }

    /// The peer has taken a key: its KME serves it.
    pub(crate) fn served(&mut self) {
        for refused in self.held.iter_mut().filter_map(|key| key.refused.as_mut()) {
            refused.served = true;
        }
    }

    /// Wipes kept keys that the KMEs may have forgotten.
    pub(crate) fn expire(&mut self, now: Duration) {
        self.held.retain(|key| !key.over(now));
    }

    /// Whether to fetch one. While keys wait for the peer's KME no further ones are spent on it.
    fn lacks(&self, wanted: usize) -> bool {
        let refused = |doubtful: bool| {
            let since = self.held.iter().filter_map(|key| key.refused);
            let since = since.filter(|refused| !refused.served);
            since
                .filter(|refused| (refused.strikes > 0) == doubtful)
                .count()
        };
        self.len() < wanted.min(limits::KEYS_HELD_MAX)
            && refused(false) < limits::KEYS_WAITING_MAX
            && refused(true) < limits::KEYS_DOUBTFUL_MAX
    }

    /// When to look again: for a fetch if `wanted` keys are not held, or for a key to wipe.
    pub(crate) fn next_wake(&self, wanted: usize) -> Option<Duration> {
        let over = self.held.iter().filter_map(Key::over_at).min();
        self.fetch_at(wanted).into_iter().chain(over).min()
    }

    fn fetch_at(&self, wanted: usize) -> Option<Duration> {
        if !self.lacks(wanted) {
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

impl Key {
    pub(crate) const fn was_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// Never refused, or for a reason that is over.
    fn is_ready(&self) -> bool {
        self.refused
            .is_none_or(|refused| refused.served && refused.strikes == 0)
    }

    /// Doubtful, and the peer has taken another one since.
    fn is_trial(&self) -> bool {
        self.refused
            .is_some_and(|refused| refused.served && refused.strikes > 0)
    }

    /// The order in which keys are offered, and the time from which on.
    fn turn(&self, pause: Duration, first: bool) -> (u8, Duration) {
        match self.refused {
            _ if first && self.is_trial() => (0, Duration::ZERO),
            Some(refused) if !self.is_ready() => (2, refused.at + pause),
            _ => (1, Duration::ZERO),
        }
    }

    /// When a key that was refused is given up.
    fn over_at(&self) -> Option<Duration> {
        self.refused.map(|_| self.came + limits::KEY_KEPT)
    }

    fn over(&self, now: Duration) -> bool {
        self.over_at().is_some_and(|at| now >= at)
    }
}

#[cfg(test)]
mod tests;
