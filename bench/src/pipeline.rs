//! `qmacsec-bench pipeline`: what one core protects and validates, and what two do.
//!
//! ```text
//! lane (a core): stock of frames ─▶ bed (an arm): null port ─▶ worker ─▶ null port ─▶ back again
//! lanes ─▶ rounds, all arms interleaved ─▶ rows ─▶ T1 | json, chart
//! ```
//! Everything of a worker is in the time: mailbox, policy, SecTAG, crypto, replay window, counters,
//! publication. Ports are null: frames stay in their rooms and are only handed over.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gcm::Engine;
use port::PortError;

use crate::chart::NotWritten;
use crate::cpu::{Clock, Limits};
use crate::crypto::{self, or_default};
use crate::frame_size::FrameSize;
use crate::machine::Machine;
use crate::sweeps::Until;
use rounds::Rounds;

pub(crate) mod bed;
mod chart;
mod lane;
mod report;
mod rounds;
mod rows;
mod shelf;
mod stock;
#[cfg(feature = "wireguard")]
mod wireguard;

/// Seconds of measuring unless told otherwise.
const SECONDS: u64 = 60;
/// Seconds of a quick look.
const SECONDS_QUICK: u64 = 15;

/// Options of `qmacsec-bench pipeline`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example, on a quiet machine, measured on core 1 and then on all:\n  \
    qmacsec-bench pipeline --core 1 --svg pipeline.svg\n\
    Sizes are with FCS, Gbit/s are of frames with FCS."
)]
pub struct Options {
    /// Frame sizes in octets with FCS, and `imix` [default: 64 to 1518, imix, 9000]
    #[arg(long, value_delimiter = ',')]
    pub sizes: Vec<FrameSize>,
    /// What is measured [default: all]
    #[arg(long, value_delimiter = ',')]
    pub arms: Vec<Arm>,
    /// How many cores at the same time, each count for itself [default: 1 and all there are]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub cores: Vec<u16>,
    /// The core of the measurements on one core [default: the last]
    #[arg(long, value_name = "N")]
    pub core: Option<usize>,
    /// The AES-GCM engine: vaes512, aws-lc, rustcrypto [default: the best here]
    #[arg(long, value_parser = engine)]
    pub engine: Option<Engine>,
    /// How long to measure [default: 60]
    #[arg(long, conflicts_with = "rounds")]
    pub seconds: Option<u64>,
    /// How many rounds of each size and number of cores instead
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rounds: Option<u32>,
    /// A short look: 64, 512, 1518 and imix, 15 seconds
    #[arg(long)]
    pub quick: bool,
    /// JSON instead of tables
    #[arg(long)]
    pub json: bool,
    /// A chart of Gbit/s against frame size, written to this file
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Where the order of arms and of the mix starts from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// An engine that this machine has.
pub(crate) fn engine(name: &str) -> Result<Engine, String> {
    let here: Vec<_> = Engine::available().collect();
    let found = here.iter().copied().find(|engine| engine.name() == name);
    found.ok_or_else(|| {
        let names: Vec<_> = here.iter().map(|engine| engine.name()).collect();
        format!("this machine has {}", names.join(", "))
    })
}

/// What is measured side by side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Arm {
    /// Frames go from port to port, nothing else: the ceiling
    #[value(name = "no-op")]
    NoOp,
    /// XPN-256, authenticated only
    #[value(name = "integrity")]
    Integrity,
    /// GCM-AES-256, PN of 32 bits
    #[value(name = "gcm-aes-256")]
    GcmAes256,
    /// GCM-AES-XPN-256: what is used
    #[value(name = "xpn-256")]
    Xpn256,
    /// The AES-GCM engine alone, without ports and worker
    #[value(name = "engine")]
    Engine,
    /// WireGuard in user space: the crate boringtun
    #[cfg(feature = "wireguard")]
    #[value(name = "wireguard")]
    WireGuard,
}

impl Arm {
    /// As in tables and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoOp => "no-op",
            Self::Integrity => "integrity",
            Self::GcmAes256 => "gcm-aes-256",
            Self::Xpn256 => "xpn-256",
            Self::Engine => "engine",
            #[cfg(feature = "wireguard")]
            Self::WireGuard => "wireguard",
        }
    }
}

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// Red to black.
    Protect,
    /// Black to red.
    Validate,
}

