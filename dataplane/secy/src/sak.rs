//! The secrets of an SA: SAK and salt.

use core::fmt;

use gcm::RawKey;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Suite;

#[cfg(test)]
mod tests;

/// A secure association key of 16 or 32 octets. It is derived, given to [`crate::TxSa::new`] or
/// [`crate::RxSa::new`], and wiped on drop. It cannot be printed, cloned or read back.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Sak {
    // In a box, so that moving a Sak, as queues do, leaves no copy of the octets behind.
    octets: Box<[u8; 32]>,
    len: u8,
}

/// The salt of the XPN suites for the nonce. The other suites ignore it.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Salt(pub [u8; 12]);

/// The number of octets does not match the key length of the suite.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SakLengthError {
    /// The suite.
    pub suite: Suite,
    /// The number of octets given.
    pub len: usize,
}

impl Sak {
    /// Copies `octets`. The caller wipes its own copy.
    ///
    /// # Errors
    /// If there are not exactly [`Suite::key_len`] octets.
    pub fn from_slice(suite: Suite, octets: &[u8]) -> Result<Self, SakLengthError> {
        let mut sak = Self {
            octets: Box::new([0; 32]),
            len: 0,
        };
        if octets.len() != suite.key_len() {
            return Err(SakLengthError {
                suite,
                len: octets.len(),
            });
        }
        let Some(place) = sak.octets.get_mut(..octets.len()) else {
            return Err(SakLengthError {
                suite,
                len: octets.len(),
            });
        };
        place.copy_from_slice(octets);
        sak.len = if octets.len() == 16 { 16 } else { 32 };
        Ok(sak)
    }

    /// Gives the octets to the engine, and to nothing else.
    pub(crate) fn expose(&self) -> RawKey<'_> {
        match self.octets.first_chunk::<16>() {
            Some(half) if self.len == 16 => RawKey::Aes128(half),
            _ => RawKey::Aes256(&self.octets),
        }
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.len)
    }
}

impl ConstantTimeEq for Sak {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.len.ct_eq(&other.len) & self.octets.as_slice().ct_eq(other.octets.as_slice())
    }
}

impl fmt::Display for SakLengthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { suite, len } = self;
        write!(
            f,
            "a SAK of {suite} has {} octets, not {len}",
            suite.key_len()
        )
    }
}

impl core::error::Error for SakLengthError {}
