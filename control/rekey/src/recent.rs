//! The times of the last switches of one direction: what a switch takes, step by step.

use core::time::Duration;
use std::collections::VecDeque;

use secy::SaId;

use crate::limits::SWITCHES_TOLD;
use crate::status::SwitchTimes;

/// The last switches, the newest last.
#[derive(Default)]
pub(crate) struct Recent(VecDeque<SwitchTimes>);

impl Recent {
    /// One more; the oldest is forgotten.
    pub(crate) fn switched(&mut self, times: SwitchTimes) {
        if self.0.len() == SWITCHES_TOLD {
            self.0.pop_front();
        }
        self.0.push_back(times);
    }

    /// No worker has this SA any more.
    pub(crate) fn retired(&mut self, now: Duration, id: SaId) {
        let of_next = |times: &&mut SwitchTimes| times.previous == Some(id);
        if let Some(times) = self.0.iter_mut().rev().find(of_next) {
            times.retired.get_or_insert(now);
        }
    }

    /// For the status.
    pub(crate) fn times(&self) -> Vec<SwitchTimes> {
        self.0.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests;
