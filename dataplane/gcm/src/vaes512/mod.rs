//! Engine `vaes512`: AES-GCM on VAES, VPCLMULQDQ and AVX-512, with the frames of a burst
//! interleaved.
//!
//! One vector holds four blocks. A short frame has one or two vectors of work. Each vector is a
//! chain of fourteen dependent rounds, so only the interleaved work of several frames keeps the AES
//! unit busy. A burst is therefore cut into groups of up to 32 frames, and a group passes through
//! three stages:
//!
//! ```text
//!  plan    each frame: addresses of its octets, counters and powers; round 1 of its nonce
//!            payload = runs of 256 octets | up to 3 pieces of 64 | last piece, 0 to 64
//!  stream  runs frame by frame, pieces in fours across frames:
//!            AES of a batch of four vectors  ||  GHASH of the batch before (open: the same)
//!  last    four frames: AES of four last pieces + the four first counters
//!            ||  GHASH of the four frames before
//!            ||  of the four before those: one reduction, four tags
//! ```
//!
//! If all frames are short (one piece), there is no stream, and planning runs between the rounds of
//! `last`. If no frame has a payload, as with integrity only, only GHASH and the first counters
//! remain: `integrity`.
//!
//! # Contents of a key
//!
//! - **Counter-mode caching.** Every frame counts from 1, and nonce and counter share no octet of
//!   the counter block. After its substitution of octets, round 1 is linear. So round 1 of (nonce,
//!   counter) is round 1 of (nonce, 0), computed once per frame, plus a share of the counter that
//!   depends only on the key and is kept in a table. One XOR replaces the counter, the whitening
//!   and one round: 13 of 14 rounds remain.
//! - **All powers of H** that a frame needs. A vector of four blocks is multiplied by the four
//!   powers for the distance of each block to the end of the frame. The products are summed, and
//!   reduced once per frame, four frames together. Each length starts at its own row of the table.
//!
//! A key takes about 41 KiB: 9 KiB counters, 9 KiB powers, 1 KiB round keys, 21 KiB scratch.
//! Expansion needs about 600 products, each dependent on the one before. It takes about 3 µs, and
//! drop about 1 µs. This is negligible against a rekey interval of 100 ms, and expansion runs on
//! the control thread.
//!
//! # Registers and order
//!
//! AES runs on one port of the core and carry-less products on another, one vector per cycle each
//! (measured on a Sapphire Rapids). A batch of four chains covers the latency of a round. The
//! products should be *between* the rounds. By itself the compiler puts all of them, and the chain
//! of first counters too, after the last round. `round` fixes that order and nothing else: one
//! block is one round of four or five chains, with one vector of GHASH in between. The reorder
//! window of this core hides part of the difference. A core with a smaller window, or with AES and
//! products on the same ports, hides less. Of the 32 registers a block takes 4–5 chains, 3 sums, 1
//! key, 2 factors and 4 products. The other values of a batch (4 `x`, reversal, start) stay in
//! registers around it. The compiler assigns the registers.
//!
//! A violation of these two memory rules costs more than any arithmetic. First, a load must not
//! come shortly after a store that covers a part of it, including masked-off octets. So the AAD is
//! read when a frame is planned, and the ICV before the last piece is written. Second, the
//! ciphertext goes from AES to GHASH in registers, never through the frame.
//!
//! # Memory
//!
//! Internally, frames are raw addresses. `plan` takes them from the `&mut [u8]` of each job, which
//! stays borrowed for the whole call, and nothing uses the slices before the last store. A run or a
//! piece lies wholly inside its payload. AAD and last piece are loaded and stored with a mask that
//! selects only their octets. Counters and powers are addressed relative to the payload; their
//! tables have the length that [`crate::FRAME_LEN_MAX`] needs, and `check` asserts that limit. The
//! addresses in the scratch are invalid between calls.
//!
//! # Constant time
//!
//! Every branch and every address depends only on lengths and on the number of frames and, after
//! the last tag, on whether the tag is right. All of these are public. Keys, H, nonces, payload and
//! tags pass only through AES, carry-less products, XOR and shuffles with fixed controls, whose
//! time does not depend on data. Tags are compared whole, four at a time.
//!
//! # Wiping
//!
//! Round keys, tables and scratch (starts of nonces, sums, heads) are one allocation, which drop
//! overwrites with zeros. Each call clears the vector registers at its end. Expansion clears the
//! stack that it used. Registers that the compiler spills in a burst lie on the stack below the
//! caller. The next burst overwrites them, and drop clears [`STACK_WIPE`] octets of stack below it,
//! on the worker's thread where the bursts ran.

