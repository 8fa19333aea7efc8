//! Copies of secrets that functions leave behind on the stack.
//!
//! A key passes through registers and the stack of the functions that hash and expand it. Their part
//! of the stack stays as it was until another function needs it.

use std::hint::black_box;

/// Deeper than any function goes that has a key in its hands.
const DEPTH: usize = 64 * 1024;

/// Writes zeros over the stack below the caller: what the functions that it has called left there.
#[inline(never)]
pub(crate) fn wipe() {
    let mut below = [0_u8; DEPTH];
    black_box(&mut below);
}
