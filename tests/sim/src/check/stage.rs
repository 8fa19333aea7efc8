//! The stages of a key shortage, and the roots. Each stage leads only to the stages that the
//! specification allows. With enough keys the stages lead back to normal. No key rests on less than
//! the policy requires.

use std::time::Duration;

use rekey::ShortageStage::{Blocked, Held, Normal, Pqc, Sparse, Starting, Stretched};
use rekey::{Direction, Ended, Event, Origin, RatchetFailure, Refusal, ShortageStage};

use crate::plan::Plan;
use crate::stages;

/// The permitted changes of stage: from, to. A session that ends returns to the first stage without
/// an event.
const ARROWS: [(ShortageStage, &[ShortageStage]); 7] = [
    (Starting, &[Normal, Pqc]),
    (Normal, &[Stretched, Held, Pqc, Blocked]),
    (Stretched, &[Normal, Sparse, Held, Pqc, Blocked]),
    (Sparse, &[Stretched, Held, Pqc, Blocked]),
    (Held, &[Normal, Sparse, Pqc, Blocked]),
    (Pqc, &[Sparse, Blocked]),
    (Blocked, &[Normal, Sparse, Pqc]),
];

/// The state of this checker for each sender.
#[derive(Default)]
pub(crate) struct Stages {
    pub(super) seen: [stages::Stages; 2],
    /// The time of its last QKD key, or of the session's start, by its own clock.
    qkd_until: [Option<Duration>; 2],
}

impl Stages {
    /// An end starts: it sends nothing, has no key, and its clock starts.
    pub(crate) fn begin(&mut self, now: Duration, side: usize) {
        self.seen[side].0.push((now, Starting));
        self.qkd_until[side] = None;
    }

    /// Checks an event. `local` is the time by the clock of that side.
    pub(super) fn event(
        &mut self,
        (now, local): (Duration, Duration),
        side: usize,
        event: &Event,
        plan: &Plan,
    ) -> Result<(), String> {
        let stage = self.seen[side].0.last().map(|(_, stage)| *stage);
        let until = &mut self.qkd_until[side];
        match event {
            Event::SessionEnded { why, .. }
                if !plan.differs() && !matches!(why, Ended::Bye | Ended::Renewed) =>
            {
                return Err(format!("sessions: one ended at end {side}: {why:?}"));
            }
            Event::SessionEnded { .. } => {
                until.take_if(|_| stage != Some(Pqc));
                self.seen[side].0.push((now, Starting));
            }
            Event::PeerFound { fresh: true, .. } => {
                until.get_or_insert(local);
            }
            Event::Shortage { from, to, .. } => {
                let allowed = |arrow: &(ShortageStage, &[ShortageStage])| {
                    arrow.0 == *from && arrow.1.contains(to)
                };
                if stage != Some(*from) || !ARROWS.iter().any(allowed) {
                    return Err(format!("stages: from {stage:?}, {event:?}"));
                }
                self.seen[side].0.push((now, *to));
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
            // After a clock jump, an end drops a root early.
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
}
