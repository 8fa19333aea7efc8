//! The ports that a config names, opened on the thread that uses them.
//!
//! If both are AF_XDP they share one memory, so that a frame crosses without a copy. Several
//! workers share an interface, and the kernel spreads frames over them: those of red by flow, those
//! of black, where possible, by SC. DPDK ports share memory by themselves, and each has a queue
//! (`dpdk`).

mod dpdk;

use std::fs::File;
use std::io;
use std::path::Path;

use nix::sched::{CloneFlags, setns};
use port::packet::{Fanout, Packet, PacketConfig, Spread};
use port::tap::{Tap, TapConfig, TapQueues};
use port::xdp::{Queues, Share, Xdp, XdpConfig, XdpMode};
use port::{Port, PortError};
use wire::{MacAddr, OVERHEAD_MAX};

use crate::config::{EncryptorConfig, PortKind};
use crate::run_error::RunError;

/// Opens a port on the thread that will use it.
pub type Opener = Box<dyn FnOnce() -> Result<Box<dyn Port>, PortError> + Send>;

/// The ports of an encryptor, not opened yet.
pub struct Ports {
    /// The ports of each worker, in the order of the workers.
    pub workers: Vec<WorkerPorts>,
    /// MAC address in our SCIs.
    pub local: MacAddr,
}

/// The two ports of one worker. Each is its part of an interface that the workers share.
pub struct WorkerPorts {
    /// The site's LAN.
    pub red: Opener,
    /// The line.
    pub black: Opener,
}

/// One interface from the config.
struct Wanted {
    kind: PortKind,
    interface: String,
    /// Octets of payload that it must carry.
    mtu: usize,
    xdp_mode: XdpMode,
    /// For a veth: its other end leaves VLAN tags in the frames, not in metadata.
    tags_in_frames: bool,
    /// Distribution of the frames of an AF_PACKET interface over the workers.
    spread: Spread,
    dpdk: Option<dpdk::Wanted>,
}

/// One worker's part of an interface.
struct Part {
    kind: PortKind,
    ifname: String,
    mtu: usize,
    xdp_mode: XdpMode,
    /// For a veth: its other end leaves VLAN tags in the frames, not in metadata.
    tags_in_frames: bool,
    share: Option<Share>,
    /// True if there are other workers.
    shared: bool,
    fanout: Option<Fanout>,
    queues: Queues,
    tap_queues: TapQueues,
    dpdk: Option<dpdk::Wanted>,
}

impl Ports {
    /// Returns the ports that a config names.
    ///
    /// # Errors
    /// The black interface is missing and no `encryptor.mac` is given; DPDK cannot start.
    pub fn of(config: &EncryptorConfig) -> Result<Self, RunError> {
        let (red, black) = (&config.red, &config.black);
        let [red_dpdk, black_dpdk] = dpdk::wanted(config)?;
        let local = match (config.encryptor.mac, &black_dpdk) {
            (Some(mac), _) => mac.0,
            (None, Some(device)) => MacAddr(device.mac()?),
            (None, None) => MacAddr(port::iface::Interface::named(&black.interface)?.mac()?),
        };
        let red_mtu = usize::from(red.mtu);
        let black_mtu = red_mtu + OVERHEAD_MAX;
        let share = (red.port == PortKind::Xdp && black.port == PortKind::Xdp)
            .then(|| Share::new(port::limits::CHUNKS, black_mtu))
            .transpose()?;
        let red_parts = Wanted {
            kind: red.port,
            interface: red.interface.clone(),
            mtu: red_mtu,
            xdp_mode: red.xdp_mode.0,
            tags_in_frames: red.xdp_tags_in_frames,
            spread: Spread::Flow,
            dpdk: red_dpdk,
        }
        .split(config.worker.count, share);
        let black_parts = Wanted {
            kind: black.port,
            interface: black.interface.clone(),
            mtu: black_mtu,
            xdp_mode: black.xdp_mode.0,
            tags_in_frames: black.xdp_tags_in_frames,
            spread: Spread::Sci,
            dpdk: black_dpdk,
        }
        .split(config.worker.count, share);
        let workers = red_parts.into_iter().zip(black_parts).map(|parts| {
            let (red_part, black_part) = parts;
            WorkerPorts {
                red: match red.netns.clone() {
                    None => Box::new(|| red_part.open()),
                    Some(netns) => Box::new(move || inside(&netns, || red_part.open())),
                },
                black: Box::new(|| black_part.open()),
            }
        });
        Ok(Self {
            workers: workers.collect(),
            local,
        })
    }

    /// Returns the ports of an encryptor with one worker.
    #[must_use]
    pub fn of_one(red: Opener, black: Opener, local: MacAddr) -> Self {
        Self {
            workers: vec![WorkerPorts { red, black }],
            local,
        }
    }
}

impl Wanted {
    /// Splits the interface into a part for each worker. A single worker gets the whole.
    fn split(self, workers: usize, share: Option<Share>) -> Vec<Part> {
        let shared = workers > 1;
        let tap_queues = TapQueues::default();
        let fanout = (shared && self.kind == PortKind::Packet).then(|| Fanout::new(self.spread));
        #[expect(clippy::cast_possible_truncation, reason = "at most WORKERS_MAX")]
        let queues = Queues::split(workers as u32).into_iter().enumerate();
        let part = |(worker, queues)| Part {
            kind: self.kind,
            ifname: self.interface.clone(),
            mtu: self.mtu,
            xdp_mode: self.xdp_mode,
            tags_in_frames: self.tags_in_frames,
            share,
            shared,
            fanout: fanout.clone(),
            queues,
            tap_queues: tap_queues.clone(),
            dpdk: self.dpdk.as_ref().map(|dpdk| dpdk.part(worker, workers)),
        };
        queues.map(part).collect()
    }
}

impl Part {
    fn open(self) -> Result<Box<dyn Port>, PortError> {
        let ifname = self.ifname;
        Ok(match self.kind {
            PortKind::Tap => Box::new(Tap::open(TapConfig {
                name: ifname,
                mtu: self.mtu,
                multi_queue: self.shared,
                queues: self.tap_queues,
                ..TapConfig::default()
            })?),
            PortKind::Packet => Box::new(Packet::open(PacketConfig {
                ifname,
                mtu_min: self.mtu,
                cut_by_peer: true,
                fanout: self.fanout,
                ..PacketConfig::default()
            })?),
            PortKind::Xdp => Box::new(Xdp::open(XdpConfig {
                ifname,
                mtu_min: self.mtu,
                mode: self.xdp_mode,
                tags_in_frames: self.tags_in_frames,
                share: self.share,
                queues: self.queues,
                ..XdpConfig::default()
            })?),
            PortKind::Dpdk => dpdk::open(self.dpdk, self.mtu)?,
        })
    }
}

/// Does `open` in another network namespace. Sockets and threads made there stay there; this thread
/// returns.
///
/// # Errors
/// There is no such namespace, or `open` fails.
pub fn inside<T>(
    netns: &Path,
    open: impl FnOnce() -> Result<T, PortError>,
) -> Result<T, PortError> {
    let refused = |cause: io::Error| PortError::System {
        what: format!("red.netns = {}", netns.display()),
        source: cause,
    };
    let home = File::open("/proc/thread-self/ns/net").map_err(refused)?;
    let there = File::open(netns).map_err(refused)?;
    setns(&there, CloneFlags::CLONE_NEWNET).map_err(|error| refused(error.into()))?;
    let port = open();
    setns(&home, CloneFlags::CLONE_NEWNET).map_err(|error| refused(error.into()))?;
    port
}
