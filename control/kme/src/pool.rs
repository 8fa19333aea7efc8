//! The bits of a link that are not a key yet: blocks in, keys cut off the oldest end.
//!
//! Octets are wiped in the block as soon as they are cut, so a bit lives in one place only.

use std::collections::VecDeque;

use zeroize::Zeroize;

use crate::key_bytes::KeyBytes;

/// The pool. Whole octets: a key has a multiple of 8 bits.
#[derive(Default)]
pub(crate) struct Pool {
    blocks: VecDeque<Block>,
    octets: usize,
}

struct Block {
    bytes: KeyBytes,
    /// Octets already cut off the front, and zero.
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

    /// Cuts a key of `octets` octets, or none at all.
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
