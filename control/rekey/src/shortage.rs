//! The shortage of QKD keys at a sender: its stages, and how one leads to another (spec, section
//! 6.3).
//!
//! ```text
//!            late            late          long              limit
//! Normal ────────▶ Stretched ────▶ Sparse ─────▶ Held ───┬───────────▶ Blocked
//!    ▲               │     ▲         │  ▲          │     └ alone ▶ Pqc    │
//!    └─── proved ────┘     └─ proved ┘  └── fresh ─┴───── fresh ───┴──────┘
//! ```
//! The way down is taken when a key comes late, the way back when keys have come in time again; who
//! falls back soon has to prove more. So a supply that is too thin settles where it suffices.
//!
//! Not here: clocks, keys, frames ([`crate::tx`] carries out what a stage means).

use core::time::Duration;

use crate::config::Config;
use crate::event::Cause;
use crate::guards::{self, Guard};
use crate::limits;
use crate::shortage_stage::{ShortageInput, ShortageStage, next_stage};

/// The stage of one sender, and what it has to go by.
#[derive(Clone, Debug)]
pub(crate) struct Shortage {
    stage: ShortageStage,
    since: Duration,
    /// Intervals of the stages normal, stretched and sparse.
    intervals: [Duration; 3],
    hold_max: Duration,
    /// QKD keys have been short since the stage was normal.
    lacking: bool,
    /// Keys in a row that came in time, and how many it takes.
    good: u32,
    need: u32,
    /// No fetch has failed since the last switch or key; whether a key came since that counts.
    clean: bool,
    counted: bool,
    /// The next switch is to a key that was kept while the peer's KME was gone (REKEY-59).
    kept: bool,
    /// When the stage was last left for the better.
    eased: Option<Duration>,
    changes: u64,
    /// The cause of the last change to a worse stage, until keys come in time again.
    cause: Option<Cause>,
}

/// A key shortage: its cause and its expected end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// The cause of the last change to a worse stage.
    pub cause: Option<Cause>,
    /// Consecutive keys that came in time.
    pub in_time: u32,
    /// Number of such keys that the next better stage needs.
    pub needed: u32,
    /// Shortest time until the next better stage.
    pub better_in: Duration,
    /// Time until the hard limit of the key in use, when traffic stops unless another key comes.
    pub stops_in: Option<Duration>,
}

