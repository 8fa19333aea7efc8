//! Secret bits of every stage: raw words, material for the hash, keys.

use subtle::ConstantTimeEq;

use crate::wiped::Wiped;

/// Bits of a word of memory.
const LANES: usize = 32;

/// Bits that only the two ends may know. They cannot be printed, cloned or compared in variable
/// time, and are wiped when dropped.
pub struct Bits {
    /// Bit `i` is bit `i % 32` of word `i / 32`. Bits from `len` on are zero.
    words: Wiped<u32>,
    len: usize,
}

impl Bits {
    /// The first `len` bits of the given words, which it takes. `None` if there are more words
    /// or fewer than these bits need.
    #[must_use]
    pub fn new(mut words: Wiped<u32>, len: usize) -> Option<Self> {
        if words.len() != len.div_ceil(LANES) {
            return None;
        }
        if let Some(last) = words.last_mut()
            && !len.is_multiple_of(LANES)
        {
            *last &= (1 << (len % LANES)) - 1;
        }
        Some(Self { words, len })
    }

    /// All bits of the words.
    #[must_use]
    pub fn whole(words: Wiped<u32>) -> Self {
        let len = words.len() * LANES;
        Self { words, len }
    }

    /// Number of bits.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no bit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bits, 32 a word, the first bit in the lowest position. The rest of the last word is
    /// zero.
    #[must_use]
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// The bit at this position.
    ///
    /// # Panics
    /// If the position is not below the number of bits.
    #[must_use]
    pub fn bit(&self, position: usize) -> bool {
        assert!(position < self.len, "a position in the bits");
        self.words[position / LANES] >> (position % LANES) & 1 == 1
    }
}

impl ConstantTimeEq for Bits {
    fn ct_eq(&self, other: &Self) -> subtle::Choice {
        self.words.ct_eq(&other.words) & (self.len as u64).ct_eq(&(other.len as u64))
    }
}

#[cfg(test)]
mod tests;
