//! Copies of secrets that functions leave on the stack.
//!
//! A key passes through registers and the stack of the functions that hash and expand it. Their
//! stack frames keep it until another function overwrites them.

use std::hint::black_box;

/// Octets to wipe: more than any function that handles a key uses.
const DEPTH: usize = 64 * 1024;

/// Writes zeros over the stack below the caller, where the called functions left data.
#[inline(never)]
pub(crate) fn wipe() {
    let mut below = [0_u8; DEPTH];
    black_box(&mut below);
}
