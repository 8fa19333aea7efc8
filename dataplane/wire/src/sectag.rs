//! The SecTAG, IEEE 802.1AE clause 9.
//!
//! ```text
//! 88 E5 | V ES SC SCB E C AN(2) | SL | PN(4) | SCI(8), if SC
//! ```
//! The EtherType counts as part of the SecTAG, as it does in the standard.

use core::fmt;

use crate::{An, ETHERTYPE_MACSEC, ICV_LEN, SECTAG_LEN_MAX, SECTAG_LEN_MIN, Sci};

#[cfg(test)]
mod tests;

/// User data shorter than this has its length in SL; longer user data has SL = 0.
pub const SHORT_LEN_BOUND: u8 = 48;

const TCI_VERSION: u8 = 0x80;
const TCI_ES: u8 = 0x40;
const TCI_SC: u8 = 0x20;
const TCI_SCB: u8 = 0x10;
const TCI_E: u8 = 0x08;
const TCI_C: u8 = 0x04;

/// A SecTAG that passed the checks of 802.1AE 9.12, but for two that need the SA: a non-XPN suite
/// has no PN 0, and the ICV.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SecTag {
    /// Association number.
    pub an: An,
    /// E: the user data is encrypted.
    pub encrypted: bool,
    /// C: the user data was changed, so it cannot be used without the key.
    pub changed: bool,
    /// Which secure channel the frame belongs to.
    pub channel: Channel,
    /// SL: octets of user data if fewer than 48, else 0. Never 1: an EtherType alone is two.
    /// A receiver also accepts 48, which no standard sender writes.
    pub short_len: u8,
    /// PN as transmitted; for XPN suites the low half of it.
    pub pn_low: u32,
}

/// How a SecTAG names its SC. ES and SCB exclude an explicit SCI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channel {
    /// SC: the SCI is in the tag.
    Explicit(Sci),
    /// The SCI is not in the tag.
    Implied {
        /// ES: the source address and port 1 are the SCI.
        end_station: bool,
        /// SCB: EPON single copy broadcast.
        scb: bool,
    },
}

/// Why octets are no valid SecTAG: the checks of 802.1AE 9.12 in their order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecTagError {
    /// No MACsec EtherType: the frame is untagged.
    Untagged,
    /// Ends before the ICV could.
    Truncated,
    /// V is not 0.
    Version,
    /// ES or SCB together with SC.
    Channel,
    /// SL is above 48, or 1.
    ShortLength,
    /// Fewer octets of user data than SL says, or fewer than 48 with SL = 0.
    UserData,
}

