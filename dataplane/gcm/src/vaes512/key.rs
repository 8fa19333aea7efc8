//! The tables of a key, made once: round keys, the counters' share of round 1, the powers of H.

use core::arch::x86_64::*;

use super::ghash::{Products, polynomial, reduce_lanes, reverse_octets};
use crate::job::{Job, RawKey};
use crate::limits::FRAME_LEN_MAX;

/// The highest power of H: one for each block of AAD and payload (each may end with a partial
/// block), and one for the lengths.
pub(super) const POWER_MAX: usize = (FRAME_LEN_MAX / 16 + 2).next_multiple_of(4);
/// Vectors of four counter blocks.
const COUNTER_VECTORS: usize = FRAME_LEN_MAX.div_ceil(64);

#[repr(C, align(64))]
pub(super) struct Tables {
    /// Each round key in all four lanes.
    pub(super) round_keys: [__m512i; 15],
    /// The share of counter 1 in round 1, in all four lanes.
    pub(super) first_counter: __m512i,
    /// H in all four lanes.
    pub(super) h: __m512i,
    /// The shares of the counters `4v + 2 ..= 4v + 5` in round 1.
    pub(super) counters: [__m512i; COUNTER_VECTORS],
    /// `powers[i]` is H^(POWER_MAX - i); the lanes after H^1 are zero.
    pub(super) powers: [[u64; 2]; POWER_MAX + 4],
}

impl Tables {
    /// The powers for the last `octets` octets of a frame's hash. A partial block counts as a whole
    /// one.
    #[inline]
    pub(super) fn powers_of(&self, octets: usize) -> *const u8 {
        let behind: *const u8 = (&raw const self.powers[POWER_MAX]).cast();
        behind.wrapping_sub((octets + 15) & !15)
    }

    #[inline]
    pub(super) fn counters(&self) -> *const u8 {
        self.counters.as_ptr().cast()
    }

    /// Round 1 of a frame's nonce with counter 0.
    #[inline]
    #[target_feature(enable = "aes,avx512f,avx512vl")]
    pub(super) fn start(&self, job: &Job<'_>) -> __m128i {
        // SAFETY: the mask selects the 12 octets of the nonce.
        let nonce = unsafe { _mm_maskz_loadu_epi32(0b0111, job.nonce.as_ptr().cast()) };
        let [first, second] = [0, 1].map(|r| _mm512_castsi512_si128(self.round_keys[r]));
        _mm_aesenc_si128(_mm_xor_si128(nonce, first), second)
    }
}

pub(super) fn rounds(key: &RawKey<'_>) -> usize {
    match key {
        RawKey::Aes128(_) => 10,
        RawKey::Aes256(_) => 14,
    }
}

#[inline]
#[target_feature(enable = "aes,sse4.1,avx512f,avx512bw,avx512vl,vpclmulqdq,vaes")]
pub(super) fn expand(tables: &mut Tables, key: &RawKey<'_>) {
    let mut keys = [_mm_setzero_si128(); 15];
    let rounds = rounds(key);
    round_keys(&mut keys, key);
    for (wide, key) in tables.round_keys.iter_mut().zip(keys) {
        *wide = _mm512_broadcast_i32x4(key);
    }
    // H in the bit order of GHASH, times x: this cancels the right shift in the product of two such
    // values.
    let mut h = keys[0];
    for key in &keys[1..rounds] {
        h = _mm_aesenc_si128(h, *key);
    }
    h = _mm_aesenclast_si128(h, keys[rounds]);
    let h = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(h), reverse_octets());
    let h = times_x(h);
    tables.h = h;
    let mut power = h;
    for place in (0..POWER_MAX).rev() {
        let low = _mm512_castsi512_si128(power);
        tables.powers[place] = [
            _mm_extract_epi64::<0>(low) as u64,
            _mm_extract_epi64::<1>(low) as u64,
        ];
        let mut next = Products::zero();
        next.add(power, h);
        power = reduce_lanes(next.lo, next.mid, next.hi);
    }
    // After its substitution of octets round 1 is linear, and the nonce and the counter share no
    // octet: round 1 of (nonce, counter) = round 1 of (nonce, 0) + share of the counter.
    let zero = _mm_setzero_si128();
    let none = _mm_aesenc_si128(keys[0], zero);
    let share = |counter: u32| {
        let block = _mm_set_epi32(counter.swap_bytes() as i32, 0, 0, 0);
        _mm_xor_si128(_mm_aesenc_si128(_mm_xor_si128(keys[0], block), zero), none)
    };
    tables.first_counter = _mm512_broadcast_i32x4(share(1));
    let mut counter = 2;
    for vector in &mut tables.counters {
        let mut v = _mm512_castsi128_si512(share(counter));
        v = _mm512_inserti32x4::<1>(v, share(counter + 1));
        v = _mm512_inserti32x4::<2>(v, share(counter + 2));
        *vector = _mm512_inserti32x4::<3>(v, share(counter + 3));
        counter += 4;
    }
}

