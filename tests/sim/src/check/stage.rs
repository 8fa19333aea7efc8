//! Stages of a key shortage: each leads only where the specification lets it, and with keys enough the
//! way is back.

use std::time::Duration;

use rekey::{Event, Supply};

use crate::plan::Plan;

/// Where a stage may lead to, from what before. A session that ends begins again, untold.
const ARROWS: [(Supply, &[Supply]); 6] = [
    (Supply::Starting, &[Supply::Normal]),
    (
        Supply::Normal,
        &[Supply::Stretched, Supply::Held, Supply::Blocked],
    ),
    (
        Supply::Stretched,
        &[
            Supply::Normal,
            Supply::Sparse,
            Supply::Held,
            Supply::Blocked,
        ],
    ),
    (
        Supply::Sparse,
        &[Supply::Stretched, Supply::Held, Supply::Blocked],
    ),
    (
        Supply::Held,
        &[Supply::Normal, Supply::Sparse, Supply::Blocked],
    ),
    (Supply::Blocked, &[Supply::Normal, Supply::Sparse]),
];

/// The stages of each sender, and since when.
#[derive(Default)]
pub(crate) struct Stages([Vec<(Duration, Supply)>; 2]);

impl Stages {
    /// An end starts, or a session ends: nothing is sent, no key is there.
    pub(crate) fn begin(&mut self, now: Duration, side: usize) {
        self.0[side].push((now, Supply::Starting));
    }

    pub(super) fn event(
        &mut self,
        now: Duration,
        side: usize,
        event: &Event,
    ) -> Result<(), String> {
        match event {
            Event::SessionEnded { .. } => self.begin(now, side),
            Event::Supply { from, to, .. } => {
                let last = self.0[side].last().map(|(_, stage)| *stage);
                let arrow = ARROWS
                    .iter()
                    .any(|(stage, next)| stage == from && next.contains(to));
                if last != Some(*from) || !arrow {
                    return Err(format!("stages: from {last:?}, {event:?}"));
                }
                self.0[side].push((now, *to));
            }
            _ => {}
        }
        Ok(())
    }

    /// How long a key is used in the stage that a sender was in then.
    pub(super) fn interval(&self, side: usize, at: Duration, plan: &Plan) -> Duration {
        let intervals = plan.config(side).intervals();
        match self.0[side].iter().rfind(|(since, _)| *since <= at) {
            Some((_, Supply::Stretched)) => intervals[1],
            Some((_, Supply::Sparse | Supply::Held)) => intervals[2],
            _ => intervals[0],
        }
    }

    /// Switches due from a time on, each with what it takes besides.
    pub(super) fn due(&self, side: usize, from: Duration, more: Duration, plan: &Plan) -> f64 {
        let ends = self.0[side].iter().skip(1).map(|(at, _)| *at);
        let stages = self.0[side].iter().zip(ends.chain([plan.end]));
        let due = |((begin, _), end): (&(Duration, Supply), Duration)| {
            let time = end.saturating_sub((*begin).max(from));
            time.as_secs_f64() / (self.interval(side, *begin, plan) + more).as_secs_f64()
        };
        stages.map(due).sum()
    }

    /// REKEY-51: from then on, with keys enough, the interval stretches no more.
    pub(super) fn complete(&self, side: usize, from: Duration) -> Result<(), String> {
        let worse = self.0[side].windows(2).find(|step| {
            let stretched = matches!(step[1].1, Supply::Stretched | Supply::Sparse);
            step[1].0 > from && stretched && step[0].1 < step[1].1
        });
        match worse {
            None => Ok(()),
            Some(step) => Err(format!("stages: end {side}, with keys enough: {step:?}")),
        }
    }
}
