//! The machine and the run: the head of every report, and `machine` of every JSON.

use std::process::Command;

use serde::Serialize;

use super::quiet::Disturbance;
use super::text::line;
use crate::cpu::{Clock, Limits};

/// The facts that a reader needs to believe or repeat a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub os: &'static str,
    pub arch: &'static str,
    pub kernel: Option<String>,
    /// Revision of the source, with `-dirty` if it was changed; `None` outside of its repository.
    pub revision: Option<String>,
    /// The core of all measurements on one core.
    pub pinned_to_core: Option<usize>,
    pub tsc_ghz: f64,
    #[serde(flatten)]
    pub limits: Limits,
    #[serde(flatten)]
    pub disturbance: Disturbance,
    /// Builds known only at run time: name and version.
    pub builds: Vec<String>,
    /// Peers and engines that could not be measured, and why.
    pub absent: Vec<String>,
}

impl Machine {
    /// The facts about the machine; the facts about the run are still to be filled in.
    pub(crate) fn this(clock: &Clock, limits: Limits) -> Self {
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

    pub(crate) fn head(&self, out: &mut String, subject: &str) {
        let (cpu, cores, os) = (&self.cpu, self.cores, self.os);
        let kernel = self.kernel.as_deref().unwrap_or(self.arch);
        let revision = self.revision.as_ref();
        let revision = revision.map_or(String::new(), |revision| format!(", revision {revision}"));
        line!(
            out,
            "{subject}, {cpu}, {cores} cores, {os} {kernel}{revision}"
        );
        let pinned = match self.pinned_to_core {
            Some(core) => format!("pinned to core {core}"),
            None => "not pinned".to_owned(),
        };
        let (core_ghz, tsc_ghz) = (self.limits.core_ghz, self.tsc_ghz);
        line!(
            out,
            "core {core_ghz:.2} GHz, clock of the measurement {tsc_ghz:.3} GHz, {pinned}"
        );
        let limits = &self.limits;
        if limits.aes_bits > 0 {
            let (aes, ghash) = (limits.aes_round_cycles * 56.0, limits.clmul_cycles * 16.0);
            line!(
                out,
                "limits of the core, cycles for 64 octets: AES-256 {aes:.1} ({}-bit registers), \
                 GHASH {ghash:.1}, both at once {:.1}",
                limits.aes_bits,
                limits.mix_64_cycles
            );
        }
        for build in &self.builds {
            line!(out, "{build}");
        }
        for absent in &self.absent {
            line!(out, "not measured: {absent}");
        }
        let Disturbance {
            rounds,
            disturbed,
            preempted,
            cells_without_quiet,
        } = self.disturbance;
        if rounds > 0 {
            line!(
                out,
                "{rounds} rounds, {disturbed} left out as disturbed ({preempted} preempted)"
            );
        }
        if self.disturbance.is_much() {
            line!(
                out,
                "THIS MACHINE IS NOT QUIET: more than a third of the rounds were disturbed. Trust \
                 ratios of minima, not single figures."
            );
        }
        if cells_without_quiet > 0 {
            line!(
                out,
                "{cells_without_quiet} cells of the plan had no quiet round; their rows are from \
                 disturbed ones."
            );
        }
    }
}

/// The model name of Linux, with family, model and stepping: the name alone is often not enough.
fn cpu_model() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let fields = || text.lines().filter_map(|line| line.split_once(':'));
    let field = |name| {
        let (_, value) = fields().find(|(key, _)| key.trim() == name)?;
        Some(value.trim())
    };
    let [family, model, stepping] =
        ["cpu family", "model", "stepping"].map(|name| field(name).unwrap_or_default());
    let name = field("model name")?;
    Some(format!(
        "{name} (family {family}, model {model}, stepping {stepping})"
    ))
}

/// Asks git for the revision of the source that this program was built from.
fn revision() -> Option<String> {
    let git = Command::new("git")
        .args(["-C", env!("CARGO_MANIFEST_DIR")])
        .args(["describe", "--always", "--dirty", "--exclude=*"])
        .output()
        .ok()
        .filter(|git| git.status.success())?;
    let text = String::from_utf8(git.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
