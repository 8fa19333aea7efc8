//! Control charts of a figure: one decides on each block alone, one sums up small deviations of
//! many blocks.
//!
//! Both see a score: the figure's difference from its reference in units of its own deviation. On a
//! clean link a score is standard normal. The block chart is that of Shewhart, the drift chart is a
//! tabular CUSUM; its limit follows from the run length by Siegmund's approximation (Sequential
//! Analysis, 1985).

/// Deviations per block that the drift chart tolerates. It is fastest for a shift of twice as many.
const ALLOWANCE: f64 = 0.5;

/// The correction of Siegmund's approximation for a sum that moves in steps.
const OVERSHOOT: f64 = 1.166;

/// Highest score of a count: its probability underflows soon after.
const HIGHEST_SCORE: f64 = 37.0;

/// The limits of both charts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limits {
    /// Score of one block.
    pub(super) block: f64,
    /// Sum of the drift chart.
    pub(super) drift: f64,
}

impl Limits {
    /// Limits that one side of one chart exceeds by chance once in `run_length` blocks, in mean.
    pub(super) fn of_run_length(run_length: f64) -> Self {
        // Siegmund: run length = (e^(2kb) - 2kb - 1) / 2k^2, with b the limit and the overshoot.
        let mut exponent = 0.0;
        for _ in 0..50 {
            exponent = (2.0 * ALLOWANCE.powi(2) * run_length + exponent + 1.0).ln();
        }
        Self {
            block: score_of_probability(1.0 / run_length),
            drift: exponent / (2.0 * ALLOWANCE) - OVERSHOOT,
        }
    }
}

/// The direction of a deviation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Below,
    Above,
}

/// The chart that a deviation exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chart {
    /// One block alone deviates.
    Block,
    /// Many blocks deviate a little, in the same direction.
    Drift,
}

/// Both charts of a figure. A score beyond the limit of a block is left out of the drift, which
/// would take long to forget it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charts {
    below: f64,
    above: f64,
    /// Whether small scores are no deviation.
    is_one_sided: bool,
}

impl Charts {
    /// Charts of a figure that can be too small and too large.
    pub(super) const TWO_SIDED: Self = Self {
        below: 0.0,
        above: 0.0,
        is_one_sided: false,
    };

    /// Charts of a figure that can only be too large.
    pub(super) const ONE_SIDED: Self = Self {
        is_one_sided: true,
        ..Self::TWO_SIDED
    };

    /// Takes the score of a block. Returns the chart that it exceeds, if any.
    pub(super) fn on_score(&mut self, score: f64, limits: &Limits) -> Option<(Side, Chart)> {
        let least = if self.is_one_sided {
            -limits.block
        } else {
            f64::NEG_INFINITY
        };
        // A score that is no number becomes the least: a deviation of a two-sided figure.
        let score = score.max(least);
        if score.abs() > limits.block {
            let side = if score > 0.0 {
                Side::Above
            } else {
                Side::Below
            };
            return Some((side, Chart::Block));
        }
        let step = |sum: f64, score: f64| (sum + score - ALLOWANCE).clamp(0.0, limits.drift);
        if !self.is_one_sided {
            self.below = step(self.below, -score);
        }
        self.above = step(self.above, score);
        let side = if self.above >= limits.drift {
            Side::Above
        } else if self.below >= limits.drift {
            Side::Below
        } else {
            return None;
        };
        Some((side, Chart::Drift))
    }

    /// Whether the drift is so far from its limit that an alarm may end.
    pub(super) fn is_calm(&self, limits: &Limits) -> bool {
        self.below.max(self.above) < limits.drift / 2.0
    }
}

/// The score that a standard normal value exceeds with a probability.
pub(super) fn score_of_probability(probability: f64) -> f64 {
    let (mut low, mut high) = (-HIGHEST_SCORE, HIGHEST_SCORE);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        let exceeding = libm::erfc(middle * std::f64::consts::FRAC_1_SQRT_2) / 2.0;
        if exceeding > probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// The probability of at least `count` of `of` independent things, each of which has `probability`.
/// `count` is above 0.
pub(super) fn at_least(count: u64, of: u64, probability: f64) -> f64 {
    let (n, odds) = (of as f64, probability / (1.0 - probability));
    let first = count as f64;
    let ln_term = libm::lgamma(n + 1.0) - libm::lgamma(first + 1.0) - libm::lgamma(n - first + 1.0)
        + first * probability.ln()
        + (n - first) * (-probability).ln_1p();
    let mut term = ln_term.exp();
    let (mut sum, mut k) = (0.0, first);
    // Each term follows from the one before. Those that no longer count are left out.
    while k <= n {
        sum += term;
        term *= (n - k) / (k + 1.0) * odds;
        k += 1.0;
        if k > n * probability && term <= sum * f64::EPSILON {
            break;
        }
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests;
