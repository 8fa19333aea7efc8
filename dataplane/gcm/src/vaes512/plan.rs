//! The plan of a group of frames: the addresses of the octets of each frame, and of the counters
//! and powers of H for them. All of these depend only on lengths, which are public.

use core::arch::x86_64::*;

use super::ghash::{Products, reverse_octets};
use super::key::Tables;
use crate::job::Job;
use crate::limits::ICV_LEN;

/// Upper limit for the frames of a group.
pub(super) const GROUP_MAX: usize = 32;
/// Octets of a piece, which is one vector.
pub(super) const PIECE: usize = 64;
/// Pieces in a batch, which pass through AES side by side.
pub(super) const BATCH: usize = 4;
/// Octets of a run: a batch of consecutive pieces of one frame.
pub(super) const RUN: usize = BATCH * PIECE;
/// The longest AAD that fits into one vector together with the lengths.
const SHORT_AAD: usize = 48;
/// Upper limit for the pieces of a group that are neither in a run nor the last of a frame.
const PIECES_MAX: usize = GROUP_MAX * (BATCH - 1);

/// A full piece of a frame that is neither in a run nor the last one.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(super) struct Piece {
    pub(super) text: *mut u8,
    pub(super) frame: *const Frame,
}

/// One frame. `text + to_counters` and `text + to_powers` are the addresses of the counters and the
/// powers for the piece at `text`: payload, counters and powers advance together.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Frame {
    /// Round 1 of the nonce with counter 0.
    pub(super) start: __m128i,
    /// The powers of H for the head.
    pub(super) head_powers: *const u8,
    /// The last piece, 0 to 64 octets.
    pub(super) last: *mut u8,
    pub(super) last_mask: u64,
    pub(super) to_counters: isize,
    pub(super) to_powers: isize,
    pub(super) icv: *mut u8,
    /// The place of the running sums over runs and over pieces for this frame: its own place if it
    /// has any, otherwise that of the previous frame.
    pub(super) runs: *mut Products,
    pub(super) pieces: *mut Products,
}

/// The part of a frame that the stream processes.
pub(super) struct Planned {
    /// The first octets of a long AAD, in whole blocks.
    pub(super) aad: *const u8,
    pub(super) lead: usize,
    /// Runs at the front of the payload.
    pub(super) text: *mut u8,
    pub(super) runs: usize,
    /// End of the list of pieces, after those of this frame.
    pub(super) list_end: usize,
}

impl Frame {
    /// The running sum over runs up to the end of this frame.
    #[inline]
    pub(super) fn runs<'a>(&self, _room: &'a Scratch) -> &'a Products {
        // SAFETY: plan() made it a place in the scratch, which is borrowed shared.
        unsafe { &*self.runs }
    }

    /// The running sum over pieces up to the end of this frame.
    #[inline]
    pub(super) fn pieces<'a>(&self, _room: &'a Scratch) -> &'a Products {
        // SAFETY: as above.
        unsafe { &*self.pieces }
    }
}

/// Scratch memory for one group. Index 0 of `frames`, `runs` and `pieces` belongs to the dummy
/// frame `nobody` and stands for the state before the first frame. `nobody` also pads the group to
/// a multiple of four frames.
#[repr(C, align(64))]
pub(super) struct Scratch {
    /// For each frame: up to [`SHORT_AAD`] last octets of the AAD, and in the fourth lane the
    /// lengths of payload and AAD in bits; ready for GHASH.
    pub(super) heads: [[u64; 8]; GROUP_MAX + 4],
    /// `start` of each frame, contiguous.
    pub(super) starts: [__m128i; GROUP_MAX + 4],
    pub(super) frames: [Frame; GROUP_MAX + 4],
    pub(super) runs: [Products; GROUP_MAX + 1],
    pub(super) pieces: [Products; GROUP_MAX + 1],
    /// A batch of dummy pieces comes before and after the list.
    pub(super) list: [Piece; BATCH + PIECES_MAX + BATCH],
    pub(super) nobody: [u8; PIECE],
    /// True if any frame of the group has runs; the same for pieces.
    pub(super) has_runs: bool,
    pub(super) has_pieces: bool,
}

/// Octets of AAD that are hashed before the vector of AAD and lengths; whole blocks.
#[inline]
pub(super) fn lead(aad_len: usize) -> usize {
    if aad_len > SHORT_AAD {
        (aad_len & !15) - 32
    } else {
        0
    }
}

/// True if a frame consists of its last piece only.
#[inline]
pub(super) fn is_short(job: &Job<'_>) -> bool {
    (job.aad_len <= SHORT_AAD) & (job.frame.len().wrapping_sub(job.aad_len) <= PIECE + ICV_LEN)
}