impl SecTag {
    /// Reads the SecTAG at the front of `octets`: all of the frame from behind the source address
    /// and any VLAN tags in clear to its end, pad included.
    ///
    /// # Errors
    /// The first check that fails.
    #[inline]
    pub fn parse(octets: &[u8]) -> Result<Self, SecTagError> {
        let Some((fixed, rest)) = octets.split_first_chunk::<SECTAG_LEN_MIN>() else {
            let tagged = octets.starts_with(&ETHERTYPE_MACSEC.to_be_bytes());
            return Err(if tagged {
                SecTagError::Truncated
            } else {
                SecTagError::Untagged
            });
        };
        // One load: this is on the frame path.
        let fixed = u64::from_be_bytes(*fixed);
        let [.., tci, short_len] = ((fixed >> 32) as u32).to_be_bytes();
        if fixed >> 48 != u64::from(ETHERTYPE_MACSEC) {
            return Err(SecTagError::Untagged);
        }
        if octets.len() <= SECTAG_LEN_MIN + ICV_LEN {
            return Err(SecTagError::Truncated);
        }
        if tci & TCI_VERSION != 0 {
            return Err(SecTagError::Version);
        }
        let channel = if tci & TCI_SC == 0 {
            Channel::Implied {
                end_station: tci & TCI_ES != 0,
                scb: tci & TCI_SCB != 0,
            }
        } else if tci & (TCI_ES | TCI_SCB) != 0 {
            return Err(SecTagError::Channel);
        } else {
            let sci = rest.first_chunk::<8>().ok_or(SecTagError::Truncated)?;
            Channel::Explicit(Sci::from_bytes(*sci))
        };
        let tag = Self {
            an: An::from_tci(tci),
            encrypted: tci & TCI_E != 0,
            changed: tci & TCI_C != 0,
            channel,
            short_len,
            #[expect(
                clippy::cast_possible_truncation,
                reason = "its low 32 bits are the PN"
            )]
            pn_low: fixed as u32,
        };
        // SL's top two bits are reserved zeros: every value with one of them set is 64 or more.
        // The standard has no SL 48. A Linux kernel accepts it, and so do we.
        if short_len > SHORT_LEN_BOUND || short_len == 1 {
            return Err(SecTagError::ShortLength);
        }
        let least = if short_len == 0 {
            SHORT_LEN_BOUND
        } else {
            short_len
        };
        if octets.len() < tag.len() + usize::from(least) + ICV_LEN {
            return Err(SecTagError::UserData);
        }
        Ok(tag)
    }

    /// The SCI that `octets`, from the EtherType on, carry if they begin with a SecTAG that has one.
    /// Nothing else of the tag is looked at.
    #[inline]
    #[must_use]
    pub fn explicit_sci(octets: &[u8]) -> Option<Sci> {
        let (fixed, rest) = octets.split_first_chunk::<SECTAG_LEN_MIN>()?;
        let tagged = fixed.starts_with(&ETHERTYPE_MACSEC.to_be_bytes());
        let sci = rest.first_chunk::<8>()?;
        (tagged && fixed[2] & TCI_SC != 0).then(|| Sci::from_bytes(*sci))
    }

    /// Writes the tag to the front of `out` and returns its length; writes nothing and returns 0
    /// when `out` is shorter than [`SecTag::len`].
    #[inline]
    pub fn emit(&self, out: &mut [u8]) -> usize {
        let [type_a, type_b] = ETHERTYPE_MACSEC.to_be_bytes();
        let [a, b, c, d] = self.pn_low.to_be_bytes();
        let fixed = [type_a, type_b, self.tci(), self.short_len, a, b, c, d];
        match self.channel {
            Channel::Explicit(sci) => {
                let Some(out) = out.first_chunk_mut::<SECTAG_LEN_MAX>() else {
                    return 0;
                };
                let (front, back) = out.split_at_mut(SECTAG_LEN_MIN);
                front.copy_from_slice(&fixed);
                back.copy_from_slice(&sci.to_bytes());
            }
            Channel::Implied { .. } => {
                let Some(out) = out.first_chunk_mut::<SECTAG_LEN_MIN>() else {
                    return 0;
                };
                *out = fixed;
            }
        }
        self.len()
    }

    /// Octets of the tag, EtherType included: 8, or 16 with an explicit SCI.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "a SecTAG is never empty")]
    #[must_use]
    pub const fn len(&self) -> usize {
        match self.channel {
            Channel::Explicit(_) => SECTAG_LEN_MAX,
            Channel::Implied { .. } => SECTAG_LEN_MIN,
        }
    }

    /// The SCI, where it is in the tag.
    #[inline]
    #[must_use]
    pub const fn sci(&self) -> Option<Sci> {
        match self.channel {
            Channel::Explicit(sci) => Some(sci),
            Channel::Implied { .. } => None,
        }
    }

    /// ES.
    #[inline]
    #[must_use]
    pub const fn end_station(&self) -> bool {
        matches!(
            self.channel,
            Channel::Implied {
                end_station: true,
                ..
            }
        )
    }

    /// SCB.
    #[inline]
    #[must_use]
    pub const fn scb(&self) -> bool {
        matches!(self.channel, Channel::Implied { scb: true, .. })
    }

    /// Octets of user data in a frame that has `octets_len` octets from this tag to its end: SL
    /// where it is given (then what follows the ICV is pad), else all up to the ICV.
    #[inline]
    #[must_use]
    pub const fn user_data_len(&self, octets_len: usize) -> usize {
        if self.short_len == 0 {
            octets_len.saturating_sub(self.len() + ICV_LEN)
        } else {
            self.short_len as usize
        }
    }

    #[inline]
    fn tci(&self) -> u8 {
        let channel = match self.channel {
            Channel::Explicit(_) => TCI_SC,
            Channel::Implied { end_station, scb } => bit(end_station, TCI_ES) | bit(scb, TCI_SCB),
        };
        channel | bit(self.encrypted, TCI_E) | bit(self.changed, TCI_C) | self.an.value()
    }
}

/// SL for `user_data_len` octets of user data.
#[inline]
#[must_use]
pub const fn short_len(user_data_len: usize) -> u8 {
    #[expect(clippy::cast_possible_truncation, reason = "checked: below 48")]
    if user_data_len < SHORT_LEN_BOUND as usize {
        user_data_len as u8
    } else {
        0
    }
}

#[inline]
const fn bit(set: bool, mask: u8) -> u8 {
    if set { mask } else { 0 }
}

impl fmt::Display for SecTagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untagged => "no MACsec EtherType",
            Self::Truncated => "the frame ends inside SecTAG or ICV",
            Self::Version => "V is not 0",
            Self::Channel => "ES or SCB together with SC",
            Self::ShortLength => "SL is 1, or above 48",
            Self::UserData => "fewer octets of user data than SL says",
        })
    }
}

impl core::error::Error for SecTagError {}
