//! How long everything takes: runs long enough for the switches that are wanted, and what that comes to.

use std::time::Duration;

use super::account::SETTLING;
use super::arms::Arm;
use super::load::FLOWS;
use super::{Plan, TIME_MIN, faults};

/// What makes runs with rekeying as long as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Length {
    /// As long as those without.
    Time,
    /// So many switches of all runs at an interval.
    Switches(u64),
    /// As many as a published row wants, where they come in a time that one can wait for.
    Usual,
}

/// Up to which interval how many switches are usual.
const USUAL: [(Duration, u64); 2] = [
    (Duration::from_secs(1), 1000),
    (Duration::from_secs(3), 200),
];
/// Switches come late by what the machine takes to carry them out.
const MARGIN: f64 = 1.05;
/// What a run takes besides: two encryptors that find each other, frames under way.
const AROUND: Duration = Duration::from_secs(2);
/// The search of a no-drop rate and a partial-drop rate.
const SEARCH: Duration = Duration::from_secs(25);
/// Frames of each direction in one slice: eight octets of each are kept until its end.
const SLICE_FRAMES: f64 = 3e7;

impl Plan {
    /// How many switches runs at this interval are to have; `None`: as many as come.
    fn wanted(&self, interval: Duration) -> Option<u64> {
        match self.length {
            Length::Time => None,
            Length::Switches(wanted) => Some(wanted),
            Length::Usual => {
                let usual = USUAL.into_iter().find(|(longest, _)| interval <= *longest);
                usual.map(|(_, wanted)| wanted)
            }
        }
    }

    /// The next of `left` runs at this interval, after those before had so many switches.
    pub(super) fn run_time(&self, interval: Duration, switches: u64, left: u32) -> Duration {
        let Some(wanted) = self.wanted(interval) else {
            return self.time;
        };
        let each = (wanted.saturating_sub(switches)).div_ceil(FLOWS as u64 * u64::from(left));
        // One more: a run begins anywhere between two switches.
        let time = interval.mul_f64((each + 1) as f64 * MARGIN);
        time.max(TIME_MIN + SETTLING)
    }

    /// The same for a peer; without a change of key, as long as ours without.
    pub(super) fn peer_time(
        &self,
        interval: Option<Duration>,
        switches: u64,
        left: u32,
    ) -> Duration {
        interval.map_or(self.time, |interval| {
            self.run_time(interval, switches, left)
        })
    }

    /// Peers whose rates are searched, too: where ours are.
    pub(super) fn searched_arms(&self) -> impl Iterator<Item = Arm> {
        let arms = self.arms.iter().copied();
        arms.filter(|arm| self.rate.is_none() && arm.has_a_rate_of_its_own())
    }

    /// In words, for the head of a report.
    pub(super) fn trials(&self) -> String {
        let runs = self.intervals.iter().map(|&interval| {
            let time = self.run_time(interval, 0, self.pairs);
            format!(
                "{:.1}s at T={}s",
                time.as_secs_f64(),
                interval.as_secs_f64()
            )
        });
        match self.length {
            Length::Time => format!("{}s", self.time.as_secs_f64()),
            _ => runs.collect::<Vec<_>>().join(", "),
        }
    }
}

/// The slices of a run at this rate.
pub(super) fn slices(time: Duration, rate: f64) -> impl Iterator<Item = Duration> {
    let slices = (time.as_secs_f64() * rate / SLICE_FRAMES).ceil().max(1.0) as u32;
    core::iter::repeat_n(time / slices, slices as usize)
}

/// All of a plan, about.
pub(super) fn of_all(plan: &Plan) -> Duration {
    let of_fault = of_run(faults::AROUND + plan.fault_time);
    let faults = match plan.faults {
        true => of_fault * faults::Trouble::ALL.len() as u32,
        false => Duration::ZERO,
    };
    of_port(plan) * plan.ports.len() as u32 + faults
}

/// Every size and load over one kind of port.
pub(super) fn of_port(plan: &Plan) -> Duration {
    let on = plan.intervals.iter();
    let on = on.map(|&interval| of_run(plan.run_time(interval, 0, plan.pairs)));
    let peers = plan.arms.iter();
    let peers = peers.flat_map(|arm| arm.intervals(&plan.intervals));
    let peers = peers.map(|interval| of_run(plan.peer_time(interval, 0, plan.pairs)));
    let rows = on.chain(peers).sum::<Duration>() + of_run(plan.time);
    let rows = rows * plan.pairs;
    (of_searches(plan) + rows * plan.loads.len() as u32) * plan.sizes.len() as u32
}

/// The search of the rates at one size.
pub(super) fn of_searches(plan: &Plan) -> Duration {
    let ours = u32::from(plan.rate.is_none());
    SEARCH * (ours + plan.searched_arms().count() as u32)
}

/// One run.
pub(super) fn of_run(time: Duration) -> Duration {
    time + AROUND
}

/// Steps of the bar.
pub(super) fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
