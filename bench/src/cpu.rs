//! The CPU as a measuring instrument: its clock, how disturbed it is, and its own limits for AES.

use core::hint::black_box;
use core::ops::Range;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::stats::Spread;

#[cfg_attr(not(target_arch = "x86_64"), path = "cpu/other.rs")]
mod x86;

/// How long the clock is compared with the operating system's.
const CLOCK_CHECK: Duration = Duration::from_millis(50);
/// Dependent additions of one look at the core clock: a microsecond.
const CHAIN_ADDS: u64 = 4_000;
/// Looks at a limit of the core; the median counts.
const LOOKS: usize = 200;
/// Rounds of AES per register in one look at the AES units: some microseconds.
const PIPE_ROUNDS: u32 = 1_000;

/// The clock of the timed windows: the TSC where there is one, else the operating system's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    ns_per_tick: f64,
    /// Ticks between two readings with nothing between them.
    overhead: u64,
}

impl Clock {
    /// Measures the frequency of the clock and what a reading costs.
    pub(crate) fn measure() -> Self {
        let ns_per_tick = (0..3).map(|_| ns_per_tick()).fold(0.0, f64::max);
        let overhead = (0..1000).map(|_| x86::ticks().abs_diff(x86::ticks())).min();
        Self {
            ns_per_tick,
            overhead: overhead.unwrap_or(0),
        }
    }

    /// Runs `work`; its time in ns, the reading of the clock taken off.
    #[inline]
    pub(crate) fn ns(&self, work: impl FnOnce()) -> f64 {
        let start = x86::ticks();
        work();
        let ticks = x86::ticks().wrapping_sub(start);
        ticks.saturating_sub(self.overhead) as f64 * self.ns_per_tick
    }

    /// Frequency of the TSC in GHz, of the operating system's clock where there is no TSC.
    pub(crate) fn ghz(&self) -> f64 {
        1.0 / self.ns_per_tick
    }
}

/// The TSC is read outside of the two readings of the other clock: a thread put to sleep between
/// them makes the quotient too small, never too large. The caller takes the largest of several.
fn ns_per_tick() -> f64 {
    let (ticks, start) = (x86::ticks(), Instant::now());
    let elapsed = loop {
        let elapsed = start.elapsed();
        if elapsed >= CLOCK_CHECK {
            break elapsed;
        }
    };
    elapsed.as_nanos() as f64 / x86::ticks().wrapping_sub(ticks) as f64
}

/// Length of a core cycle just now, ns, by a chain of dependent additions.
pub(crate) fn cycle_ns(clock: &Clock) -> f64 {
    clock.ns(|| x86::add_chain(CHAIN_ADDS)) / CHAIN_ADDS as f64
}

/// The core's own limits, measured, in cycles of the core: its clock wanders, they do not.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Limits {
    /// Clock of the core, the median.
    pub core_ghz: f64,
    /// Widest AES registers, bits; 0 where the CPU has no AES instructions.
    pub aes_bits: u32,
    /// One AES round of one 16-octet block, best width.
    pub aes_round_cycles: f64,
    /// One carry-less multiplication of two 64-bit halves, best width.
    pub clmul_cycles: f64,
    /// 64 octets of GCM-AES-256 as a mere mix of instructions: 56 block rounds and 16
    /// multiplications at once. Says whether AES and CLMUL share execution units.
    pub mix_64_cycles: f64,
}

impl Limits {
    /// Many looks, some milliseconds. Each look has one at the clock beside it.
    pub(crate) fn measure(clock: &Clock) -> Self {
        let cycles = |work: &dyn Fn()| {
            median(
                (0..LOOKS)
                    .map(|_| clock.ns(work) / cycle_ns(clock))
                    .collect(),
            )
        };
        let mut limits = Self {
            core_ghz: 1.0 / median((0..LOOKS).map(|_| cycle_ns(clock)).collect()),
            aes_bits: 0,
            aes_round_cycles: 0.0,
            clmul_cycles: 0.0,
            mix_64_cycles: 0.0,
        };
        for pipes in x86::pipes() {
            let blocks = f64::from(pipes.bits / 128) * f64::from(PIPE_ROUNDS);
            let per_block = |run: fn(u32), per_round: u32| {
                cycles(&|| run(PIPE_ROUNDS)) / f64::from(per_round) / blocks
            };
            let aes_round_cycles = per_block(pipes.aes, x86::AES_PER_ROUND);
            if limits.aes_bits == 0 || aes_round_cycles < limits.aes_round_cycles {
                limits.aes_bits = pipes.bits;
                limits.aes_round_cycles = aes_round_cycles;
            }
            least(
                &mut limits.clmul_cycles,
                per_block(pipes.clmul, x86::CLMUL_PER_ROUND),
            );
            let mix_cycles = per_block(pipes.mix, x86::MIXES_PER_ROUND);
            least(&mut limits.mix_64_cycles, 4.0 * mix_cycles);
        }
        limits
    }

    /// Time that AES-256 alone takes for a payload and the block of its tag: 14 rounds a block at
    /// the core's best rate. `None` where the CPU has no AES instructions.
    pub(crate) fn aes_floor_ns(&self, payload_len: usize) -> Option<f64> {
        let blocks = (payload_len.div_ceil(16) + 1) as f64;
        (self.aes_bits > 0).then_some(blocks * 14.0 * self.aes_round_cycles / self.core_ghz)
    }
}

fn median(samples: Vec<f64>) -> f64 {
    Spread::of(&samples).map_or(f64::NAN, |spread| spread.median)
}

fn least(have: &mut f64, new: f64) {
    if *have == 0.0 || new < *have {
        *have = new;
    }
}

/// A fixed piece of mixed work that takes longer when something else uses the core: another
/// thread of the same core, a lower clock, an interrupt. Some 10 µs; stays in the L1 cache.
pub(crate) struct Calibrator {
    table: [u64; 512],
}

impl Default for Calibrator {
    fn default() -> Self {
        let table = core::array::from_fn(|n| (n as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        Self { table }
    }
}

impl Calibrator {
    const STEPS: Range<usize> = 0..2_000;

    pub(crate) fn ns(&self, clock: &Clock) -> f64 {
        clock.ns(|| {
            // Six chains fill the issue slots of the core, which is what a sibling thread takes.
            let mut chains = [1_u64, 2, 3, 4, 5, 6];
            for step in Self::STEPS {
                for chain in &mut chains {
                    let entry = self.table[(*chain as usize ^ step) % self.table.len()];
                    *chain = chain.rotate_left(13).wrapping_add(entry) ^ (entry >> 7);
                }
            }
            black_box(chains);
        })
    }
}

#[cfg(test)]
mod tests;
