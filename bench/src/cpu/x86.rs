//! The time stamp counter, and loops that do nothing but one kind of instruction.

#![allow(
    unsafe_code,
    reason = "instructions that have no safe name: TSC, AES and CLMUL in each width"
)]

use core::arch::asm;
use core::arch::x86_64::{_mm_lfence, _rdtsc};
use core::hint::black_box;

/// Time stamp counter. Nothing before it starts later, nothing behind it starts earlier.
#[inline]
pub(super) fn ticks() -> u64 {
    // SAFETY: LFENCE belongs to SSE2, which every x86-64 has; it touches no memory.
    unsafe { _mm_lfence() };
    // SAFETY: every x86-64 has a TSC; Linux lets programs read it unless told not to, and then
    // the program ends with a signal.
    let ticks = unsafe { _rdtsc() };
    // SAFETY: as above.
    unsafe { _mm_lfence() };
    ticks
}

/// `adds` additions (a multiple of 16), each of which needs the one before: one core cycle each.
/// Registers, not constants: recent cores fold additions of small constants into one.
pub(super) fn add_chain(adds: u64) {
    // SAFETY: registers only, all declared; `adds / 16` is not 0, so the loop ends.
    unsafe {
        asm!(
            "2:",
            "add {x}, {y}", "add {x}, {y}", "add {x}, {y}", "add {x}, {y}",
            "add {x}, {y}", "add {x}, {y}", "add {x}, {y}", "add {x}, {y}",
            "add {x}, {y}", "add {x}, {y}", "add {x}, {y}", "add {x}, {y}",
            "add {x}, {y}", "add {x}, {y}", "add {x}, {y}", "add {x}, {y}",
            "dec {n}",
            "jnz 2b",
            x = inout(reg) 0_u64 => _,
            y = in(reg) black_box(1_u64),
            n = inout(reg) (adds / 16).max(1) => _,
            options(nomem, nostack),
        );
    }
}

/// Loops of one register width.
#[derive(Clone, Copy)]
pub(super) struct Pipes {
    pub(super) bits: u32,
    /// [`AES_PER_ROUND`] AES rounds of a register each time.
    pub(super) aes: fn(u32),
    /// [`CLMUL_PER_ROUND`] carry-less multiplications of a register each time.
    pub(super) clmul: fn(u32),
    /// [`MIXES_PER_ROUND`] times what AES-256-GCM needs for one register of payload.
    pub(super) mix: fn(u32),
}

/// More chains than latency times throughput of any known core.
pub(super) const AES_PER_ROUND: u32 = 14;
pub(super) const CLMUL_PER_ROUND: u32 = 12;
/// A mix is 14 AES rounds and 4 multiplications (schoolbook).
pub(super) const MIXES_PER_ROUND: u32 = 2;

/// The widths that this CPU has.
pub(super) fn pipes() -> Vec<Pipes> {
    let mut pipes = Vec::new();
    if is_x86_feature_detected!("aes") && is_x86_feature_detected!("pclmulqdq") {
        pipes.push(xmm::PIPES);
    }
    if is_x86_feature_detected!("vaes")
        && is_x86_feature_detected!("vpclmulqdq")
        && is_x86_feature_detected!("avx2")
    {
        pipes.push(ymm::PIPES);
    }
    if is_x86_feature_detected!("vaes")
        && is_x86_feature_detected!("vpclmulqdq")
        && is_x86_feature_detected!("avx512f")
    {
        pipes.push(zmm::PIPES);
    }
    pipes
}

macro_rules! width {
    ($name:ident, $bits:literal, $features:literal, $zero:ident, $aesenc:ident, $clmul:ident) => {
        mod $name {
            use core::arch::x86_64::{$aesenc, $clmul, $zero};
            use core::hint::black_box;

            use super::{AES_PER_ROUND, CLMUL_PER_ROUND, Pipes};

            pub(super) const PIPES: Pipes = Pipes {
                bits: $bits,
                // SAFETY: pipes() hands these out only where it found the features.
                aes: |rounds| unsafe { aes(rounds) },
                // SAFETY: as above.
                clmul: |rounds| unsafe { clmul(rounds) },
                // SAFETY: as above.
                mix: |rounds| unsafe { mix(rounds) },
            };

            #[target_feature(enable = $features)]
            fn aes(rounds: u32) {
                let key = black_box($zero());
                let mut chains = black_box([$zero(); AES_PER_ROUND as usize]);
                for _ in 0..rounds {
                    for chain in &mut chains {
                        *chain = $aesenc(*chain, key);
                    }
                }
                black_box(chains);
            }

            #[target_feature(enable = $features)]
            fn clmul(rounds: u32) {
                let key = black_box($zero());
                let mut chains = black_box([$zero(); CLMUL_PER_ROUND as usize]);
                for _ in 0..rounds {
                    for chain in &mut chains {
                        *chain = $clmul::<0x10>(*chain, key);
                    }
                }
                black_box(chains);
            }

            #[target_feature(enable = $features)]
            fn mix(rounds: u32) {
                let key = black_box($zero());
                let mut aes = black_box([$zero(); 7]);
                let mut clmul = black_box([$zero(); 8]);
                for _ in 0..rounds {
                    // 28 and 8, evenly spread: 7 AES rounds, then 2 multiplications, four times.
                    for quarter in 0..4 {
                        for chain in &mut aes {
                            *chain = $aesenc(*chain, key);
                        }
                        for chain in &mut clmul[2 * quarter..2 * quarter + 2] {
                            *chain = $clmul::<0x10>(*chain, key);
                        }
                    }
                }
                black_box(aes);
                black_box(clmul);
            }
        }
    };
}

width!(
    xmm,
    128,
    "aes,pclmulqdq",
    _mm_setzero_si128,
    _mm_aesenc_si128,
    _mm_clmulepi64_si128
);
width!(
    ymm,
    256,
    "avx2,vaes,vpclmulqdq",
    _mm256_setzero_si256,
    _mm256_aesenc_epi128,
    _mm256_clmulepi64_epi128
);
width!(
    zmm,
    512,
    "avx512f,vaes,vpclmulqdq",
    _mm512_setzero_si512,
    _mm512_aesenc_epi128,
    _mm512_clmulepi64_epi128
);
