//! Cables between hosts and devices: memory, or the interfaces of a network of their own.

use std::fs::File;
use std::io;
use std::sync::Arc;

use lab::netns::Netns;
use nix::sched::{CloneFlags, setns};
use port::fault::{Faults, Faulty};
use port::limits::CHUNKS;
use port::mem::{self, Mem, MemConfig};
use port::packet::{Packet, PacketConfig};
use port::tap::{Tap, TapConfig};
use port::xdp::{Share, Xdp, XdpConfig, XdpMode};
use port::{Port, PortError};
use qmacsec::ports::Opener;
use wire::OVERHEAD_MAX;

use super::cores::Cores;
use crate::line::topology::{BOXES, LAN, Topology};
use crate::rekey::Error;
use crate::vdev::{self, Vdev};

/// Frames that each cable in memory holds: some milliseconds of them, for when the scheduler takes
/// a thread off its core. The frames are usual Ethernet, with room for SecTAG and ICV.
const CABLE_FRAMES: usize = 8192;
pub(crate) const MTU: usize = 1500;
const MEM_MTU: usize = MTU + OVERHEAD_MAX;
/// The interfaces that encryptors make where red is TAP.
const TAPS: [&str; 2] = ["tap-a", "tap-b"];

/// The kind of ports of the encryptors.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum PortKind {
    /// Cables in memory
    Mem,
    /// AF_PACKET on veth
    Packet,
    /// AF_XDP on veth, in the best mode that it has
    Xdp,
    /// AF_XDP on veth with the program in the kernel's general path
    XdpSkb,
    /// Red is TAP, black AF_PACKET on veth
    Tap,
    /// net_af_xdp of DPDK on veth, where it is built in
    DpdkAfXdp,
    /// net_af_packet of DPDK on veth, where it is built in; losses of its full ring have no
    /// counter: at too high a load `unexplained` is not 0
    DpdkAfPacket,
}

impl PortKind {
    /// The name in tables and JSON.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Mem => "mem",
            Self::Packet => "packet",
            Self::Xdp => "xdp",
            Self::XdpSkb => "xdp-skb",
            Self::Tap => "tap",
            Self::DpdkAfXdp => "dpdk-af-xdp",
            Self::DpdkAfPacket => "dpdk-af-packet",
        }
    }

    /// The driver of DPDK, where there is one.
    fn vdev(self) -> Option<Vdev> {
        match self {
            Self::DpdkAfXdp => Some(Vdev::AfXdp),
            Self::DpdkAfPacket => Some(Vdev::AfPacket),
            Self::Mem | Self::Packet | Self::Xdp | Self::XdpSkb | Self::Tap => None,
        }
    }
}

/// A kind of ports, the network that they need, and the cores.
#[derive(Clone)]
pub(crate) struct Rig {
    kind: PortKind,
    cores: Cores,
    network: Network,
}

#[derive(Clone)]
enum Network {
    /// Memory needs no network.
    None,
    /// Namespaces and veth.
    Lasting(Arc<Topology>),
    /// The same, built for each trial: ports of the last trial hold their interfaces.
    EachTime,
}

/// The ends of all cables, to be opened on the threads that use them.
pub(crate) struct Cables {
    /// Red and black of each encryptor.
    pub(crate) encryptors: [[Opener; 2]; 2],
    pub(crate) hosts: [Opener; 2],
    /// The cores of the threads that use them.
    pub(crate) cores: Cores,
}

/// The ports of both hosts, to be opened when the devices are running.
pub(crate) struct HostPorts {
    pub(crate) ends: [Opener; 2],
    pub(crate) cores: Cores,
}

impl Rig {
    /// Builds the network that these ports need.
    pub(crate) fn new(kind: PortKind, cores: Cores) -> Result<Self, Error> {
        let vdev = kind.vdev();
        if vdev.is_some() {
            vdev::start()?;
        }
        let network = match kind {
            PortKind::Mem => Network::None,
            _ if vdev.is_some_and(Vdev::needs_fresh_interfaces) => Network::EachTime,
            _ => Network::Lasting(Arc::new(Topology::build(MTU)?)),
        };
        Ok(Self {
            kind,
            cores,
            network,
        })
    }

    /// A rig with cables in memory.
    pub(crate) fn memory(cores: Cores) -> Self {
        Self {
            kind: PortKind::Mem,
            cores,
            network: Network::None,
        }
    }

    /// Runs `work` in the network namespace of the devices, with all threads that it starts.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, Error> {
        match &self.network {
            Network::None => Ok(work(self)),
            Network::Lasting(topology) => {
                let here = self.clone();
                Ok(topology.middle.run(move || work(&here))?)
            }
            Network::EachTime => {
                let network = Network::Lasting(Arc::new(Topology::build(MTU)?));
                Self {
                    network,
                    ..self.clone()
                }
                .run(work)
            }
        }
    }

    /// Cables for one pair of devices.
    pub(crate) fn cables(&self) -> Result<Cables, Error> {
        let (kind, cores) = (self.kind, self.cores);
        match &self.network {
            Network::None | Network::EachTime => Ok(in_memory(cores)),
            Network::Lasting(topology) => Ok(Cables {
                encryptors: [interfaces(kind, 0)?, interfaces(kind, 1)?],
                hosts: match kind {
                    PortKind::Tap => TAPS.map(|tap| Box::new(move || at_tap(tap)) as Opener),
                    _ => [&topology.left, &topology.right].map(at_host),
                },
                cores,
            }),
        }
    }
}

