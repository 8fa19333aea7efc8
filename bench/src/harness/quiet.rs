//! Which rounds of a measurement were undisturbed.
//!
//! The calibrator runs before and after each round. Where one of the two is slow, or the scheduler
//! took the core away in between, the round says little about what was measured and is left out.

use nix::sys::resource::{UsageWho, getrusage};
use serde::Serialize;

use crate::cpu::{Calibrator, Clock, cycle_ns};
use crate::stats::{Spread, percentile};

/// A calibrator slower by this factor than in the fastest tenth of the rounds marks a disturbed
/// round. The very fastest does not serve: the clock of many cores leaps up for moments. Where less
/// than a tenth of the time is quiet, noise looks like quiet.
const DISTURBED: f64 = 1.10;
const FASTEST: f64 = 0.10;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Sign {
    /// The slower of the two runs of the calibrator.
    pub(crate) calibrator_ns: f64,
    /// Length of a cycle of the core, right after the round.
    pub(crate) cycle_ns: f64,
    /// The scheduler gave the core to another thread.
    pub(crate) preempted: bool,
}

pub(crate) struct Watch {
    clock: Clock,
    calibrator: Calibrator,
}

impl Watch {
    pub(crate) fn new(clock: Clock) -> Self {
        let calibrator = Calibrator::default();
        Self { clock, calibrator }
    }

    pub(crate) fn over<T>(&self, round: impl FnOnce() -> T) -> (T, Sign) {
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

/// The slowest calibrator of a quiet round.
fn bound(mut calibrators: Vec<f64>) -> f64 {
    calibrators.sort_unstable_by(f64::total_cmp);
    if calibrators.is_empty() {
        return f64::INFINITY;
    }
    DISTURBED * percentile(&calibrators, FASTEST)
}

/// The samples of one round of a cell; `S` names a series of samples.
#[derive(Clone, Debug)]
pub(crate) struct Round<S> {
    pub(crate) cell: usize,
    /// One for each core that worked.
    pub(crate) signs: Vec<Sign>,
    pub(crate) samples: Vec<(S, f64)>,
    /// Frames lost, by the index of the device.
    pub(crate) lost: Vec<u64>,
}

/// The rounds that count, cell by cell.
pub(crate) struct Quiet<'a, S> {
    cells: Vec<Vec<&'a Round<S>>>,
    pub(crate) disturbance: Disturbance,
    /// Clock of the core in the rounds that count.
    pub(crate) core_ghz: f64,
}

impl<'a, S: PartialEq> Quiet<'a, S> {
    /// Leaves the disturbed rounds out. A cell without a quiet round keeps all of its rounds.
    pub(crate) fn of(rounds: &'a [Round<S>], cells: usize) -> Self {
        // Cores that work at the same time may slow each other down: each number of cores has a
        // bound of its own.
        let cores_max = rounds.iter().map(|round| round.signs.len()).max();
        let bound_of = |cores: usize| {
            let like = rounds.iter().filter(|round| round.signs.len() == cores);
            let signs = like.flat_map(|round| &round.signs);
            bound(signs.map(|sign| sign.calibrator_ns).collect())
        };
        let bounds: Vec<f64> = (0..=cores_max.unwrap_or(0)).map(bound_of).collect();
        let is_quiet = |round: &Round<S>| {
            let bound = bounds[round.signs.len()];
            let is_quiet = |sign: &Sign| !sign.preempted && sign.calibrator_ns <= bound;
            round.signs.iter().all(is_quiet)
        };
        let (mut chosen, mut cells_without_quiet) = (Vec::new(), 0);
        for cell in 0..cells {
            let of_cell = || rounds.iter().filter(|round| round.cell == cell);
            let mut quiet: Vec<_> = of_cell().filter(|round| is_quiet(round)).collect();
            if quiet.is_empty() {
                cells_without_quiet += 1;
                quiet = of_cell().collect();
            }
            chosen.push(quiet);
        }
        let count = |which: &dyn Fn(&Round<S>) -> bool| rounds.iter().filter(|r| which(r)).count();
        let disturbance = Disturbance {
            rounds: rounds.len(),
            disturbed: count(&|round| !is_quiet(round)),
            preempted: count(&|round| round.signs.iter().any(|sign| sign.preempted)),
            cells_without_quiet,
        };
        let clocked = rounds.iter();
        let clocked = clocked.filter(|round| is_quiet(round) || cells_without_quiet > 0);
        let signs = clocked.flat_map(|round| &round.signs);
        let cycle_ns = Spread::of(&signs.map(|sign| sign.cycle_ns).collect::<Vec<_>>());
        Self {
            cells: chosen,
            disturbance,
            core_ghz: cycle_ns.map_or(f64::NAN, |cycle_ns| 1.0 / cycle_ns.median),
        }
    }

    /// The samples of one series in one cell; `None` without any.
    pub(crate) fn spread(&self, cell: usize, series: S) -> Option<Spread> {
        let samples = self.cells[cell].iter().flat_map(|round| &round.samples);
        let samples = samples.filter(|sample| sample.0 == series);
        Spread::of(&samples.map(|sample| sample.1).collect::<Vec<_>>())
    }
}

#[derive(Clone, Copy, Default, Debug, Serialize)]
pub(crate) struct Disturbance {
    pub rounds: usize,
    /// Rounds left out: slow calibrator, or preempted.
    pub disturbed: usize,
    /// Rounds in which the core was given to another thread.
    pub preempted: usize,
    /// Cells of the plan (a size and its burst or cores) whose every round was disturbed, and whose
    /// rows are from those.
    pub cells_without_quiet: usize,
}

impl Disturbance {
    pub(crate) fn is_much(&self) -> bool {
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
