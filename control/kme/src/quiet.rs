//! A bound on log lines that others can cause: the first of each kind in a minute, then a count.
//!
//! No clock here: `Kmes` calls [`Quiet::minute`] once a minute and at the end.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::LOG_LINES_PER_MINUTE;

/// Kinds of lines, each with a budget of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A TLS handshake that failed.
    Handshake,
    /// A TLS handshake that did not end in time.
    HandshakeTime,
    /// A connection that had to go for another one, or found no place.
    Place,
    /// A request whose head did not end in time.
    HeadTime,
    /// A connection that could not be accepted.
    Accept,
    /// A request that was refused.
    Refused,
    /// A request that an ordered fault struck.
    Fault,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Handshake,
        Self::HandshakeTime,
        Self::Place,
        Self::HeadTime,
        Self::Accept,
        Self::Refused,
        Self::Fault,
    ];

    /// The kind in the words of its lines.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Handshake => "TLS handshake failed",
            Self::HandshakeTime => "no TLS handshake in time",
            Self::Place => "connection closed to make room",
            Self::HeadTime => "no whole request in time",
            Self::Accept => "cannot accept",
            Self::Refused => "refused",
            Self::Fault => "fault in force",
        }
    }
}

/// What was said in this minute.
#[derive(Debug, Default)]
pub(crate) struct Quiet([AtomicU64; Kind::ALL.len()]);

impl Quiet {
    /// True if the line may be written. It is counted either way.
    pub(crate) fn may_say(&self, kind: Kind) -> bool {
        self.0[kind as usize].fetch_add(1, Ordering::Relaxed) < LOG_LINES_PER_MINUTE
    }

    /// Begins a new minute. Returns the kinds of which lines were left out, and how many.
    pub(crate) fn minute(&self) -> Vec<(Kind, u64)> {
        let left_out = |kind: Kind| {
            let events = self.0[kind as usize].swap(0, Ordering::Relaxed);
            (kind, events.saturating_sub(LOG_LINES_PER_MINUTE))
        };
        let counts = Kind::ALL.into_iter().map(left_out);
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests;
