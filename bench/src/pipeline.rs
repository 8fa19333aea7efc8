//! `qmacsec-bench pipeline`: what one core protects and validates, and what two do.
//!
//! ```text
//! core thread: set of frames ─▶ testbed: null port ─▶ worker ─▶ null port ─▶ back again
//! core threads ─▶ rounds, all devices interleaved ─▶ rows ─▶ T1 | json, chart
//! ```
//! The time includes the whole worker: mailbox, policy, SecTAG, crypto, replay window, counters,
//! publication. Ports are null: frames stay in their buffers and are only handed over.

use clap::Args;
use gcm::Engine;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::cpu::{Clock, Limits};
use crate::device::Device;
use crate::harness::choice::{FrameOptions, among, or_default};
use crate::harness::cores::cores;
use crate::harness::error::Error;
use crate::harness::machine::Machine;
use crate::harness::quiet::Quiet;
use crate::harness::rounds::{self, Until, UntilOptions};
use crate::size::FrameSize;
use rig::PipelineRig;

mod core_thread;
mod frame_set;
mod null_port;
mod report;
mod rig;
mod testbed;
#[cfg(feature = "wireguard")]
mod wireguard;

const SECONDS: u64 = 60;
const SECONDS_QUICK: u64 = 15;

const DEVICES: &[Device] = &[
    Device::NoOp,
    Device::Integrity,
    Device::GcmAes256,
    Device::Xpn256,
    Device::Engine,
    #[cfg(feature = "wireguard")]
    Device::WireGuard,
];

/// Options of `qmacsec-bench pipeline`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example, on a quiet machine, measured on core 1 and then on all:\n  \
    qmacsec-bench pipeline --core 1 --svg pipeline.svg\n\
    Sizes are with FCS, Gbit/s are of frames with FCS."
)]
pub(crate) struct Options {
    #[command(flatten)]
    pub frames: FrameOptions,
    /// Devices to compare [default: all]
    #[arg(long, alias = "arms", value_delimiter = ',', value_parser = among(DEVICES))]
    pub devices: Vec<Device>,
    /// Numbers of cores that work at the same time [default: 1 and all there are]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub cores: Vec<u16>,
    /// The core of the measurements on one core [default: the last]
    #[arg(long, value_name = "N")]
    pub core: Option<usize>,
    /// When measuring ends
    #[command(flatten)]
    pub until: UntilOptions,
    /// A short look: 64, 512, 1518 and imix, 15 seconds
    #[arg(long)]
    pub quick: bool,
}

/// The options with every default filled in.
#[derive(Clone, Debug)]
struct Plan {
    sizes: Vec<FrameSize>,
    devices: Vec<Device>,
    counts: Vec<usize>,
    /// The cores, in the order in which they are used.
    cores: Vec<usize>,
    engine: Engine,
    until: Until,
}

impl Plan {
    fn new(options: &Options) -> Result<Self, Error> {
        let (sizes, seconds) = if options.quick {
            let octets = [64, 512, 1518].map(FrameSize::Octets);
            let sizes = octets.into_iter().chain([FrameSize::Imix]).collect();
            (sizes, SECONDS_QUICK)
        } else {
            (FrameSize::usual(), SECONDS)
        };
        let cores = cores(options.core)?;
        let asked: Vec<usize> = options.cores.iter().copied().map(usize::from).collect();
        let counts = or_default(&asked, or_default(&[1, cores.len()], Vec::new()));
        if let Some(&asked) = counts.iter().find(|&&count| count > cores.len()) {
            let have = cores.len();
            return Err(Error::Cores { asked, have });
        }
        Ok(Self {
            sizes: or_default(&options.frames.sizes, sizes),
            devices: or_default(&options.devices, DEVICES.to_vec()),
            counts,
            cores,
            engine: options.frames.engine.unwrap_or_else(Engine::best),
            until: options.until.or(Until::Seconds(seconds)),
        })
    }
}

pub(crate) fn run(options: &Options) -> Result<String, Error> {
    let plan = Plan::new(options)?;
    let clock = Clock::measure();
    let limits = Limits::measure(&clock);
    let mut rng = ChaCha8Rng::seed_from_u64(options.frames.seed);
    let mut rig = PipelineRig::start(&plan, clock, &mut rng)?;
    let rounds = rounds::run(&mut rig, plan.until, &mut rng)?;
    let quiet = Quiet::of(&rounds, rig.cells.len());
    let rows = rig.rows(&rounds, &quiet);
    rig.end()?;
    let limits = Limits {
        core_ghz: quiet.core_ghz,
        ..limits
    };
    let machine = Machine {
        pinned_to_core: plan.cores.first().copied(),
        disturbance: quiet.disturbance,
        builds: vec![format!("engine {}", plan.engine.name())],
        ..Machine::this(&clock, limits)
    };
    let output = &options.frames.report;
    output.write(&machine, &rows, report::text, report::chart)
}

#[cfg(test)]
mod tests;
