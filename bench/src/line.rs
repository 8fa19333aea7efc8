//! `qmacsec-bench line`: frames and TCP through two boxes and a line between them, over the ports of
//! real interfaces.
//!
//! ```text
//! left host ═ red [box a] black ═══ black [box b] red ═ right host
//! ```
//! All cables are veth, in namespaces that this process makes; they are gone with it. The boxes are
//! two encryptors, or two forwarders over the same ports: the ceiling. Both are polled by one thread
//! on one core, the left host sends from another, open loop; what arrives at the right host is what
//! its kernel has counted, by the time that the boxes had their core. So all arms share one layout, and a ratio of two arms says what the
//! encryptors cost. The digits are those of veth, not of a NIC.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use gcm::Engine;
use lab::sandbox::{self, SandboxError};
use port::PortError;

use crate::chart::NotWritten;
use crate::cpu::{Clock, Limits};
use crate::crypto::{self, or_default};
use crate::frame_size::FrameSize;
use crate::machine::Machine;
use crate::pipeline::cores;
use crate::vdev::{self, Vdev};
use rounds::Rounds;

mod boxes;
mod chart;
mod generator;
mod report;
mod rounds;
mod rows;
mod sink;
mod testpmd;
pub(crate) mod topology;
mod transfer;

/// Rounds unless told otherwise, and of a quick look.
const ROUNDS: u32 = 5;
const ROUNDS_QUICK: u32 = 3;

/// Options of `qmacsec-bench line`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  qmacsec-bench line --ports xdp,packet --rounds 20 --svg line.svg --json > line.json\n\
    Makes network namespaces of its own: needs root, or the right to make user namespaces.\n\
    Ports by DPDK need a build with --features dpdk (libdpdk-dev), and root for dpdk-af-xdp.\n\
    Sizes are with FCS. Rows of veth compare arms; they say nothing of a NIC."
)]
pub struct Options {
    /// Frame sizes in octets with FCS, and `imix` [default: 64 to 1518, imix, 9000]
    #[arg(long, value_delimiter = ',')]
    pub sizes: Vec<FrameSize>,
    /// What stands between the hosts [default: all; testpmd where it is installed]
    #[arg(long, value_delimiter = ',')]
    pub arms: Vec<Arm>,
    /// Over which ports [default: packet,xdp; with DPDK built in xdp,dpdk-af-xdp]
    #[arg(long, value_delimiter = ',')]
    pub ports: Vec<PortKind>,
    /// The AES-GCM engine: vaes512, aws-lc, rustcrypto [default: the best here]
    #[arg(long, value_parser = crate::pipeline::engine)]
    pub engine: Option<Engine>,
    /// The core of the boxes; the host that sends gets another [default: the last]
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
    /// JSON instead of tables
    #[arg(long)]
    pub json: bool,
    /// A chart of Gbit/s against frame size, written to this file
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Where the order of the arms starts from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What stands between the hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Arm {
    /// Two forwarders over the same ports: the ceiling
    #[value(name = "no-op")]
    NoOp,
    /// Two encryptors, XPN-256, authenticated only
    #[value(name = "integrity")]
    Integrity,
    /// Two encryptors, GCM-AES-256
    #[value(name = "gcm-aes-256")]
    GcmAes256,
    /// Two encryptors, GCM-AES-XPN-256
    #[value(name = "xpn-256")]
    Xpn256,
    /// DPDK's testpmd as both forwarders, if it is installed
    #[value(name = "testpmd")]
    Testpmd,
}

impl Arm {
    fn as_str(self) -> &'static str {
        match self {
            Self::NoOp => "no-op",
            Self::Integrity => "integrity",
            Self::GcmAes256 => "gcm-aes-256",
            Self::Xpn256 => "xpn-256",
            Self::Testpmd => "testpmd",
        }
    }
}