/// H·x in each lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn times_x(h: __m512i) -> __m512i {
    // Shifts each lane left by one bit, and adds the polynomial if the top bit falls out.
    let carries = _mm512_maskz_shuffle_epi32::<0x4e>(0xcccc, _mm512_srli_epi64::<63>(h));
    let shifted = _mm512_or_si512(_mm512_slli_epi64::<1>(h), carries);
    let top = _mm512_srai_epi64::<63>(_mm512_shuffle_epi32::<0xee>(h));
    _mm512_xor_si512(shifted, _mm512_and_si512(top, polynomial()))
}

#[inline]
#[target_feature(enable = "aes,sse4.1")]
fn round_keys(keys: &mut [__m128i; 15], key: &RawKey<'_>) {
    #[inline]
    #[target_feature(enable = "sse2")]
    fn spread(key: __m128i) -> __m128i {
        let mut sum = key;
        sum = _mm_xor_si128(sum, _mm_slli_si128::<4>(sum));
        _mm_xor_si128(sum, _mm_slli_si128::<8>(sum))
    }
    fn block(octets: &[u8; 16]) -> __m128i {
        // SAFETY: the reference covers 16 octets; SSE2 is part of x86-64.
        unsafe { _mm_loadu_si128(octets.as_ptr().cast()) }
    }
    macro_rules! next {
        ($prev:expr, $back:expr, $rcon:literal, $word:literal) => {
            _mm_xor_si128(
                spread($back),
                _mm_shuffle_epi32::<$word>(_mm_aeskeygenassist_si128::<$rcon>($prev)),
            )
        };
    }
    match key {
        RawKey::Aes128(octets) => {
            keys[0] = block(octets);
            macro_rules! step { ($($i:literal: $rcon:literal),*) => { $(keys[$i] = next!(keys[$i - 1], keys[$i - 1], $rcon, 0xff);)* } }
            step!(1: 0x01, 2: 0x02, 3: 0x04, 4: 0x08, 5: 0x10, 6: 0x20, 7: 0x40, 8: 0x80, 9: 0x1b, 10: 0x36);
        }
        RawKey::Aes256(octets) => {
            let (low, high) = octets.split_at(16);
            keys[0] = block(low.try_into().expect("16 octets"));
            keys[1] = block(high.try_into().expect("16 octets"));
            macro_rules! step { ($($i:literal: $rcon:literal),*) => { $(
                keys[$i] = next!(keys[$i - 1], keys[$i - 2], $rcon, 0xff);
                keys[$i + 1] = next!(keys[$i], keys[$i - 1], 0, 0xaa);
            )* } }
            step!(2: 0x01, 4: 0x02, 6: 0x04, 8: 0x08, 10: 0x10, 12: 0x20);
            keys[14] = next!(keys[13], keys[12], 0x40, 0xff);
        }
    }
}
