//! What a sender does when QKD keys run short: the stages, and how one leads to another
//! (spec, section 6.3).
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
use crate::status::Shortfall;

/// A stage of a key shortage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Supply {
    /// Nothing is sent yet: no key has been agreed since start or since the session ended.
    Starting,
    /// Keys come in time.
    Normal,
    /// Keys came late: each is used for longer, to save them.
    Stretched,
    /// They still do: each is used for as long as the settings allow while others follow.
    Sparse,
    /// The last key is held to its hard limit.
    Held,
    /// QKD keys have been short for as long as a key may be held: keys come from the root alone,
    /// where the policy allows it.
    Pqc,
    /// The hard limit is reached: nothing is sent.
    Blocked,
}

/// What makes a stage end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// The key in use is older than it should be, since QKD keys are short.
    Late,
    /// It is so old that it is held for as long as may be, whatever the reason.
    Long,
    /// It is at its hard limit, of age or packet numbers, or the peer has dropped it.
    Limit,
    /// Keys from the root alone are due, or one is in use.
    Alone,
    /// A fresh key is in use after a time in which QKD keys were short.
    Fresh,
    /// A fresh key is in use, and QKD keys were not short.
    Well,
    /// Keys came in time, often enough in a row.
    Proved,
    /// The session ended.
    Ended,
}

/// REKEY-50: the transition table. `None`: the input means nothing in this stage.
pub(crate) const fn next(stage: Supply, input: Input) -> Option<Supply> {
    use Supply::{Blocked, Held, Normal, Pqc, Sparse, Starting, Stretched};
    match (stage, input) {
        (_, Input::Ended) => Some(Starting),
        (Starting, Input::Fresh | Input::Well)
        | (Held | Blocked, Input::Well)
        | (Stretched, Input::Proved) => Some(Normal),
        (Normal, Input::Late) | (Sparse, Input::Proved) => Some(Stretched),
        (Stretched, Input::Late) | (Held | Pqc | Blocked, Input::Fresh) => Some(Sparse),
        (Normal | Stretched | Sparse, Input::Long) => Some(Held),
        (Starting | Normal | Stretched | Sparse | Held | Blocked, Input::Alone) => Some(Pqc),
        (Normal | Stretched | Sparse | Held | Pqc, Input::Limit) => Some(Blocked),
        _ => None,
    }
}

/// The stage of one sender, and what it has to go by.
#[derive(Clone, Debug)]
pub(crate) struct Shortage {
    stage: Supply,
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

impl Shortage {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            stage: Supply::Starting,
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

    pub(crate) const fn stage(&self) -> Supply {
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
            Supply::Starting | Supply::Normal => None,
            Supply::Stretched | Supply::Sparse | Supply::Held | Supply::Pqc | Supply::Blocked => {
                cause.or(self.cause)
            }
        };
    }

    /// The cause and the expected end of a key shortage; `age` is that of the key in use.
    pub(crate) fn shortfall(&self, age: Option<Duration>) -> Option<Shortfall> {
        if matches!(self.stage, Supply::Starting | Supply::Normal) {
            return None;
        }
        // In the other stages one fresh key at any time is enough.
        let proofs = matches!(self.stage, Supply::Stretched | Supply::Sparse);
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

    /// What the age of the key in use means. `short`: it is QKD keys that the next one waits for.
    pub(crate) fn due(&self, age: Duration, short: bool) -> Option<Input> {
        let limits = [
            (Input::Limit, self.hold_max, guards::on(Guard::HoldLimit)),
            (Input::Long, self.late_at(2), true),
            (Input::Late, self.late_at(self.step()), short),
        ];
        let due = limits
            .into_iter()
            .find(|(_, at, counts)| *counts && age >= *at);
        let (input, ..) = due?;
        next(self.stage, input).map(|_| input)
    }

    /// The next age at which [`Shortage::due`] may say something else.
    pub(crate) fn next_age(&self, age: Duration) -> Option<Duration> {
        let hold = Some(self.hold_max).filter(|_| guards::on(Guard::HoldLimit));
        let marks = [Some(self.late_at(self.step())), Some(self.late_at(2)), hold];
        marks.into_iter().flatten().filter(|at| *at > age).min()
    }

    /// Takes one step along the table; the stages before and after, if they differ.
    pub(crate) fn enter(&mut self, now: Duration, input: Input) -> Option<(Supply, Supply)> {
        let from = self.stage;
        let to = next(from, input)?;
        match input {
            Input::Late => {
                let soon = |at| now < at + self.intervals[2] * limits::RELAPSE_INTERVALS;
                let relapse = self.eased.take().is_some_and(soon);
                self.need = if relapse { self.need * 2 } else { self.need };
                self.need = self.need.min(limits::PROOFS_MAX);
                self.lacking = true;
            }
            Input::Proved => self.eased = Some(now),
            Input::Alone => self.lacking = true,
            Input::Ended => self.kept = false,
            Input::Long | Input::Limit | Input::Fresh | Input::Well => {}
        }
        if matches!(to, Supply::Normal | Supply::Starting) {
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
    pub(crate) const fn on_switch(&mut self) -> Input {
        if !self.counted {
            self.good = (self.kept && self.clean) as u32;
        }
        self.kept = false;
        self.clean = true;
        self.counted = false;
        if self.lacking {
            Input::Fresh
        } else {
            Input::Well
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
        if self.counted || !matches!(self.stage, Supply::Stretched | Supply::Sparse) {
            let calm = self.intervals[2] * limits::RELAPSE_INTERVALS;
            if self.stage == Supply::Normal && now >= self.since + calm {
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
        matches!(self.stage, Supply::Stretched | Supply::Sparse) && !self.counted
    }

    /// Index of the interval in force.
    const fn step(&self) -> usize {
        match self.stage {
            Supply::Starting | Supply::Normal | Supply::Pqc | Supply::Blocked => 0,
            Supply::Stretched => 1,
            Supply::Sparse | Supply::Held => 2,
        }
    }

    /// From this age on, a key of this step is late: half an interval over, but not for a hiccup.
    fn late_at(&self, step: usize) -> Duration {
        let interval = self.intervals[step];
        let over = (interval / 2).max(limits::LATE_MIN);
        interval + over.min(self.hold_max.saturating_sub(interval) / 2)
    }
}

impl Supply {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::Starting,
        Self::Normal,
        Self::Stretched,
        Self::Sparse,
        Self::Held,
        Self::Pqc,
        Self::Blocked,
    ];

    /// As status, log and metrics show it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Normal => "normal",
            Self::Stretched => "stretched",
            Self::Sparse => "sparse",
            Self::Held => "held",
            Self::Pqc => "pqc",
            Self::Blocked => "blocked",
        }
    }
}

#[cfg(test)]
mod tests;
