//! Multi-edge LDPC codes for low signal-to-noise ratios, as syndrome codes.
//!
//! A code is a base graph, lifted by 32: each base variable is 32 bits, and each edge rotates them.
//! Few core variables have checks among each other. Every other variable is a leaf: its only check
//! joins it to two or three core variables.
use sha2::{Digest, Sha256};

pub use syndrome::Syndrome;

use crate::bits::Bits;
use crate::wiped::Wiped;

mod build;
mod syndrome;

/// Bits of a base variable, and rows of a base check.
pub const LANES: usize = 32;
/// Most edges of a core check.
pub(crate) const MAX_CORE_DEGREE: usize = 16;

/// The rate of a code: secret bits for each transmitted bit, before other costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rate {
    /// 0.2
    Fifth,
    /// 0.1
    Tenth,
    /// 0.05
    Twentieth,
}

/// Shares of a degree profile, in 1/10,000 of all variables.
struct Profile {
    /// Core variables: share, edges to core checks, edges to leaf checks.
    core: [(usize, usize, usize); 2],
    /// Share of the leaves whose check has two core variables. All others have three.
    pairs: usize,
    core_checks: usize,
}

impl Rate {
    /// All rates that have a code.
    pub const ALL: [Self; 3] = [Self::Fifth, Self::Tenth, Self::Twentieth];

    /// The rate as a number.
    #[must_use]
    pub fn value(self) -> f64 {
        match self {
            Self::Fifth => 0.2,
            Self::Tenth => 0.1,
            Self::Twentieth => 0.05,
        }
    }

    /// The profile of .05 is Jouguet's (Phys. Rev. A 84, 062317, 2011). Those of .1 and .2 are
    /// ours: they have more core variables of degree 3, so that fewer frames end in a few wrong
    /// bits.
    fn profile(self) -> Profile {
        match self {
            Self::Fifth => Profile {
                core: [(1100, 2, 9), (1400, 3, 9)],
                pairs: 0,
                core_checks: 500,
            },
            Self::Tenth => Profile {
                core: [(600, 2, 20), (650, 3, 22)],
                pairs: 300,
                core_checks: 250,
            },
            Self::Twentieth => Profile {
                core: [(400, 2, 34), (300, 3, 34)],
                pairs: 4100,
                core_checks: 200,
            },
        }
    }
}

/// An edge of the base graph: row `k` of its check has bit `k - shift` (modulo 32) of its variable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Edge {
    variable: u32,
    shift: u8,
}

impl Edge {
    pub(crate) fn variable(self) -> usize {
        self.variable as usize
    }

    pub(crate) fn shift(self) -> usize {
        usize::from(self.shift) % LANES
    }

    fn bits(self, words: &[u32]) -> u32 {
        words[self.variable()].rotate_left(self.shift.into())
    }
}

/// A code: the graph that both ends build from the same rate, size and seed.
pub struct Code {
    /// Core variables. They come first in a word.
    core: usize,
    checks: Vec<Vec<Edge>>,
    /// Leaves in the order of their variables: those of pairs, then those of triples.
    pairs: Vec<[Edge; 2]>,
    triples: Vec<[Edge; 3]>,
}

impl Code {
    /// Base variables of the codes in use: words of 262,144 bits.
    pub const SIZE: usize = 8192;

    /// The seed of the graphs in use.
    const SEED: u64 = 1;

    /// The code in use at this rate. It takes a moment to build.
    #[must_use]
    pub fn of(rate: Rate) -> Self {
        Self::build(rate, Self::SIZE, Self::SEED)
    }

    /// Bits of a word.
    #[must_use]
    pub fn word_len(&self) -> usize {
        self.variables() * LANES
    }

    /// Bits of a syndrome.
    #[must_use]
    pub fn syndrome_len(&self) -> usize {
        (self.checks.len() + self.leaves()) * LANES
    }

