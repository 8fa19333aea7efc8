//! Integrity only: a group in which no frame has a payload. All octets are AAD, so the work is
//! GHASH of each frame, and AES only for the first counters, which mask the tags.

use core::arch::asm;
use core::arch::x86_64::*;

use super::ghash::{Products, load, load_lanes, reverse_octets};
use super::key::Tables;
use super::plan::{BATCH, PIECE, Scratch};
use super::round::{round, rounds};
use super::tags::{QUAD, Summed, give, load_icvs, quad};
use crate::job::Job;
use crate::limits::ICV_LEN;

/// Frames whose masks are computed side by side.
const MASKED: usize = BATCH * QUAD;

/// True if a frame has no payload.
#[inline]
pub(super) fn is_bare(job: &Job<'_>) -> bool {
    job.frame.len() == job.aad_len + ICV_LEN
}

/// Computes the tags of a whole group. The dummy frame that pads it is already planned.
// Not inlined: it would take registers from the path for short frames.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,vaes,vpclmulqdq,bmi2,aes")]
pub(super) fn finish<const R: usize, const SEAL: bool>(
    t: &Tables,
    s: &mut Scratch,
    group: &mut [Job<'_>],
) {
    for (index, job) in group.iter_mut().enumerate() {
        s.starts[index] = t.start(job);
        s.frames[index + 1].icv = job.frame.as_mut_ptr().wrapping_add(job.aad_len);
    }
    for (batch, jobs) in group.chunks_mut(MASKED).enumerate() {
        let masks = masks::<R>(t, s, batch * MASKED);
        for ((at, jobs), masks) in jobs.chunks_mut(QUAD).enumerate().zip(masks) {
            let frames = &s.frames[batch * MASKED + at * QUAD + 1..];
            let icvs = if SEAL {
                _mm512_setzero_si512()
            } else {
                load_icvs(quad(frames))
            };
            let mut lens = [0; QUAD];
            let mut sums = [Products::zero(); QUAD];
            for (j, job) in jobs.iter().enumerate() {
                sums[j] = hash(t, frames[j].icv, job.aad_len);
                lens[j] = job.aad_len as i64 * 8;
            }
            let mut summed = Summed::of(&sums, masks, icvs);
            let [a, b, c, d] = lens;
            summed.add(_mm512_set_epi64(d, 0, c, 0, b, 0, a, 0), t.h);
            give::<SEAL>(&summed, frames, jobs);
        }
    }
}

/// The encrypted first counters of [`MASKED`] frames, which mask the tags.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,vaes")]
fn masks<const R: usize>(t: &Tables, s: &Scratch, first: usize) -> [__m512i; BATCH] {
    let starts = &s.starts[first..];
    let mut state: [__m512i; BATCH] = core::array::from_fn(|j| {
        _mm512_xor_si512(load_lanes(quad(&starts[QUAD * j..])), t.first_counter)
    });
    rounds!(t, state, 2 3 4 5 6 7 8 9);
    if R == 14 {
        rounds!(t, state, 10 11 12 13);
    }
    state.map(|state| _mm512_aesenclast_epi128(state, t.round_keys[R]))
}

/// Hashes the `len` octets before a frame's ICV, without the block of lengths.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,vpclmulqdq,bmi2")]
fn hash(t: &Tables, icv: *const u8, len: usize) -> Products {
    let reverse = reverse_octets();
    let mut sum = Products::zero();
    let (octets, powers) = (icv.wrapping_sub(len), t.powers_of(len + 16));
    let whole = len / PIECE * PIECE;
    for at in (0..whole).step_by(PIECE) {
        let x = load(octets.wrapping_add(at));
        sum.add(
            _mm512_shuffle_epi8(x, reverse),
            load(powers.wrapping_add(at)),
        );
    }
    let mask = _bzhi_u64(!0, (len - whole) as u32);
    // SAFETY: the mask selects only octets of the frame's AAD.
    let x = unsafe { _mm512_maskz_loadu_epi8(mask, octets.wrapping_add(whole).cast()) };
    let h = load(powers.wrapping_add(whole));
    sum.add(_mm512_shuffle_epi8(x, reverse), h);
    sum
}
