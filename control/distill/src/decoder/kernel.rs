//! The arithmetic of the decoder: passes over all checks, 32 rows at a time.
//!
//! Messages are 16-bit integers, 2048 to the nat, and their sums saturate. Rust neither fuses nor
//! reorders operations of `f32`: every instruction set gives the same bits.
#![expect(
    clippy::needless_range_loop,
    reason = "loops over lanes index several arrays at once; the compiler makes vectors of them"
)]

use zeroize::Zeroize;

use crate::code::{Edge, LANES, MAX_CORE_DEGREE};

/// Units of a nat.
const UNIT: f32 = 2048.0;
/// The largest belief, just below that of an `i16`.
const LIMIT: f32 = 32_767.0;
/// tanh(x/2) is computed up to this x, 6.1 nats. Its approximation there is .9993, that of 8 nats:
/// a smaller one would slow down the last iterations.
const SATURATION: i16 = 12_500;
/// Added to a number below 2^22, it leaves the nearest integer in the low bits.
const ROUND: f32 = 12_582_912.0;

/// One value of each lane.
pub(super) type Lanes<T = i16> = [T; LANES];

/// The belief in the bits of a variable: log-likelihood ratios, positive for 0.
///
/// The lanes are stored twice in a row, from 32 and from 64, so that any rotation of them is one
/// piece of memory. The other places take what a rotated write spills.
#[derive(Zeroize)]
#[repr(align(64))]
pub(super) struct Belief([i16; 4 * LANES]);

impl Belief {
    pub(super) const ZERO: Self = Self([0; 4 * LANES]);

    /// Lane `k` of the result is lane `k - shift` of the belief.
    #[inline(always)]
    pub(super) fn read(&self, shift: usize) -> &Lanes {
        let (piece, _) = self.0[2 * LANES - shift..]
            .split_first_chunk()
            .expect("a shift is below 32");
        piece
    }

    /// The inverse of `read`.
    #[inline(always)]
    pub(super) fn write(&mut self, shift: usize, lanes: &Lanes) {
        for copy in 1..=3 {
            let at = copy * LANES - shift;
            self.0[at..at + LANES].copy_from_slice(lanes);
        }
    }

    /// Overwrites the belief in one bit.
    pub(super) fn fix(&mut self, lane: usize, bit: bool) {
        let belief = if bit { -i16::MAX } else { i16::MAX };
        self.0[LANES + lane] = belief;
        self.0[2 * LANES + lane] = belief;
    }

    /// The hard decisions, lane 0 in the lowest bit.
    pub(super) fn bits(&self) -> u32 {
        let lanes = self.read(0).iter().enumerate();
        lanes.fold(0, |bits, (lane, &belief)| {
            bits | u32::from(belief < 0) << lane
        })
    }
}

/// A leaf check: its last messages, and what its leaf adds.
///
/// A message is 2 atanh(p tanh(x/2)) with the channel's ratio x of the leaf and the product p of
/// the other tanh. It is odd in p. The cubic `slope p + bend p^3` has its value at 1 and its slope
/// at 0.
#[derive(Zeroize)]
#[repr(align(64))]
pub(super) struct Leaf<const D: usize> {
    messages: [Lanes; D],
    slope: Lanes,
    bend: Lanes,
}

impl<const D: usize> Leaf<D> {
    pub(super) const ZERO: Self = Self {
        messages: [[0; LANES]; D],
        slope: [0; LANES],
        bend: [0; LANES],
    };

    /// Takes the channel's ratios of the leaf, and the syndrome of the check.
    #[inline(always)]
    pub(super) fn load(&mut self, ratios: &Lanes<f32>, syndrome: u32) {
        self.messages = [[0; LANES]; D];
        for lane in 0..LANES {
            let ratio = in_units(ratios[lane] * sign(syndrome, lane));
            let ratio = ratio.clamp(-SATURATION, SATURATION);
            self.slope[lane] = nearest(2.0 * UNIT * half_tanh(ratio));
            self.bend[lane] = ratio - self.slope[lane];
        }
    }
}

/// The belief by the channel alone.
#[inline(always)]
pub(super) fn load_core(belief: &mut Belief, ratios: &Lanes<f32>) {
    let mut lanes = [0; LANES];
    for lane in 0..LANES {
        lanes[lane] = in_units(ratios[lane]);
    }
    belief.write(0, &lanes);
}

/// The signs that a core check starts its products with.
pub(super) fn signs(syndrome: u32) -> Lanes {
    core::array::from_fn(|lane| sign(syndrome, lane) as i16)
}

