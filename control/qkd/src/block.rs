//! The block from which one key is distilled, the estimation of its channel, and the proof.

use std::fmt;

use crate::limits::{self, OutOfRange};

/// The method that estimates the channel of a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Estimation {
    /// A share of the symbols is disclosed and lost for the key.
    Disclosed(DisclosedShare),
    /// All symbols are used after error correction, and none is lost: after decoding a frame, Alice
    /// knows Bob's values. Frames that failed are disclosed anyway.
    AfterCorrection,
}

/// A share of a block, 0.001 to 0.95.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DisclosedShare(f64);

impl Estimation {
    /// Discloses the given share of the symbols.
    ///
    /// # Errors
    /// The share is out of range.
    pub fn disclosed(share: f64) -> Result<Self, OutOfRange> {
        limits::DISCLOSED_SHARE
            .check(share)
            .map(|share| Self::Disclosed(DisclosedShare(share)))
    }

    /// Share of the symbols used for the estimate.
    pub fn estimated_share(&self) -> f64 {
        match self {
            Self::Disclosed(share) => share.0,
            Self::AfterCorrection => 1.0,
        }
    }

    /// Share of the symbols that are left for the key.
    pub fn kept_share(&self) -> f64 {
        match self {
            Self::Disclosed(share) => 1.0 - share.0,
            Self::AfterCorrection => 1.0,
        }
    }
}

impl fmt::Display for Estimation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disclosed(share) => write!(f, "{} % of the block disclosed", 100.0 * share.0),
            Self::AfterCorrection => f.write_str("all symbols, after error correction"),
        }
    }
}

/// Failure probability of one step of a proof, 1e-30 to 0.01.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Epsilon(f64);

impl Epsilon {
    /// 1e-10.
    pub const TEN_BILLIONTH: Self = Self(1e-10);
    /// 2^-32.
    pub const TWO_TO_MINUS_32: Self = Self(1.0 / 4_294_967_296.0);

    /// A probability.
    ///
    /// # Errors
    /// It is out of range.
    pub fn new(probability: f64) -> Result<Self, OutOfRange> {
        limits::EPSILON.check(probability).map(Self)
    }

    /// The probability.
    pub fn probability(self) -> f64 {
        self.0
    }
}

/// Bits kept of a sample, 1 to 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigitisedBits(u8);

impl DigitisedBits {
    /// 6 bits.
    pub const SIX: Self = Self(6);

    /// A number of bits per quadrature.
    ///
    /// # Errors
    /// It is out of range.
    pub fn new(bits: u8) -> Result<Self, OutOfRange> {
        limits::DIGITISED_BITS
            .check(f64::from(bits))
            .map(|_| Self(bits))
    }

    /// Bits per quadrature.
    pub fn per_quadrature(self) -> u8 {
        self.0
    }
}

/// The proof that bounds Eve's knowledge of a finite block. All proofs are for collective attacks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Proof {
    /// Leverrier, Grosshans, Grangier, PRA 81, 062343 (2010). Every step (estimation, smoothing,
    /// privacy amplification) fails with probability at most `epsilon`. The usual reference for
    /// comparison; not composable.
    Lgg2010 {
        /// Failure probability of each of the three steps.
        epsilon: Epsilon,
    },
    /// Composable: Mountogiannakis, Papanastasiou, Braverman, Pirandola, Phys. Rev. Research 4,
    /// 013099 (2022). Every step (correctness, smoothing, hashing, estimation, entropy) fails with
    /// probability at most `epsilon`.
    Composable {
        /// Failure probability of each step.
        epsilon: Epsilon,
        /// Bits kept of a quadrature for the key.
        digitised: DigitisedBits,
    },
}

impl Proof {
    /// [`Self::Lgg2010`] with every epsilon at 1e-10.
    pub const LGG_2010: Self = Self::Lgg2010 {
        epsilon: Epsilon::TEN_BILLIONTH,
    };
    /// [`Self::Composable`] with every epsilon at 2^-32 and 6 bits per quadrature.
    pub const COMPOSABLE: Self = Self::Composable {
        epsilon: Epsilon::TWO_TO_MINUS_32,
        digitised: DigitisedBits::SIX,
    };

    /// Failure probability of each step.
    pub fn epsilon(&self) -> Epsilon {
        match *self {
            Self::Lgg2010 { epsilon } | Self::Composable { epsilon, .. } => epsilon,
        }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lgg2010 { .. } => "LGG 2010, collective attacks",
            Self::Composable { .. } => "composable, collective attacks",
        })
    }
}

/// A block: all symbols of one privacy amplification.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Block {
    symbols: u64,
    estimation: Estimation,
    proof: Proof,
}

impl Block {
    /// A block of `symbols`, estimated after error correction, with [`Proof::LGG_2010`].
    ///
    /// # Errors
    /// The number of symbols is out of range.
    pub fn new(symbols: u64) -> Result<Self, OutOfRange> {
        limits::BLOCK_SYMBOLS.check(symbols as f64)?;
        let estimation = Estimation::AfterCorrection;
        Ok(Self {
            symbols,
            estimation,
            proof: Proof::LGG_2010,
        })
    }

    /// The same block with another number of symbols.
    ///
    /// # Errors
    /// The number is out of range.
    pub fn with_symbols(self, symbols: u64) -> Result<Self, OutOfRange> {
        Ok(Self {
            symbols: Self::new(symbols)?.symbols,
            ..self
        })
    }

    /// The same block with another estimation of its channel.
    #[must_use]
    pub fn with_estimation(self, estimation: Estimation) -> Self {
        Self { estimation, ..self }
    }

    /// The same block with another proof.
    #[must_use]
    pub fn with_proof(self, proof: Proof) -> Self {
        Self { proof, ..self }
    }

    /// Symbols in the block, without pilots.
    pub fn symbols(&self) -> u64 {
        self.symbols
    }

    /// The method that estimates the channel.
    pub fn estimation(&self) -> Estimation {
        self.estimation
    }

    /// The proof of the key's secrecy.
    pub fn proof(&self) -> Proof {
        self.proof
    }
}
