//! Offloads of an interface that must be off where frames are sealed one by one.
//!
//! GRO and LRO join received frames, TSO and GSO hand down segments that the device must cut, and
//! checksum offload hands down frames with unfinished checksums. VLAN offload takes the tag out of
//! the frame. They are designed for the end of a line; an encryptor is in the middle of one. An
//! offload that was turned off stays off until someone turns it on.

use std::io;

use crate::{PortError, iface::Interface, limits};

/// One offload, by its `ethtool -K` name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offload {
    /// Receive: the kernel joins frames of a flow.
    Gro,
    /// Receive: the device joins frames of a flow.
    Lro,
    /// Send: the device cuts TCP data into frames.
    Tso,
    /// Send: the kernel cuts frames late.
    Gso,
    /// Send: the device finishes checksums; a veth never does.
    TxChecksum,
    /// Receive: the device takes the VLAN tag out, so an XDP program does not find it.
    RxVlan,
    /// Send: the device puts the VLAN tag in; a veth never does.
    TxVlan,
}

impl Offload {
    /// All of them, in an order that the kernel accepts: checksums last, because TSO needs them.
    pub const ALL: [Self; 7] = [
        Self::Gro,
        Self::Lro,
        Self::Tso,
        Self::Gso,
        Self::TxChecksum,
        Self::RxVlan,
        Self::TxVlan,
    ];

    /// The name in `ethtool -K`.
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

    /// Returns whether it is on. `None`: the device does not have it.
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

    /// Turns it off, if it is on. An offload that the device does not have is off.
    ///
    /// # Errors
    /// There is no such interface, the kernel does not permit the change, or the device does not
    /// allow it.
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

    /// The commands ETHTOOL_G* and ETHTOOL_S*.
    fn commands(self) -> (u32, u32) {
        match self {
            Self::Gro => (0x2b, 0x2c),
            Self::Lro | Self::RxVlan | Self::TxVlan => (0x25, 0x26),
            Self::Tso => (0x1e, 0x1f),
            Self::Gso => (0x23, 0x24),
            Self::TxChecksum => (0x16, 0x17),
        }
    }

    /// The bit of this offload in the command's value.
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

/// Prepares an interface for a port: MTU at least `mtu_min`, offloads off if requested, up unless
/// it is held down. Returns the MTU.
pub(crate) fn prepare(
    interface: &Interface,
    mtu_min: usize,
    offloads_off: bool,
) -> Result<usize, PortError> {
    let mtu = interface.raise_mtu(mtu_min)?;
    for offload in Offload::ALL.into_iter().filter(|_| offloads_off) {
        match offload.turn_off(interface) {
            // An offload that the device does not let us change stays on; the frames that it
            // spoils are counted.
            Ok(()) | Err(PortError::System { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    interface.take_up_unless_held()?;
    Ok(mtu.clamp(limits::MTU_MIN, limits::MTU_MAX))
}

/// Returns whether the device still strips VLAN tags from received frames. Some devices cannot turn
/// this off.
pub(crate) fn strips_vlan_tags(interface: &Interface) -> bool {
    matches!(Offload::RxVlan.is_on(interface), Ok(Some(true)))
}

/// Turns off every offload of [`Offload::ALL`].
///
/// # Errors
/// The errors of [`Offload::turn_off`].
pub fn disable_all(ifname: &str) -> Result<(), PortError> {
    let interface = Interface::named(ifname)?;
    Offload::ALL
        .into_iter()
        .try_for_each(|offload| offload.turn_off(&interface))
}

/// Turns off transmit checksum offload, on the interface of a host behind a veth.
///
/// # Errors
/// The errors of [`Offload::turn_off`].
pub fn disable_tx_checksum(ifname: &str) -> Result<(), PortError> {
    Offload::TxChecksum.turn_off(&Interface::named(ifname)?)
}

fn unknown(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EOPNOTSUPP)
}