/// Which ports the boxes have.
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
    fn as_str(self) -> &'static str {
        match self {
            Self::Packet => "packet",
            Self::Xdp => "xdp",
            Self::XdpNative => "xdp-native",
            Self::XdpSkb => "xdp-skb",
            Self::DpdkAfXdp => "dpdk-af-xdp",
            Self::DpdkAfPacket => "dpdk-af-packet",
        }
    }

    /// The driver, of those by DPDK.
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

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No namespaces.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The core asked for.
    #[error(transparent)]
    Core(crypto::Error),
    /// The host that sends would stand in the boxes' way.
    #[error("one core only: the host that sends and the boxes need one each")]
    OneCore,
    /// A port.
    #[error("port: {0}")]
    Port(#[from] PortError),
    /// Namespaces, cables, threads, sockets.
    #[error("the system refuses what the measurement needs: {0}")]
    System(#[from] io::Error),
    /// A cable that does not come up.
    #[error("the boxes' ports have no carrier after {0:?}: is the machine overloaded?")]
    NoCarrier(Duration),
    /// What comes out is not what went in.
    #[error(
        "{arm} over {port} at size {size}: of {sent} frames {came} came, {changed} changed and \
         {disordered} out of order: its speed would mean nothing"
    )]
    Wrong {
        /// Which arm.
        arm: &'static str,
        /// Over which port.
        port: &'static str,
        /// At which size.
        size: FrameSize,
        /// Frames that went in.
        sent: u64,
        /// Frames that came out.
        came: u64,
        /// Of these, not as they went in.
        changed: u64,
        /// Of these, after a later one.
        disordered: u64,
    },
    /// The peer.
    #[error("dpdk-testpmd: {0}; leave it out with --arms")]
    Testpmd(String),
    /// A bug.
    #[error("the thread of the {0} died (a bug; the message above says where)")]
    Died(&'static str),
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
    ports: Vec<PortKind>,
    tcp: bool,
    engine: Engine,
    /// Of the boxes, and of the host that sends.
    cores: [usize; 2],
    rounds: u32,
    /// Who could not be measured, and why.
    absent: Vec<String>,
}

impl Plan {
    fn new(options: &Options) -> Result<Self, Error> {
        let octets = FrameSize::Octets;
        let (sizes, ports, arms, rounds) = if options.quick {
            let sizes = vec![octets(64), octets(1518), octets(9000)];
            let arms = vec![Arm::NoOp, Arm::Integrity, Arm::Xpn256];
            (sizes, vec![PortKind::Xdp], arms, ROUNDS_QUICK)
        } else {
            let ports = if cfg!(feature = "dpdk") {
                vec![PortKind::Xdp, PortKind::DpdkAfXdp]
            } else {
                vec![PortKind::Packet, PortKind::Xdp]
            };
            let arms = Arm::value_variants().to_vec();
            (FrameSize::USUAL.to_vec(), ports, arms, ROUNDS)
        };
        let [boxes, host] = cores(options.core)
            .map_err(Error::Core)?
            .first_chunk()
            .copied()
            .ok_or(Error::OneCore)?;
        let mut arms = or_default(&options.arms, arms);
        let absent = arms.contains(&Arm::Testpmd).then(testpmd::absent).flatten();
        if absent.is_some() {
            arms.retain(|arm| *arm != Arm::Testpmd);
        }
        let sizes = or_default(&options.sizes, sizes);
        let ports = or_default(&options.ports, ports);
        let too_long = sizes.iter().any(|size| rounds::is_jumbo(*size));
        let narrow = ports.iter().filter(|port| too_long && !port.takes_jumbo());
        let narrow = narrow.map(|port| format!("jumbo over {}: it has none", port.as_str()));
        Ok(Self {
            absent: absent.into_iter().chain(narrow).collect(),
            sizes,
            arms,
            ports,
            tcp: !options.no_tcp,
            engine: options.engine.unwrap_or_else(Engine::best),
            cores: [boxes, host],
            rounds: options.rounds.unwrap_or(rounds),
        })
    }
}

/// Measures; returns what is to be printed. Takes the process into namespaces of its own: the caller
/// has one thread, and nothing to do in the network afterwards.
///
/// # Errors
///
/// When nothing can be measured, or an arm does not bring frames through as they were.
pub fn run(options: &Options) -> Result<String, Error> {
    sandbox::enter()?;
    let plan = Plan::new(options)?;
    if plan.ports.iter().any(|port| port.vdev().is_some()) {
        vdev::start()?;
    }
    let clock = Clock::measure();
    let limits = Limits::measure(&clock);
    let mut rounds = Rounds::start(&plan, options.seed)?;
    rounds.run()?;
    let rows = rounds.finish();
    let machine = Machine {
        pinned_to_core: Some(plan.cores[0]),
        absent: plan.absent.clone(),
        builds: vec![format!("engine {}", plan.engine.name())],
        ..Machine::this(&clock, limits)
    };
    crate::chart::write(options.svg.as_deref(), || chart::draw(&rows, &machine))?;
    if options.json {
        Ok(rows::json(&machine, &rows)?)
    } else {
        Ok(report::write(&machine, &rows))
    }
}