#![allow(
    clippy::wildcard_imports,
    reason = "the names of intrinsics are a language of their own"
)]

use core::arch::asm;
use core::ptr;
use core::sync::atomic::{Ordering, compiler_fence};

use crate::job::{BurstKey, Job, RawKey, check, check_len};
pub(crate) use cpu::Cpu;
use ghash::Products;
use key::Tables;
use plan::{BATCH, GROUP_MAX, Piece, Scratch};
use stream::Stream;

mod cpu;
mod ghash;
mod integrity;
mod key;
mod last;
mod plan;
mod round;
mod stream;
mod tags;

/// Octets of stack that expansion and drop clear: more than any function here uses.
const STACK_WIPE: usize = 8192;

/// An expanded key with its scratch memory. Only a [`Cpu`] makes one, so where a key exists, this
/// machine has the instructions.
#[repr(C, align(64))]
pub(crate) struct Vaes512Key {
    tables: Tables,
    scratch: Scratch,
    rounds: usize,
}

// SAFETY: the addresses in `scratch` are only used during the call that wrote them.
unsafe impl Send for Vaes512Key {}

impl Vaes512Key {
    /// Expands a key.
    pub(crate) fn new(_: Cpu, key: RawKey<'_>) -> Box<Self> {
        // SAFETY: the fields are numbers, vectors and raw addresses; zero is valid for all of them.
        let mut this = unsafe { Box::<Self>::new_zeroed().assume_init() };
        this.rounds = key::rounds(&key);
        // SAFETY: a `Cpu` exists, so this machine has the instructions.
        unsafe { key::expand(&mut this.tables, &key) };
        // SAFETY: as above.
        unsafe { clear_registers() };
        wipe_stack();
        this
    }

