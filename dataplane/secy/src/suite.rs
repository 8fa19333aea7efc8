//! The cipher suites of IEEE 802.1AE clause 14.

use core::fmt;
use core::str::FromStr;

use crate::limits::{PN_MAX_32, PN_MAX_64};

#[cfg(test)]
mod tests;

/// A cipher suite.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Suite {
    /// GCM-AES-128: key of 128 bits, PN of 32 bits.
    GcmAes128,
    /// GCM-AES-256: key of 256 bits, PN of 32 bits.
    GcmAes256,
    /// GCM-AES-XPN-128: key of 128 bits, PN of 64 bits.
    GcmAesXpn128,
    /// GCM-AES-XPN-256: key of 256 bits, PN of 64 bits.
    GcmAesXpn256,
}

impl Suite {
    /// All suites, weakest first.
    pub const ALL: [Self; 4] = [
        Self::GcmAes128,
        Self::GcmAes256,
        Self::GcmAesXpn128,
        Self::GcmAesXpn256,
    ];

    /// The name in the config and the status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GcmAes128 => "gcm-aes-128",
            Self::GcmAes256 => "gcm-aes-256",
            Self::GcmAesXpn128 => "gcm-aes-xpn-128",
            Self::GcmAesXpn256 => "gcm-aes-xpn-256",
        }
    }

    /// True for a PN of 64 bits, and nonces from SSCI and salt.
    #[must_use]
    pub const fn xpn(self) -> bool {
        matches!(self, Self::GcmAesXpn128 | Self::GcmAesXpn256)
    }

    /// Octets of the SAK.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::GcmAes128 | Self::GcmAesXpn128 => 16,
            Self::GcmAes256 | Self::GcmAesXpn256 => 32,
        }
    }

    /// The last PN of the suite.
    #[must_use]
    pub const fn pn_max(self) -> u64 {
        if self.xpn() { PN_MAX_64 } else { PN_MAX_32 }
    }

    /// The suite as one octet in a message: the last octet of its EUI-64 in 802.1AE,
    /// 00-80-C2-00-01-00-00-0x.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::GcmAes128 => 1,
            Self::GcmAes256 => 2,
            Self::GcmAesXpn128 => 3,
            Self::GcmAesXpn256 => 4,
        }
    }

    /// The suite with this [`Suite::code`].
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.code() == code)
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No suite has this name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownSuite;

impl fmt::Display for UnknownSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a cipher suite is one of")?;
        for suite in Suite::ALL {
            write!(f, " {suite}")?;
        }
        Ok(())
    }
}

impl core::error::Error for UnknownSuite {}

impl FromStr for Suite {
    type Err = UnknownSuite;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|suite| suite.name() == text)
            .ok_or(UnknownSuite)
    }
}
