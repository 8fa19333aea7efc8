//! How often a port whose interface is gone looks for it.

use std::time::{Duration, Instant};

/// Between two looks. A human does not notice it, and the worker's time is not eaten by it.
const INTERVAL: Duration = Duration::from_millis(200);

/// Remembers the last look. The only clock of this crate: read while there are no frames to move.
#[derive(Default)]
pub(crate) struct Revival {
    last: Option<Instant>,
}

impl Revival {
    /// Whether it is time to look again; if so, this is the look.
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