    fn run<const SEAL: bool>(&mut self, burst: &mut [Job<'_>]) {
        check_len(burst);
        for group in burst.chunks_mut(GROUP_MAX) {
            // One pass over the jobs finds both `sound` and `short`.
            let (sound, short) = group.iter().fold((true, true), |(sound, short), job| {
                (sound & job.is_sound(), short & plan::is_short(job))
            });
            if !sound {
                check(group);
            }
            if self.rounds == 14 {
                // SAFETY: `new` took a `Cpu`, so this machine has the instructions.
                unsafe { self.group::<14, SEAL>(group, short) };
            } else {
                // SAFETY: as above.
                unsafe { self.group::<10, SEAL>(group, short) };
            }
        }
        // SAFETY: as above.
        unsafe { clear_registers() };
    }

    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,vaes,vpclmulqdq,bmi2,aes")]
    fn group<const R: usize, const SEAL: bool>(&mut self, group: &mut [Job<'_>], short: bool) {
        let (t, s) = (&self.tables, &mut self.scratch);
        s.plan_nobody(t, group.len());
        if short {
            for (index, job) in group.iter_mut().enumerate().take(12) {
                s.plan_short(t, index, job);
            }
            last::finish::<R, SEAL, false>(t, s, group);
        } else if group.iter().all(integrity::is_bare) {
            integrity::finish::<R, SEAL>(t, s, group);
        } else {
            stream_group::<R, SEAL>(t, s, group);
            last::finish::<R, SEAL, true>(t, s, group);
        }
    }
}

/// Plans a group and passes everything except the last pieces through the stream.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,vaes,vpclmulqdq,bmi2,aes")]
fn stream_group<const R: usize, const SEAL: bool>(
    t: &Tables,
    s: &mut Scratch,
    group: &mut [Job<'_>],
) {
    let filler = Piece {
        text: s.nobody.as_mut_ptr(),
        frame: &raw const s.frames[0],
    };
    s.list[..BATCH].fill(filler);
    let mut runs = Stream::new(&s.frames[0]);
    let mut pieces = Stream::new(&s.frames[0]);
    let (mut done, mut list_end) = (BATCH, BATCH);
    for (index, job) in group.iter_mut().enumerate() {
        let planned = s.plan(t, index, job, list_end);
        list_end = planned.list_end;
        if planned.lead > 0 {
            runs.lead::<SEAL>(&s.frames[index + 1], &planned);
        }
        if planned.runs > 0 {
            runs.runs::<R, SEAL>(t, &s.frames[index + 1], &planned);
        }
        let batches = (list_end - done) / BATCH;
        if batches >= BATCH {
            pieces.pieces::<R, SEAL>(t, &raw const s.list[done], batches);
            done += batches * BATCH;
        }
    }
    s.list[list_end..list_end + BATCH].fill(filler);
    let batches = (list_end - done).div_ceil(BATCH);
    if batches > 0 {
        pieces.pieces::<R, SEAL>(t, &raw const s.list[done], batches);
        done += batches * BATCH;
    }
    if SEAL {
        runs.end_runs();
        pieces.end_pieces(&raw const s.list[done - BATCH]);
    }
    s.has_runs = s.frames[group.len()].runs != &raw mut s.runs[0];
    s.has_pieces = list_end > BATCH;
    // Place 0 now holds the sums of the padding. It stands for "before the first frame", so it must
    // be zero.
    s.runs[0] = Products::zero();
    s.pieces[0] = Products::zero();
}

impl BurstKey for Vaes512Key {
    fn seal(&mut self, burst: &mut [Job<'_>]) {
        self.run::<true>(burst);
    }

    fn open(&mut self, burst: &mut [Job<'_>]) {
        self.run::<false>(burst);
    }
}

impl Drop for Vaes512Key {
    fn drop(&mut self) {
        let words = ptr::from_mut(self).cast::<u64>();
        for at in 0..size_of::<Self>() / size_of::<u64>() {
            // SAFETY: inside `self`, whose fields need no drop and for which zero is valid.
            unsafe { ptr::write_volatile(words.wrapping_add(at), 0) };
        }
        compiler_fence(Ordering::SeqCst);
        wipe_stack();
    }
}

/// Clears the stack that earlier calls used below this function's caller.
#[inline(never)]
fn wipe_stack() {
    let mut room = [0_u64; STACK_WIPE / 8];
    for word in &mut room {
        // SAFETY: a valid reference.
        unsafe { ptr::write_volatile(word, 0) };
    }
    compiler_fence(Ordering::SeqCst);
}

/// Clears all vector registers.
#[inline]
#[target_feature(enable = "avx512f")]
fn clear_registers() {
    macro_rules! clear {
        ($($number:literal)*) => {
            // SAFETY: writes only the registers that it declares.
            unsafe {
                asm!(
                    "vzeroall",
                    $(concat!("vpxord xmm", $number, ", xmm", $number, ", xmm", $number),)*
                    out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _,
                    out("zmm4") _, out("zmm5") _, out("zmm6") _, out("zmm7") _,
                    out("zmm8") _, out("zmm9") _, out("zmm10") _, out("zmm11") _,
                    out("zmm12") _, out("zmm13") _, out("zmm14") _, out("zmm15") _,
                    out("zmm16") _, out("zmm17") _, out("zmm18") _, out("zmm19") _,
                    out("zmm20") _, out("zmm21") _, out("zmm22") _, out("zmm23") _,
                    out("zmm24") _, out("zmm25") _, out("zmm26") _, out("zmm27") _,
                    out("zmm28") _, out("zmm29") _, out("zmm30") _, out("zmm31") _,
                    options(nomem, nostack, preserves_flags),
                );
            }
        };
    }
    clear!(16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
}

#[cfg(test)]
mod tests;