/// Updates the beliefs by all leaf checks, one after the other.
#[inline(always)]
pub(super) fn leaf_pass<const D: usize>(
    beliefs: &mut [Belief],
    checks: &[[Edge; D]],
    leaves: &mut [Leaf<D>],
) {
    for (edges, leaf) in checks.iter().zip(leaves) {
        let mut seen = [[0; LANES]; D];
        for (seen, edge) in seen.iter_mut().zip(edges) {
            *seen = *beliefs[edge.variable()].read(edge.shift());
        }
        for lane in 0..LANES {
            let (mut others, mut tanh) = ([0_i16; D], [0.0; D]);
            for at in 0..D {
                others[at] = seen[at][lane].saturating_sub(leaf.messages[at][lane]);
                tanh[at] = half_tanh(others[at]);
            }
            let (slope, bend) = (f32::from(leaf.slope[lane]), f32::from(leaf.bend[lane]));
            for at in 0..D {
                let mut product = 1.0;
                for other in 0..D {
                    if other != at {
                        product *= tanh[other];
                    }
                }
                let message = nearest(product * (slope + bend * (product * product)));
                leaf.messages[at][lane] = message;
                seen[at][lane] = others[at].saturating_add(message);
            }
        }
        for (seen, edge) in seen.iter().zip(edges) {
            beliefs[edge.variable()].write(edge.shift(), seen);
        }
    }
}

/// Updates the beliefs by all core checks. `messages` has those of all edges, check by check.
#[inline(always)]
pub(super) fn core_pass(
    beliefs: &mut [Belief],
    checks: &[Vec<Edge>],
    signs: &[Lanes],
    messages: &mut [Lanes],
) {
    let mut others = [[0_i16; LANES]; MAX_CORE_DEGREE];
    let mut tanh = [[0.0; LANES]; MAX_CORE_DEGREE];
    let mut after = [[0.0; LANES]; MAX_CORE_DEGREE];
    let mut rest = messages;
    for (edges, signs) in checks.iter().zip(signs) {
        let (messages, next) = rest.split_at_mut(edges.len());
        rest = next;
        for (at, (edge, message)) in edges.iter().zip(&*messages).enumerate() {
            let seen = *beliefs[edge.variable()].read(edge.shift());
            for lane in 0..LANES {
                others[at][lane] = seen[lane].saturating_sub(message[lane]);
                tanh[at][lane] = half_tanh(others[at][lane]);
            }
        }
        let mut product: Lanes<f32> = [1.0; LANES];
        for at in (0..edges.len()).rev() {
            after[at] = product;
            for lane in 0..LANES {
                product[lane] *= tanh[at][lane];
            }
        }
        let mut before = signs.map(f32::from);
        for (at, (edge, message)) in edges.iter().zip(messages).enumerate() {
            let mut seen = [0; LANES];
            for lane in 0..LANES {
                message[lane] = nearest(twice_atanh(before[lane] * after[at][lane]));
                before[lane] *= tanh[at][lane];
                seen[lane] = others[at][lane].saturating_add(message[lane]);
            }
            beliefs[edge.variable()].write(edge.shift(), &seen);
        }
    }
}

/// The rows of a core check whose parity is wrong: the lanes below 0.
#[inline(always)]
pub(super) fn unsatisfied(beliefs: &[Belief], edges: &[Edge], signs: &Lanes) -> Lanes {
    let mut parity = *signs;
    for edge in edges {
        let seen = beliefs[edge.variable()].read(edge.shift());
        for lane in 0..LANES {
            parity[lane] ^= seen[lane];
        }
    }
    parity
}

/// tanh(x/2) of a ratio in units, within .3 % and .001: the quotient of degrees 3 and 2 that has
/// the least relative error up to six nats, by a numeric search.
#[inline(always)]
fn half_tanh(units: i16) -> f32 {
    let x = f32::from(units.clamp(-SATURATION, SATURATION));
    let square = x * x;
    let over = x * (0.0670629 / UNIT) * (square + 79.88666 * UNIT * UNIT);
    over / (square + 10.73282 * UNIT * UNIT)
}

/// 2 atanh(x) in units, for |x| < 1: the logarithm of a quotient, by a polynomial that interpolates
/// log2(1 + z) at Chebyshev points, within 5e-5.
#[inline(always)]
fn twice_atanh(x: f32) -> f32 {
    let bits = ((1.0 + x) / (1.0 - x)).to_bits();
    let exponent = ((bits >> 23) as i32 - 127) as f32;
    let z = f32::from_bits(bits & 0x007F_FFFF | 0x3F80_0000) - 1.0;
    let high = 0.440_599 + z * (-0.225_103 + z * 0.058_664_9);
    let log2 = exponent + z * (1.442_604 + z * (-0.716_714_7 + z * high));
    log2 * (UNIT * core::f32::consts::LN_2)
}

/// -1 where the syndrome is 1.
#[inline(always)]
fn sign(syndrome: u32, lane: usize) -> f32 {
    1.0 - 2.0 * ((syndrome >> lane & 1) as f32)
}

/// A ratio of the channel in units. One that is no number says nothing.
#[inline(always)]
fn in_units(nats: f32) -> i16 {
    let units = (nats * UNIT).clamp(-LIMIT, LIMIT);
    nearest(if units.is_nan() { 0.0 } else { units })
}

/// The nearest integer of 16 bits. `x` must be in their range.
#[inline(always)]
fn nearest(x: f32) -> i16 {
    (x + ROUND).to_bits() as i16
}

#[cfg(test)]
mod tests;