impl Op {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Protect, Self::Validate];

    /// As in tables and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Protect => "protect",
            Self::Validate => "validate",
        }
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The core asked for.
    #[error(transparent)]
    Core(crypto::Error),
    /// More cores than there are.
    #[error("{asked} cores asked for, this process may use {have}: ask for fewer")]
    Cores {
        /// As asked.
        asked: usize,
        /// As many as there are.
        have: usize,
    },
    /// Frames.
    #[error("frames for the measurement: {0}")]
    Frames(#[from] PortError),
    /// No thread or descriptor left.
    #[error("the system refuses what the measurement needs: {0}")]
    System(std::io::Error),
    /// A bug.
    #[error("a measuring thread died (a bug; the message above says where)")]
    LaneDied,
    /// The chart.
    #[error(transparent)]
    Chart(#[from] NotWritten),
    /// The JSON.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// What is to be measured; the options with every default filled in.
#[derive(Clone, Debug)]
struct Plan {
    sizes: Vec<FrameSize>,
    arms: Vec<Arm>,
    /// How many lanes work at the same time, each count for itself.
    counts: Vec<usize>,
    /// The cores of the lanes, in the order in which they come in.
    cores: Vec<usize>,
    engine: Engine,
    until: Until,
}

impl Plan {
    fn new(options: &Options) -> Result<Self, Error> {
        let sizes = if options.quick {
            let octets = [64, 512, 1518].map(FrameSize::Octets);
            octets.into_iter().chain([FrameSize::Imix]).collect()
        } else {
            FrameSize::USUAL.to_vec()
        };
        let cores = cores(options.core).map_err(Error::Core)?;
        let asked: Vec<usize> = options.cores.iter().copied().map(usize::from).collect();
        let counts = or_default(&asked, or_default(&[1, cores.len()], Vec::new()));
        if let Some(&asked) = counts.iter().find(|&&count| count > cores.len()) {
            let have = cores.len();
            return Err(Error::Cores { asked, have });
        }
        let until = match (options.rounds, options.seconds) {
            (Some(rounds), _) => Until::Rounds(rounds),
            (None, Some(seconds)) => Until::Seconds(seconds),
            (None, None) if options.quick => Until::Seconds(SECONDS_QUICK),
            (None, None) => Until::Seconds(SECONDS),
        };
        Ok(Self {
            sizes: or_default(&options.sizes, sizes),
            arms: or_default(&options.arms, Arm::value_variants().to_vec()),
            counts,
            cores,
            engine: options.engine.unwrap_or_else(Engine::best),
            until,
        })
    }
}

/// The cores of this process: `first`, or else the last, and then the others.
pub(crate) fn cores(first: Option<usize>) -> Result<Vec<usize>, crypto::Error> {
    let ids = core_affinity::get_core_ids().unwrap_or_default();
    let mut cores: Vec<usize> = ids.into_iter().map(|id| id.id).rev().collect();
    if let Some(first) = first {
        let place = cores.iter().position(|&core| core == first);
        let place = place.ok_or(crypto::Error::Core(first))?;
        cores[..=place].rotate_right(1);
    }
    Ok(cores)
}

/// Measures; returns what is to be printed.
///
/// # Errors
///
/// When nothing can be measured.
pub fn run(options: &Options) -> Result<String, Error> {
    let plan = Plan::new(options)?;
    let clock = Clock::measure();
    let limits = Limits::measure(&clock);
    let mut rounds = Rounds::start(&plan, clock, options.seed)?;
    rounds.run(plan.until)?;
    let (rows, disturbance, core_ghz) = rounds.finish()?;
    let machine = Machine {
        pinned_to_core: plan.cores.first().copied(),
        disturbance,
        builds: vec![format!("engine {}", plan.engine.name())],
        ..Machine::this(&clock, Limits { core_ghz, ..limits })
    };
    crate::chart::write(options.svg.as_deref(), || chart::draw(&rows, &machine))?;
    if options.json {
        Ok(rows::json(&machine, &rows)?)
    } else {
        Ok(report::write(&machine, &rows))
    }
}

#[cfg(test)]
mod tests;
