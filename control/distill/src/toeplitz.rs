//! Privacy amplification: a Toeplitz hash, calculated exactly.
//!
//! A random Toeplitz matrix over GF(2) is a universal hash (Krawczyk, CRYPTO 1994), as the leftover
//! hash lemma requires. The matrix times a vector is a window of the product of two polynomials
//! over GF(2), see `product.rs`. No rounding is possible, unlike with a floating-point FFT.

use zeroize::Zeroize;

use crate::bits::Bits;
use crate::wiped::Wiped;

mod product;

use product::{Engine, LEAF};

/// Number of bits that go into a hash and that come out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    input_bits: usize,
    output_bits: usize,
}

/// A hash that does not compress, or is larger than one block may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "hash of {input_bits} bits to {output_bits}: the output must have 1 bit or more and at most as \
     many as the input, and the input at most {max}: divide the block",
    max = Shape::MAX_INPUT_BITS
)]
pub struct WrongShape {
    /// Bits that go in.
    pub input_bits: usize,
    /// Bits that come out.
    pub output_bits: usize,
}

impl Shape {
    /// Largest input: a block of 1e9 symbols at a code rate of 0.2 has 2e8 bits.
    pub const MAX_INPUT_BITS: usize = 1 << 28;

    /// A hash of `input_bits` to `output_bits`.
    ///
    /// # Errors
    /// The output is empty or longer than the input, or the input exceeds the maximum.
    pub fn new(input_bits: usize, output_bits: usize) -> Result<Self, WrongShape> {
        if output_bits == 0 || output_bits > input_bits || input_bits > Self::MAX_INPUT_BITS {
            return Err(WrongShape {
                input_bits,
                output_bits,
            });
        }
        Ok(Self {
            input_bits,
            output_bits,
        })
    }

    /// Bits that come out.
    #[must_use]
    pub fn output_bits(self) -> usize {
        self.output_bits
    }

    /// Words of the seed. It describes a diagonal of the matrix per bit. Of the words' bits
    /// `input_bits + output_bits - 1` are used.
    pub fn seed_words(self) -> usize {
        self.input_bits.div_ceil(64) + self.output_bits.div_ceil(64)
    }

    /// Words of one square part of the matrix: the power of two with the least work. The work of a
    /// part of `c` words grows as `c^1.585`.
    fn part_words(self) -> usize {
        let words = |bits: usize| bits.div_ceil(64);
        let work = |part: &usize| {
            let parts =
                words(self.input_bits).div_ceil(*part) * words(self.output_bits).div_ceil(*part);
            parts as f64 * (*part as f64).powf(3f64.log2())
        };
        let largest = words(self.input_bits).next_power_of_two().max(LEAF);
        std::iter::successors(Some(LEAF), |part| Some(part * 2))
            .take_while(|part| *part <= largest)
            .min_by(|a, b| work(a).total_cmp(&work(b)))
            .unwrap_or(LEAF)
    }
}

/// A matrix: the shape, and public random bits on which both ends agree after the quantum
/// transmission.
pub struct Matrix {
    shape: Shape,
    seed: Vec<u64>,
}

/// A seed whose length does not fit the shape of the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("seed of {found} words, must have {needed}: both ends must use the same shape")]
pub struct WrongSeed {
    /// Words given.
    pub found: usize,
    /// Words that the shape needs.
    pub needed: usize,
}

impl Matrix {
    /// The matrix of a seed. With `n` words of input, entry `(row, column)` is bit
    /// `64 n + row - column` of the seed.
    ///
    /// # Errors
    /// The seed does not have [`Shape::seed_words`] words.
    pub fn new(shape: Shape, seed: Vec<u64>) -> Result<Self, WrongSeed> {
        let (found, needed) = (seed.len(), shape.seed_words());
        if found != needed {
            return Err(WrongSeed { found, needed });
        }
        Ok(Self { shape, seed })
    }

    /// The instructions that [`Self::hash`] uses on this processor.
    #[must_use]
    pub fn engine_name() -> &'static str {
        Engine::fastest().name()
    }

    /// The hash of `input`, with the fastest engine of this processor. `None` if the input does not
    /// have the shape's number of bits.
    pub fn hash(&self, input: &Bits) -> Option<Bits> {
        self.hash_with(Engine::fastest(), input)
    }

    /// The matrix is divided into square parts of a power of two of words. The seed is padded with
    /// zeros: the padding only meets rows and columns that do not exist.
    fn hash_with(&self, engine: Engine, input: &Bits) -> Option<Bits> {
        let Shape {
            input_bits,
            output_bits,
        } = self.shape;
        if input.len() != input_bits {
            return None;
        }
        let part = self.shape.part_words();
        let input_words = input_bits.div_ceil(64);
        let columns = input_words.div_ceil(part);
        let rows = output_bits.div_ceil(64).div_ceil(part);
        let before = columns * part - input_words;
        let mut seed = vec![0; (columns + rows) * part];
        seed[before..before + self.seed.len()].copy_from_slice(&self.seed);

        let mut output = Wiped::<u64>::zeroed(rows * part);
        let mut product = Wiped::zeroed(part);
        let mut padded = Wiped::zeroed(part);
        let mut scratch = Wiped::zeroed(product::scratch_words(part));
        for (column, x) in input.words().chunks(2 * part).enumerate() {
            padded.zeroize();
            for (word, halves) in padded.iter_mut().zip(x.chunks(2)) {
                *word = halves
                    .iter()
                    .rev()
                    .fold(0, |word, &half| word << 32 | u64::from(half));
            }
            for (row, sum) in output.chunks_mut(part).enumerate() {
                let diagonals = &seed[(columns + row - column - 1) * part..][..2 * part];
                product::window(engine, &padded, diagonals, &mut product, &mut scratch);
                for (sum, word) in sum.iter_mut().zip(product.iter()) {
                    *sum ^= word;
                }
            }
        }
        let mut words = Wiped::zeroed(output_bits.div_ceil(32));
        for (halves, word) in words.chunks_mut(2).zip(output.iter()) {
            for (at, half) in halves.iter_mut().enumerate() {
                *half = (word >> (32 * at)) as u32;
            }
        }
        Bits::new(words, output_bits)
    }
}

#[cfg(test)]
mod tests;
