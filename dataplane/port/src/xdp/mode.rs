//! The path of frames from the device to the socket.

use std::str::FromStr;

use rustix::net::xdp::SocketAddrXdpFlags;

use super::program::AttachPoint;

/// The path of frames from the device to the socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum XdpMode {
    /// The best mode that the interface supports.
    Auto,
    /// Program in the driver, frames copied.
    Native,
    /// Program in the driver, frames written by the device.
    Zerocopy,
    /// Program in the kernel's general receive path.
    Skb,
}

impl XdpMode {
    const ALL: [Self; 4] = [Self::Auto, Self::Native, Self::Zerocopy, Self::Skb];

    /// The name in the config.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Native => "native",
            Self::Zerocopy => "zerocopy",
            Self::Skb => "skb",
        }
    }

    /// The places where the program may run, best first.
    pub(super) fn places(self) -> &'static [AttachPoint] {
        match self {
            Self::Auto => &[AttachPoint::Driver, AttachPoint::General],
            Self::Native | Self::Zerocopy => &[AttachPoint::Driver],
            Self::Skb => &[AttachPoint::General],
        }
    }

    /// The flags for binding a socket. None: zero copy, or copies if the driver has no zero copy.
    pub(super) fn socket_flags(self) -> SocketAddrXdpFlags {
        match self {
            Self::Auto => SocketAddrXdpFlags::empty(),
            Self::Native | Self::Skb => SocketAddrXdpFlags::XDP_COPY,
            Self::Zerocopy => SocketAddrXdpFlags::XDP_ZEROCOPY,
        }
    }
}

impl FromStr for XdpMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.name() == text)
            .ok_or_else(|| format!("{text:?}: must be auto, native, zerocopy or skb"))
    }
}
