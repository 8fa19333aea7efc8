//! What each frame has once: its last piece, its AAD and lengths, and its tag. Four frames at a
//! time, and one vector for the four encrypted first counters: five vectors side by side.
//!
//! GHASH of four frames is made while the next four are encrypted, and their tags while the four
//! after those are: a reduction is a chain of instructions that wait for each other, and at the
//! end of a turn nothing else would be left to do meanwhile.

use core::arch::asm;
use core::arch::x86_64::*;

use zeroize::Zeroize;

use super::ghash::{
    Products, add_lanes, load, load_lanes, reduce_lanes, reverse_octets, store_lane,
};
use super::key::Tables;
use super::plan::{Frame, PIECE, Scratch};
use super::round::{pin, round, round_hash, rounds};
use crate::job::Job;

/// Frames at a time.
const QUAD: usize = 4;

/// Four frames between AES and GHASH.
struct Quad {
    /// The last pieces' ciphertext, ready for GHASH.
    x: [__m512i; QUAD],
    /// The encrypted first counter block of each frame: masks its tag.
    masks: __m512i,
    /// Opening: the tags that came with the frames.
    icvs: __m512i,
}

/// Last pieces and tags of a whole group. Where there is no stream, all frames are short, and
/// this plans those behind the first twelve itself: between AES rounds it costs nothing.
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
        let mut next = Summed::of(&sums, &lag);
        if R == 14 {
            rounds!(five t, state, 10 11);
            pin!(next.lo, next.mid, next.hi);
            rounds!(five t, state, 12 13);
        } else {
            pin!(next.lo, next.mid, next.hi);
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
    let summed = Summed::of(&sums, &lag);
    give::<SEAL>(
        &summed,
        &s.frames[first - QUAD + 1..],
        &mut group[first - QUAD..],
    );
}

/// Behind round 1: the last pieces' counters of four frames, and their first counters.
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

/// The last round, payload in and out.
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
        // In front of the stores to the payload: a masked store may span the ICV, and a load
        // behind it would have to wait for it.
        quad.icvs = load_icvs(frames);
    }
    for j in 0..QUAD {
        let (text, mask) = (frames[j].last, frames[j].last_mask);
        // SAFETY: the mask leaves only octets of the frame's payload.
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

/// What the stream has summed up for a frame.
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

/// AAD and lengths of a frame, and the powers that they meet.
#[inline]
#[target_feature(enable = "avx512f")]
fn head(t: &Tables, s: &Scratch, index: usize) -> (__m512i, __m512i) {
    let powers = load(s.frames[index + 1].head_powers);
    let h = _mm512_inserti32x4::<3>(powers, _mm512_castsi512_si128(t.h));
    (load(s.heads[index].as_ptr().cast()), h)
}

/// The powers that the last piece of a frame meets.
#[inline]
#[target_feature(enable = "avx512f")]
fn last_powers(s: &Scratch, index: usize) -> __m512i {
    let frame = &s.frames[index + 1];
    load(frame.last.wrapping_offset(frame.to_powers))
}

/// Four frames between GHASH and tags: their sums, a lane each, not yet reduced.
struct Summed {
    lo: __m512i,
    mid: __m512i,
    hi: __m512i,
    masks: __m512i,
    icvs: __m512i,
}

impl Summed {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn of(sums: &[Products; QUAD], lag: &Quad) -> Self {
        Self {
            lo: add_lanes(sums.map(|sum| sum.lo)),
            mid: add_lanes(sums.map(|sum| sum.mid)),
            hi: add_lanes(sums.map(|sum| sum.hi)),
            masks: lag.masks,
            icvs: lag.icvs,
        }
    }
}

/// Writes the tags of four frames, or compares them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,vpclmulqdq")]
fn give<const SEAL: bool>(summed: &Summed, frames: &[Frame], jobs: &mut [Job<'_>]) {
    let hashes = reduce_lanes(summed.lo, summed.mid, summed.hi);
    let hashes = _mm512_shuffle_epi8(hashes, reverse_octets());
    let tags = _mm512_xor_si512(hashes, summed.masks);
    if SEAL {
        let frames: &[Frame; QUAD] = quad(frames);
        store_lane::<0>(frames[0].icv, tags);
        store_lane::<1>(frames[1].icv, tags);
        store_lane::<2>(frames[2].icv, tags);
        store_lane::<3>(frames[3].icv, tags);
    } else {
        let live = !(!0_u32 << (2 * jobs.len().min(QUAD))) as u8;
        let wrong = _mm512_cmpneq_epi64_mask(summed.icvs, tags) & live;
        if wrong == 0 {
            jobs.iter_mut()
                .take(QUAD)
                .for_each(|job| job.authentic = true);
        } else {
            refuse(wrong, jobs);
        }
    }
}

/// Marks each of four frames, and wipes the payloads of those whose tag is wrong: where one of
/// the two bits of a frame in `wrong` is set.
#[cold]
#[inline(never)]
fn refuse(wrong: u8, jobs: &mut [Job<'_>]) {
    for (j, job) in jobs.iter_mut().take(QUAD).enumerate() {
        job.authentic = (wrong >> (2 * j)) & 3 == 0;
        if !job.authentic {
            let (_, payload, _) = job.parts();
            payload.zeroize();
        }
    }
}

/// The tags that came with four frames.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_icvs(frames: &[Frame; QUAD]) -> __m512i {
    // SAFETY: the ICV of a frame, which is borrowed for the burst.
    let icv = |j: usize| unsafe { _mm_loadu_si128(frames[j].icv.cast()) };
    let icvs = _mm512_castsi128_si512(icv(0));
    let icvs = _mm512_inserti32x4::<1>(icvs, icv(1));
    let icvs = _mm512_inserti32x4::<2>(icvs, icv(2));
    _mm512_inserti32x4::<3>(icvs, icv(3))
}

#[inline]
fn quad<T>(all: &[T]) -> &[T; QUAD] {
    all.first_chunk().expect("a group is padded to whole quads")
}

const _: () = assert!(PIECE == 64);
