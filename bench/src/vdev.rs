//! Ports by DPDK on interfaces of the bench's networks, where it is built with the feature `dpdk`.
//! In the default build their names are known, and asking for one says how to get it.
//!
//! DPDK's environment (EAL) starts once and stays; each port opens its device and is the end of it.

use port::{Port, PortError};

/// Drivers of DPDK that work on an interface of the kernel's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Vdev {
    AfXdp,
    AfPacket,
}

/// The longest MTU that is no jumbo's: the frames fit a slot of 2 KiB.
const MTU_USUAL: usize = 1532;

impl Vdev {
    /// The device for DPDK: it has the name of its interface, so that a process can have several.
    pub(crate) fn devargs(self, interface: &str, mtu: usize) -> String {
        let device = interface.replace('-', "_"); // what a device's name may have
        match self {
            Self::AfXdp => format!("net_af_xdp_{device},iface={interface}"),
            // Rings of 8 MiB, as in the lab: the driver does not tell what a full one loses.
            Self::AfPacket if mtu <= MTU_USUAL => {
                format!("net_af_packet_{device},iface={interface},qdisc_bypass=1,framecnt=4096")
            }
            Self::AfPacket => format!(
                "net_af_packet_{device},iface={interface},qdisc_bypass=1,framesz=16384,\
                 blocksz=16384,framecnt=512"
            ),
        }
    }

    /// `net_af_xdp` has a page for a frame, and takes it in one piece.
    pub(crate) fn takes_jumbo(self) -> bool {
        self == Self::AfPacket
    }

    /// The driver of DPDK 22.11 holds its interface until the process ends or the interface does.
    pub(crate) fn needs_fresh_interfaces(self) -> bool {
        self == Self::AfXdp
    }

    /// Opens a port on an interface of this thread's namespace, for frames under an MTU.
    pub(crate) fn open(self, interface: &str, mtu: usize) -> Result<Box<dyn Port>, PortError> {
        built::open(&self.devargs(interface, mtu), mtu)
    }
}

/// Starts DPDK unless it is started. Done early: without DPDK there is no measurement.
pub(crate) fn start() -> Result<(), PortError> {
    built::start().map(drop)
}

#[cfg(feature = "dpdk")]
mod built {
    use std::io;

    use port::dpdk::{Dpdk, DpdkConfig, Eal, EalConfig};
    use port::limits::MBUFS;

    use super::{MTU_USUAL, Port, PortError};

    /// For the pools of usual frames and of jumbo frames.
    const MEMORY_MB: usize = 768;
    /// A pool serves the rings of both boxes, twice as many as those of a program. Jumbo frames are
    /// copied out of their rings at once.
    const MBUFS_USUAL: usize = 2 * MBUFS + 1;

    pub(super) fn start() -> Result<Eal, PortError> {
        Eal::start(&EalConfig {
            memory_mb: MEMORY_MB,
            hugepages: false,
            pci: Vec::new(),
        })
    }

    pub(super) fn open(devargs: &str, mtu: usize) -> Result<Box<dyn Port>, PortError> {
        let device = devargs.parse().map_err(|why| PortError::Dpdk {
            what: format!("{devargs}: {why}"),
            source: io::ErrorKind::InvalidInput.into(),
        })?;
        let config = DpdkConfig {
            mtu_min: mtu,
            mbufs: if mtu <= MTU_USUAL { MBUFS_USUAL } else { MBUFS },
            ..DpdkConfig::new(device)
        };
        Ok(Box::new(Dpdk::open(start()?, config)?))
    }
}

#[cfg(not(feature = "dpdk"))]
mod built {
    use std::convert::Infallible;

    use super::{Port, PortError};

    pub(super) fn start() -> Result<Infallible, PortError> {
        Err(PortError::Dpdk {
            what: "this program is built without it: apt-get install libdpdk-dev dpdk pkg-config, \
                   cargo build --release -p qmacsec-bench --features dpdk"
                .to_owned(),
            source: std::io::ErrorKind::Unsupported.into(),
        })
    }

    pub(super) fn open(_devargs: &str, _mtu: usize) -> Result<Box<dyn Port>, PortError> {
        start().map(|none| match none {})
    }
}
