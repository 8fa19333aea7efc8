//! One of the two sites: its names and addresses.

use std::net::Ipv4Addr;

use wire::MacAddr;

/// One of the two sites.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Site {
    /// The first site.
    A,
    /// The second site.
    B,
}

impl Site {
    /// Both sites.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// Returns the letter for names.
    #[must_use]
    pub fn letter(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// Returns the other site.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Returns the index in arrays with one element for each site.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self == Self::B)
    }

    fn number(self) -> u8 {
        match self {
            Self::A => 1,
            Self::B => 2,
        }
    }

    /// Returns the address of the host behind the red port. RFC 5737: never a real one.
    pub(crate) fn host(self) -> Ipv4Addr {
        Ipv4Addr::new(192, 0, 2, self.number())
    }

    /// Returns the address in the SCIs of a site's encryptor in memory. Other encryptors use that
    /// of the black interface.
    #[must_use]
    pub fn mac(self) -> MacAddr {
        MacAddr([2, 0, 0, 0, 0xe0, self.number()])
    }

    /// Returns the MAC address of the host's interface, which is the same after a restart of its
    /// encryptor.
    pub(crate) fn host_mac(self) -> [u8; 6] {
        [2, 0, 0, 0, 0x10, self.number()]
    }

    /// Returns the address of the site's KME.
    pub(crate) fn kme(self) -> Ipv4Addr {
        Ipv4Addr::new(198, 51, 100, self.number() * 4 + 1)
    }

    /// Returns the address of the encryptor on the way to its KME.
    pub(crate) fn encryptor(self) -> Ipv4Addr {
        Ipv4Addr::new(198, 51, 100, self.number() * 4 + 2)
    }
}
