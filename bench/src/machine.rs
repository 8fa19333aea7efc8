//! The machine and the run: the head of every report, and `machine` of every JSON.

use std::path::Path;
use std::process::Command;

use serde::Serialize;

use crate::cpu::{Clock, Limits};
use crate::quiet::Disturbance;
use crate::text::line;

/// What somebody must know who wants to believe, or repeat, a run.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Model, family, stepping.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Operating system.
    pub os: &'static str,
    /// Instruction set.
    pub arch: &'static str,
    /// Its release.
    pub kernel: Option<String>,
    /// Revision of the source, with `-dirty` where it was changed; `None` outside of its repository.
    pub revision: Option<String>,
    /// The core of all measurements on one core.
    pub pinned_to_core: Option<usize>,
    /// Frequency of the clock that measured.
    pub tsc_ghz: f64,
    /// The core's own limits.
    #[serde(flatten)]
    pub limits: Limits,
    /// How quiet it was.
    #[serde(flatten)]
    pub disturbance: Disturbance,
    /// Builds known only at run time: name and version.
    pub builds: Vec<String>,
    /// Who could not be measured, and why.
    pub absent: Vec<String>,
}

impl Machine {
    /// What can be asked of the machine; the run is still quiet, and on any core.
    #[must_use]
    pub fn this(clock: &Clock, limits: Limits) -> Self {
        Self {
            cpu: cpu_model().unwrap_or_else(|| "unknown CPU".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
            kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease")
                .ok()
                .map(|text| text.trim().to_owned()),
            revision: revision(),
            pinned_to_core: None,
            tsc_ghz: clock.ghz(),
            limits,
            disturbance: Disturbance::default(),
            builds: Vec::new(),
            absent: Vec::new(),
        }
    }

    /// The head of a report about `subject`.
    pub fn head(&self, out: &mut String, subject: &str) {
        line!(
            out,
            "{subject}, {}, {} cores, {} {}{}",
            self.cpu,
            self.cores,
            self.os,
            self.kernel.as_deref().unwrap_or(self.arch),
            self.revision
                .as_ref()
                .map_or(String::new(), |revision| format!(", revision {revision}"))
        );
        let pinned = self.pinned_to_core.map_or("not pinned".to_owned(), |core| {
            format!("pinned to core {core}")
        });
        let limits = &self.limits;
        line!(
            out,
            "core {:.2} GHz, clock of the measurement {:.3} GHz, {pinned}",
            limits.core_ghz,
            self.tsc_ghz
        );
        if limits.aes_bits > 0 {
            line!(
                out,
                "limits of the core, cycles for 64 octets: AES-256 {:.1} ({}-bit registers), GHASH {:.1}, both at once {:.1}",
                limits.aes_round_cycles * 56.0,
                limits.aes_bits,
                limits.clmul_cycles * 16.0,
                limits.mix_64_cycles,
            );
        }
        for build in &self.builds {
            line!(out, "{build}");
        }
        for absent in &self.absent {
            line!(out, "not measured: {absent}");
        }
        self.how_quiet(out);
    }

    fn how_quiet(&self, out: &mut String) {
        let d = &self.disturbance;
        if d.rounds == 0 {
            return; // nobody watched
        }
        line!(
            out,
            "{} rounds, {} thrown away as disturbed ({} preempted)",
            d.rounds,
            d.disturbed,
            d.preempted
        );
        if d.is_much() {
            line!(
                out,
                "THIS MACHINE IS NOT QUIET: more than a third of the rounds were disturbed. Trust ratios of minima, not digits."
            );
        }
        if d.cells_without_quiet > 0 {
            line!(
                out,
                "{} cells of the plan had no quiet round; their rows are from disturbed ones.",
                d.cells_without_quiet
            );
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

/// Asks git where the source was when this program was built.
fn revision() -> Option<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("git")
        .arg("-C")
        .arg(source)
        .args(["describe", "--always", "--dirty", "--exclude=*"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| output.status.success() && !text.is_empty())
}
