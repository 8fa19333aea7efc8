//! Which of two KMEs is asked first. Pure: time is the time since an origin of the caller's choice.
//!
//! Fresh keys come from the first KME while it is well. It is left when it failed twice in a row
//! *and* the other delivered in its place: while both fail, moving would change nothing. The way
//! back is slower (hysteresis): several good probes in a row, and not before a quarantine that
//! doubles each time the first KME falls ill again soon after.
//!
//! Keys that the peer names are at one of the KMEs, which one is the peer's choice: the one that
//! delivered last is asked first.

use core::time::Duration;

use crate::limits::{FAILURES_TO_LEAVE, PROBES_TO_RETURN, QUARANTINE_GROWTH_MAX};

/// The choice, and what it rests on.
pub(crate) struct Preference {
    active: usize,
    by_id: usize,
    /// Requests in a row that the active KME failed.
    failures: u32,
    /// Good probes in a row of the first KME, while it is not active.
    good_probes: u32,
    left: Duration,
    returned: Option<Duration>,
    quarantine_least: Duration,
    quarantine: Duration,
}

/// What a request for a fresh key came to, seen from the KME that was asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It delivered.
    Delivered,
    /// The other delivered in its place.
    OtherDelivered,
    /// Nobody delivered.
    Nobody,
}

impl Preference {
    pub(crate) fn new(quarantine: Duration) -> Self {
        Self {
            active: 0,
            by_id: 0,
            failures: 0,
            good_probes: 0,
            left: Duration::ZERO,
            returned: None,
            quarantine_least: quarantine,
            quarantine,
        }
    }

    /// The KME asked first for a fresh key.
    pub(crate) fn active(&self) -> usize {
        self.active
    }

    /// The KME asked first for a key that the peer named.
    pub(crate) fn by_id(&self) -> usize {
        self.by_id
    }

    /// A request for a fresh key has ended that asked `first` first. True when the other KME is
    /// the active one from now on.
    pub(crate) fn fresh_ended(&mut self, now: Duration, first: usize, ending: Ending) -> bool {
        if first != self.active {
            return false; // asked before we moved
        }
        if ending == Ending::Delivered {
            self.failures = 0;
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        if ending == Ending::Nobody || self.failures < FAILURES_TO_LEAVE {
            return false;
        }
        if first == 0 {
            let longest = self.quarantine_least * QUARANTINE_GROWTH_MAX;
            let relapse = self
                .returned
                .is_some_and(|at| now.saturating_sub(at) < longest);
            self.quarantine = if relapse {
                (self.quarantine * 2).min(longest)
            } else {
                self.quarantine_least
            };
            self.left = now;
        }
        self.go_to(1 - first, now);
        true
    }

    /// A probe of the first KME has ended. True when it is the active one again.
    pub(crate) fn probed(&mut self, now: Duration, well: bool) -> bool {
        if self.active == 0 {
            return false;
        }
        self.good_probes = if well { self.good_probes + 1 } else { 0 };
        if self.good_probes < PROBES_TO_RETURN || now < self.left + self.quarantine {
            return false;
        }
        self.go_to(0, now);
        true
    }

    /// This KME delivered a key that the peer had named.
    pub(crate) fn delivered_by_id(&mut self, kme: usize) {
        self.by_id = kme;
    }

    fn go_to(&mut self, kme: usize, now: Duration) {
        self.active = kme;
        self.failures = 0;
        self.good_probes = 0;
        if kme == 0 {
            self.returned = Some(now);
        }
    }
}

#[cfg(test)]
mod tests;
