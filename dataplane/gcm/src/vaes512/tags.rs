//! Tags of four frames at a time: from their sums to the write or the comparison.

use core::arch::x86_64::*;

use zeroize::Zeroize;

use super::ghash::{Products, add_lanes, reduce_lanes, reverse_octets, store_lane};
use super::plan::Frame;
use crate::job::Job;

/// Frames processed together.
pub(super) const QUAD: usize = 4;

/// Four frames between GHASH and tags: their sums, one lane each, not yet reduced.
pub(super) struct Summed {
    pub(super) sum: Products,
    /// The encrypted first counter block of each frame, which masks its tag.
    masks: __m512i,
    /// Open only: the ICVs of the frames.
    icvs: __m512i,
}

impl Summed {
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn of(sums: &[Products; QUAD], masks: __m512i, icvs: __m512i) -> Self {
        Self {
            sum: Products {
                lo: add_lanes(sums.map(|sum| sum.lo)),
                mid: add_lanes(sums.map(|sum| sum.mid)),
                hi: add_lanes(sums.map(|sum| sum.hi)),
            },
            masks,
            icvs,
        }
    }

    /// Adds one product for each frame.
    #[inline]
    #[target_feature(enable = "avx512f,vpclmulqdq")]
    pub(super) fn add(&mut self, x: __m512i, h: __m512i) {
        self.sum.add(x, h);
    }
}

/// Writes the tags of four frames, or compares them with the ICVs.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,vpclmulqdq")]
pub(super) fn give<const SEAL: bool>(summed: &Summed, frames: &[Frame], jobs: &mut [Job<'_>]) {
    let hashes = reduce_lanes(summed.sum.lo, summed.sum.mid, summed.sum.hi);
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

/// Marks each of four frames as authentic or not. Wipes the payload if the tag is wrong: one of the
/// frame's two bits in `wrong` is set.
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

/// Loads the ICVs of four frames.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load_icvs(frames: &[Frame; QUAD]) -> __m512i {
    // SAFETY: the ICV of a frame, which is borrowed for the burst.
    let icv = |j: usize| unsafe { _mm_loadu_si128(frames[j].icv.cast()) };
    let icvs = _mm512_castsi128_si512(icv(0));
    let icvs = _mm512_inserti32x4::<1>(icvs, icv(1));
    let icvs = _mm512_inserti32x4::<2>(icvs, icv(2));
    _mm512_inserti32x4::<3>(icvs, icv(3))
}

#[inline]
pub(super) fn quad<T>(all: &[T]) -> &[T; QUAD] {
    all.first_chunk().expect("a group is padded to whole quads")
}
