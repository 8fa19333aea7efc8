//! Syndromes.

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
