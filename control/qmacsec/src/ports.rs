//! The two ports that a config names, opened on the thread that will use them.
//!
//! Where both are AF_XDP they share one memory, so that a frame crosses without a copy.

use std::fs::File;
use std::io;
use std::path::Path;

use nix::sched::{CloneFlags, setns};
use port::packet::{Packet, PacketConfig};
use port::tap::{Tap, TapConfig};
use port::xdp::{Share, Xdp, XdpConfig, XdpMode};
use port::{Port, PortError};
use wire::{MacAddr, OVERHEAD_MAX};

use crate::config::{EncryptorConfig, PortKind};
use crate::encryptor::RunError;

/// Opens a port on the thread that will use it.
pub type Opener = Box<dyn FnOnce() -> Result<Box<dyn Port>, PortError> + Send>;

/// The two ports of an encryptor, not opened yet.
pub struct Ports {
    /// The site's LAN.
    pub red: Opener,
    /// The line.
    pub black: Opener,
    /// MAC address inside our SCIs.
    pub local: MacAddr,
}

/// One port, as the config has it.
struct Wanted {
    kind: PortKind,
    interface: String,
    /// Octets of payload that it must carry.
    mtu: usize,
    xdp_mode: XdpMode,
    share: Option<Share>,
}

impl Ports {
    /// The ports that a config names.
    ///
    /// # Errors
    /// The black interface is not there and no `encryptor.mac` is given.
    pub fn of(config: &EncryptorConfig) -> Result<Self, RunError> {
        let (red, black) = (&config.red, &config.black);
        let local = match config.encryptor.mac {
            Some(mac) => mac.0,
            None => MacAddr(port::iface::Interface::named(&black.interface)?.mac()?),
        };
        let red_mtu = usize::from(red.mtu);
        let black_mtu = red_mtu + OVERHEAD_MAX;
        let share = (red.port == PortKind::Xdp && black.port == PortKind::Xdp)
            .then(|| Share::new(port::limits::CHUNKS, black_mtu))
            .transpose()?;
        let red_port = Wanted {
            kind: red.port,
            interface: red.interface.clone(),
            mtu: red_mtu,
            xdp_mode: red.xdp_mode.0,
            share,
        };
        let black_port = Wanted {
            kind: black.port,
            interface: black.interface.clone(),
            mtu: black_mtu,
            xdp_mode: black.xdp_mode.0,
            share,
        };
        Ok(Self {
            red: match red.netns.clone() {
                None => Box::new(|| red_port.open()),
                Some(netns) => Box::new(move || inside(&netns, || red_port.open())),
            },
            black: Box::new(|| black_port.open()),
            local,
        })
    }
}

impl Wanted {
    fn open(self) -> Result<Box<dyn Port>, PortError> {
        let ifname = self.interface;
        Ok(match self.kind {
            PortKind::Tap => Box::new(Tap::open(TapConfig {
                name: ifname,
                mtu: self.mtu,
                ..TapConfig::default()
            })?),
            PortKind::Packet => Box::new(Packet::open(PacketConfig {
                ifname,
                mtu_min: self.mtu,
                ..PacketConfig::default()
            })?),
            PortKind::Xdp => Box::new(Xdp::open(XdpConfig {
                ifname,
                mtu_min: self.mtu,
                mode: self.xdp_mode,
                share: self.share,
                ..XdpConfig::default()
            })?),
        })
    }
}

/// Opens a port in another network namespace; its sockets stay there, this thread comes back.
fn inside(
    netns: &Path,
    open: impl FnOnce() -> Result<Box<dyn Port>, PortError>,
) -> Result<Box<dyn Port>, PortError> {
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
