//! The kernel's figures for an interface. Our own counters are compared with them.
//!
//! One request to the kernel's routing socket (RTM_GETLINK) gives all of them except the number of
//! receive queues in use, which the driver reports (ETHTOOL_GCHANNELS).

use std::{
    fs::File,
    io::{self, Read, Write},
};

use rustix::net::{AddressFamily, SocketType};

use crate::{LinkState, PortError, iface::Interface, sys};

mod link_message;

use link_message::LinkMessage;

/// The figures of an interface at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Figures {
    /// The interface index. An interface that is deleted and created again gets another index.
    pub index: u32,
    /// The interface is up (IFF_UP).
    pub is_up: bool,
    /// It has a carrier.
    pub has_carrier: bool,
    /// The kernel would send on it (IFF_RUNNING). This follows the carrier after a short delay.
    pub is_running: bool,
    /// The operational state of RFC 2863.
    pub operstate: OperState,
    /// The MTU in octets.
    pub mtu: usize,
    /// The number of holders of promiscuous mode. 0: the address filter is on.
    pub promiscuity: u32,
    /// Receive queues in use, if the driver reports them.
    pub rx_queues: Option<u32>,
    /// Received frames.
    pub rx_frames: u64,
    /// Received frames with an error: length, checksum, overrun.
    pub rx_errors: u64,
    /// Received frames that the kernel or the driver dropped.
    pub rx_dropped: u64,
    /// Frames for which the device had no buffer.
    pub rx_missed: u64,
    /// Received frames that no protocol handler took.
    pub rx_nohandler: u64,
}

/// The operational state of RFC 2863.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum OperState {
    /// The driver does not report it.
    #[default]
    Unknown,
    /// A component of the interface is missing.
    NotPresent,
    /// No carrier, or set down.
    Down,
    /// A lower layer is down.
    LowerLayerDown,
    /// The interface is under test.
    Testing,
    /// The interface waits for an event, such as authentication.
    Dormant,
    /// Frames pass.
    Up,
}

impl OperState {
    /// The name that `ip link` shows, in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::NotPresent => "not present",
            Self::Down => "down",
            Self::LowerLayerDown => "lower layer down",
            Self::Testing => "testing",
            Self::Dormant => "dormant",
            Self::Up => "up",
        }
    }

    fn from_number(number: u8) -> Self {
        match number {
            1 => Self::NotPresent,
            2 => Self::Down,
            3 => Self::LowerLayerDown,
            4 => Self::Testing,
            5 => Self::Dormant,
            6 => Self::Up,
            _ => Self::Unknown,
        }
    }
}

impl Figures {
    /// The link that the figures describe.
    #[must_use]
    pub fn link(&self) -> LinkState {
        if self.is_up && self.is_running {
            LinkState::Up
        } else {
            LinkState::Down
        }
    }

    /// Frames that reached the interface but no port, as far as the kernel counts them.
    #[must_use]
    pub fn rx_lost(&self) -> u64 {
        self.rx_errors + self.rx_dropped + self.rx_missed
    }
}

/// Reads the figures from the kernel. It is bound to the network namespace of the thread that
/// created it; any thread may use it.
pub(crate) struct Desk {
    route: File,
    interface: Interface,
    /// The number of the last request.
    sequence: u32,
}

/// The longest answer for one interface. Virtual functions are not requested.
const ANSWER_LEN: usize = 16 << 10;

impl Desk {
    /// Opens a source for one interface, which need not exist.
    pub(crate) fn new(interface: &Interface) -> Result<Self, PortError> {
        let failed = |source| interface.failed("socket for its figures", source);
        let route = sys::socket(AddressFamily::NETLINK, SocketType::RAW).map_err(failed)?;
        Ok(Self {
            route: route.into(),
            interface: interface.try_clone().map_err(failed)?,
            sequence: 0,
        })
    }

    /// The name of the interface.
    pub(crate) fn interface(&self) -> &Interface {
        &self.interface
    }

    /// The current figures.
    ///
    /// # Errors
    /// [`PortError::NoInterface`]: the interface is gone.
    pub(crate) fn ask(&mut self) -> Result<Figures, PortError> {
        let rx_queues = rx_queues(&self.interface);
        let mut answer = [0; ANSWER_LEN];
        let message = self
            .answer(&mut answer)
            .map_err(|source| self.interface.failed("its figures", source))?;
        Ok(Figures {
            rx_queues,
            ..message.figures()
        })
    }

    fn answer<'a>(&mut self, room: &'a mut [u8]) -> io::Result<LinkMessage<'a>> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = link_message::request(self.sequence, self.interface.name());
        self.route.write_all(&request)?;
        loop {
            // The kernel answers within the request, so the answer is already there.
            let len = self.route.read(room)?;
            match link_message::sequence(&room[..len]) {
                // An answer to an earlier request that was not read.
                Some(sequence) if sequence != self.sequence => {}
                _ => return LinkMessage::parse(&room[..len]),
            }
        }
    }
}

const ETHTOOL_GCHANNELS: u32 = 0x3c;
const ETHTOOL_GRXRINGS: u32 = 0x2d;

/// Receive queues that the driver uses. `None` if it does not report them; most drivers with one
/// queue do not.
pub(crate) fn rx_queues(interface: &Interface) -> Option<u32> {
    // struct ethtool_channels: cmd, max_rx, max_tx, max_other, max_combined, rx, tx, other,
    // combined.
    let mut channels = [0; 9];
    channels[0] = ETHTOOL_GCHANNELS;
    if interface.ethtool_of(&mut channels).is_ok() {
        return Some(channels[5] + channels[8]).filter(|&queues| queues > 0);
    }
    // struct ethtool_rxnfc: cmd, flow_type, data (64 bits), and an unused rule. 192 octets.
    let mut rings = [0; 64];
    rings[0] = ETHTOOL_GRXRINGS;
    interface.ethtool_of(&mut rings).ok()?;
    let halves = [rings[2], rings[3]];
    let low = if cfg!(target_endian = "little") { 0 } else { 1 };
    Some(halves[low]).filter(|&queues| queues > 0)
}

#[cfg(test)]
mod tests;