impl Scratch {
    /// Plans the dummy frame `nobody`, which pads a group of `frames` frames.
    #[inline]
    pub(super) fn plan_nobody(&mut self, t: &Tables, frames: usize) {
        let text = self.nobody.as_mut_ptr();
        let nobody = Frame {
            head_powers: t.powers_of(PIECE),
            last: text,
            last_mask: 0,
            to_counters: t.counters() as isize - text as isize,
            to_powers: t.powers_of(PIECE) as isize - text as isize,
            icv: text,
            runs: &raw mut self.runs[0],
            pieces: &raw mut self.pieces[0],
            ..self.frames[0]
        };
        self.frames[0] = nobody;
        self.frames[frames + 1..frames.next_multiple_of(4) + 1].fill(nobody);
    }

    /// Plans a frame that has only one short piece.
    #[inline]
    #[target_feature(enable = "bmi2,avx512f,avx512bw,avx512vl,aes,vaes,vpclmulqdq")]
    pub(super) fn plan_short(&mut self, t: &Tables, index: usize, job: &mut Job<'_>) {
        let aad_len = job.aad_len;
        let aad = job.frame.as_mut_ptr();
        let text_len = job.frame.len() - ICV_LEN - aad_len;
        let text = aad.wrapping_add(aad_len);
        let powers = t.powers_of(text_len + 16);
        let start = t.start(job);
        self.starts[index] = start;
        let frame = &mut self.frames[index + 1];
        frame.start = start;
        frame.head_powers = powers.wrapping_sub((aad_len + 15) & !15);
        frame.last = text;
        frame.last_mask = _bzhi_u64(!0, text_len as u32);
        frame.to_counters = t.counters() as isize - text as isize;
        frame.to_powers = powers as isize - text as isize;
        frame.icv = text.wrapping_add(text_len);
        // The load is here and not at the hash of the head: it may span the first piece, and would
        // wait for the store of that piece if it came after it.
        let mask = _bzhi_u64(!0, aad_len as u32);
        // SAFETY: the mask selects only octets of the frame's AAD.
        let head = unsafe { _mm512_maskz_loadu_epi8(mask, aad.cast()) };
        self.put_head(index, head, text_len, aad_len);
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn put_head(&mut self, index: usize, aad: __m512i, text_len: usize, aad_len: usize) {
        let head = &mut self.heads[index];
        let aad = _mm512_shuffle_epi8(aad, reverse_octets());
        // SAFETY: the reference covers 64 octets.
        unsafe { _mm512_storeu_si512(head.as_mut_ptr().cast(), aad) };
        [head[6], head[7]] = [text_len as u64 * 8, aad_len as u64 * 8];
    }

    /// Plans any frame and appends its pieces to the list.
    #[inline]
    #[target_feature(enable = "bmi2,avx512f,avx512bw,avx512vl,aes,vaes,vpclmulqdq")]
    pub(super) fn plan(
        &mut self,
        t: &Tables,
        index: usize,
        job: &mut Job<'_>,
        list_end: usize,
    ) -> Planned {
        let (aad_len, frame_len) = (job.aad_len, job.frame.len());
        let text_len = frame_len - ICV_LEN - aad_len;
        self.plan_short(t, index, job);
        let [before, frame] = &mut self.frames[index..][..2] else {
            unreachable!("two frames were asked for");
        };
        let text = frame.last;
        let full = text_len.saturating_sub(1) / PIECE;
        let (runs, pieces) = (full / BATCH, full % BATCH);
        let lead = lead(aad_len);
        frame.last = text.wrapping_add(PIECE * full);
        frame.last_mask = _bzhi_u64(!0, (text_len - PIECE * full) as u32);
        let has_runs = runs > 0 || lead > 0;
        frame.runs = if has_runs {
            &raw mut self.runs[index + 1]
        } else {
            before.runs
        };
        frame.pieces = if pieces > 0 {
            &raw mut self.pieces[index + 1]
        } else {
            before.pieces
        };
        let list = self.list[list_end..].first_chunk_mut::<{ BATCH - 1 }>();
        let list = list.expect("each frame appends at most BATCH - 1 pieces");
        let behind_runs = text.wrapping_add(RUN * runs);
        for (at, place) in list.iter_mut().enumerate() {
            *place = Piece {
                text: behind_runs.wrapping_add(PIECE * at),
                frame,
            };
        }
        if lead > 0 {
            frame.head_powers = frame.head_powers.wrapping_add(lead);
            let mask = _bzhi_u64(!0, (aad_len - lead) as u32);
            let aad = text.wrapping_sub(aad_len - lead);
            // SAFETY: the mask selects only octets of the frame's AAD.
            let aad = unsafe { _mm512_maskz_loadu_epi8(mask, aad.cast()) };
            self.put_head(index, aad, text_len, aad_len);
        }
        Planned {
            aad: text.wrapping_sub(aad_len),
            lead,
            text,
            runs,
            list_end: list_end + pieces,
        }
    }
}
