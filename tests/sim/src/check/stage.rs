//! Stages of a key shortage, and the roots: each stage leads only where the specification lets it, with
//! keys enough the way is back, and no key rests on less than the policy says.

use std::time::Duration;

use rekey::Supply::{Blocked, Held, Normal, Pqc, Sparse, Starting, Stretched};
use rekey::{Direction, Ended, Event, Origin, RatchetFailure, Refusal, Supply};

use crate::plan::Plan;

/// Where a stage may lead to, from what before. A session that ends begins again, untold.
const ARROWS: [(Supply, &[Supply]); 7] = [
    (Starting, &[Normal, Pqc]),
    (Normal, &[Stretched, Held, Pqc, Blocked]),
    (Stretched, &[Normal, Sparse, Held, Pqc, Blocked]),
    (Sparse, &[Stretched, Held, Pqc, Blocked]),
    (Held, &[Normal, Sparse, Pqc, Blocked]),
    (Pqc, &[Sparse, Blocked]),
    (Blocked, &[Normal, Sparse, Pqc]),
];

/// What it remembers, of each sender.
#[derive(Default)]
pub(crate) struct Stages {
    /// Since when it has been in which stage.
    seen: [Vec<(Duration, Supply)>; 2],
    /// Its last QKD key, or the session's begin, by its own clock.
    qkd_until: [Option<Duration>; 2],
}

impl Stages {
    /// An end starts: nothing is sent, no key is there, and its clock begins.
    pub(crate) fn begin(&mut self, now: Duration, side: usize) {
        self.seen[side].push((now, Starting));
        self.qkd_until[side] = None;
    }

    /// `local`: by the clock of that side.
    pub(super) fn event(
        &mut self,
        (now, local): (Duration, Duration),
        side: usize,
        event: &Event,
        plan: &Plan,
    ) -> Result<(), String> {
        let stage = self.seen[side].last().map(|(_, stage)| *stage);
        let until = &mut self.qkd_until[side];
        match event {
            Event::SessionEnded { why, .. }
                if !plan.differs() && !matches!(why, Ended::Bye | Ended::Renewed) =>
            {
                return Err(format!("sessions: one ended at end {side}: {why:?}"));
            }
            Event::SessionEnded { .. } => {
                until.take_if(|_| stage != Some(Pqc));
                self.seen[side].push((now, Starting));
            }
            Event::PeerFound { fresh: true, .. } => {
                until.get_or_insert(local);
            }
            Event::Supply { from, to, .. } => {
                let allowed =
                    |arrow: &(Supply, &[Supply])| arrow.0 == *from && arrow.1.contains(to);
                if stage != Some(*from) || !ARROWS.iter().any(allowed) {
                    return Err(format!("stages: from {stage:?}, {event:?}"));
                }
                self.seen[side].push((now, *to));
            }
            Event::Switched { id, root: 0, .. } if plan.policy.ratchets() => {
                return Err(format!("root: {id} rests on the pre-shared secret alone"));
            }
            Event::Switched {
                id,
                direction,
                origin: Origin::Pqc,
                ..
            } => {
                if !plan.policy.allows_pqc_alone() {
                    return Err(format!("policy: {id} rests on the root alone"));
                }
                let least = plan.hold_max - (plan.hold_max / 4).min(Duration::from_secs(8));
                let early = until.is_none_or(|until| local < until + least);
                if *direction == Direction::Tx && early {
                    return Err(format!("policy: {id} rests on the root alone, too early"));
                }
            }
            Event::Switched {
                direction: Direction::Tx,
                ..
            } => *until = Some(local),
            // A clock that jumps lets go of a root early.
            Event::OfferRefused {
                id,
                refusal: Refusal::Root,
                ..
            } if !plan.clocks_err && !plan.excused(now) => {
                return Err(format!(
                    "root: {id} names one that the other end does not hold"
                ));
            }
            Event::RatchetFailed { root, failure }
                if *failure != RatchetFailure::Late && !plan.excused(now) =>
            {
                return Err(format!("root: {root} fails: {failure:?}"));
            }
            _ => {}
        }
        Ok(())
    }

    /// How long a key is used in the stage that a sender was in then.
    pub(super) fn interval(&self, side: usize, at: Duration, plan: &Plan) -> Duration {
        let intervals = plan.config(side).intervals();
        match self.seen[side].iter().rfind(|(since, _)| *since <= at) {
            Some((_, Stretched)) => intervals[1],
            Some((_, Sparse | Held)) => intervals[2],
            _ => intervals[0],
        }
    }

    /// Switches due from a time on, each with what it takes besides.
    pub(super) fn due(&self, side: usize, from: Duration, more: Duration, plan: &Plan) -> f64 {
        let ends = self.seen[side].iter().skip(1).map(|(at, _)| *at);
        let stages = self.seen[side].iter().zip(ends.chain([plan.end]));
        let due = |((begin, _), end): (&(Duration, Supply), Duration)| {
            let time = end.saturating_sub((*begin).max(from));
            time.as_secs_f64() / (self.interval(side, *begin, plan) + more).as_secs_f64()
        };
        stages.map(due).sum()
    }

    /// REKEY-51: from then on, with keys enough, the interval stretches no more.
    pub(super) fn complete(&self, side: usize, from: Duration) -> Result<(), String> {
        let worse = self.seen[side].windows(2).find(|step| {
            let stretched = matches!(step[1].1, Stretched | Sparse);
            step[1].0 > from && stretched && step[0].1 < step[1].1
        });
        match worse {
            None => Ok(()),
            Some(step) => Err(format!("stages: end {side}, with keys enough: {step:?}")),
        }
    }
}
