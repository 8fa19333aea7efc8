//! What the kernel says of an interface: the figures that ours are compared with.
//!
//! One request to the kernel's routing socket (RTM_GETLINK) gives all of them but the number of
//! receive queues in use, which the driver tells (ETHTOOL_GCHANNELS).

use std::{
    fs::File,
    io::{self, Read, Write},
};

use crate::{LinkState, PortError, iface::Interface, sys};

mod link_message;

use link_message::LinkMessage;

/// An interface at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Figures {
    /// Its number. A deleted interface that is made again has another one.
    pub index: u32,
    /// It is taken up.
    pub is_up: bool,
    /// It has a carrier.
    pub has_carrier: bool,
    /// The kernel would send on it now (IFF_RUNNING): follows the carrier a moment later.
    pub is_running: bool,
    /// Its operational state of RFC 2863.
    pub operstate: OperState,
    /// Octets of its longest payload.
    pub mtu: usize,
    /// How many hold it in promiscuous mode. 0: its address filter is on.
    pub promiscuity: u32,
    /// Receive queues in use, where the driver tells.
    pub rx_queues: Option<u32>,
    /// The frames that it has received.
    pub rx_frames: u64,
    /// Received frames that it found wrong: length, checksum, overrun.
    pub rx_errors: u64,
    /// Received frames that the kernel or the driver dropped.
    pub rx_dropped: u64,
    /// Frames that the device had no place for.
    pub rx_missed: u64,
    /// Received frames that nobody wanted.
    pub rx_nohandler: u64,
}

/// The operational state of RFC 2863.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum OperState {
    /// The driver does not tell.
    #[default]
    Unknown,
    /// A part of it is missing.
    NotPresent,
    /// No carrier, or taken down.
    Down,
    /// What is below it is down.
    LowerLayerDown,
    /// It is being tested.
    Testing,
    /// It waits for something, such as authentication.
    Dormant,
    /// Frames pass.
    Up,
}

impl OperState {
    /// As `ip link` has it, in small letters.
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
    /// The link that they tell of.
    #[must_use]
    pub fn link(&self) -> LinkState {
        if self.is_up && self.is_running {
            LinkState::Up
        } else {
            LinkState::Down
        }
    }

    /// Frames that came to the interface and reached no port, as far as the kernel counts them.
    #[must_use]
    pub fn rx_lost(&self) -> u64 {
        self.rx_errors + self.rx_dropped + self.rx_missed
    }
}

/// Asks the kernel. Bound to the network namespace of the thread that made it; any thread may use
/// it.
pub(crate) struct Desk {
    route: File,
    interface: Interface,
    /// The number of the last request.
    sequence: u32,
}

/// The longest answer for one interface: virtual functions are not asked for.
const ANSWER_LEN: usize = 16 << 10;

impl Desk {
    /// For one interface, existing or not.
    pub(crate) fn new(interface: &Interface) -> Result<Self, PortError> {
        let failed = |source| interface.failed("socket for its figures", source);
        let route = sys::socket(libc::AF_NETLINK, libc::SOCK_RAW).map_err(failed)?;
        Ok(Self {
            route: route.into(),
            interface: interface.try_clone().map_err(failed)?,
            sequence: 0,
        })
    }

    /// The interface that it asks about.
    pub(crate) fn interface(&self) -> &Interface {
        &self.interface
    }

    /// The figures now.
    ///
    /// # Errors
    /// [`PortError::NoInterface`]: it is gone.
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
            // The kernel answers while it takes the request: the answer is there.
            let len = self.route.read(room)?;
            match link_message::sequence(&room[..len]) {
                // Left over from a request whose answer was not read.
                Some(sequence) if sequence != self.sequence => {}
                _ => return LinkMessage::parse(&room[..len]),
            }
        }
    }
}

const ETHTOOL_GCHANNELS: u32 = 0x3c;
const ETHTOOL_GRXRINGS: u32 = 0x2d;

/// Receive queues that the driver uses; `None` if it does not tell, as most with one queue.
pub(crate) fn rx_queues(interface: &Interface) -> Option<u32> {
    // struct ethtool_channels: cmd, max_rx, max_tx, max_other, max_combined, rx, tx, other, combined.
    let mut channels = [0; 9];
    channels[0] = ETHTOOL_GCHANNELS;
    if interface.ethtool_of(&mut channels).is_ok() {
        return Some(channels[5] + channels[8]).filter(|&queues| queues > 0);
    }
    // struct ethtool_rxnfc: cmd, flow_type, data (64 bits), and a rule that is not used. 192 octets.
    let mut rings = [0; 64];
    rings[0] = ETHTOOL_GRXRINGS;
    interface.ethtool_of(&mut rings).ok()?;
    let halves = [rings[2], rings[3]];
    let low = if cfg!(target_endian = "little") { 0 } else { 1 };
    Some(halves[low]).filter(|&queues| queues > 0)
}

#[cfg(test)]
mod tests;
