//! The SecTAG, IEEE 802.1AE clause 9.
//!
//! ```text
//! 88 E5 | V ES SC SCB E C AN(2) | SL | PN(4) | SCI(8), if SC
//! ```
//! As in the standard, the EtherType is part of the SecTAG.

use core::fmt;

use crate::{An, ETHERTYPE_MACSEC, ICV_LEN, SECTAG_LEN_MAX, SECTAG_LEN_MIN, Sci};

#[cfg(test)]
mod tests;

/// User data shorter than this has its length in SL. Longer user data has SL = 0.
pub const SHORT_LEN_BOUND: u8 = 48;

const TCI_VERSION: u8 = 0x80;
const TCI_ES: u8 = 0x40;
const TCI_SC: u8 = 0x20;
const TCI_SCB: u8 = 0x10;
const TCI_E: u8 = 0x08;
const TCI_C: u8 = 0x04;

/// A SecTAG that passed the checks of 802.1AE 9.12, except for two checks that need the SA: PN 0,
/// which is invalid in a non-XPN suite, and the ICV.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SecTag {
    /// Association number.
    pub an: An,
    /// E: the user data is encrypted.
    pub encrypted: bool,
    /// C: the user data is changed, so it cannot be used without the key.
    pub changed: bool,
    /// The secure channel of the frame.
    pub channel: Channel,
    /// SL: octets of user data if fewer than 48, otherwise 0. Never 1, since an EtherType alone has
    /// two. A receiver also accepts 48, which no standard sender writes.
    pub short_len: u8,
    /// PN as transmitted; for XPN suites it is the low half.
    pub pn_low: u32,
}

/// The SC in a SecTAG. ES and SCB exclude an explicit SCI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channel {
    /// SC: the SCI is in the SecTAG.
    Explicit(Sci),
    /// The SCI is not in the SecTAG.
    Implied {
        /// ES: the SCI is the source address with port 1.
        end_station: bool,
        /// SCB: EPON single copy broadcast.
        scb: bool,
    },
}

/// The reasons why octets are not a valid SecTAG: the checks of 802.1AE 9.12 in their order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecTagError {
    /// There is no MACsec EtherType: the frame is untagged.
    Untagged,
    /// The frame ends inside SecTAG or ICV.
    Truncated,
    /// V is not 0.
    Version,
    /// ES or SCB is set together with SC.
    Channel,
    /// SL is 1, or above 48.
    ShortLength,
    /// There are fewer octets of user data than SL says, or fewer than 48 with SL = 0.
    UserData,
}

impl SecTag {
    /// Reads the SecTAG at the front of `octets`, which is the frame after the source address and
    /// any VLAN tags in clear, up to its end, including the pad.
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
        // One load, since this is on the frame path.
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
        // The top two bits of SL are reserved zeros; a value with one of them set is 64 or more.
        // The standard does not permit SL 48. A Linux kernel accepts it, and so do we.
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

    /// The SCI in `octets`, which start with the EtherType. `None` unless they start with a SecTAG
    /// that has an SCI. No other field of the SecTAG is checked.
    #[inline]
    #[must_use]
    pub fn explicit_sci(octets: &[u8]) -> Option<Sci> {
        let (fixed, rest) = octets.split_first_chunk::<SECTAG_LEN_MIN>()?;
        let tagged = fixed.starts_with(&ETHERTYPE_MACSEC.to_be_bytes());
        let sci = rest.first_chunk::<8>()?;
        (tagged && fixed[2] & TCI_SC != 0).then(|| Sci::from_bytes(*sci))
    }

    /// Writes the SecTAG to the front of `out` and returns its length. If `out` is shorter than
    /// [`SecTag::len`], it writes nothing and returns 0.
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

    /// Octets of the SecTAG including the EtherType: 8, or 16 with an explicit SCI.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "a SecTAG is never empty")]
    #[must_use]
    pub const fn len(&self) -> usize {
        match self.channel {
            Channel::Explicit(_) => SECTAG_LEN_MAX,
            Channel::Implied { .. } => SECTAG_LEN_MIN,
        }
    }

    /// The SCI, if it is in the SecTAG.
    #[inline]
    #[must_use]
    pub const fn sci(&self) -> Option<Sci> {
        match self.channel {
            Channel::Explicit(sci) => Some(sci),
            Channel::Implied { .. } => None,
        }
    }

    /// The ES bit.
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

    /// The SCB bit.
    #[inline]
    #[must_use]
    pub const fn scb(&self) -> bool {
        matches!(self.channel, Channel::Implied { scb: true, .. })
    }

    /// Octets of user data in a frame that has `octets_len` octets from this SecTAG to its end: SL
    /// if it is not 0 (then the octets after the ICV are pad), otherwise all octets before the ICV.
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
