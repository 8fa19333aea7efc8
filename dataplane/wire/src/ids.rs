//! Identifiers of IEEE 802.1AE as types that hold only valid values.

use core::fmt;
use core::num::NonZeroU64;
use core::str::FromStr;

#[cfg(test)]
mod tests;

/// A MAC address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MacAddr(pub [u8; 6]);

/// Secure channel identifier: MAC address and port number of the transmitter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sci([u8; 8]);

/// Short SCI of the XPN cipher suites; unique per SAK.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Ssci(pub u32);

/// Association number: identifies one of the four SAs of an SC, 0 to 3.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct An(u8);

/// Packet number: 1 to 2^64 - 1. Non-XPN suites use only the low 32 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Pn(NonZeroU64);

impl Sci {
    /// Builds an SCI from MAC address and port number.
    #[inline]
    #[must_use]
    pub const fn new(mac: MacAddr, port: u16) -> Self {
        let [a, b, c, d, e, f] = mac.0;
        let [g, h] = port.to_be_bytes();
        Self([a, b, c, d, e, f, g, h])
    }

    /// Builds an SCI from its eight octets as transmitted.
    #[inline]
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The eight octets as transmitted.
    #[inline]
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0
    }

    /// The MAC address.
    #[inline]
    #[must_use]
    pub const fn mac(self) -> MacAddr {
        let [a, b, c, d, e, f, _, _] = self.0;
        MacAddr([a, b, c, d, e, f])
    }

    /// The port number.
    #[inline]
    #[must_use]
    pub const fn port(self) -> u16 {
        let [_, _, _, _, _, _, g, h] = self.0;
        u16::from_be_bytes([g, h])
    }
}

impl An {
    /// The first association number.
    pub const ZERO: Self = Self(0);

    /// Checks the value; `None` above 3.
    #[inline]
    #[must_use]
    pub const fn new(an: u8) -> Option<Self> {
        if an < 4 { Some(Self(an)) } else { None }
    }

    /// The AN in the low two bits of a TCI/AN octet.
    #[inline]
    #[must_use]
    pub const fn from_tci(octet: u8) -> Self {
        Self(octet & 3)
    }

    /// The value, 0 to 3.
    #[inline]
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0
    }

    /// The value as an index into a table of four.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The next association number, 0 after 3.
    #[inline]
    #[must_use]
    pub const fn next(self) -> Self {
        Self((self.0 + 1) & 3)
    }
}

impl Pn {
    /// The first PN of every SA.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// Checks the value; `None` for 0, which is never a packet number.
    #[inline]
    #[must_use]
    pub const fn new(pn: u64) -> Option<Self> {
        match NonZeroU64::new(pn) {
            Some(pn) => Some(Self(pn)),
            None => None,
        }
    }

    /// The value, 1 to 2^64 - 1.
    #[inline]
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Sci {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.mac(), self.port())
    }
}

impl fmt::Debug for Sci {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for An {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The text is not a MAC address: six pairs of hex digits joined by colons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseMacAddrError;

impl fmt::Display for ParseMacAddrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a MAC address is six pairs of hex digits joined by colons: 02:00:00:00:00:0a")
    }
}

impl core::error::Error for ParseMacAddrError {}

impl FromStr for MacAddr {
    type Err = ParseMacAddrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next().ok_or(ParseMacAddrError)?;
            if part.len() != 2 || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(ParseMacAddrError);
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| ParseMacAddrError)?;
        }
        if parts.next().is_some() {
            Err(ParseMacAddrError)
        } else {
            Ok(Self(octets))
        }
    }
}
