//! The ports of both devices under test: cables in memory, or interfaces of the bench's network.

use clap::ValueEnum;
use port::limits::CHUNKS;
use port::packet::{Packet, PacketConfig};
use port::tap::{Tap, TapConfig};
use port::xdp::{Share, Xdp, XdpConfig, XdpMode};
use port::{Port, PortError};
use qmacsec::ports::Opener;
use wire::OVERHEAD_MAX;

use crate::vdev::Vdev;

/// The kind of the ports, and the way in which they go into the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum PortSetup {
    /// Cables in memory
    Mem,
    /// AF_PACKET on veth
    Packet,
    /// AF_XDP on veth, in the best mode that it has
    Xdp,
    /// AF_XDP on veth with the program in the driver
    XdpNative,
    /// AF_XDP on veth with the program in the kernel's general path
    XdpSkb,
    /// Red is TAP, black AF_PACKET on veth
    Tap,
    /// net_af_xdp of DPDK on veth, where it is built in; no jumbo
    DpdkAfXdp,
    /// net_af_packet of DPDK on veth, where it is built in; losses of its full ring have no
    /// counter: at too high a load `rekey` finds them unexplained
    DpdkAfPacket,
}

impl PortSetup {
    pub(crate) fn vdev(self) -> Option<Vdev> {
        match self {
            Self::DpdkAfXdp => Some(Vdev::AfXdp),
            Self::DpdkAfPacket => Some(Vdev::AfPacket),
            _ => None,
        }
    }

    fn xdp_mode(self) -> Option<XdpMode> {
        match self {
            Self::Xdp => Some(XdpMode::Auto),
            Self::XdpNative => Some(XdpMode::Native),
            Self::XdpSkb => Some(XdpMode::Skb),
            _ => None,
        }
    }

    pub(crate) fn takes_jumbo(self) -> bool {
        self.vdev().is_none_or(Vdev::takes_jumbo)
    }

    /// True if each run needs interfaces of its own.
    pub(crate) fn needs_fresh_interfaces(self) -> bool {
        self.vdev().is_some_and(Vdev::needs_fresh_interfaces)
    }

    /// The red and the black port of a device on these interfaces of this thread's namespace.
    /// AF_XDP ports share one memory, as in the program.
    pub(crate) fn pair(
        self,
        [red, black]: [&'static str; 2],
        red_mtu: usize,
    ) -> Result<[Opener; 2], PortError> {
        let black_mtu = red_mtu + OVERHEAD_MAX;
        let xdp = match self.xdp_mode() {
            Some(mode) => Some((mode, Share::new(CHUNKS, black_mtu)?)),
            None => None,
        };
        let opener = |ifname, mtu| -> Opener { Box::new(move || self.open(ifname, mtu, xdp)) };
        let red = match self {
            Self::Tap => Box::new(move || tap(red, red_mtu)),
            _ => opener(red, red_mtu),
        };
        Ok([red, opener(black, black_mtu)])
    }

    fn open(
        self,
        ifname: &str,
        mtu_min: usize,
        xdp: Option<(XdpMode, Share)>,
    ) -> Result<Box<dyn Port>, PortError> {
        if let Some(driver) = self.vdev() {
            return driver.open(ifname, mtu_min);
        }
        let Some((mode, share)) = xdp else {
            return packet(ifname, mtu_min);
        };
        Ok(Box::new(Xdp::open(XdpConfig {
            ifname: ifname.to_owned(),
            mtu_min,
            mode,
            share: Some(share),
            tags_in_frames: true,
            ..XdpConfig::default()
        })?))
    }
}

/// An AF_PACKET port on an interface of this thread's namespace.
pub(crate) fn packet(ifname: &str, mtu_min: usize) -> Result<Box<dyn Port>, PortError> {
    Ok(Box::new(Packet::open(PacketConfig {
        mtu_min,
        ..on(ifname)
    })?))
}

/// The config of an AF_PACKET port on this interface.
pub(crate) fn on(ifname: &str) -> PacketConfig {
    PacketConfig {
        ifname: ifname.to_owned(),
        ..PacketConfig::default()
    }
}

fn tap(name: &str, mtu: usize) -> Result<Box<dyn Port>, PortError> {
    Ok(Box::new(Tap::open(TapConfig {
        name: name.to_owned(),
        mtu,
        ..TapConfig::default()
    })?))
}

/// A host at the kernel's end of a TAP, whose other end a device has.
pub(crate) fn at_tap(ifname: &str) -> Result<Box<dyn Port>, PortError> {
    Ok(Box::new(Packet::open(PacketConfig {
        shares_interface: true,
        ..on(ifname)
    })?))
}
