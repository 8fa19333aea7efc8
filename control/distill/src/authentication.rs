//! Authentication of the classical channel after Wegman and Carter: a polynomial hash with a secret
//! point over all messages of one direction of a block, encrypted with bits that are used once.

use crate::wiped::Wiped;

/// A run of one end: random octets, new with each start of its process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Incarnation(pub [u8; 16]);

/// The secret that both ends share before the first block: points of the hashes, the key of the
/// greeting, then slots.
pub struct Secret(Wiped<u8>);

/// A pre-shared secret of a wrong size.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "pre-shared secret of {octets} octets, must have {min} to {max}: make one with `head -c 65536 \
     /dev/urandom`, and give both ends the same",
    min = Secret::MIN_OCTETS,
    max = Secret::MAX_OCTETS
)]
pub struct WrongSecret {
    /// Octets given.
    pub octets: usize,
}

impl Secret {
    /// Octets at least: enough for 20 blocks after starts.
    pub const MIN_OCTETS: usize = 1024;
    /// Octets at most.
    pub const MAX_OCTETS: usize = 1 << 24;

    /// Takes the secret.
    ///
    /// # Errors
    /// It is too short or too long.
    pub fn new(octets: Wiped<u8>) -> Result<Self, WrongSecret> {
        match octets.len() {
            Self::MIN_OCTETS..=Self::MAX_OCTETS => Ok(Self(octets)),
            octets => Err(WrongSecret { octets }),
        }
    }
}
