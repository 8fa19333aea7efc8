//! Carry-less multiplication by integer multiplication, in constant time where the processor's
//! multiplication is.

use super::LEAF;

/// See [`super::window`], for [`LEAF`] words.
pub(super) fn leaf(x: &[u64; LEAF], s: &[u64; 2 * LEAF], out: &mut [u64; LEAF]) {
    *out = [0; LEAF];
    for (i, &x) in x.iter().enumerate() {
        // Word `LEAF - 1 - i` gives only the upper half of its product, the last only the lower.
        let factors = &s[LEAF - 1 - i..2 * LEAF - i];
        for (k, out) in out.iter_mut().enumerate() {
            *out ^= high(x, factors[k]) ^ low(x, factors[k + 1]);
        }
    }
}

/// The lower word of the product. Each factor is divided into four by every fourth bit, so that a
/// sum of products has room for its carries: at most 16 terms, and the carry of 16 terms falls off
/// the upper end (Pornin, BearSSL, "constant-time GHASH").
fn low(a: u64, b: u64) -> u64 {
    const EVERY_FOURTH: u64 = 0x1111_1111_1111_1111;
    let mut product = 0;
    for class in 0..4 {
        let mut sum = 0;
        for i in 0..4 {
            let a = a & (EVERY_FOURTH << i);
            let b = b & (EVERY_FOURTH << ((4 + class - i) % 4));
            sum ^= a.wrapping_mul(b);
        }
        product |= sum & (EVERY_FOURTH << class);
    }
    product
}

/// The upper word: the product of the reversed factors is the reversed product.
fn high(a: u64, b: u64) -> u64 {
    low(a.reverse_bits(), b.reverse_bits()).reverse_bits() >> 1
}
