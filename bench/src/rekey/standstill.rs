//! Standstills: when the machine itself did not run a core of the frames, or ran it slower than usual.
//!
//! The core of a virtual machine stands still now and then, for some tens of milliseconds, because its host
//! gives the time to others. No timer of the machine ticks meanwhile, so this is not seen in its own
//! accounts (steal time has it only in part). Or it runs at half its speed for a tenth of a second, because another
//! machine computes on the other half of it. Frames that are due meanwhile wait. It falls to the windows around
//! switches or outside by luck.
//!
//! What a witness on that core ([`super::witness`]) wrote down is put together here: what the core did not give
//! is owed to the frames, and worked off later. From when more than a little is owed until nothing is, frames were
//! disturbed. A stall of an encryptor is not taken for one of the machine's: the witness interrupts it.
//! (Where a kernel cannot be interrupted, the longest of its calls there is below [`LATE_MIN`].) And were it,
//! standstills would come with the switches, which fails a row ([`Placed`]).
//!
//! What frames are lost in a standstill is not asked here: a loss is a loss.

use core::ops::RangeInclusive;
use std::time::{Duration, Instant};

use super::chance::CHANCE_MAX;
use super::load::FLOWS;

/// So late a witness wakes where nothing is wrong: some tens of microseconds.
const LATE_USUAL: Duration = Duration::from_micros(50);
/// What is owed and no more than this may pass.
pub(super) const LATE_MIN: Duration = Duration::from_micros(250);
/// What has waited meanwhile goes on waiting until the backlog is gone: at 90 % of the no-drop rate a tenth
/// of the rate is left for that, and hosts catch up by no more ([`super::pace`]).
const AFTERMATH: u32 = 10;

/// One wake-up of a witness.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wake {
    /// When it went to sleep again.
    pub(super) at: Instant,
    /// How much later than it had asked for it woke.
    pub(super) late: Duration,
    /// How long a computation then took that is always the same.
    pub(super) computed: Duration,
}

/// A core did not give what it usually does, and that was worked off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Standstill {
    pub(super) from: Instant,
    /// When nothing of it waited any longer.
    pub(super) to: Instant,
    /// How long it stood, in effect ...
    pub(super) lost: Duration,
    /// ... and how much of that by being slow.
    pub(super) slow: Duration,
}

/// What this witness saw, in order.
pub(super) fn seen_by(wakes: &[Wake]) -> Vec<Standstill> {
    let mut computed: Vec<Duration> = wakes.iter().map(|wake| wake.computed).collect();
    computed.sort_unstable();
    let Some(&usual) = computed.get(computed.len() / 2) else {
        return Vec::new();
    };
    let mut seen = Vec::new();
    let mut debt: Option<Debt> = None;
    for pair in wakes.array_windows() {
        let shortfall = Shortfall::between(pair, usual);
        if debt.is_none() && shortfall.lost.is_zero() {
            continue;
        }
        let owed = debt.get_or_insert_with(|| Debt::new(pair[0].at));
        owed.grow(shortfall);
        if owed.work_off((shortfall.passed - shortfall.lost) / AFTERMATH) {
            seen.extend(debt.take().and_then(|debt| debt.to_standstill(pair[1].at)));
        }
    }
    let unpaid = debt.zip(wakes.last());
    seen.extend(
        unpaid.and_then(|(debt, last)| debt.to_standstill(last.at + debt.owed * AFTERMATH)),
    );
    seen
}

/// What a core did not give between two wake-ups.
#[derive(Clone, Copy)]
struct Shortfall {
    passed: Duration,
    /// Of that, in effect ...
    lost: Duration,
    /// ... and of this, by being slow.
    slow: Duration,
}

impl Shortfall {
    /// Where the computation takes `usual` usually.
    fn between([before, wake]: &[Wake; 2], usual: Duration) -> Self {
        let passed = wake.at.saturating_duration_since(before.at);
        let stood = (wake.late + wake.computed).saturating_sub(usual + LATE_USUAL);
        // One computation alone may have been interrupted.
        let computed = wake.computed.min(before.computed).max(usual);
        let slow = passed - passed.mul_f64(usual.as_secs_f64() / computed.as_secs_f64());
        let lost = stood.max(slow).min(passed);
        Self {
            passed,
            lost,
            slow: lost.saturating_sub(stood),
        }
    }
}

/// What a core owes.
#[derive(Clone, Copy)]
struct Debt {
    from: Instant,
    owed: Duration,
    most: Duration,
    lost: Duration,
    slow: Duration,
}

