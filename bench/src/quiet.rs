//! Which rounds of a measurement were undisturbed.
//!
//! A round stands between two looks at the calibrator. Where one of them is slow, or the scheduler
//! took the core away in between, the round says little about what was measured and is thrown away.

use nix::sys::resource::{UsageWho, getrusage};
use serde::Serialize;

use crate::cpu::{Calibrator, Clock, cycle_ns};
use crate::stats::percentile;

/// A calibrator slower by this factor than in the fastest tenth of the rounds marks a disturbed
/// round. Not the very fastest: the clock of many cores leaps up for moments, and that is no
/// measure for the rest. Where less than a tenth of the time is quiet, noise looks like quiet.
const DISTURBED: f64 = 1.10;
const FASTEST: f64 = 0.10;

/// How quiet it was around one round.
#[derive(Clone, Copy, Debug)]
pub struct Sign {
    /// The slower of the two looks at the calibrator.
    pub calibrator_ns: f64,
    /// Length of a cycle of the core, right after the round.
    pub cycle_ns: f64,
    /// The scheduler gave the core to somebody else.
    pub preempted: bool,
}

/// Looks at the core before and after a round.
pub struct Watch {
    clock: Clock,
    calibrator: Calibrator,
}

impl Watch {
    /// With this clock.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            calibrator: Calibrator::default(),
        }
    }

    /// Runs a round, and says how quiet it was.
    pub fn over<T>(&self, round: impl FnOnce() -> T) -> (T, Sign) {
        let switches = involuntary_switches();
        let before = self.calibrator.ns(&self.clock);
        let measured = round();
        let after = self.calibrator.ns(&self.clock);
        let sign = Sign {
            calibrator_ns: before.max(after),
            preempted: involuntary_switches() != switches,
            cycle_ns: cycle_ns(&self.clock),
        };
        (measured, sign)
    }
}

impl Sign {
    /// Whether to believe the round; `bound` is that of all rounds.
    #[must_use]
    pub fn is_quiet(&self, bound: f64) -> bool {
        !self.preempted && self.calibrator_ns <= bound
    }
}

/// The slowest calibrator of a quiet round.
#[must_use]
pub fn bound(mut calibrators: Vec<f64>) -> f64 {
    calibrators.sort_unstable_by(f64::total_cmp);
    if calibrators.is_empty() {
        return f64::INFINITY;
    }
    DISTURBED * percentile(&calibrators, FASTEST)
}

/// How quiet a whole run was.
#[derive(Clone, Copy, Default, Debug, Serialize)]
pub struct Disturbance {
    /// All rounds.
    pub rounds: usize,
    /// Thrown away: slow calibrator, or preempted.
    pub disturbed: usize,
    /// Of these, the core was given to somebody else.
    pub preempted: usize,
    /// Cells of the plan (a size and its burst or cores) whose every round was disturbed, and whose
    /// rows are from those.
    pub cells_without_quiet: usize,
}

impl Disturbance {
    /// More than a third of the rounds.
    #[must_use]
    pub fn is_much(&self) -> bool {
        3 * self.disturbed > self.rounds
    }
}

/// How often the scheduler took the core from this thread; 0 where it does not say.
fn involuntary_switches() -> i64 {
    #[cfg(target_os = "linux")]
    let who = UsageWho::RUSAGE_THREAD;
    #[cfg(not(target_os = "linux"))]
    let who = UsageWho::RUSAGE_SELF;
    getrusage(who).map_or(0, |usage| usage.involuntary_context_switches())
}

#[cfg(test)]
mod tests;
