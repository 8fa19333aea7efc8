//! The stages of one sender's key shortage in a run, and the switches that are due in them.

use std::time::Duration;

use rekey::ShortageStage::{self, Held, Sparse, Stretched};

/// The switches that a plan requires of a sender.
pub struct Due {
    /// The time when faults stop, and the time when the run ends.
    pub calm: Duration,
    pub end: Duration,
    /// The intervals of the config; the first one is that of a sender with enough keys.
    pub intervals: [Duration; 3],
    /// The time of a session, an offer and its key.
    pub slack: Duration,
    /// The additional time of each switch.
    pub more: Duration,
    /// The last time at which the peer's KME did not know a key from before `calm`; zero if never.
    pub stale: Duration,
}

/// The stages, each with the time of its start.
#[derive(Default)]
pub struct Stages(pub Vec<(Duration, ShortageStage)>);

impl Stages {
    /// Returns the rekey interval at a time.
    fn interval(&self, at: Duration, intervals: [Duration; 3]) -> Duration {
        match self.0.iter().rfind(|(since, _)| *since <= at) {
            Some((_, Stretched)) => intervals[1],
            Some((_, Sparse | Held)) => intervals[2],
            _ => intervals[0],
        }
    }

    /// Returns the number of switches due in a time. `more` is the additional time of each switch.
    fn due(
        &self,
        (from, to): (Duration, Duration),
        more: Duration,
        intervals: [Duration; 3],
    ) -> f64 {
        let ends = self.0.iter().skip(1).map(|(at, _)| *at);
        let stages = self.0.iter().zip(ends.chain([to]));
        let due = |((begin, _), end): (&(Duration, ShortageStage), Duration)| {
            let time = end.saturating_sub((*begin).max(from));
            time.as_secs_f64() / (self.interval(*begin, intervals) + more).as_secs_f64()
        };
        stages.map(due).sum()
    }

    /// REKEY-51: with enough keys, the interval no longer stretches from that time on.
    fn complete(&self, side: usize, from: Duration) -> Result<(), String> {
        let worse = self.0.windows(2).find(|step| {
            let stretched = matches!(step[1].1, Stretched | Sparse);
            step[1].0 > from && stretched && step[0].1 < step[1].1
        });
        match worse {
            None => Ok(()),
            Some(step) => Err(format!("stages: end {side}, with keys enough: {step:?}")),
        }
    }

    /// Returns the time by which a sender must have a fresh key. A key with a stretched interval
    /// may be used to its end.
    pub fn fresh_by(&self, due: &Due) -> Duration {
        let stretched = self.interval(due.calm, due.intervals);
        due.calm + stretched.max(due.intervals[0] * 2) + due.slack
    }

    /// I9: a sender has a fresh key within two intervals, and keeps switching.
    pub fn keep_switching(
        &self,
        side: usize,
        switches: &[Duration],
        due: &Due,
    ) -> Result<(), String> {
        let after: Vec<_> = switches.iter().filter(|at| **at > due.calm).collect();
        let by = self.fresh_by(due);
        let Some(first) = after.first().filter(|first| ***first <= by) else {
            return Err(format!(
                "I9: end {side} has no fresh key by {by:?}: {after:?}"
            ));
        };
        let wanted = self.due((**first, due.end), due.more, due.intervals);
        if ((after.len() + 1) as f64) < wanted * 0.8 {
            let count = after.len();
            return Err(format!(
                "I9: end {side} switched {count} times, {wanted:.1} were due"
            ));
        }
        // Keys from a faulty KME may still be on offer and in stock.
        match after.get(2) {
            Some(third) => self.complete(side, due.stale.max(**third)),
            None => Ok(()),
        }
    }
}
