//! What was measured, and under which conditions.

use serde::Serialize;

use super::Op;
use crate::contender::{Contender, Name};
use crate::cpu::{Clock, Limits};
use crate::size::Size;
use crate::stats::Spread;

/// One contender, op, size and burst.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) name: Name,
    pub(super) op: Op,
    pub(super) size: Size,
    pub(super) burst: usize,
    /// ns a frame.
    pub(super) ns: Spread,
}

impl Row {
    /// Mean payload, octets.
    fn payload(&self) -> f64 {
        self.size.mean(|len| len as f64)
    }

    /// Payload Gbit/s, by the median.
    pub(super) fn gbit_s(&self) -> f64 {
        self.payload() * 8.0 / self.ns.median
    }

    /// Million frames a second, by the median.
    pub(super) fn mpps(&self) -> f64 {
        1000.0 / self.ns.median
    }

    /// Cycles of the core for an octet of payload, by the median.
    pub(super) fn cycles_per_octet(&self, limits: &Limits) -> f64 {
        self.ns.median * limits.core_ghz / self.payload()
    }

    /// How much of the median is time that AES alone would take; `None` without AES instructions.
    pub(super) fn percent_of_floor(&self, limits: &Limits) -> Option<f64> {
        limits.aes_floor_ns(0)?;
        let floor = self
            .size
            .mean(|len| limits.aes_floor_ns(len).unwrap_or(0.0));
        Some(100.0 * floor / self.ns.median)
    }
}

/// How quiet it was.
#[derive(Clone, Copy, Default, Debug, Serialize)]
pub(super) struct Disturbance {
    pub(super) rounds: usize,
    /// Thrown away: slow calibrator, or preempted.
    pub(super) disturbed: usize,
    /// Of these, the core was given to somebody else.
    pub(super) preempted: usize,
    /// Sizes and bursts whose every round was disturbed, and whose rows are from those.
    pub(super) cells_without_quiet: usize,
}

impl Disturbance {
    /// More than a third of the rounds.
    pub(super) fn is_much(&self) -> bool {
        3 * self.disturbed > self.rounds
    }
}

/// The machine and the run, for the head of the report and `machine` of the JSON.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Conditions {
    pub(super) cpu: String,
    pub(super) cores: usize,
    pub(super) os: &'static str,
    pub(super) arch: &'static str,
    pub(super) kernel: Option<String>,
    pub(super) pinned_to_core: Option<usize>,
    pub(super) tsc_ghz: f64,
    #[serde(flatten)]
    pub(super) limits: Limits,
    #[serde(flatten)]
    pub(super) disturbance: Disturbance,
    /// Builds known only at run time: name and version.
    pub(super) builds: Vec<String>,
    /// Who could not be measured, and why.
    pub(super) absent: Vec<String>,
}

impl Conditions {
    /// What can be asked of the machine; the run is still quiet and on any core.
    pub(super) fn of_machine(
        clock: Clock,
        limits: Limits,
        contenders: &[Contender],
        absent: Vec<String>,
    ) -> Self {
        let build = |one: &Contender| one.build().map(|build| format!("{} {build}", one.name()));
        Self {
            cpu: cpu_model().unwrap_or_else(|| "unknown CPU".to_owned()),
            cores: 1,
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
            kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease")
                .ok()
                .map(|text| text.trim().to_owned()),
            pinned_to_core: None,
            tsc_ghz: clock.ghz(),
            limits,
            disturbance: Disturbance::default(),
            builds: contenders.iter().filter_map(build).collect(),
            absent,
        }
    }
}

/// As Linux names it, with family, model and stepping: the name alone often says nothing.
fn cpu_model() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let field = |name: &str| {
        let line = text
            .lines()
            .find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let numbers = ["cpu family", "model", "stepping"].map(|name| field(name).unwrap_or_default());
    Some(format!(
        "{} (family {}, model {}, stepping {})",
        field("model name")?,
        numbers[0],
        numbers[1],
        numbers[2]
    ))
}
