//! The bits of a link that are not part of a key yet. Blocks come in, and keys are cut off the
//! oldest end.
//!
//! Octets in the block are wiped as soon as they are cut, so each bit exists in only one place.

use std::collections::VecDeque;

use zeroize::Zeroize;

use crate::key_bytes::KeyBytes;

/// The pool, in whole octets: the size of a key is a multiple of 8 bits.
#[derive(Default)]
pub(crate) struct Pool {
    blocks: VecDeque<Block>,
    octets: usize,
}

struct Block {
    bytes: KeyBytes,
    /// Number of octets already cut off the front; they are zero.
    cut: usize,
}

impl Pool {
    pub(crate) fn octets(&self) -> usize {
        self.octets
    }

    pub(crate) fn bits(&self) -> u64 {
        self.octets as u64 * 8
    }

    pub(crate) fn add(&mut self, bytes: KeyBytes) {
        if !bytes.is_empty() {
            self.octets += bytes.len();
            self.blocks.push_back(Block { bytes, cut: 0 });
        }
    }

    /// Cuts a whole key of `octets` octets, or nothing.
    pub(crate) fn cut(&mut self, octets: usize) -> Option<KeyBytes> {
        if octets > self.octets {
            return None;
        }
        let mut key = KeyBytes::zeroed(octets);
        let mut filled = 0;
        while filled < octets {
            let block = self.blocks.front_mut()?;
            let rest = &mut block.bytes.expose_mut()[block.cut..];
            let taken = rest.len().min(octets - filled);
            key.expose_mut()[filled..filled + taken].copy_from_slice(&rest[..taken]);
            rest[..taken].zeroize();
            filled += taken;
            block.cut += taken;
            if block.cut == block.bytes.len() {
                self.blocks.pop_front();
            }
        }
        self.octets -= octets;
        Some(key)
    }
}

#[cfg(test)]
mod tests;
