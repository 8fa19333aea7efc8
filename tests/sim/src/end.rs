//! One site and its process.

use std::time::Duration;

use rekey::Rekey;
use wire::MacAddr;

use crate::clock::Clock;
use crate::fleet::{Fleet, Kept};

/// One site. A crash ends the process: protocol, workers and all keys at once.
pub(crate) struct End {
    pub(crate) process: Option<Process>,
    /// Counts the starts. Answers to an earlier run are dropped.
    pub(crate) run: u32,
    /// The time since when it is down.
    pub(crate) down: Option<Duration>,
    /// A key that outlives its process. Only a flaw keeps one.
    pub(crate) kept: Option<Kept>,
}

/// One run of an encryptor.
pub(crate) struct Process {
    pub(crate) rekey: Rekey,
    pub(crate) fleet: Fleet,
    pub(crate) clock: Clock,
    /// The protocol's next wake time, in the world's time.
    pub(crate) wake: Option<Duration>,
    /// The driver is scheduled to handle frames and acknowledgements.
    pub(crate) driver_called: bool,
}

impl Process {
    /// Call this after each change to the protocol or the clock.
    pub(crate) fn set_wake(&mut self) {
        self.wake = self.rekey.next_wake().map(|at| self.clock.world(at));
    }
}

impl End {
    pub(crate) const fn new() -> Self {
        Self {
            process: None,
            run: 0,
            down: None,
            kept: None,
        }
    }
}

/// Returns the address of an end.
pub(crate) const fn mac(side: usize) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, if side == 0 { 0xA } else { 0xB }])
}
