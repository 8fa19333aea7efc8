//! Confirmation of corrected frames: both ends compare a polynomial hash of their bits.
//!
//! The hash is POLYVAL (RFC 8452, section 3), a polynomial over GF(2^128), at a random point, cut
//! to 64 bits. A frame of `n` bits is a polynomial of `ceil(n / 128) + 1` coefficients: the last is
//! the length. Two different frames differ by a nonzero polynomial of that degree at most, and each
//! value of the cut part belongs to `2^64` values of the whole. So a difference is missed with a
//! probability of at most `(ceil(n / 128) + 1) / 2^64` over the choice of the point: `2^-53` for
//! frames of 2^18 bits. The point must be drawn after both ends have fixed their bits, and is used
//! for one frame.

use polyval::universal_hash::UniversalHash;
use polyval::{Block, Polyval};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::bits::Bits;

/// Bits of the frame that a tag discloses at most. The secret length must count them as leaked.
pub const DISCLOSED_BITS: u64 = 64;

/// Point of the polynomial: public, random, fresh for each frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point(pub [u8; 16]);

/// The hash of a frame at a point. It is sent over the classical channel.
#[derive(Clone, Copy, Debug)]
pub struct Tag([u8; 8]);

impl Tag {
    /// The tag of `bits` at `point`.
    pub fn of(bits: &Bits, point: &Point) -> Self {
        let mut hash = Polyval::new(&point.0.into());
        for words in bits.words().chunks(4) {
            let mut block = Zeroizing::new([0; 16]);
            for (octets, word) in block.chunks_exact_mut(4).zip(words) {
                octets.copy_from_slice(&word.to_le_bytes());
            }
            let block: &Block = (&*block).into();
            hash.update(std::slice::from_ref(block));
        }
        let mut length = Block::default();
        length[..8].copy_from_slice(&(bits.len() as u64).to_le_bytes());
        hash.update(&[length]);
        let whole = hash.finalize();
        let mut tag = [0; 8];
        tag.copy_from_slice(&whole[..8]);
        Self(tag)
    }

    /// A tag that the other end sent.
    pub fn received(octets: [u8; 8]) -> Self {
        Self(octets)
    }

    /// The octets to send.
    pub fn octets(&self) -> [u8; 8] {
        self.0
    }

    /// Compares with the other end's tag, in constant time.
    #[must_use]
    pub fn confirms(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Upper bound of the probability that a tag confirms two different frames of at most `bits` bits.
pub fn failure_bound(bits: usize) -> f64 {
    (bits.div_ceil(128) + 1) as f64 / 2f64.powi(64)
}

#[cfg(test)]
mod tests;
