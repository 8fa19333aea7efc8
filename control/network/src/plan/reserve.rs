//! The reserve of a link: how many blocks its pool must hold, so that it does not run dry.
//!
//! Key leaves the pool steadily and arrives in blocks, some of which fail. A run of failures
//! empties any pool at last, so the reserve is for a given probability.

use serde::Serialize;

/// Probability to run dry for which reserves are computed.
pub const DRY: f64 = 1e-6;

/// No pool should hold less: one block that is used up, and one that fails.
const BLOCKS_MIN: f64 = 2.0;
/// Runs of a simulation.
const RUNS: u32 = 5000;
/// Steps of a simulation, over all runs. A link at the edge of its capacity gets fewer runs.
const STEPS: u64 = 2_000_000;

/// A pool that is large enough.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reserve {
    /// Whole blocks in the pool.
    pub blocks: u64,
    /// Periods for which the pool lasts without any new block.
    pub lasts_periods: f64,
    /// Bound on the probability that the pool ever runs dry (Lundberg's inequality).
    pub bound: f64,
    /// The probability itself, by simulation.
    pub simulated: f64,
}

impl Reserve {
    /// The reserve of a pool from which `drain` blocks a period are used, and for which a block
    /// fails with the probability `loss`. `None` if more is used than arrives.
    #[must_use]
    pub fn of(drain: f64, loss: f64, seed: u64) -> Option<Self> {
        if drain <= 0.0 || loss <= 0.0 {
            let blocks = drain.ceil().max(BLOCKS_MIN);
            return (drain <= 1.0).then_some(Self {
                blocks: blocks as u64,
                lasts_periods: blocks / drain,
                bound: 0.0,
                simulated: 0.0,
            });
        }
        let theta = exponent(drain, loss)?;
        let blocks = (drain - DRY.ln() / theta).ceil().max(BLOCKS_MIN);
        Some(Self {
            blocks: blocks as u64,
            lasts_periods: blocks / drain,
            bound: (-theta * (blocks - drain)).exp(),
            simulated: dry_probability(blocks, drain, loss, theta, seed),
        })
    }
}

/// The exponent with which the probability falls per block of reserve: the root above zero of
/// `(1-p) exp(-t (1-d)) + p exp(t d) = 1`. `None` if the pool runs dry for certain.
fn exponent(drain: f64, loss: f64) -> Option<f64> {
    if drain >= 1.0 - loss {
        return None;
    }
    let excess =
        |t: f64| (1.0 - loss) * (-t * (1.0 - drain)).exp() + loss * (t * drain).exp() - 1.0;
    // At this value the second term alone is 1.
    let (mut low, mut high) = (0.0, -loss.ln() / drain);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        match excess(middle) < 0.0 {
            true => low = middle,
            false => high = middle,
        }
    }
    (low > 0.0).then_some(low)
}

/// Simulates block arrivals until the pool is dry.
///
/// With the real probabilities it would hardly ever be. So blocks fail more often here, such that
/// the pool does run dry, and each run counts by its likelihood (Siegmund 1976, importance
/// sampling): a few thousand runs measure one in a million.
fn dry_probability(blocks: f64, drain: f64, loss: f64, theta: f64, seed: u64) -> f64 {
    let tilted_loss = loss * (theta * drain).exp();
    let mut random = Random(seed);
    let (mut sum, mut runs, mut steps) = (0.0, 0, 0);
    while runs < RUNS && (steps < STEPS || runs == 0) {
        let mut change = 0.0;
        // The pool must last until the end of the period that has begun.
        while blocks + change - drain >= 0.0 {
            let arrived = if random.share() < tilted_loss {
                0.0
            } else {
                1.0
            };
            change += arrived - drain;
            steps += 1;
        }
        sum += (theta * change).exp();
        runs += 1;
    }
    sum / f64::from(runs)
}

/// Numbers that depend on the seed alone (SplitMix64), for simulations only.
pub(super) struct Random(pub(super) u64);

impl Random {
    /// A number from 0 to 1, without 1.
    pub(super) fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests;
