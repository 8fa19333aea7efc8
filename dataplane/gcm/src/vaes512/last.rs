//! The work that each frame has once: its last piece, its AAD and lengths, and its tag. It handles
//! four frames at a time, and one vector for the four encrypted first counters: five vectors side
//! by side.
//!
//! GHASH of four frames runs while the next four are encrypted, and their tags are computed while
//! the four after those are encrypted. A reduction is a chain of dependent instructions, and at the
//! end of a round of the loop no other work would be left to fill the wait.

use core::arch::asm;
use core::arch::x86_64::*;

use super::ghash::{Products, load, load_lanes, reverse_octets};
use super::key::Tables;
use super::plan::{PIECE, Scratch};
use super::round::{pin, round, round_hash, rounds};
use super::tags::{QUAD, Summed, give, load_icvs, quad};
use crate::job::Job;

/// Four frames between AES and GHASH.
struct Quad {
    /// The ciphertext of the last pieces, ready for GHASH.
    x: [__m512i; QUAD],
    /// The encrypted first counter block of each frame, which masks its tag.
    masks: __m512i,
    /// Open only: the ICVs of the frames.
    icvs: __m512i,
}

/// Computes the last pieces and the tags of a whole group. Without a stream all frames are short,
/// and this function plans all frames after the first twelve: between AES rounds that costs
/// nothing.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,vaes,vpclmulqdq,bmi2,aes")]
pub(super) fn finish<const R: usize, const SEAL: bool, const STREAMED: bool>(
    t: &Tables,
    s: &mut Scratch,
    group: &mut [Job<'_>],
) {
    let mut state = begin(t, s, 0);
    rounds!(five t, state, 2 3 4 5 6 7 8 9);
    if R == 14 {
        rounds!(five t, state, 10 11 12 13);
    }
    let mut lag = end::<R, SEAL>(t, s, 0, state);
    let mut summed = None;
    let mut first = QUAD;
    while first < group.len() {
        let mut state = begin(t, s, first);
        let mut sums = [Products::zero(); QUAD];
        macro_rules! rounds_and_hash {
            ($($r:literal $s:literal $j:literal),*) => { $(
                let index = first - QUAD + $j;
                sums[$j] = streamed::<STREAMED>(s, index);
                let (x, h) = head(t, s, index);
                round_hash!(t, $r, state, sums[$j], x, h, five);
                let h = last_powers(s, index);
                round_hash!(t, $s, state, sums[$j], lag.x[$j], h, five);
                if !STREAMED && let Some(job) = group.get_mut(first + 2 * QUAD + $j) {
                    s.plan_short(t, first + 2 * QUAD + $j, job);
                }
            )* };
        }
        rounds_and_hash!(2 3 0);
        if let Some(summed) = &summed {
            let before = first - 2 * QUAD;
            give::<SEAL>(
                summed,
                &s.frames[before + 1..],
                &mut group[before..first - QUAD],
            );
        }
        rounds_and_hash!(4 5 1, 6 7 2, 8 9 3);
        let mut next = Summed::of(&sums, lag.masks, lag.icvs);
        if R == 14 {
            rounds!(five t, state, 10 11);
            pin!(next.sum.lo, next.sum.mid, next.sum.hi);
            rounds!(five t, state, 12 13);
        } else {
            pin!(next.sum.lo, next.sum.mid, next.sum.hi);
        }
        summed = Some(next);
        lag = end::<R, SEAL>(t, s, first, state);
        first += QUAD;
    }
    if let Some(summed) = &summed {
        let before = first - 2 * QUAD;
        give::<SEAL>(
            summed,
            &s.frames[before + 1..],
            &mut group[before..first - QUAD],
        );
    }
    let sums = core::array::from_fn(|j| {
        let index = first - QUAD + j;
        let mut sum = streamed::<STREAMED>(s, index);
        let (x, h) = head(t, s, index);
        sum.add(x, h);
        sum.add(lag.x[j], last_powers(s, index));
        sum
    });
    let summed = Summed::of(&sums, lag.masks, lag.icvs);
    give::<SEAL>(
        &summed,
        &s.frames[first - QUAD + 1..],
        &mut group[first - QUAD..],
    );
}

/// The state after round 1: the counters of the last pieces of four frames, and their first
/// counters.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn begin(t: &Tables, s: &Scratch, first: usize) -> [__m512i; QUAD + 1] {
    let frames = quad(&s.frames[first + 1..]);
    let starts: &[__m128i; QUAD] = quad(&s.starts[first..]);
    core::array::from_fn(|j| match frames.get(j) {
        Some(frame) => _mm512_xor_si512(
            _mm512_broadcast_i32x4(frame.start),
            load(frame.last.wrapping_offset(frame.to_counters)),
        ),
        None => _mm512_xor_si512(load_lanes(starts), t.first_counter),
    })
}

/// The last round, which reads and writes the payload.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,vaes")]
fn end<const R: usize, const SEAL: bool>(
    t: &Tables,
    s: &Scratch,
    first: usize,
    state: [__m512i; QUAD + 1],
) -> Quad {
    let frames = quad(&s.frames[first + 1..]);
    let reverse = reverse_octets();
    let zero = _mm512_setzero_si512();
    let mut quad = Quad {
        x: [zero; QUAD],
        masks: zero,
        icvs: zero,
    };
    if !SEAL {
        // Before the stores to the payload: a masked store may span the ICV, and a load after it
        // would have to wait.
        quad.icvs = load_icvs(frames);
    }
    for j in 0..QUAD {
        let (text, mask) = (frames[j].last, frames[j].last_mask);
        // SAFETY: the mask selects only octets of the frame's payload.
        let p = unsafe { _mm512_maskz_loadu_epi8(mask, text.cast()) };
        let key = _mm512_xor_si512(p, t.round_keys[R]);
        let out = _mm512_aesenclast_epi128(state[j], key);
        // SAFETY: as above; the frame is borrowed mutably for the burst.
        unsafe { _mm512_mask_storeu_epi8(text.cast(), mask, out) };
        let c = if SEAL {
            _mm512_maskz_mov_epi8(mask, out)
        } else {
            p
        };
        quad.x[j] = _mm512_shuffle_epi8(c, reverse);
    }
    quad.masks = _mm512_aesenclast_epi128(state[QUAD], t.round_keys[R]);
    quad
}

/// The sum of the stream for a frame.
#[inline]
#[target_feature(enable = "avx512f")]
fn streamed<const STREAMED: bool>(s: &Scratch, index: usize) -> Products {
    let mut sum = Products::zero();
    if STREAMED {
        let [before, frame] = [&s.frames[index], &s.frames[index + 1]];
        if s.has_runs {
            sum.add_difference(frame.runs(s), before.runs(s));
        }
        if s.has_pieces {
            sum.add_difference(frame.pieces(s), before.pieces(s));
        }
    }
    sum
}

/// AAD and lengths of a frame, and the powers of H for them.
#[inline]
#[target_feature(enable = "avx512f")]
fn head(t: &Tables, s: &Scratch, index: usize) -> (__m512i, __m512i) {
    let powers = load(s.frames[index + 1].head_powers);
    let h = _mm512_inserti32x4::<3>(powers, _mm512_castsi512_si128(t.h));
    (load(s.heads[index].as_ptr().cast()), h)
}

/// The powers of H for the last piece of a frame.
#[inline]
#[target_feature(enable = "avx512f")]
fn last_powers(s: &Scratch, index: usize) -> __m512i {
    let frame = &s.frames[index + 1];
    load(frame.last.wrapping_offset(frame.to_powers))
}

const _: () = assert!(PIECE == 64);
