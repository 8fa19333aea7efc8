//! Where there is no x86-64: the operating system's clock, and no AES floor.

use core::hint::black_box;
use std::sync::LazyLock;
use std::time::Instant;

static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Nanoseconds since the first call.
pub(super) fn ticks() -> u64 {
    u64::try_from(ORIGIN.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// `adds` additions, each of which needs the one before.
pub(super) fn add_chain(adds: u64) {
    let mut sum = 0_u64;
    for _ in 0..adds {
        sum = black_box(sum.wrapping_add(1));
    }
    black_box(sum);
}

#[derive(Clone, Copy)]
pub(super) struct Pipes {
    pub(super) bits: u32,
    pub(super) aes: fn(u32),
    pub(super) clmul: fn(u32),
    pub(super) mix: fn(u32),
}

pub(super) const AES_PER_ROUND: u32 = 1;
pub(super) const CLMUL_PER_ROUND: u32 = 1;
pub(super) const MIXES_PER_ROUND: u32 = 1;

pub(super) fn pipes() -> Vec<Pipes> {
    Vec::new()
}
