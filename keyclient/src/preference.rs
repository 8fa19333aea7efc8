//! Chooses which of two KMEs is asked first. Pure: times are measured from an origin of the
//! caller's choice.
//!
//! Fresh keys come from the first KME while it works. The second KME takes over when the first
//! failed twice in a row *and* the second delivered in its place. While both fail, a change would
//! not help. The return is slower (hysteresis): it needs several good probes in a row and the end
//! of a quarantine, which doubles each time the first KME soon fails again.
//!
//! Keys that the peer names are at one of the KMEs; the peer chooses which. So the KME that
//! delivered last is asked first.

use core::time::Duration;

use crate::limits::{FAILURES_TO_LEAVE, PROBES_TO_RETURN, QUARANTINE_GROWTH_MAX};

/// The choice and its basis.
pub(crate) struct Preference {
    active: usize,
    by_id: usize,
    /// Requests in a row that failed at the active KME.
    failures: u32,
    /// Good probes in a row of the first KME while it is not active.
    good_probes: u32,
    left: Duration,
    returned: Option<Duration>,
    quarantine_least: Duration,
    quarantine: Duration,
}

/// The result of a request for a fresh key, as seen from the KME that was asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The KME delivered.
    Delivered,
    /// The other KME delivered in its place.
    OtherDelivered,
    /// No KME delivered.
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

    /// Returns the KME to ask first for a fresh key.
    pub(crate) fn active(&self) -> usize {
        self.active
    }

    /// Returns the KME to ask first for a key that the peer named.
    pub(crate) fn by_id(&self) -> usize {
        self.by_id
    }

    /// Enters the end of a request for a fresh key that asked `first` first. True if the other KME
    /// is now the active one.
    pub(crate) fn fresh_ended(&mut self, now: Duration, first: usize, ending: Ending) -> bool {
        if first != self.active {
            return false; // asked before the change
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

    /// Enters the result of a probe of the first KME. True if it is the active one again.
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

    /// Enters that this KME delivered a key that the peer named.
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
