//! Alarms: figures of blocks that a clean link does not show, and their likely cause.
//!
//! Each figure has two charts. One decides on a block alone, the other finds small deviations that
//! go on for many blocks. The limits follow from the figures' own deviations and from the number of
//! blocks between two false alarms of the whole watch.
//!
//! Noise and loss shorten the key by themselves, as the secret length follows from the estimate.
//! Some attacks falsify the estimate: then [`Watch::refuses_key`] is true.

mod cause;
mod chart;
mod figures;
mod reference;

use std::fmt;

use qkd::channel::Channel;
use qkd::link::Reconciliation;

use cause::Moved;
use chart::{Charts, Limits, Side};
use reference::Reference;

pub use cause::{Blame, Cause};
pub use chart::Chart;
pub use figures::{BlockFigures, Counted};

/// Blocks between two false alarms of a clean link, in mean.
pub const BLOCKS_BETWEEN_FALSE_ALARMS: f64 = 10_000.0;

/// Figures with charts.
const FIGURES: usize = 7;

/// The charts of each figure, in the order of [`BlockFigures`]. The last two are counts.
const CHARTS: [Charts; FIGURES] = [
    Charts::TWO_SIDED,
    Charts::TWO_SIDED,
    Charts::TWO_SIDED,
    Charts::TWO_SIDED,
    Charts::TWO_SIDED,
    Charts::ONE_SIDED,
    Charts::ONE_SIDED,
];

/// Sides of all charts: two of each figure that can move both ways, one of each count, for the
/// block and for the drift.
const SIDES: f64 = (5.0 * 2.0 + 2.0) * 2.0;

/// Blocks in a row without deviation that end an alarm.
const CALM_BLOCKS: u32 = 3;

/// Blocks in a row with the figures of another cause that rename an alarm. An attack that begins
/// within a block can look like another one, only in this block.
const OTHER_BLOCKS: u32 = 2;

/// The change of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The alarm stands from now on.
    Raised,
    /// The figures are as expected again.
    Cleared,
}

/// An alarm raised or cleared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alarm {
    /// The change.
    pub change: Change,
    /// Its likely cause.
    pub cause: Cause,
    /// The side that caused it.
    pub blame: Blame,
    /// The chart that raised it.
    pub chart: Chart,
    /// Blocks between two false alarms of a clean link, in mean.
    pub blocks_between_false_alarms: f64,
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            change,
            cause,
            blame,
            chart,
            blocks_between_false_alarms,
        } = self;
        match change {
            Change::Raised => {
                let evidence = match chart {
                    Chart::Block => "one block deviates",
                    Chart::Drift => "blocks drift",
                };
                let advice = cause.advice();
                write!(
                    f,
                    "alarm: {cause} is likely ({blame}; {evidence}; a clean link has one false \
                     alarm in {blocks_between_false_alarms} blocks): {advice}"
                )
            }
            Change::Cleared => write!(f, "alarm cleared: {cause}"),
        }
    }
}

/// The watch over one direction's blocks.
#[derive(Clone, Debug)]
pub struct Watch {
    reference: Reference,
    limits: Limits,
    charts: [Charts; FIGURES],
    state: State,
    /// Whether the last block shows a cause that falsifies its estimate.
    falsified: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Quiet,
    Standing {
        alarm: Alarm,
        /// Blocks in a row without deviation.
        calm: u32,
        /// Blocks in a row that tell another cause.
        other: u32,
    },
}

/// The cause that the figures of a block tell.
#[derive(Clone, Copy, Debug)]
struct Seen {
    cause: Cause,
    blame: Blame,
    chart: Chart,
}

impl Watch {
    /// A watch over a link that has the given channel and the frame error rate of `reconciliation`
    /// at most, in a fibre with `classical_mw` of other light (0: dark).
    pub fn new(channel: &Channel, reconciliation: &Reconciliation, classical_mw: f64) -> Self {
        Self {
            reference: Reference::of(channel, reconciliation, classical_mw),
            limits: Limits::of_run_length(SIDES * BLOCKS_BETWEEN_FALSE_ALARMS),
            charts: CHARTS,
            state: State::Quiet,
            falsified: false,
        }
    }

