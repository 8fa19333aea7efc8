//! All of a group except the last piece of each frame: one stream of batches, independent of frame
//! boundaries.
//!
//! GHASH of a batch runs while the next batch is encrypted (seal), or while the batch itself is
//! decrypted (open). The sum of products continues from frame to frame. Its value at the end of
//! each frame is stored in the frame's place; the part of one frame is the difference of two such
//! values. So nothing has to be cleared, and no branch tests for the end of a frame.

use core::arch::asm;
use core::arch::x86_64::*;

use super::ghash::{Products, load, reverse_octets};
use super::key::Tables;
use super::plan::{BATCH, Frame, PIECE, Piece, Planned, RUN};
use super::round::{round, round_hash, rounds};

/// A batch between AES and GHASH, and the sum so far.
pub(super) struct Stream {
    x: [__m512i; BATCH],
    /// For runs: the powers of H for `x`, and the place of the sum.
    powers: *const u8,
    place: *mut Products,
    sum: Products,
}

impl Stream {
    /// A stream whose first batch belongs to the dummy frame.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn new(nobody: &Frame) -> Self {
        Self {
            x: [_mm512_setzero_si512(); BATCH],
            powers: nobody.head_powers,
            place: nobody.runs,
            sum: Products::zero(),
        }
    }

    /// Hashes the first octets of a long AAD, in whole blocks.
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,vaes,vpclmulqdq,bmi2")]
    pub(super) fn lead<const SEAL: bool>(&mut self, frame: &Frame, planned: &Planned) {
        if SEAL {
            self.end_runs();
        }
        let reverse = reverse_octets();
        let mut sum = self.sum;
        let powers = frame.head_powers.wrapping_sub(planned.lead);
        for at in (0..planned.lead).step_by(PIECE) {
            let mask = _bzhi_u64(!0, (planned.lead - at).min(PIECE) as u32);
            // SAFETY: the mask selects only octets of the frame's AAD.
            let x = unsafe { _mm512_maskz_loadu_epi8(mask, planned.aad.wrapping_add(at).cast()) };
            sum.add(
                _mm512_shuffle_epi8(x, reverse),
                load(powers.wrapping_add(at)),
            );
        }
        self.sum = sum;
        self.place = frame.runs;
        put(sum, frame.runs);
    }

    /// Processes the runs of one frame.
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,vaes,vpclmulqdq,bmi2")]
    pub(super) fn runs<const R: usize, const SEAL: bool>(
        &mut self,
        t: &Tables,
        frame: &Frame,
        planned: &Planned,
    ) {
        let reverse = reverse_octets();
        let start = _mm512_broadcast_i32x4(frame.start);
        let (mut x, mut sum) = (self.x, self.sum);
        let mut place = self.place;
        let mut lagging = self.powers;
        for run in 0..planned.runs {
            let text = planned.text.wrapping_add(RUN * run);
            let counters: *const u8 = text.wrapping_offset(frame.to_counters);
            let powers: *const u8 = text.wrapping_offset(frame.to_powers);
            let mut state: [__m512i; BATCH] = core::array::from_fn(|j| {
                _mm512_xor_si512(start, load(counters.wrapping_add(PIECE * j)))
            });
            let input: [__m512i; BATCH] =
                core::array::from_fn(|j| load(text.wrapping_add(PIECE * j)));
            if !SEAL {
                lagging = powers;
                x = input.map(|input| _mm512_shuffle_epi8(input, reverse));
            }
            macro_rules! rounds_and_hash {
                ($($r:literal $s:literal $j:literal),*) => { $(
                    round!(t, $r, state);
                    round_hash!(t, $s, state, sum, x[$j], load(lagging.wrapping_add(PIECE * $j)));
                )* };
            }
            rounds_and_hash!(2 3 0, 4 5 1, 6 7 2, 8 9 3);
            if R == 14 {
                rounds!(t, state, 10 11 12 13);
            }
            for j in 0..BATCH {
                let place = text.wrapping_add(PIECE * j);
                let key = _mm512_xor_si512(input[j], t.round_keys[R]);
                let out = _mm512_aesenclast_epi128(state[j], key);
                // SAFETY: a run lies inside its frame's payload, which is borrowed mutably.
                unsafe { _mm512_storeu_si512(place.cast(), out) };
                if SEAL {
                    x[j] = _mm512_shuffle_epi8(out, reverse);
                }
            }
            if SEAL {
                put(sum, place);
                place = frame.runs;
                lagging = powers;
            }
        }
        if !SEAL {
            put(sum, frame.runs);
        }
        (self.x, self.sum) = (x, sum);
        (self.place, self.powers) = (place, lagging);
    }

    /// Hashes the last batch of runs.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,vaes,vpclmulqdq,bmi2")]
    pub(super) fn end_runs(&mut self) {
        for j in 0..BATCH {
            self.sum
                .add(self.x[j], load(self.powers.wrapping_add(PIECE * j)));
        }
        put(self.sum, self.place);
        self.x = [_mm512_setzero_si512(); BATCH];
    }

    /// Processes whole batches of pieces of any frames. The previous batch comes before `list`.
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,vaes,vpclmulqdq,bmi2")]
    pub(super) fn pieces<const R: usize, const SEAL: bool>(
        &mut self,
        t: &Tables,
        mut list: *const Piece,
        batches: usize,
    ) {
        let reverse = reverse_octets();
        let (mut x, mut sum) = (self.x, self.sum);
        for _ in 0..batches {
            let lag = if SEAL { list.wrapping_sub(BATCH) } else { list };
            let mut state: [__m512i; BATCH] = core::array::from_fn(|j| {
                let (text, frame) = piece(list, j);
                _mm512_xor_si512(
                    _mm512_broadcast_i32x4(frame.start),
                    load(text.wrapping_offset(frame.to_counters)),
                )
            });
            let input: [__m512i; BATCH] = core::array::from_fn(|j| load(piece(list, j).0));
            if !SEAL {
                x = input.map(|input| _mm512_shuffle_epi8(input, reverse));
            }
            macro_rules! rounds_and_hash {
                ($($r:literal $s:literal $j:literal),*) => { $(
                    round!(t, $r, state);
                    let (text, frame) = piece(lag, $j);
                    let h = load(text.wrapping_offset(frame.to_powers));
                    round_hash!(t, $s, state, sum, x[$j], h);
                    put(sum, frame.pieces);
                )* };
            }
            rounds_and_hash!(2 3 0, 4 5 1, 6 7 2, 8 9 3);
            if R == 14 {
                rounds!(t, state, 10 11 12 13);
            }
            for j in 0..BATCH {
                let (place, _) = piece(list, j);
                let key = _mm512_xor_si512(input[j], t.round_keys[R]);
                let out = _mm512_aesenclast_epi128(state[j], key);
                // SAFETY: a piece lies inside its frame's payload, which is borrowed mutably.
                unsafe { _mm512_storeu_si512(place.cast(), out) };
                if SEAL {
                    x[j] = _mm512_shuffle_epi8(out, reverse);
                }
            }
            list = list.wrapping_add(BATCH);
        }
        (self.x, self.sum) = (x, sum);
    }

    /// Hashes the last batch of pieces.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,vaes,vpclmulqdq,bmi2")]
    pub(super) fn end_pieces(&mut self, list: *const Piece) {
        for j in 0..BATCH {
            let (text, frame) = piece(list, j);
            self.sum
                .add(self.x[j], load(text.wrapping_offset(frame.to_powers)));
            put(self.sum, frame.pieces);
        }
    }
}

/// The piece `j` of `list`, and its frame.
#[inline]
fn piece<'a>(list: *const Piece, j: usize) -> (*mut u8, &'a Frame) {
    // SAFETY: the list consists of whole batches; dummy pieces pad both ends.
    let piece = unsafe { *list.wrapping_add(j) };
    // SAFETY: a frame of the scratch, which is not written while the stream uses it.
    (piece.text, unsafe { &*piece.frame })
}

/// Stores a running sum.
#[inline]
#[target_feature(enable = "avx512f")]
fn put(sum: Products, place: *mut Products) {
    // SAFETY: a place in the scratch, which is borrowed mutably for the call.
    unsafe { *place = sum };
}