impl Shortage {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            stage: ShortageStage::Starting,
            since: Duration::ZERO,
            intervals: config.intervals(),
            hold_max: config.hold_max,
            lacking: false,
            good: 0,
            need: 1,
            clean: true,
            counted: false,
            kept: false,
            eased: None,
            changes: 0,
            cause: None,
        }
    }

    pub(crate) const fn stage(&self) -> ShortageStage {
        self.stage
    }

    pub(crate) const fn since(&self) -> Duration {
        self.since
    }

    /// Changes of stage so far.
    pub(crate) const fn changes(&self) -> u64 {
        self.changes
    }

    /// Records the cause of a change of stage, if the stage is worse than normal.
    pub(crate) fn blame(&mut self, cause: Option<Cause>) {
        self.cause = match self.stage {
            ShortageStage::Starting | ShortageStage::Normal => None,
            ShortageStage::Stretched
            | ShortageStage::Sparse
            | ShortageStage::Held
            | ShortageStage::Pqc
            | ShortageStage::Blocked => cause.or(self.cause),
        };
    }

    /// The cause and the expected end of a key shortage; `age` is that of the key in use.
    pub(crate) fn shortfall(&self, age: Option<Duration>) -> Option<Shortfall> {
        if matches!(self.stage, ShortageStage::Starting | ShortageStage::Normal) {
            return None;
        }
        // In the other stages one fresh key at any time is enough.
        let proofs = matches!(self.stage, ShortageStage::Stretched | ShortageStage::Sparse);
        let missing = if proofs {
            self.need - self.good.min(self.need)
        } else {
            0
        };
        // The key in use has been counted: the next one counts only after the next switch.
        let wait = if proofs && self.counted {
            self.interval().saturating_sub(age.unwrap_or_default())
        } else {
            Duration::ZERO
        };
        Some(Shortfall {
            cause: self.cause,
            in_time: self.good,
            needed: self.need,
            better_in: wait + self.interval() * missing.saturating_sub(1),
            stops_in: age.map(|age| self.hold_max.saturating_sub(age)),
        })
    }

    /// How long a key is to be used now.
    pub(crate) const fn interval(&self) -> Duration {
        self.intervals[self.step()]
    }

    /// When the next key is fetched for, counted from the switch: early where its coming in time
    /// would end a stage.
    pub(crate) const fn probe_interval(&self) -> Duration {
        let last = self.good + 1 >= self.need && !self.counted;
        self.intervals[self.step().saturating_sub(last as usize)]
    }

    /// Returns the input that the age of the key in use causes. `short`: the next key waits for QKD
    /// keys.
    pub(crate) fn due(&self, age: Duration, short: bool) -> Option<ShortageInput> {
        let limits = [
            (
                ShortageInput::Limit,
                self.hold_max,
                guards::on(Guard::HoldLimit),
            ),
            (ShortageInput::Long, self.late_at(2), true),
            (ShortageInput::Late, self.late_at(self.step()), short),
        ];
        let due = limits
            .into_iter()
            .find(|(_, at, counts)| *counts && age >= *at);
        let (input, ..) = due?;
        next_stage(self.stage, input).map(|_| input)
    }

    /// The next age at which [`Shortage::due`] may say something else.
    pub(crate) fn next_age(&self, age: Duration) -> Option<Duration> {
        let hold = Some(self.hold_max).filter(|_| guards::on(Guard::HoldLimit));
        let marks = [Some(self.late_at(self.step())), Some(self.late_at(2)), hold];
        marks.into_iter().flatten().filter(|at| *at > age).min()
    }

    /// Takes one step along the table; the stages before and after, if they differ.
    pub(crate) fn enter(
        &mut self,
        now: Duration,
        input: ShortageInput,
    ) -> Option<(ShortageStage, ShortageStage)> {
        let from = self.stage;
        let to = next_stage(from, input)?;
        match input {
            ShortageInput::Late => {
                let soon = |at| now < at + self.intervals[2] * limits::RELAPSE_INTERVALS;
                let relapse = self.eased.take().is_some_and(soon);
                self.need = if relapse { self.need * 2 } else { self.need };
                self.need = self.need.min(limits::PROOFS_MAX);
                self.lacking = true;
            }
            ShortageInput::Proved => self.eased = Some(now),
            ShortageInput::Alone => self.lacking = true,
            ShortageInput::Ended => self.kept = false,
            ShortageInput::Long
            | ShortageInput::Limit
            | ShortageInput::Fresh
            | ShortageInput::Well => {}
        }
        if matches!(to, ShortageStage::Normal | ShortageStage::Starting) {
            self.lacking = false;
        }
        self.good = 0;
        if from == to {
            return None;
        }
        self.stage = to;
        self.since = now;
        self.changes += 1;
        Some((from, to))
    }

    /// A switch to a fresh key: what it means for the stage.
    pub(crate) const fn on_switch(&mut self) -> ShortageInput {
        if !self.counted {
            self.good = (self.kept && self.clean) as u32;
        }
        self.kept = false;
        self.clean = true;
        self.counted = false;
        if self.lacking {
            ShortageInput::Fresh
        } else {
            ShortageInput::Well
        }
    }

    /// QKD keys are why there is no fresh key.
    pub(crate) const fn lacks(&mut self) {
        self.lacking = true;
    }

    /// The peer has taken a key that was kept: it came in time, only the peer's KME did not.
    pub(crate) const fn kept(&mut self) {
        self.kept = true;
    }

    /// A fetch failed.
    pub(crate) const fn failed(&mut self) {
        self.clean = false;
    }

    /// The next key is here before it is needed; true when that proves that a stage is over.
    pub(crate) fn in_time(&mut self, now: Duration) -> bool {
        if self.counted || !matches!(self.stage, ShortageStage::Stretched | ShortageStage::Sparse) {
            let calm = self.intervals[2] * limits::RELAPSE_INTERVALS;
            if self.stage == ShortageStage::Normal && now >= self.since + calm {
                self.need = 1;
            }
            return false;
        }
        // A key that came after failures proves nothing; the one after it may.
        self.counted = self.clean;
        self.good = if self.clean { self.good + 1 } else { 0 };
        self.clean = true;
        self.good >= self.need
    }

    /// One key more than the next is wanted, as a proof.
    pub(crate) const fn wants_proof(&self) -> bool {
        matches!(self.stage, ShortageStage::Stretched | ShortageStage::Sparse) && !self.counted
    }

    /// Index of the interval in force.
    const fn step(&self) -> usize {
        match self.stage {
            ShortageStage::Starting
            | ShortageStage::Normal
            | ShortageStage::Pqc
            | ShortageStage::Blocked => 0,
            ShortageStage::Stretched => 1,
            ShortageStage::Sparse | ShortageStage::Held => 2,
        }
    }

    /// From this age on, a key of this step is late: half an interval over, but not for a hiccup.
    fn late_at(&self, step: usize) -> Duration {
        let interval = self.intervals[step];
        let over = (interval / 2).max(limits::LATE_MIN);
        interval + over.min(self.hold_max.saturating_sub(interval) / 2)
    }
}

#[cfg(test)]
mod tests;
