//! Rows: the runs at one interval beside those without rekeying, and the verdict on them.

use core::fmt;
use std::time::Duration;

use super::account::{Account, poisson_upper_95};
use super::latency::Latency;
use super::verdict::Verdict;
use super::windows::{CHANCE_MAX, OFF_MAX};
use crate::drops::Drops;
use crate::harness::choice::name;
use crate::ports::PortSetup;
use crate::rekey::load::hosts::Offer;
use crate::rekey::observe::disk::Search;
use crate::rekey::observe::keys::Keys;
use crate::rekey::observe::switches::Steps;
use crate::rekey::rig::probe::Counted;

/// The greatest ratio of p99.99 in the windows to that outside.
const TAIL_MAX: f64 = 1.2;
const TAIL_FRAMES: u64 = 10_000;
/// Stalls are searched in the median over the switches, and in the best tenth of them.
const STALL_QUANTILES: [f64; 2] = [0.5, 0.1];
/// A stall is this many times the latency elsewhere, and at least this much more, us.
const STALL_TIMES: f64 = 1.5;
const STALL_US: f64 = 500.0;

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Cell {
    pub(crate) port: PortSetup,
    /// The load, and the time of a run without rekeying.
    pub(crate) offer: Offer,
    /// Per cent of the no-drop rate.
    pub(crate) load_percent: u32,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (port, size, load) = (name(&self.port), self.offer.size, self.load_percent);
        write!(f, "{port} {size} octets {load} %")
    }
}

/// The runs at one interval under one load, and those without rekeying that alternate with them.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) cell: Cell,
    pub(crate) interval: Duration,
    pub(crate) on: Account,
    pub(crate) off: Account,
    /// Runs without rekeying, at sham switches with the same interval.
    pub(crate) sham: Account,
    /// The probability that chance alone makes the worst bin as bad as it is, and p99.99 in the
    /// windows as long; `None` where it is not known.
    pub(crate) bin_chance: Option<f64>,
    pub(crate) tail_chance: Option<f64>,
    // All below are of the runs with rekeying.
    /// Drops by name, and unexplained losses by segment of the path.
    pub(crate) drops: Drops,
    pub(crate) unexplained: Drops,
    /// Steps of switches, and frames under the old key that arrived after a switch.
    pub(crate) steps: Steps,
    pub(crate) late_old_key: u64,
    pub(crate) keys: Keys,
    pub(crate) safety: Safety,
}

/// Violations, and how much was checked for them.
#[derive(Clone, Default, Debug)]
pub(crate) struct Safety {
    pub(crate) counted: Counted,
    /// Keys on which both ledgers agree.
    pub(crate) keys: u64,
    /// Grave findings in the ledgers, such as a key used twice.
    pub(crate) grave: Vec<String>,
    pub(crate) on_disk: Search,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} T = {} s", self.cell, self.interval.as_secs_f64())
    }
}

impl Row {
    pub(crate) fn new(cell: Cell, interval: Duration) -> Self {
        let empty = Account::new(interval);
        Self {
            cell,
            interval,
            on: empty.clone(),
            off: empty.clone(),
            sham: empty,
            bin_chance: None,
            tail_chance: None,
            drops: Drops::new(),
            unexplained: Drops::new(),
            steps: Steps::default(),
            late_old_key: 0,
            keys: Keys::default(),
            safety: Safety::default(),
        }
    }

    /// PASS where no more frames are lost than without rekeying, within the 95 % bound; every loss
    /// is explained; nothing is unsafe; standstills of the machine are as rare in the windows as
    /// outside; and p99.99 in the windows is at most a fifth longer than outside. Because that tail
    /// needs a quiet machine, there must also be no stall at every other switch. Fractions of a
    /// millisecond are reported apart ([`Self::dip`]): where control shares a core with frames, its
    /// work around a switch delays some.
    pub(crate) fn verdict(&self) -> Verdict {
        self.reason().map_or(Verdict::Pass, Verdict::Fail)
    }

