//! The rate at which a port looks for its missing interface.

use std::time::{Duration, Instant};

/// Time between two attempts: too short for a person to notice, too long to cost a worker much
/// time.
const INTERVAL: Duration = Duration::from_millis(200);

/// The time of the last attempt. This is the only clock of this crate; it is read only while there
/// are no frames to move.
#[derive(Default)]
pub(crate) struct Revival {
    last: Option<Instant>,
}

impl Revival {
    /// Returns whether an attempt is due, and records it if so.
    pub(crate) fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let due = self
            .last
            .is_none_or(|last| now.duration_since(last) >= INTERVAL);
        if due {
            self.last = Some(now);
        }
        due
    }
}
