//! Authentication of the classical channel after Wegman and Carter: a polynomial hash with a secret
//! point over all messages of one direction of a block, encrypted with bits that are used once.
//!
//! A slot is the key of one block: bits for each of its three tags. Alice chooses the slot, always
//! above the last one, and names it. Bob accepts a slot only above the last one, and only with a
//! right tag. So no bit encrypts two tags, whatever either end has lost or forgotten.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::wiped::Wiped;

pub use reserve::{Address, Reserve, SLOT_OCTETS, Slot};
pub use transcript::{TAG_OCTETS, Transcript};

mod reserve;
mod transcript;

/// A run of one end: random octets, new with each start of its process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Incarnation(pub [u8; 16]);

/// The direction of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From Alice to Bob.
    AliceToBob,
    /// From Bob to Alice.
    BobToAlice,
}

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
    /// Octets at least: 20 slots. Each start of an end uses one or more.
    pub const MIN_OCTETS: usize = 1024;
    /// Octets at most.
    pub const MAX_OCTETS: usize = 1 << 24;

    /// Octets of the point of each direction.
    const POINT: usize = 16;
    const GREETING: usize = 2 * Self::POINT;
    const SLOTS: usize = Self::GREETING + 32;

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

    /// An empty transcript of a direction.
    #[must_use]
    pub fn transcript(&self, direction: Direction) -> Transcript {
        let at = match direction {
            Direction::AliceToBob => 0,
            Direction::BobToAlice => Self::POINT,
        };
        Transcript::new(&self.0[at..at + Self::POINT])
    }

    /// The MAC of a greeting. It only keeps strangers out: no key depends on it.
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let key = &self.0[Self::GREETING..Self::SLOTS];
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key length");
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// Whether this is the MAC, in constant time.
    #[must_use]
    pub fn verifies(&self, parts: &[&[u8]], mac: &[u8; 32]) -> bool {
        self.mac(parts).ct_eq(mac).into()
    }

    /// The slots of the secret.
    fn slots(&self) -> &[[u8; SLOT_OCTETS]] {
        self.0[Self::SLOTS..].as_chunks().0
    }
}

#[cfg(test)]
mod tests;
