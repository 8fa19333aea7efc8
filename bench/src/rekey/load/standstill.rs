//! Standstills: the machine itself did not run a core of the frames, or ran it slower than usual.
//!
//! The core of a virtual machine stands still now and then, for some tens of milliseconds, because
//! the host runs something else. No timer ticks meanwhile, so steal time shows only part of it. Or
//! the core runs at half its speed for a tenth of a second, because its sibling is busy. Frames
//! that are due meanwhile wait, in the windows around switches or outside, by chance.
//!
//! Time that a core did not give, by the record of its witness ([`super::witness`]), is owed to the
//! frames and worked off later. Frames are disturbed from when more than a little is owed until
//! nothing is. Tail and throughput figures leave out disturbed frames and windows; losses never do.
//! A stall of an encryptor is no standstill: the witness interrupts it, and system calls that
//! cannot be interrupted take less than [`OWED_MIN`]. Standstills that came with the switches would
//! fail a row ([`Placement`]).

use core::ops::RangeInclusive;
use std::time::{Duration, Instant};

use crate::frames::FLOWS;

/// A witness wakes this late where nothing is wrong.
const LATE_USUAL: Duration = Duration::from_micros(50);
/// A core may owe this much without disturbing frames.
pub(crate) const OWED_MIN: Duration = Duration::from_micros(250);
/// Backlogs take this many times as long to work off: at 90 % of the no-drop rate a tenth of the
/// rate is left for that, and hosts catch up no faster ([`super::pace`]).
const AFTERMATH: u32 = 10;

#[derive(Clone, Copy, Debug)]
pub(super) struct Wake {
    /// When it went to sleep again.
    pub(super) at: Instant,
    /// How much later than due it woke.
    pub(super) late: Duration,
    /// How long the fixed computation took.
    pub(super) computed: Duration,
}

/// A core did not run as usual, until the backlog was worked off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Standstill {
    pub(crate) from: Instant,
    pub(crate) to: Instant,
    /// Time that the core did not give, and the part of it that is due to slowness.
    pub(crate) lost: Duration,
    pub(crate) slow: Duration,
}

/// The standstills in the record of one witness.
pub(super) fn standstills(wakes: &[Wake]) -> Vec<Standstill> {
    let mut computed: Vec<Duration> = wakes.iter().map(|wake| wake.computed).collect();
    computed.sort_unstable();
    let (Some(&usual), Some(last)) = (computed.get(computed.len() / 2), wakes.last()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut ongoing: Option<(Standstill, Owed)> = None;
    for [before, wake] in wakes.array_windows() {
        let passed = wake.at.saturating_duration_since(before.at);
        let stood = (wake.late + wake.computed).saturating_sub(usual + LATE_USUAL);
        // A single computation may have been interrupted.
        let computed = wake.computed.min(before.computed).max(usual);
        let slow = passed - passed.mul_f64(usual.as_secs_f64() / computed.as_secs_f64());
        let lost = stood.max(slow).min(passed);
        if ongoing.is_none() && lost.is_zero() {
            continue;
        }
        let new = Standstill {
            from: before.at,
            to: before.at,
            lost: Duration::ZERO,
            slow: Duration::ZERO,
        };
        let (still, owed) = ongoing.get_or_insert((new, Owed::default()));
        still.to = wake.at;
        still.lost += lost;
        still.slow += lost.saturating_sub(stood);
        owed.now += lost;
        owed.most = owed.most.max(owed.now);
        owed.now = owed.now.saturating_sub((passed - lost) / AFTERMATH);
        if owed.now.is_zero() {
            found.extend(ongoing.take().filter(|(_, owed)| owed.most > OWED_MIN));
        }
    }
    // The record ends before the backlog is worked off.
    found.extend(ongoing.filter(|(_, owed)| owed.most > OWED_MIN));
    let ended = found.into_iter().map(|(still, owed)| Standstill {
        to: match owed.now.is_zero() {
            true => still.to,
            false => last.at + owed.now * AFTERMATH,
        },
        ..still
    });
    ended.collect()
}

/// Time that a core owes, and the most it owed.
#[derive(Clone, Copy, Default)]
struct Owed {
    now: Duration,
    most: Duration,
}

/// The standstills of runs, and how long these were watched: not at all where that is not
/// permitted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Standstills {
    pub(crate) time: Duration,
    pub(crate) standstills: u64,
    pub(crate) total: Duration,
    pub(crate) slow: Duration,
    pub(crate) longest: Duration,
}

impl Standstills {
    pub(crate) fn add<'a>(
        &mut self,
        time: Duration,
        standstills: impl Iterator<Item = &'a Standstill>,
    ) {
        self.time += time;
        for still in standstills {
            self.standstills += 1;
            self.total += still.lost;
            self.slow += still.slow;
            self.longest = self.longest.max(still.lost);
        }
    }
}

/// Standstills come with the switches where more begin in windows than this many times the number
/// expected by chance, and this many more. Chance alone does that less than once in 10,000. A
/// switch that is ordered during a standstill happens at its end, so they meet somewhat more often
/// than by chance.
const TIMES_MAX: f64 = 3.0;
const MORE_MIN: f64 = 4.0;

/// Where standstills began, for each direction: in the windows around its switches, or outside.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Placement {
    pub(crate) inside: u64,
    pub(crate) outside: u64,
}

impl Placement {
    /// How many begin in windows by chance, if windows are this share of the time.
    pub(crate) fn by_chance(self, share: f64) -> f64 {
        (self.inside + self.outside) as f64 * share
    }

    /// Whether they come with the switches: then the encryptors cause them, and they excuse
    /// nothing.
    pub(crate) fn come_with_switches(self, share: f64) -> bool {
        // Each is counted in both directions, but is one event.
        let flows = FLOWS as f64;
        let (inside, expected) = (self.inside as f64 / flows, self.by_chance(share) / flows);
        inside > TIMES_MAX * expected + MORE_MIN
    }
}

/// The disturbed stretches of a run, ns from its start, in order and without overlap.
#[derive(Clone, Default, Debug)]
pub(crate) struct Disturbed(Vec<(i64, i64)>);

impl Disturbed {
    /// The stretches of a run that began at `start`, on whichever core.
    pub(crate) fn of(standstills: &[Standstill], start: Instant) -> Self {
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

    #[inline]
    pub(crate) fn touches(&self, time: RangeInclusive<i64>) -> bool {
        let next = self.0.partition_point(|(_, end)| end < time.start());
        self.0.get(next).is_some_and(|(from, _)| from <= time.end())
    }
}

#[cfg(test)]
mod tests;
