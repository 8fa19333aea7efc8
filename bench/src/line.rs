//! `qmacsec-bench line`: frames and TCP through two devices and a line between them, over the ports
//! of real interfaces.
//!
//! ```text
//! left host ═ red [device a] black ═══ black [device b] red ═ right host
//! ```
//! All cables are veth, in namespaces that this process makes; they are gone with it. The devices
//! are two encryptors, or two forwarders over the same ports: the ceiling. One thread on one core
//! polls both, and the left host sends from another core, open loop. The rate is the frames that the
//! kernel of the right host has counted, by the time that the devices had their core. All devices
//! have one layout: a ratio of two shows what the encryptors cost. The figures are those of veth,
//! not of a NIC.

use clap::{Args, ValueEnum};
use gcm::Engine;
use lab::sandbox;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::cpu::{Clock, Limits};
use crate::device::Arm;
use crate::harness::choice::{among, engine, name, or_default};
use crate::harness::cores::cores;
use crate::harness::error::Error;
use crate::harness::machine::Machine;
use crate::harness::report::ReportOptions;
use crate::harness::rounds::{self, Until};
use crate::size::FrameSize;
use crate::vdev::{self, Vdev};
use rig::LineRig;

mod devices;
mod report;
mod rig;
mod rows;
mod testpmd;
pub(crate) mod topology;
mod traffic;
mod transfer;

/// Rounds unless told otherwise, and of a quick look.
const ROUNDS: u32 = 5;
const ROUNDS_QUICK: u32 = 3;

/// The arms of this bench.
const ARMS: &[Arm] = &[
    Arm::NoOp,
    Arm::Integrity,
    Arm::GcmAes256,
    Arm::Xpn256,
    Arm::Testpmd,
];

/// Options of `qmacsec-bench line`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  \
    qmacsec-bench line --ports xdp,packet --rounds 20 --svg line.svg --json > line.json\n\
    Makes network namespaces of its own: needs root, or the right to make user namespaces.\n\
    Ports by DPDK need a build with --features dpdk (libdpdk-dev), and root for dpdk-af-xdp.\n\
    Sizes are with FCS. Rows of veth compare arms; they say nothing of a NIC.")]
pub struct Options {
    /// Frame sizes in octets with FCS, and `imix` [default: 64 to 1518, imix, 9000]
    #[arg(long, value_delimiter = ',')]
    pub sizes: Vec<FrameSize>,
    /// Arms to compare, two devices each [default: all; testpmd where it is installed]
    #[arg(long, value_delimiter = ',', value_parser = among(ARMS))]
    pub arms: Vec<Arm>,
    /// Ports of the devices [default: packet,xdp; with DPDK built in xdp,dpdk-af-xdp]
    #[arg(long, value_delimiter = ',')]
    pub ports: Vec<PortKind>,
    /// The AES-GCM engine: vaes512, aws-lc, rustcrypto [default: the best here]
    #[arg(long, value_parser = engine)]
    pub engine: Option<Engine>,
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
    /// Seed of the order of the arms
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The report
    #[command(flatten)]
    pub report: ReportOptions,
}

/// The ports of the devices under test.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum PortKind {
    /// AF_PACKET
    Packet,
    /// AF_XDP, the best mode there is
    Xdp,
    /// AF_XDP with the program in the driver
    XdpNative,
    /// AF_XDP with the program in the kernel's general path
    XdpSkb,
    /// net_af_xdp of DPDK, where it is built in; no jumbo
    DpdkAfXdp,
    /// net_af_packet of DPDK, where it is built in
    DpdkAfPacket,
}

impl PortKind {
    /// The driver of a port by DPDK.
    fn vdev(self) -> Option<Vdev> {
        match self {
            Self::DpdkAfXdp => Some(Vdev::AfXdp),
            Self::DpdkAfPacket => Some(Vdev::AfPacket),
            Self::Packet | Self::Xdp | Self::XdpNative | Self::XdpSkb => None,
        }
    }

    fn takes_jumbo(self) -> bool {
        self.vdev().is_none_or(Vdev::takes_jumbo)
    }
}

/// The options with every default filled in.
#[derive(Clone, Debug)]
struct Plan {
    sizes: Vec<FrameSize>,
    arms: Vec<Arm>,
    ports: Vec<PortKind>,
    tcp: bool,
    engine: Engine,
    /// The core of the devices, and of the host that sends.
    cores: [usize; 2],
    until: Until,
    /// Devices and sizes that cannot be measured, and why.
    absent: Vec<String>,
}

impl Plan {
    fn new(options: &Options) -> Result<Self, Error> {
        let (sizes, ports, arms, rounds) = if options.quick {
            let sizes = [64, 1518, 9000].map(FrameSize::Octets).to_vec();
            let arms = vec![Arm::NoOp, Arm::Integrity, Arm::Xpn256];
            (sizes, vec![PortKind::Xdp], arms, ROUNDS_QUICK)
        } else {
            let ports = if cfg!(feature = "dpdk") {
                vec![PortKind::Xdp, PortKind::DpdkAfXdp]
            } else {
                vec![PortKind::Packet, PortKind::Xdp]
            };
            (FrameSize::usual(), ports, ARMS.to_vec(), ROUNDS)
        };
        let all_cores = cores(options.core)?;
        let &cores = all_cores.first_chunk().ok_or(Error::OneCore)?;
        let mut arms = or_default(&options.arms, arms);
        let wanted = arms.contains(&Arm::Testpmd);
        let absent = wanted.then(testpmd::absent).flatten();
        arms.retain(|arm| absent.is_none() || *arm != Arm::Testpmd);
        let sizes = or_default(&options.sizes, sizes);
        let ports = or_default(&options.ports, ports);
        let too_long = sizes.iter().any(|size| rig::is_jumbo(*size));
        let narrow = ports.iter().filter(|port| too_long && !port.takes_jumbo());
        let narrow = narrow.map(|port| format!("jumbo over {}: it has none", name(port)));
        Ok(Self {
            absent: absent.into_iter().chain(narrow).collect(),
            sizes,
            arms,
            ports,
            tcp: !options.no_tcp,
            engine: options.engine.unwrap_or_else(Engine::best),
            cores,
            until: Until::Rounds(options.rounds.unwrap_or(rounds)),
        })
    }
}

/// Measures; returns the report. Takes the process into namespaces of its own: the caller has one
/// thread, and does not use the network afterwards.
///
/// # Errors
/// Nothing can be measured, or an arm does not bring frames through as they were.
pub fn run(options: &Options) -> Result<String, Error> {
    sandbox::enter()?;
    let plan = Plan::new(options)?;
    if plan.ports.iter().any(|port| port.vdev().is_some()) {
        vdev::start()?;
    }
    let clock = Clock::measure();
    let limits = Limits::measure(&clock);
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let mut rig = LineRig::start(&plan)?;
    let rounds = rounds::run(&mut rig, plan.until, &mut rng)?;
    let rows = rig.rows(&rounds);
    let machine = Machine {
        pinned_to_core: Some(plan.cores[0]),
        absent: plan.absent.clone(),
        builds: vec![format!("engine {}", plan.engine.name())],
        ..Machine::this(&clock, limits)
    };
    options.report.write(
        &machine,
        &rows,
        || report::text(&machine, &rows),
        || report::chart(&machine, &rows),
    )
}
