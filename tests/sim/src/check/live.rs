//! I9: when faults stop, both directions have a fresh key within two intervals and keep rotating.

use std::time::Duration;

use rekey::SessionState;

use super::stage::Stages;
use crate::end::End;
use crate::plan::Plan;
use crate::stages::Due;

/// Time for a session, an offer and its key, on a healthy line.
const SLACK: Duration = Duration::from_secs(3);

#[derive(Default)]
pub(crate) struct Live {
    /// Times of the key switches of each direction.
    pub(crate) switches: [Vec<Duration>; 2],
}

impl Live {
    pub(crate) fn switched(&mut self, now: Duration, side: usize) {
        self.switches[side].push(now);
    }

    /// True if both directions have switched since faults stopped, and some time has passed.
    pub(crate) fn healed(&self, now: Duration, plan: &Plan) -> bool {
        let while_ago = Duration::from_millis(1000) + plan.latency * 2;
        now > plan.calm
            && self.switches.iter().all(|switches| {
                let first = switches.iter().find(|at| **at > plan.calm);
                first.is_some_and(|at| now > *at + while_ago)
            })
    }

    pub(crate) fn complete(&self, stages: &Stages, plan: &Plan) -> Result<(), String> {
        if plan.dies.is_some() {
            return Ok(());
        }
        for (side, switches) in self.switches.iter().enumerate() {
            let due = Due {
                stale: Duration::ZERO,
                calm: plan.calm,
                end: plan.end,
                intervals: plan.config(side).intervals(),
                slack: SLACK + (plan.latency + plan.skew) * 8,
                more: (plan.latency + plan.skew) * 4 + plan.worker_lag * 2 + plan.kme.lag * 2,
            };
            let stages = &stages.seen[side];
            // The run may end with a key that has a stretched interval.
            if switches.last() > Some(&plan.calm) || stages.fresh_by(&due) <= plan.end {
                stages.keep_switching(side, switches, &due)?;
            }
        }
        Ok(())
    }
}

/// A dead peer must be reported, whatever an adversary replays.
pub(crate) fn heard(
    now: Duration,
    side: usize,
    ends: &[End; 2],
    plan: &Plan,
) -> Result<(), String> {
    let Some(process) = &ends[side].process else {
        return Ok(());
    };
    let late = Duration::from_secs(2) + plan.latency + plan.jitter + plan.worker_lag * 2;
    let dead = ends[1 - side].down.is_some_and(|since| now > since + late);
    let state = process.rekey.status(process.clock.local(now)).session.state;
    if dead && plan.dies.is_some() && state == SessionState::Agreed {
        return Err(format!("REKEY-9: end {side} takes a dead peer for alive"));
    }
    Ok(())
}
