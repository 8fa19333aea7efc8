//! The plan: what is measured, runs long enough for the switches that are wanted, and the time it
//! takes.

use std::time::Duration;

use super::{Fault, Options, TIME_MIN};
use crate::harness::choice::or_default;
use crate::rekey::analyse::account::SETTLING;
use crate::rekey::rig::cabling::PortKind;
use crate::rekey::rig::devices::Device;
use crate::rekey::rig::frames::FLOWS;
use crate::size::FrameSize;

/// The rule for the length of runs with rekeying.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Length {
    /// They are as long as runs without.
    Time,
    /// All runs at an interval together have this many switches.
    Switches(u64),
    /// They have as many switches as a published row needs, where that takes a reasonable time.
    Usual,
}

/// The usual number of switches, up to an interval.
const USUAL: [(Duration, u64); 2] = [
    (Duration::from_secs(1), 1000),
    (Duration::from_secs(3), 200),
];
/// Switches are late by the time that the machine takes for them.
const MARGIN: f64 = 1.05;
/// Overhead of a run: two encryptors find each other, frames are under way.
const OVERHEAD: Duration = Duration::from_secs(2);
/// Time for the search of a no-drop rate and a partial-drop rate.
const SEARCH: Duration = Duration::from_secs(25);
/// Frames of each direction in one slice, whose record of eight octets a frame is kept until its
/// end.
const SLICE_FRAMES: f64 = 3e7;
/// Time under load before and after a fault, the time of a fault, and that with `--quick`.
pub(crate) const BEFORE_FAULT: Duration = Duration::from_millis(1500);
pub(crate) const AFTER_FAULT: Duration = Duration::from_secs(5);
const FAULT: Duration = Duration::from_secs(60);
const FAULT_QUICK: Duration = Duration::from_secs(6);
/// The number of faults.
pub(crate) const FAULTS: usize = 6;

/// The plan of a measurement: the options with all defaults.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) ports: Vec<PortKind>,
    pub(crate) intervals: Vec<Duration>,
    pub(crate) sizes: Vec<FrameSize>,
    pub(crate) loads: Vec<u32>,
    /// The time of a run without rekeying.
    pub(crate) time: Duration,
    length: Length,
    pub(crate) pairs: u32,
    pub(crate) rate: Option<f64>,
    pub(crate) fault: Option<Fault>,
    pub(crate) devices: Vec<Device>,
    pub(crate) faults: bool,
    /// How long each fault lasts.
    pub(crate) fault_time: Duration,
}

impl Plan {
    pub(crate) fn new(options: &Options) -> Self {
        let octets = FrameSize::Octets;
        let (intervals, sizes, loads, time, pairs) = if options.quick {
            (vec![1_000, 100], vec![octets(512)], vec![50], 3, 2)
        } else {
            let sizes = vec![octets(64), octets(512), octets(1518), FrameSize::Imix];
            (
                vec![60_000, 3_000, 1_000, 300, 100],
                sizes,
                vec![10, 50, 90],
                60,
                10,
            )
        };
        let ports = match options.quick {
            true => vec![PortKind::Mem],
            false => vec![PortKind::Mem, PortKind::Xdp, PortKind::Packet],
        };
        let intervals = intervals.into_iter().map(Duration::from_millis).collect();
        let length = match (options.switches, options.time) {
            (Some(switches), _) => Length::Switches(switches.into()),
            (None, None) if !options.quick => Length::Usual,
            (None, _) => Length::Time,
        };
        Self {
            ports: or_default(&options.ports, ports),
            intervals: or_default(&options.intervals, intervals),
            sizes: or_default(&options.sizes, sizes),
            loads: or_default(&options.loads, loads),
            time: options.time.unwrap_or(Duration::from_secs(time)),
            length,
            pairs: options.pairs.unwrap_or(pairs),
            rate: options.rate.map(f64::from),
            fault: options.fault,
            devices: or_default(
                &options.devices,
                if options.quick {
                    Vec::new()
                } else {
                    Device::all()
                },
            ),
            faults: options.faults || options.full,
            fault_time: if options.quick { FAULT_QUICK } else { FAULT },
        }
    }

    /// The number of switches wanted at this interval; `None`: as many as happen.
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

    /// The time of the next of `left` runs at this interval, when there were so many switches
    /// before.
    pub(crate) fn run_time(&self, interval: Duration, switches: u64, left: u32) -> Duration {
        let Some(wanted) = self.wanted(interval) else {
            return self.time;
        };
        let each = (wanted.saturating_sub(switches)).div_ceil(FLOWS as u64 * u64::from(left));
        // One more: a run starts anywhere between two switches.
        let time = interval.mul_f64((each + 1) as f64 * MARGIN);
        time.max(TIME_MIN + SETTLING)
    }

    /// The same for a peer; without a change of key it is that of a run without rekeying.
    pub(crate) fn peer_time(
        &self,
        interval: Option<Duration>,
        switches: u64,
        left: u32,
    ) -> Duration {
        interval.map_or(self.time, |interval| {
            self.run_time(interval, switches, left)
        })
    }

    /// Peers whose rates are searched: where ours are.
    pub(crate) fn searched_devices(&self) -> impl Iterator<Item = Device> {
        let devices = self.devices.iter().copied();
        devices.filter(|device| self.rate.is_none() && device.has_own_rate())
    }

    /// The lengths of runs, for the head of a report.
    pub(crate) fn trials(&self) -> String {
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
pub(crate) fn slices(time: Duration, rate: f64) -> impl Iterator<Item = Duration> {
    let slices = (time.as_secs_f64() * rate / SLICE_FRAMES).ceil().max(1.0) as u32;
    core::iter::repeat_n(time / slices, slices as usize)
}

/// The approximate time of a plan.
pub(crate) fn of_all(plan: &Plan) -> Duration {
    let of_fault = of_run(BEFORE_FAULT + AFTER_FAULT + plan.fault_time);
    let faults = match plan.faults {
        true => of_fault * FAULTS as u32,
        false => Duration::ZERO,
    };
    of_port(plan) * plan.ports.len() as u32 + faults
}

/// The time of every size and load over one kind of ports.
pub(crate) fn of_port(plan: &Plan) -> Duration {
    let on = plan.intervals.iter();
    let on = on.map(|&interval| of_run(plan.run_time(interval, 0, plan.pairs)));
    let peers = plan.devices.iter();
    let peers = peers.flat_map(|device| device.intervals(&plan.intervals));
    let peers = peers.map(|interval| of_run(plan.peer_time(interval, 0, plan.pairs)));
    let rows = on.chain(peers).sum::<Duration>() + of_run(plan.time);
    let rows = rows * plan.pairs;
    (of_searches(plan) + rows * plan.loads.len() as u32) * plan.sizes.len() as u32
}

/// The time of the searches at one size.
pub(crate) fn of_searches(plan: &Plan) -> Duration {
    let ours = u32::from(plan.rate.is_none());
    SEARCH * (ours + plan.searched_devices().count() as u32)
}

/// The time of one run with its overhead.
pub(crate) fn of_run(time: Duration) -> Duration {
    time + OVERHEAD
}

/// Steps of the progress bar.
pub(crate) fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