impl Debt {
    fn new(from: Instant) -> Self {
        let [owed, most, lost, slow] = [Duration::ZERO; 4];
        Self {
            from,
            owed,
            most,
            lost,
            slow,
        }
    }

    fn grow(&mut self, shortfall: Shortfall) {
        self.owed += shortfall.lost;
        self.most = self.most.max(self.owed);
        self.lost += shortfall.lost;
        self.slow += shortfall.slow;
    }

    /// Whether that was the rest.
    fn work_off(&mut self, part: Duration) -> bool {
        self.owed = self.owed.saturating_sub(part);
        self.owed.is_zero()
    }

    fn to_standstill(self, to: Instant) -> Option<Standstill> {
        let Self {
            from, lost, slow, ..
        } = self;
        (self.most > LATE_MIN).then_some(Standstill {
            from,
            to,
            lost,
            slow,
        })
    }
}

/// Those of one run, and how long a watch was kept: not at all where that is not permitted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Watched {
    pub(super) time: Duration,
    pub(super) standstills: u64,
    pub(super) total: Duration,
    pub(super) slow: Duration,
    pub(super) longest: Duration,
}

impl Watched {
    /// Of one run.
    pub(super) fn of(time: Duration, standstills: &[Standstill]) -> Self {
        let lost = standstills.iter().map(|still| still.lost);
        Self {
            time,
            standstills: standstills.len() as u64,
            total: lost.clone().sum(),
            slow: standstills.iter().map(|still| still.slow).sum(),
            longest: lost.max().unwrap_or_default(),
        }
    }

    /// Another run.
    pub(super) fn merge(&mut self, other: &Self) {
        self.time += other.time;
        self.standstills += other.standstills;
        self.total += other.total;
        self.slow += other.slow;
        self.longest = self.longest.max(other.longest);
    }
}

/// So many times what chance would place in the windows are too many, if chance does so as rarely as this: a
/// switch that is ordered in a standstill stands at its end, so they meet somewhat more often.
const TIMES_MAX: f64 = 3.0;

/// Where standstills began, for each direction: in the windows around its switches, or not.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Placed {
    pub(super) inside: u64,
    pub(super) outside: u64,
}

impl Placed {
    /// Another direction, or run.
    pub(super) fn merge(&mut self, other: Self) {
        self.inside += other.inside;
        self.outside += other.outside;
    }

    /// In the windows by chance, if they are that share of the time.
    pub(super) fn by_chance(self, share: f64) -> f64 {
        (self.inside + self.outside) as f64 * share
    }

    /// Whether they come with the switches: then they are ours, and excuse nothing.
    pub(super) fn come_with_switches(self, share: f64) -> bool {
        // Each is counted in both directions, but is one event.
        let (seen, expected) = (
            self.inside / FLOWS as u64,
            self.by_chance(share) / FLOWS as f64,
        );
        seen as f64 > TIMES_MAX * expected && chance_of(seen, expected) <= CHANCE_MAX
    }
}

/// No likelier than this a Poisson variable of a mean below `count` is that or more (Chernoff's bound).
fn chance_of(count: u64, mean: f64) -> f64 {
    let count = count as f64;
    (count - mean - count * (count / mean).ln()).exp()
}

/// What a run cannot be blamed for: its standstills, ns from its start, in order, none within another.
#[derive(Clone, Default, Debug)]
pub(super) struct Disturbed(Vec<(i64, i64)>);

impl Disturbed {
    /// Of a run that began then, on whatever core they were.
    pub(super) fn of(standstills: &[Standstill], start: Instant) -> Self {
        let ns = |at: Instant| at.saturating_duration_since(start).as_nanos() as i64;
        let spans = standstills
            .iter()
            .map(|still| (ns(still.from), ns(still.to)));
        let mut in_order: Vec<_> = spans.collect();
        in_order.sort_unstable();
        let mut apart: Vec<(i64, i64)> = Vec::new();
        for (from, to) in in_order {
            match apart.last_mut() {
                Some((_, end)) if *end >= from => *end = to.max(*end),
                _ => apart.push((from, to)),
            }
        }
        Self(apart)
    }

    /// Whether anything of this time is disturbed.
    #[inline]
    pub(super) fn touches(&self, time: RangeInclusive<i64>) -> bool {
        let next = self.0.partition_point(|(_, end)| end < time.start());
        self.0.get(next).is_some_and(|(from, _)| from <= time.end())
    }
}

#[cfg(test)]
mod tests;
