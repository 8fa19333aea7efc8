//! GHASH on four blocks at once. Reduction is deferred to the end of a frame.

use core::arch::x86_64::*;

/// A sum of carry-less products in four lanes, not yet reduced: `lo + mid·x^64 + hi·x^128`.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Products {
    pub(super) lo: __m512i,
    pub(super) mid: __m512i,
    pub(super) hi: __m512i,
}

/// Shuffle control that reverses the octets of each block: GHASH's first bit becomes the highest.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn reverse_octets() -> __m512i {
    _mm512_broadcast_i32x4(_mm_set_epi8(
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
    ))
}

/// Loads four blocks of a table, of the scratch or of a frame.
///
/// This is not a safe function, but declared as one to keep the arithmetic readable. Every caller
/// passes a place made by `plan` with at least 64 octets (see the module `vaes512`, "Memory").
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load(octets: *const u8) -> __m512i {
    // SAFETY: see above.
    unsafe { _mm512_loadu_si512(octets.cast()) }
}

/// Loads four contiguous blocks into the lanes.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load_lanes(lanes: &[__m128i; 4]) -> __m512i {
    // SAFETY: the reference covers 64 octets.
    unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
}

/// Stores one lane as a block.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn store_lane<const LANE: i32>(octets: *mut u8, lanes: __m512i) {
    let lane = _mm512_extracti32x4_epi32::<LANE>(lanes);
    // SAFETY: the ICV of a frame that is borrowed mutably for the burst, or of the dummy frame.
    unsafe { _mm_storeu_si128(octets.cast(), lane) };
}

impl Products {
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn zero() -> Self {
        let zero = _mm512_setzero_si512();
        Self {
            lo: zero,
            mid: zero,
            hi: zero,
        }
    }

    /// Adds the products of four blocks and four powers of H.
    #[inline]
    #[target_feature(enable = "avx512f,vpclmulqdq")]
    pub(super) fn add(&mut self, x: __m512i, h: __m512i) {
        self.lo = _mm512_xor_si512(self.lo, _mm512_clmulepi64_epi128::<0x00>(x, h));
        self.hi = _mm512_xor_si512(self.hi, _mm512_clmulepi64_epi128::<0x11>(x, h));
        self.mid = xor3(
            self.mid,
            _mm512_clmulepi64_epi128::<0x01>(x, h),
            _mm512_clmulepi64_epi128::<0x10>(x, h),
        );
    }

    /// Adds the difference of two sums.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn add_difference(&mut self, end: &Self, begin: &Self) {
        self.lo = xor3(self.lo, end.lo, begin.lo);
        self.mid = xor3(self.mid, end.mid, begin.mid);
        self.hi = xor3(self.hi, end.hi, begin.hi);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn xor3(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi64::<0x96>(a, b, c)
}

/// Sums the four lanes of each of four vectors: lane `f` of the result is the sum of `v[f]`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn add_lanes(v: [__m512i; 4]) -> __m512i {
    // [a0 + a2, a1 + a3, b0 + b2, b1 + b3]
    let halves = |a, b| {
        let crossed = _mm512_shuffle_i64x2::<0b01_00_11_10>(a, b);
        let sum = _mm512_xor_si512(crossed, a);
        _mm512_mask_xor_epi64(sum, 0xf0, crossed, b)
    };
    let [ab, cd] = [halves(v[0], v[1]), halves(v[2], v[3])];
    _mm512_xor_si512(
        _mm512_shuffle_i64x2::<0b10_00_10_00>(ab, cd),
        _mm512_shuffle_i64x2::<0b11_01_11_01>(ab, cd),
    )
}

/// The bit-reversed GCM polynomial in each lane.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn polynomial() -> __m512i {
    _mm512_broadcast_i32x4(_mm_set_epi64x(0xc200_0000_0000_0000_u64 as i64, 1))
}

/// Reduces each lane modulo the GCM polynomial (Gueron and Kounavis, 64 bits in each of two steps).
#[inline]
#[target_feature(enable = "avx512f,vpclmulqdq")]
pub(super) fn reduce_lanes(lo: __m512i, mid: __m512i, hi: __m512i) -> __m512i {
    let poly = polynomial();
    let fold = _mm512_clmulepi64_epi128::<0x01>(poly, lo);
    let mid = xor3(mid, fold, _mm512_shuffle_epi32::<0x4e>(lo));
    let fold = _mm512_clmulepi64_epi128::<0x01>(poly, mid);
    xor3(hi, fold, _mm512_shuffle_epi32::<0x4e>(mid))
}