    /// The first reason for FAIL.
    fn reason(&self) -> Option<String> {
        let (on, off, safety) = (&self.on, &self.off, &self.safety);
        let (repeated, clear) = (safety.counted.repeated, safety.counted.clear);
        // Without a loss in the runs without rekeying, none is allowed with it.
        let allowed = match off.lost {
            0 => 0.0,
            lost => poisson_upper_95(lost) * on.frames as f64 / off.frames.max(1) as f64,
        };
        let most = |drops: &Drops| {
            let most = drops.iter().max_by_key(|(_, frames)| **frames);
            most.map(|(name, _)| name.clone())
        };
        let wrong = |account: &Account| account.duplicated + account.reordered + account.changed;
        let unsafe_or_lost = [
            (on.switches == 0).then(|| "no switch".to_owned()),
            most(&self.unexplained)
                .map(|segment| format!("unexplained {} ({segment})", self.missing())),
            (repeated + clear > 0)
                .then(|| format!("nonce_repeats {repeated}, cleartext_frames_on_line {clear}")),
            safety
                .grave
                .first()
                .map(|grave| format!("ledgers: {grave}")),
            (safety.keys == 0).then(|| "no key in the ledgers".to_owned()),
            (safety.on_disk.found.first())
                .map(|file| format!("sak_on_disk, in {}", file.display())),
            (safety.on_disk.saks == 0).then(|| "no SAK was searched for on disk".to_owned()),
            (on.lost as f64 > allowed).then(|| {
                let name = most(&self.drops).unwrap_or_else(|| "no counter".to_owned());
                format!("lost {} ({name}), without rekeying {}", on.lost, off.lost)
            }),
            (wrong(on) > wrong(off)).then(|| {
                let (duplicated, reordered) = (on.duplicated, on.reordered);
                let changed = on.changed;
                format!("duplicated {duplicated}, reordered {reordered}, changed {changed}")
            }),
        ];
        let mut reasons = unsafe_or_lost.into_iter().flatten();
        let reason = reasons.next().or_else(|| self.stall());
        reason
            .or_else(|| self.standstills())
            .or_else(|| self.tail())
    }

    fn stall(&self) -> Option<String> {
        STALL_QUANTILES.into_iter().find_map(|quantile| {
            let (at_switch, elsewhere) = self.on.stall_us(quantile)?;
            let stalls = at_switch > STALL_TIMES * elsewhere && at_switch > elsewhere + STALL_US;
            let percent = 100.0 * quantile;
            stalls.then(|| {
                format!(
                    "stall: p{percent:.0} {at_switch:.0} us right after a switch, {elsewhere:.0} \
                     us elsewhere"
                )
            })
        })
    }

    fn standstills(&self) -> Option<String> {
        let (placement, share) = (self.on.placement, self.on.share_inside());
        let (inside, by_chance) = (placement.inside, placement.by_chance(share));
        placement.come_with_switches(share).then(|| {
            format!(
                "standstills {inside} in the windows, {by_chance:.0} by chance: they come with the \
                 switches"
            )
        })
    }

    fn tail(&self) -> Option<String> {
        let Some((inside, outside)) = self.tails() else {
            return Some("too few frames for a tail: measure for longer".to_owned());
        };
        let by_chance = match self.tail_chance {
            None => String::new(),
            Some(..=CHANCE_MAX) => ": it comes with the switches".to_owned(),
            Some(chance) => format!(" (chance {chance:.3}: not shown to come with the switches)"),
        };
        (inside > TAIL_MAX * outside).then(|| {
            format!("p99.99 {inside:.0} us in the windows, {outside:.0} us outside{by_chance}")
        })
    }

    /// Frames that no counter explains.
    pub(crate) fn missing(&self) -> u64 {
        self.unexplained.values().sum()
    }

    /// The bin furthest from the mean, per cent off it, if it is too far and that is not by chance.
    pub(crate) fn dip(&self) -> Option<f64> {
        let worst = self.on.windows.worst_percent()?;
        (worst.abs() > OFF_MAX && self.bin_chance? <= CHANCE_MAX).then_some(worst)
    }

    /// p99.99 of undisturbed frames in the windows and outside, us.
    fn tails(&self) -> Option<(f64, f64)> {
        let tails = [&self.on.inside, &self.on.outside];
        let enough = |latency: &Latency| latency.undisturbed.len() >= TAIL_FRAMES;
        tails.into_iter().all(enough).then_some(())?;
        let [inside, outside] = tails.map(Latency::tail_us);
        Some((inside?, outside?))
    }
}

#[cfg(test)]
mod tests;
