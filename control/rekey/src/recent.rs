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
mod tests {
    use wire::An;

    use super::*;

    fn id(epoch: u32) -> SaId {
        SaId {
            an: An::ZERO,
            epoch,
        }
    }

    #[test]
    fn the_last_switches_are_told_and_each_gets_its_retirement_once() {
        let mut recent = Recent::default();
        let at = |epoch: u32| Duration::from_secs(epoch.into());
        for epoch in 1..=2 * SWITCHES_TOLD as u32 {
            let now = at(epoch);
            recent.switched(SwitchTimes {
                id: id(epoch),
                previous: (epoch > 1).then(|| id(epoch - 1)),
                key: now,
                offered: now,
                told: now,
                installed: now,
                retired: None,
            });
        }
        let last = 2 * SWITCHES_TOLD as u32;
        recent.retired(at(100), id(last - 1));
        recent.retired(at(101), id(last - 1));
        recent.retired(at(102), id(1)); // forgotten
        let times = recent.times();
        assert_eq!(times.len(), SWITCHES_TOLD);
        assert_eq!(times[0].id, id(last - SWITCHES_TOLD as u32 + 1));
        let [before @ .., newest] = times.as_slice() else {
            panic!("some");
        };
        assert_eq!(newest.retired, Some(at(100)));
        assert!(before.iter().all(|times| times.retired.is_none()));
    }
}