impl Cables {
    /// Adds faults to both directions of the line.
    pub(crate) fn with_faults(self, faults: Faults) -> Self {
        let spoil = |(seed, [red, open]): (u64, [Opener; 2])| -> [Opener; 2] {
            let black = move || -> Result<Box<dyn Port>, PortError> {
                Ok(Box::new(Faulty::new(
                    open()?,
                    seed,
                    Faults::default(),
                    faults,
                )?))
            };
            [red, Box::new(black)]
        };
        let [a, b] = self.encryptors;
        Self {
            encryptors: [spoil((1, a)), spoil((2, b))],
            hosts: self.hosts,
            cores: self.cores,
        }
    }
}

/// A cable in memory.
pub(crate) fn cable() -> (Mem, Mem) {
    mem::pair_with(MemConfig {
        capacity: CABLE_FRAMES,
        mtu: MEM_MTU,
        ..MemConfig::default()
    })
}

/// One end of a cable in memory, to be opened by the thread that uses it.
pub(crate) fn open(end: Mem) -> Opener {
    Box::new(move || Ok(Box::new(end.open()?)))
}

fn in_memory(cores: Cores) -> Cables {
    let [(red_a, host_a), (red_b, host_b), (black_a, black_b)] = [(); 3].map(|()| cable());
    Cables {
        encryptors: [[open(red_a), open(black_a)], [open(red_b), open(black_b)]],
        hosts: [open(host_a), open(host_b)],
        cores,
    }
}

/// Red and black port of one encryptor.
fn interfaces(kind: PortKind, index: usize) -> Result<[Opener; 2], Error> {
    let [red, black] = BOXES[index];
    let black_mtu = MTU + OVERHEAD_MAX;
    let mode = match kind {
        PortKind::Xdp => XdpMode::Auto,
        PortKind::XdpSkb => XdpMode::Skb,
        PortKind::Tap => {
            let tap = TapConfig {
                name: TAPS[index].to_owned(),
                mtu: MTU,
                ..TapConfig::default()
            };
            let red: Opener = Box::new(move || Ok(Box::new(Tap::open(tap)?)));
            return Ok([red, Box::new(move || packet(black, black_mtu))]);
        }
        PortKind::DpdkAfXdp => return Ok(vdevs(Vdev::AfXdp, index)),
        PortKind::DpdkAfPacket => return Ok(vdevs(Vdev::AfPacket, index)),
        PortKind::Packet | PortKind::Mem => {
            return Ok([
                Box::new(move || packet(red, MTU)),
                Box::new(move || packet(black, black_mtu)),
            ]);
        }
    };
    // Both ports share one memory, as in the program.
    let share = Share::new(CHUNKS, black_mtu)?;
    let xdp = |ifname: &str, mtu_min| -> Opener {
        let config = XdpConfig {
            ifname: ifname.to_owned(),
            mtu_min,
            mode,
            share: Some(share),
            tags_in_frames: true,
            ..XdpConfig::default()
        };
        Box::new(move || Ok(Box::new(Xdp::open(config)?)))
    };
    Ok([xdp(red, MTU), xdp(black, black_mtu)])
}

/// The same ports by DPDK.
fn vdevs(driver: Vdev, index: usize) -> [Opener; 2] {
    let [red, black] = BOXES[index];
    [(red, MTU), (black, MTU + OVERHEAD_MAX)]
        .map(|(interface, mtu)| Box::new(move || driver.open(interface, mtu)) as Opener)
}

fn packet(ifname: &str, mtu_min: usize) -> Result<Box<dyn Port>, PortError> {
    Ok(Box::new(Packet::open(PacketConfig {
        ifname: ifname.to_owned(),
        mtu_min,
        ..PacketConfig::default()
    })?))
}

/// A host at the kernel's end of a TAP; the device has the other end.
fn at_tap(ifname: &str) -> Result<Box<dyn Port>, PortError> {
    Ok(Box::new(Packet::open(PacketConfig {
        ifname: ifname.to_owned(),
        shares_interface: true,
        ..PacketConfig::default()
    })?))
}

/// The port of a host in its namespace. The thread that opens it returns to its own namespace.
fn at_host(host: &Netns) -> Opener {
    let path = host.path();
    Box::new(move || {
        let refused = |source: io::Error| PortError::System {
            what: "the host's namespace".to_owned(),
            source,
        };
        let home = File::open("/proc/thread-self/ns/net").map_err(refused)?;
        let there = File::open(&path).map_err(refused)?;
        setns(&there, CloneFlags::CLONE_NEWNET).map_err(|error| refused(error.into()))?;
        let port = packet(LAN, 0);
        setns(&home, CloneFlags::CLONE_NEWNET).map_err(|error| refused(error.into()))?;
        port
    })
}
