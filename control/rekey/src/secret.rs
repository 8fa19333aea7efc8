//! Secrets that come from outside: the pair's root secret and QKD keys.
//!
//! Neither can be printed, cloned or compared; both are zeroized on drop. What is derived from
//! them is in [`crate::schedule`].

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::limits;

/// The pair's pre-shared secret, 32 to 64 octets.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct RootSecret {
    octets: Box<[u8; limits::ROOT_SECRET_LEN_MAX]>,
    len: usize,
}

/// One 256-bit key from a KME, with the label of its origin.
///
/// It is used for one SA and then dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct QkdKey {
    octets: Box<[u8; Self::LEN]>,
    #[zeroize(skip)]
    origin: Origin,
}

/// Where the bits of a QKD key come from. Both ends must see the same label: keys of different
/// origin are never mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The KME says nothing: real QKD hardware.
    Unlabelled,
    /// The rate comes from formulas, the bits from a random generator.
    Modelled,
    /// The bits come out of simulated quantum signals and post-processing.
    Distilled,
    /// No QKD key at all: the SAK comes from the root alone (REKEY-52).
    Pqc,
}

/// A secret of a length that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Root secret too short or too long.
    #[error(
        "the pre-shared secret has {0} octets: use 32 to 64 random octets, the same at both ends"
    )]
    RootLength(usize),
    /// A QKD key of another size than asked for.
    #[error("a QKD key has {0} octets: set the key size at the KME to 256 bit (32 octets)")]
    KeyLength(usize),
    /// A label that says that there is no QKD key.
    #[error("a QKD key is labelled pqc: its KME must not use that word")]
    Label,
}

impl RootSecret {
    /// # Errors
    /// When it is not 32 to 64 octets long.
    pub fn from_slice(octets: &[u8]) -> Result<Self, SecretError> {
        let len = octets.len();
        if !(limits::ROOT_SECRET_LEN_MIN..=limits::ROOT_SECRET_LEN_MAX).contains(&len) {
            return Err(SecretError::RootLength(len));
        }
        let mut secret = Self {
            octets: Box::new([0; limits::ROOT_SECRET_LEN_MAX]),
            len,
        };
        secret.octets[..len].copy_from_slice(octets);
        Ok(secret)
    }

    pub(crate) fn expose(&self) -> &[u8] {
        &self.octets[..self.len]
    }
}

impl QkdKey {
    /// Octets of a key.
    pub const LEN: usize = 32;

    /// # Errors
    /// When it is not 32 octets long, or has a label that is for no QKD key.
    pub fn from_slice(octets: &[u8], origin: Origin) -> Result<Self, SecretError> {
        if origin == Origin::Pqc {
            return Err(SecretError::Label);
        }
        if octets.len() != Self::LEN {
            return Err(SecretError::KeyLength(octets.len()));
        }
        let mut key = Self {
            octets: Box::new([0; Self::LEN]),
            origin,
        };
        key.octets.copy_from_slice(octets);
        Ok(key)
    }

    /// Where its bits come from.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    pub(crate) fn expose(&self) -> &[u8; Self::LEN] {
        &self.octets
    }
}

impl Origin {
    /// The label as KMEs, logs and status write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unlabelled => "unlabelled",
            Self::Modelled => "modelled",
            Self::Distilled => "distilled",
            Self::Pqc => "pqc",
        }
    }

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Unlabelled => 0,
            Self::Modelled => 1,
            Self::Distilled => 2,
            Self::Pqc => 3,
        }
    }

    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Unlabelled),
            1 => Some(Self::Modelled),
            2 => Some(Self::Distilled),
            3 => Some(Self::Pqc),
            _ => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests;
