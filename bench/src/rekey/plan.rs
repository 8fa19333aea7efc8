//! The plan: what is measured, in runs long enough for the switches that are wanted.

use std::time::Duration;

use super::{Fault, Options, TIME_MIN};
use crate::device::Device;
use crate::frames::FLOWS;
use crate::harness::choice::or_default;
use crate::ports::PortSetup;
use crate::rekey::analyse::account::SETTLING;
use crate::rekey::rig::devices::DEVICES;
use crate::size::FrameSize;

/// The rule for the length of runs with rekeying.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Length {
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
/// Frames of each direction in one slice, whose record of eight octets a frame is kept until its
/// end.
const SLICE_FRAMES: f64 = 3e7;
/// The time of a fault, and that with `--quick`.
const FAULT: Duration = Duration::from_secs(60);
const FAULT_QUICK: Duration = Duration::from_secs(6);

/// The plan of a measurement: the options with all defaults.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) ports: Vec<PortSetup>,
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
    pub(crate) fault_time: Duration,
}

impl Plan {
    pub(crate) fn new(options: &Options) -> Self {
        let length = match (options.switches, options.time) {
            (Some(switches), _) => Length::Switches(switches.into()),
            (None, None) if !options.quick => Length::Usual,
            (None, _) => Length::Time,
        };
        let mut plan = Self {
            ports: vec![PortSetup::Mem, PortSetup::Xdp, PortSetup::Packet],
            intervals: [60_000, 3_000, 1_000, 300, 100]
                .map(Duration::from_millis)
                .to_vec(),
            sizes: [64, 512, 1518].map(FrameSize::Octets).to_vec(),
            loads: vec![10, 50, 90],
            time: Duration::from_secs(60),
            length,
            pairs: 10,
            rate: options.rate.map(f64::from),
            fault: options.fault,
            devices: DEVICES.to_vec(),
            faults: options.faults || options.full,
            fault_time: FAULT,
        };
        plan.sizes.push(FrameSize::Imix);
        if options.quick {
            plan = Self {
                ports: vec![PortSetup::Mem],
                intervals: [1_000, 100].map(Duration::from_millis).to_vec(),
                sizes: vec![FrameSize::Octets(512)],
                loads: vec![50],
                time: Duration::from_secs(3),
                pairs: 2,
                devices: Vec::new(),
                fault_time: FAULT_QUICK,
                ..plan
            };
        }
        Self {
            ports: or_default(&options.ports, plan.ports),
            intervals: or_default(&options.intervals, plan.intervals),
            sizes: or_default(&options.sizes, plan.sizes),
            loads: or_default(&options.loads, plan.loads),
            time: options.time.unwrap_or(plan.time),
            pairs: options.pairs.unwrap_or(plan.pairs),
            devices: or_default(&options.devices, plan.devices),
            ..plan
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

    /// The time of the next of `left` runs at this interval, after `switches` in the runs before.
    /// Without a change of key it is that of a run without rekeying.
    pub(crate) fn run_time(
        &self,
        interval: Option<Duration>,
        switches: u64,
        left: u32,
    ) -> Duration {
        let wanted = interval.and_then(|interval| Some((interval, self.wanted(interval)?)));
        let Some((interval, wanted)) = wanted else {
            return self.time;
        };
        let each = (wanted.saturating_sub(switches)).div_ceil(FLOWS as u64 * u64::from(left));
        // One more: a run starts anywhere between two switches.
        let time = interval.mul_f64((each + 1) as f64 * MARGIN);
        time.max(TIME_MIN + SETTLING)
    }

    /// Devices whose rates are searched: our encryptors, and peers other than our own workers.
    pub(crate) fn searched_devices(&self) -> impl Iterator<Item = Device> {
        let peers = self.devices.iter().copied();
        let peers = peers.filter(|peer| self.rate.is_none() && *peer != Device::DataPlane);
        core::iter::once(Device::Xpn256).chain(peers)
    }

    /// The lengths of runs, for the head of a report.
    pub(crate) fn trials(&self) -> String {
        if self.length == Length::Time {
            return format!("{}s", self.time.as_secs_f64());
        }
        let runs = self.intervals.iter().map(|&interval| {
            let time = self.run_time(Some(interval), 0, self.pairs).as_secs_f64();
            format!("{time:.1}s at T={}s", interval.as_secs_f64())
        });
        runs.collect::<Vec<_>>().join(", ")
    }
}

pub(crate) fn slices(time: Duration, rate: f64) -> impl Iterator<Item = Duration> {
    let slices = (time.as_secs_f64() * rate / SLICE_FRAMES).ceil().max(1.0) as u32;
    core::iter::repeat_n(time / slices, slices as usize)
}

#[cfg(test)]
mod tests;
