//! The hash of all messages of one direction of a block.
//!
//! The hash is POLYVAL (RFC 8452, section 3) at a secret point. A message is padded with zeros to
//! whole coefficients, and its length follows. Read from its end, this gives all messages back. The
//! first coefficient is never zero, as no message begins with a zero. So two transcripts of at most
//! `n` octets are two polynomials, and have equal tags with a probability of at most
//! `(n / 8 + 2) / 2^128`: below 2^-95 for the messages of a block of 1e9 symbols.

use polyval::universal_hash::UniversalHash;
use polyval::{Block, Polyval};
use subtle::ConstantTimeEq;

/// Octets of a tag.
pub const TAG_OCTETS: usize = 16;

/// All messages so far of one direction of a block. Its state is zeroized on drop.
pub struct Transcript(Polyval);

impl Transcript {
    /// No message yet. `point` has 16 octets.
    pub(super) fn new(point: &[u8]) -> Self {
        let mut key = polyval::Key::default();
        key.copy_from_slice(point);
        let hash = Polyval::new(&key);
        zeroize::Zeroize::zeroize(&mut key[..]);
        Self(hash)
    }

    /// Adds a message, with a first octet other than zero.
    pub fn absorb(&mut self, message: &[u8]) {
        self.0.update_padded(message);
        let mut length = Block::default();
        length[..8].copy_from_slice(&(message.len() as u64).to_le_bytes());
        self.0.update(&[length]);
    }

    /// The tag of all messages so far. The bits encrypt this one tag only.
    #[must_use]
    pub fn tag(&self, once: &[u8; TAG_OCTETS]) -> [u8; TAG_OCTETS] {
        let mut tag: [u8; TAG_OCTETS] = self.0.clone().finalize().into();
        for (octet, once) in tag.iter_mut().zip(once) {
            *octet ^= once;
        }
        tag
    }

    /// Whether this is the tag, in constant time.
    #[must_use]
    pub fn verifies(&self, once: &[u8; TAG_OCTETS], tag: &[u8; TAG_OCTETS]) -> bool {
        self.tag(once).ct_eq(tag).into()
    }
}