    /// SHA-256 of all edges. Two ends with the same digest have the same code.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let counts = [
            self.core,
            self.checks.len(),
            self.pairs.len(),
            self.triples.len(),
        ];
        for count in counts {
            digest.update((count as u64).to_be_bytes());
        }
        let mut row = |edges: &[Edge]| {
            digest.update((edges.len() as u64).to_be_bytes());
            for edge in edges {
                digest.update(edge.variable.to_be_bytes());
                digest.update([edge.shift]);
            }
        };
        self.checks.iter().for_each(|edges| row(edges));
        self.pairs.iter().for_each(|edges| row(edges));
        self.triples.iter().for_each(|edges| row(edges));
        digest.finalize().into()
    }

    /// A word from its bits, the first bit in the lowest position. `None` if its length is wrong.
    #[must_use]
    pub fn word(&self, words: Wiped<u32>) -> Option<Bits> {
        (words.len() == self.variables()).then(|| Bits::whole(words))
    }

    /// A syndrome as it came. `None` if its length is wrong.
    #[must_use]
    pub fn parse_syndrome(&self, words: Vec<u32>) -> Option<Syndrome> {
        let right = words.len() * LANES == self.syndrome_len();
        right.then(|| Syndrome::new(words, self.checks.len()))
    }

    /// The syndrome of a word of this code.
    ///
    /// # Panics
    /// If the word is of a code of another size.
    #[must_use]
    pub fn syndrome(&self, word: &Bits) -> Syndrome {
        assert_eq!(word.words().len(), self.variables(), "a word of this code");
        let (core, leaves) = word.words().split_at(self.core);
        let checks = self.checks.iter().map(|edges| parity(edges, core));
        let sums = self
            .leaf_sums(core)
            .zip(leaves)
            .map(|(sum, leaf)| sum ^ leaf);
        Syndrome::new(checks.chain(sums).collect(), self.checks.len())
    }

    /// The word that has these core bits and, in its leaf checks, this syndrome.
    pub(crate) fn complete(&self, core: impl Iterator<Item = u32>, syndrome: &Syndrome) -> Bits {
        let mut words = Wiped::zeroed(self.variables());
        let (core_words, leaves) = words.split_at_mut(self.core);
        for (word, core) in core_words.iter_mut().zip(core) {
            *word = core;
        }
        let sums = self.leaf_sums(core_words).zip(syndrome.leaves());
        for (leaf, (sum, syndrome)) in leaves.iter_mut().zip(sums) {
            *leaf = sum ^ syndrome;
        }
        Bits::whole(words)
    }

    /// Words of [`Self::core_words`].
    #[must_use]
    pub fn core_len(&self) -> usize {
        self.core
    }

    /// The bits of a word that the syndrome does not give to everybody: hash these only.
    #[must_use]
    pub fn core_words<'w>(&self, word: &'w Bits) -> &'w [u32] {
        &word.words()[..self.core]
    }

    fn leaf_sums(&self, core: &[u32]) -> impl Iterator<Item = u32> {
        let pairs = self.pairs.iter().map(|edges| parity(edges, core));
        pairs.chain(self.triples.iter().map(|edges| parity(edges, core)))
    }

    pub(crate) fn core(&self) -> usize {
        self.core
    }

    pub(crate) fn checks(&self) -> &[Vec<Edge>] {
        &self.checks
    }

    pub(crate) fn pairs(&self) -> &[[Edge; 2]] {
        &self.pairs
    }

    pub(crate) fn triples(&self) -> &[[Edge; 3]] {
        &self.triples
    }

    fn leaves(&self) -> usize {
        self.pairs.len() + self.triples.len()
    }

    fn variables(&self) -> usize {
        self.core + self.leaves()
    }
}

fn parity(edges: &[Edge], words: &[u32]) -> u32 {
    edges.iter().fold(0, |sum, edge| sum ^ edge.bits(words))
}

#[cfg(test)]
mod tests;
