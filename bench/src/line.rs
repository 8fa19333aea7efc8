//! `qmacsec-bench line`: frames and TCP through two devices and a line between them, over the ports
//! of real interfaces.
//!
//! ```text
//! left host ═ red [device a] black ═══ black [device b] red ═ right host
//! ```
//! All cables are veth, in namespaces that this process makes; they are gone with it. The devices
//! are two encryptors, or two forwarders over the same ports: the ceiling. One thread on one core
//! polls both, and the left host sends from another core, open loop. The rate is the frames that
//! the kernel of the right host has counted, by the time that the devices had their core. All
//! devices have one layout: a ratio of two shows what the encryptors cost. The figures are of veth,
//! not of a NIC.

use clap::Args;
use gcm::Engine;
use lab::sandbox;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::cpu::{Clock, Limits};
use crate::device::Device;
use crate::harness::choice::{FrameOptions, among, name, or_default};
use crate::harness::cores::cores;
use crate::harness::error::Error;
use crate::harness::machine::Machine;
use crate::harness::rounds::{self, Until};
use crate::ports::PortSetup;
use crate::size::FrameSize;
use crate::vdev;
use rig::LineRig;

mod devices;
mod report;
mod rig;
mod rows;
mod testpmd;
mod traffic;
mod transfer;

const ROUNDS: u32 = 5;
const ROUNDS_QUICK: u32 = 3;

const DEVICES: &[Device] = &[
    Device::NoOp,
    Device::Integrity,
    Device::GcmAes256,
    Device::Xpn256,
    Device::Testpmd,
];
const PORTS: &[PortSetup] = &[
    PortSetup::Packet,
    PortSetup::Xdp,
    PortSetup::XdpNative,
    PortSetup::XdpSkb,
    PortSetup::DpdkAfXdp,
    PortSetup::DpdkAfPacket,
];

/// Options of `qmacsec-bench line`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  \
    qmacsec-bench line --ports xdp,packet --rounds 20 --svg line.svg --json > line.json\n\
    Makes network namespaces of its own: needs root, or the right to make user namespaces.\n\
    Ports by DPDK need a build with --features dpdk (libdpdk-dev), and root for dpdk-af-xdp.\n\
    Sizes are with FCS. Rows of veth compare devices; they say nothing of a NIC.")]
pub(crate) struct Options {
    #[command(flatten)]
    pub frames: FrameOptions,
    /// Devices to compare, two of each [default: all; testpmd where it is installed]
    #[arg(long, alias = "arms", value_delimiter = ',', value_parser = among(DEVICES))]
    pub devices: Vec<Device>,
    /// Ports of the devices [default: packet,xdp; with DPDK built in xdp,dpdk-af-xdp]
    #[arg(long, value_delimiter = ',', value_parser = among(PORTS))]
    pub ports: Vec<PortSetup>,
    /// The core of the devices; the host that sends gets another [default: the last]
    #[arg(long, value_name = "N")]
    pub core: Option<usize>,
    /// How many rounds, some three minutes each; medians count [default: 5]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rounds: Option<u32>,
    /// A short look: 64, 1518 and 9000 over xdp, three rounds
    #[arg(long)]
    pub quick: bool,
    /// No TCP
    #[arg(long)]
    pub no_tcp: bool,
}

/// The options with every default filled in.
#[derive(Clone, Debug)]
struct Plan {
    sizes: Vec<FrameSize>,
    devices: Vec<Device>,
    ports: Vec<PortSetup>,
    tcp: bool,
    engine: Engine,
    /// The core of the devices, and of the host that sends.
    cores: [usize; 2],
    until: Until,
    absent: Vec<String>,
}

impl Plan {
    fn new(options: &Options) -> Result<Self, Error> {
        let (sizes, ports, devices, rounds) = if options.quick {
            let sizes = [64, 1518, 9000].map(FrameSize::Octets).to_vec();
            let devices = vec![Device::NoOp, Device::Integrity, Device::Xpn256];
            (sizes, vec![PortSetup::Xdp], devices, ROUNDS_QUICK)
        } else {
            let ports = match cfg!(feature = "dpdk") {
                true => vec![PortSetup::Xdp, PortSetup::DpdkAfXdp],
                false => vec![PortSetup::Packet, PortSetup::Xdp],
            };
            (FrameSize::usual(), ports, DEVICES.to_vec(), ROUNDS)
        };
        let all_cores = cores(options.core)?;
        let &cores = all_cores.first_chunk().ok_or(Error::OneCore)?;
        let mut devices = or_default(&options.devices, devices);
        let wanted = devices.contains(&Device::Testpmd);
        let absent = wanted.then(testpmd::absent).flatten();
        devices.retain(|device| absent.is_none() || *device != Device::Testpmd);
        let sizes = or_default(&options.frames.sizes, sizes);
        let ports = or_default(&options.ports, ports);
        let too_long = sizes.iter().any(|size| rig::is_jumbo(*size));
        let narrow = ports.iter().filter(|port| too_long && !port.takes_jumbo());
        let narrow = narrow.map(|port| format!("jumbo over {}: it has none", name(port)));
        Ok(Self {
            absent: absent.into_iter().chain(narrow).collect(),
            sizes,
            devices,
            ports,
            tcp: !options.no_tcp,
            engine: options.frames.engine.unwrap_or_else(Engine::best),
            cores,
            until: Until::Rounds(options.rounds.unwrap_or(rounds)),
        })
    }
}

/// Measures; returns the report. Takes the process into namespaces of its own: the caller has one
/// thread, and does not use the network afterwards.
pub(crate) fn run(options: &Options) -> Result<String, Error> {
    sandbox::enter()?;
    let plan = Plan::new(options)?;
    if plan.ports.iter().any(|port| port.vdev().is_some()) {
        vdev::start()?;
    }
    let clock = Clock::measure();
    let limits = Limits::measure(&clock);
    let mut rng = ChaCha8Rng::seed_from_u64(options.frames.seed);
    let mut rig = LineRig::start(&plan)?;
    let rounds = rounds::run(&mut rig, plan.until, &mut rng)?;
    let rows = rig.rows(&rounds);
    let machine = Machine {
        pinned_to_core: Some(plan.cores[0]),
        absent: plan.absent.clone(),
        builds: vec![format!("engine {}", plan.engine.name())],
        ..Machine::this(&clock, limits)
    };
    let output = &options.frames.report;
    output.write(&machine, &rows, report::text, report::chart)
}