    /// Takes the figures of the next block, before its key is delivered. Returns the alarms that
    /// change.
    pub fn on_block(&mut self, figures: &BlockFigures) -> Vec<Alarm> {
        let seen = self.see(figures);
        let calm = seen.is_none() && self.charts.iter().all(|c| c.is_calm(&self.limits));
        self.falsified = seen.is_some_and(|seen| seen.cause.falsifies_the_estimate());
        let (state, changes) = self.state.next(seen, calm);
        self.state = state;
        changes
    }

    /// The alarm that stands.
    pub fn standing(&self) -> Option<&Alarm> {
        match &self.state {
            State::Quiet => None,
            State::Standing { alarm, .. } => Some(alarm),
        }
    }

    /// Whether the last block must give no key, as its estimate may be false.
    pub fn refuses_key(&self) -> bool {
        let standing = self.standing();
        self.falsified || standing.is_some_and(|alarm| alarm.cause.falsifies_the_estimate())
    }

    /// Puts the figures on their charts.
    fn see(&mut self, figures: &BlockFigures) -> Option<Seen> {
        let scores = self.reference.scores(figures);
        let mut exceeded = [None; FIGURES];
        for ((exceeded, charts), score) in exceeded.iter_mut().zip(&mut self.charts).zip(scores) {
            *exceeded = charts.on_score(score, &self.limits);
        }
        let charts = exceeded.iter().flatten().map(|(_, chart)| *chart);
        let chart = charts.min_by_key(|chart| *chart == Chart::Drift)?;
        let sides = exceeded.map(|exceeded| exceeded.map(|(side, _): (Side, Chart)| side));
        let [
            transmittance,
            excess_noise,
            shot_noise,
            mean,
            kurtosis,
            rails,
            lost_frames,
        ] = sides;
        let (cause, blame) = Cause::of(&Moved {
            transmittance,
            excess_noise,
            shot_noise,
            mean,
            kurtosis,
            rails,
            lost_frames,
            classical: self.reference.has_more_classical_light(figures),
        })?;
        Some(Seen {
            cause,
            blame,
            chart,
        })
    }
}

impl State {
    /// The state after a block, and the alarms that change.
    fn next(self, seen: Option<Seen>, is_calm: bool) -> (Self, Vec<Alarm>) {
        match (self, seen) {
            (Self::Quiet, None) => (Self::Quiet, vec![]),
            (Self::Quiet, Some(seen)) => (Self::standing(seen), vec![seen.raised()]),
            (Self::Standing { alarm, calm, .. }, None) if is_calm => {
                if calm + 1 == CALM_BLOCKS {
                    (Self::Quiet, vec![alarm.cleared()])
                } else {
                    let (calm, other) = (calm + 1, 0);
                    (Self::Standing { alarm, calm, other }, vec![])
                }
            }
            (Self::Standing { alarm, other, .. }, Some(seen)) if seen.cause != alarm.cause => {
                if other + 1 == OTHER_BLOCKS {
                    let changes = vec![alarm.cleared(), seen.raised()];
                    (Self::standing(seen), changes)
                } else {
                    let (calm, other) = (0, other + 1);
                    (Self::Standing { alarm, calm, other }, vec![])
                }
            }
            (Self::Standing { alarm, .. }, _) => {
                let (calm, other) = (0, 0);
                (Self::Standing { alarm, calm, other }, vec![])
            }
        }
    }

    fn standing(seen: Seen) -> Self {
        Self::Standing {
            alarm: seen.raised(),
            calm: 0,
            other: 0,
        }
    }
}

impl Seen {
    fn raised(self) -> Alarm {
        Alarm {
            change: Change::Raised,
            cause: self.cause,
            blame: self.blame,
            chart: self.chart,
            blocks_between_false_alarms: BLOCKS_BETWEEN_FALSE_ALARMS,
        }
    }
}

impl Alarm {
    fn cleared(self) -> Self {
        Self {
            change: Change::Cleared,
            ..self
        }
    }
}

#[cfg(test)]
mod tests;
