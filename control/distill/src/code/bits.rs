//! Words and syndromes.
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::LANES;

/// Secret bits. They cannot be printed, cloned or compared, and are zeroized on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Bits(Box<[u32]>);

impl Bits {
    pub(super) fn new(words: Vec<u32>) -> Self {
        Self(words.into_boxed_slice())
    }

    /// The bits, 32 a word, the first bit in the lowest position.
    #[must_use]
    pub fn words(&self) -> &[u32] {
        &self.0
    }

    /// The bit at this position.
    ///
    /// # Panics
    /// If the position is not below the number of bits.
    #[must_use]
    pub fn bit(&self, position: usize) -> bool {
        self.0[position / LANES] >> (position % LANES) & 1 == 1
    }
}

/// The syndrome of a word. It is public.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Syndrome {
    words: Vec<u32>,
    /// Words of core checks. They come first.
    checks: usize,
}

impl Syndrome {
    pub(super) fn new(words: Vec<u32>, checks: usize) -> Self {
        Self { words, checks }
    }

    /// The bits, 32 a word: core checks, then leaf checks.
    #[must_use]
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    pub(crate) fn checks(&self) -> &[u32] {
        &self.words[..self.checks]
    }

    pub(crate) fn leaves(&self) -> &[u32] {
        &self.words[self.checks..]
    }
}
