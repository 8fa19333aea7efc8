//! Carry-less multiplication by PCLMULQDQ and VPCLMULQDQ.

use std::arch::x86_64::{
    __m128i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_set1_epi64x,
    _mm_setzero_si128, _mm_unpackhi_epi64, _mm_xor_si128, _mm256_castsi256_si128,
    _mm256_clmulepi64_epi128, _mm256_extracti128_si256, _mm256_set1_epi64x, _mm256_setzero_si256,
    _mm256_xor_si256,
};

use archmage::{X64CryptoToken, X64V3CryptoToken, arcane, rite};
use safe_unaligned_simd::x86_64::_mm256_loadu_si256;

use super::LEAF;

/// See [`super::window`], for [`LEAF`] words. `sums[t]` is the sum of the products that start at
/// word `LEAF - 1 + t`.
#[arcane]
pub(super) fn leaf_128(
    token: X64CryptoToken,
    x: &[u64; LEAF],
    s: &[u64; 2 * LEAF],
    out: &mut [u64; LEAF],
) {
    let mut sums = [_mm_setzero_si128(); LEAF + 1];
    for (i, x) in x.iter().enumerate() {
        let x = _mm_set1_epi64x(x.cast_signed());
        for (t, sum) in sums.iter_mut().enumerate() {
            let s = _mm_set_epi64x(0, s[LEAF - 1 + t - i].cast_signed());
            *sum = _mm_xor_si128(*sum, _mm_clmulepi64_si128::<0>(x, s));
        }
    }
    carry(token, &sums, out);
}

/// As [`leaf_128`], with two products per instruction.
#[arcane]
pub(super) fn leaf_256(
    token: X64V3CryptoToken,
    x: &[u64; LEAF],
    s: &[u64; 2 * LEAF],
    out: &mut [u64; LEAF],
) {
    // Products that start at words 0 and 2, 1 and 3, 4 and 6, 5 and 7, counted from `LEAF - 1`.
    let mut pairs = [_mm256_setzero_si256(); 4];
    let mut last = _mm_setzero_si128();
    for (i, x) in x.iter().enumerate() {
        let x = _mm256_set1_epi64x(x.cast_signed());
        for four in 0..2 {
            let start = LEAF - 1 - i + 4 * four;
            let Some(s) = s[start..].first_chunk::<4>() else {
                unreachable!("start is at most 11");
            };
            let s = _mm256_loadu_si256(s);
            let even = _mm256_clmulepi64_epi128::<0x00>(x, s);
            let odd = _mm256_clmulepi64_epi128::<0x10>(x, s);
            pairs[2 * four] = _mm256_xor_si256(pairs[2 * four], even);
            pairs[2 * four + 1] = _mm256_xor_si256(pairs[2 * four + 1], odd);
        }
        let s = _mm_set_epi64x(0, s[2 * LEAF - 1 - i].cast_signed());
        let x = _mm256_castsi256_si128(x);
        last = _mm_xor_si128(last, _mm_clmulepi64_si128::<0>(x, s));
    }
    let low = pairs.map(|pair| _mm256_castsi256_si128(pair));
    let high = pairs.map(|pair| _mm256_extracti128_si256::<1>(pair));
    let sums = [
        low[0], low[1], high[0], high[1], low[2], low[3], high[2], high[3], last,
    ];
    carry(token.x64_crypto(), &sums, out);
}

/// Adds the upper half of each sum to the lower half of the next.
#[rite]
fn carry(_token: X64CryptoToken, sums: &[__m128i; LEAF + 1], out: &mut [u64; LEAF]) {
    for (out, pair) in out.iter_mut().zip(sums.windows(2)) {
        let high = _mm_unpackhi_epi64(pair[0], pair[0]);
        *out = _mm_cvtsi128_si64(_mm_xor_si128(high, pair[1])).cast_unsigned();
    }
}
