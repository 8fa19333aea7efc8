//! Offloads of an interface that must not be on where frames are sealed one by one.
//!
//! GRO and LRO join received frames, TSO and GSO hand down frames to be cut, and checksum offload
//! hands down frames with an unfinished checksum. VLAN offload takes the tag out of the frame. All
//! of them are meant for the end of a line; an
//! encryptor sits in the middle of one. What is turned off stays off until someone turns it on.

use std::io;

use crate::{PortError, iface::Interface};

/// One offload, by its `ethtool -K` name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offload {
    /// Receive: frames of one flow are joined by the kernel.
    Gro,
    /// Receive: the same, by the device.
    Lro,
    /// Send: TCP is cut into frames by the device.
    Tso,
    /// Send: frames are cut late, by the kernel.
    Gso,
    /// Send: checksums are finished by the device, or, on veth, never.
    TxChecksum,
    /// Receive: the device takes the VLAN tag out, where an XDP program does not find it.
    RxVlan,
    /// Send: the device puts the VLAN tag in, or, on veth, never.
    TxVlan,
}

impl Offload {
    /// All of them, in an order in which the kernel takes them: checksums last, TSO needs them.
    pub const ALL: [Self; 7] = [
        Self::Gro,
        Self::Lro,
        Self::Tso,
        Self::Gso,
        Self::TxChecksum,
        Self::RxVlan,
        Self::TxVlan,
    ];

    /// As `ethtool -K` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gro => "gro",
            Self::Lro => "lro",
            Self::Tso => "tso",
            Self::Gso => "gso",
            Self::TxChecksum => "tx",
            Self::RxVlan => "rxvlan",
            Self::TxVlan => "txvlan",
        }
    }

    /// Whether it is on. `None`: the device does not know it.
    ///
    /// # Errors
    /// There is no such interface.
    pub fn is_on(self, interface: &Interface) -> Result<Option<bool>, PortError> {
        match interface.ethtool(self.commands().0, 0) {
            Ok(value) => Ok(Some(value & self.bit() != 0)),
            Err(error) if unknown(&error) => Ok(None),
            Err(error) => Err(interface.failed(&format!("reading offload {}", self.name()), error)),
        }
    }

    /// Turns it off, if it is on. What the device does not know is off.
    ///
    /// # Errors
    /// There is no such interface; the kernel does not permit it, or the device has it fixed.
    pub fn turn_off(self, interface: &Interface) -> Result<(), PortError> {
        let (read, write) = self.commands();
        if self.is_on(interface)? != Some(true) {
            return Ok(());
        }
        let failed = |error| {
            let (name, ifname) = (self.name(), interface.name());
            interface.failed(&format!("`ethtool -K {ifname} {name} off`"), error)
        };
        let others = interface.ethtool(read, 0).map_err(failed)? & !self.bit();
        interface.ethtool(write, others).map_err(failed)?;
        Ok(())
    }

    /// ETHTOOL_G* and ETHTOOL_S*.
    fn commands(self) -> (u32, u32) {
        match self {
            Self::Gro => (0x2b, 0x2c),
            Self::Lro | Self::RxVlan | Self::TxVlan => (0x25, 0x26),
            Self::Tso => (0x1e, 0x1f),
            Self::Gso => (0x23, 0x24),
            Self::TxChecksum => (0x16, 0x17),
        }
    }

    /// Where in the command's number it is.
    fn bit(self) -> u32 {
        match self {
            // ETH_FLAG_*: several flags of one command.
            Self::TxVlan => 1 << 7,
            Self::RxVlan => 1 << 8,
            Self::Lro => 1 << 15,
            _ => 1,
        }
    }
}

/// Turns every offload of [`Offload::ALL`] off.
///
/// # Errors
/// As [`Offload::turn_off`].
pub fn disable_all(ifname: &str) -> Result<(), PortError> {
    let interface = Interface::named(ifname)?;
    Offload::ALL
        .into_iter()
        .try_for_each(|offload| offload.turn_off(&interface))
}

/// Turns transmit checksum offload off: on the interface of a host behind a veth.
///
/// # Errors
/// As [`Offload::turn_off`].
pub fn disable_tx_checksum(ifname: &str) -> Result<(), PortError> {
    Offload::TxChecksum.turn_off(&Interface::named(ifname)?)
}

fn unknown(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EOPNOTSUPP)
}
