//! Limits the log lines that peers can cause: logs the first of each kind in a minute and counts
//! the rest.
//!
//! This file has no clock: its caller calls [`Quiet::log_left_out`] once a minute.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::LOG_LINES_PER_MINUTE;

/// The kinds of log lines. Each has its own budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A TLS handshake that failed.
    Handshake,
    /// A TLS handshake that exceeded its time limit.
    HandshakeTime,
    /// A connection that was closed for another one, or that found no place.
    Place,
    /// A request whose head exceeded its time limit.
    HeadTime,
    /// A connection that could not be accepted.
    Accept,
    /// A refused request.
    Refused,
    /// A request that an injected fault affected.
    Fault,
    /// A request to the neighbour KME without a clear answer.
    Neighbour,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Handshake,
        Self::HandshakeTime,
        Self::Place,
        Self::HeadTime,
        Self::Accept,
        Self::Refused,
        Self::Fault,
        Self::Neighbour,
    ];

    /// The name of the kind in log lines.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Handshake => "TLS handshake failed",
            Self::HandshakeTime => "no TLS handshake in time",
            Self::Place => "connection closed to make room",
            Self::HeadTime => "no complete request in time",
            Self::Accept => "cannot accept a connection",
            Self::Refused => "refused",
            Self::Fault => "fault applied",
            Self::Neighbour => "no clear answer of the neighbour KME",
        }
    }
}

/// Lines of each kind in this minute.
#[derive(Debug, Default)]
pub(crate) struct Quiet([AtomicU64; Kind::ALL.len()]);

impl Quiet {
    /// True if the line may be logged. Counts it in any case.
    pub(crate) fn may_log(&self, kind: Kind) -> bool {
        self.0[kind as usize].fetch_add(1, Ordering::Relaxed) < LOG_LINES_PER_MINUTE
    }

    /// Starts a new minute. Returns the kinds whose lines were left out, with their counts.
    fn minute(&self) -> Vec<(Kind, u64)> {
        let left_out = |kind: Kind| {
            let events = self.0[kind as usize].swap(0, Ordering::Relaxed);
            (kind, events.saturating_sub(LOG_LINES_PER_MINUTE))
        };
        let counts = Kind::ALL.into_iter().map(left_out);
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// Logs the number of lines left out in the last minute, and starts a new minute.
    pub(crate) fn log_left_out(&self, kme: &str) {
        for (kind, left_out) in self.minute() {
            let words = kind.words();
            tracing::warn!(
                kme,
                left_out,
                "{words}: more lines of this kind are left out"
            );
        }
    }
}

#[cfg(test)]
mod tests;
