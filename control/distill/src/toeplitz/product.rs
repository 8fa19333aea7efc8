//! The product of a Toeplitz matrix and a vector over GF(2), in 64-bit words.
//!
//! For `x` of `n` words and `s` of `2n` words the product is the words `n` to `2n` of the
//! polynomial product `x s`. It is the transpose of Karatsuba's multiplication (Fan and Hasan, IEEE
//! Trans. Computers 56, 2007): with `x = (x0, x1)` and three overlapping halves `t0`, `t1`, `t2` of
//! `s`,
//!
//! ```text
//! low  = t1 x0 + t0 x1 = t1 (x0 + x1) + (t0 + t1) x1
//! high = t2 x0 + t1 x1 = t1 (x0 + x1) + (t1 + t2) x0
//! ```
//!
//! Three products of half the size replace four, and no word outside the window is calculated.

#[cfg(target_arch = "x86_64")]
use archmage::{SimdToken, X64CryptoToken, X64V3CryptoToken};

#[cfg(target_arch = "x86_64")]
mod clmul;
mod portable;

/// Words of the smallest product, which an engine calculates directly.
pub(super) const LEAF: usize = 8;

/// The instructions that multiply. All give the same bits.
#[derive(Clone, Copy, Debug)]
pub(super) enum Engine {
    /// Two products per instruction: VPCLMULQDQ.
    #[cfg(target_arch = "x86_64")]
    Clmul256(X64V3CryptoToken),
    /// PCLMULQDQ.
    #[cfg(target_arch = "x86_64")]
    Clmul128(X64CryptoToken),
    /// Integer multiplication, in constant time.
    Portable,
}

impl Engine {
    /// All engines that this processor has, the fastest first.
    pub(super) fn available() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let native = [
            X64V3CryptoToken::summon().map(Self::Clmul256),
            X64CryptoToken::summon().map(Self::Clmul128),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let native = [None];
        native.into_iter().flatten().chain([Self::Portable])
    }

    /// The fastest engine of this processor.
    pub(super) fn fastest() -> Self {
        Self::available().next().unwrap_or(Self::Portable)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Clmul256(_) => "vpclmulqdq",
            #[cfg(target_arch = "x86_64")]
            Self::Clmul128(_) => "pclmulqdq",
            Self::Portable => "portable",
        }
    }

    fn leaf(self, x: &[u64; LEAF], s: &[u64; 2 * LEAF], out: &mut [u64; LEAF]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Clmul256(token) => clmul::leaf_256(token, x, s, out),
            #[cfg(target_arch = "x86_64")]
            Self::Clmul128(token) => clmul::leaf_128(token, x, s, out),
            Self::Portable => portable::leaf(x, s, out),
        }
    }
}

/// Scratch words that [`window`] needs for `n` words.
pub(super) const fn scratch_words(n: usize) -> usize {
    5 * n
}

/// Words `n` to `2n` of the product of `x` (`n` words, [`LEAF`] times a power of two) and `s` (`2n`
/// words).
pub(super) fn window(engine: Engine, x: &[u64], s: &[u64], out: &mut [u64], scratch: &mut [u64]) {
    if let (Some(x), Some(s), Some(out)) = (
        x.as_array::<LEAF>(),
        s.as_array::<{ 2 * LEAF }>(),
        out.as_mut_array::<LEAF>(),
    ) {
        return engine.leaf(x, s, out);
    }
    let half = x.len() / 2;
    let (x0, x1) = x.split_at(half);
    let (low, high) = out.split_at_mut(half);
    // t0 + t1 and t1 + t2 overlap by half.
    let (sums, rest) = scratch.split_at_mut(3 * half);
    let (x_sum, rest) = rest.split_at_mut(half);
    let (middle, rest) = rest.split_at_mut(half);
    add(sums, &s[..3 * half], &s[half..]);
    add(x_sum, x0, x1);
    window(engine, x1, &sums[..2 * half], low, rest);
    window(engine, x0, &sums[half..], high, rest);
    window(engine, x_sum, &s[half..3 * half], middle, rest);
    for ((low, high), middle) in low.iter_mut().zip(high).zip(middle) {
        *low ^= *middle;
        *high ^= *middle;
    }
}

fn add(sum: &mut [u64], a: &[u64], b: &[u64]) {
    for ((sum, a), b) in sum.iter_mut().zip(a).zip(b) {
        *sum = a ^ b;
    }
}
