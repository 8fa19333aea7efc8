//! Minimum, median, maximum; Welch's t.

use serde::Serialize;

/// The spread of many measurements of one thing.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(crate) struct Spread {
    pub min: f64,
    pub median: f64,
    pub max: f64,
}

impl Spread {
    /// The spread of at least one sample.
    pub(crate) fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        Some(Self {
            min: *sorted.first()?,
            median: median(&sorted),
            max: *sorted.last()?,
        })
    }
}

fn median(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[half - 1], sorted[half])
    } else {
        sorted[half]
    }
}

/// The value below which the share `share` (0 to 1) of the sorted samples lies; nearest rank.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// Count, mean and sum of squared differences, updated sample by sample (Welford 1962).
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    pub(crate) fn push(&mut self, sample: f64) {
        self.count += 1.0;
        let before = sample - self.mean;
        self.mean += before / self.count;
        self.squares += before * (sample - self.mean);
    }

    pub(crate) fn count(&self) -> f64 {
        self.count
    }

    /// Variance of the mean; 0 below two samples.
    fn variance_of_mean(&self) -> f64 {
        if self.count < 2.0 {
            return 0.0;
        }
        self.squares / (self.count - 1.0) / self.count
    }
}

/// Welch's t of two classes: difference of the means in standard errors (Welch 1947). `None`
/// when either has fewer than two samples; 0 when neither varies and both are equal.
pub(crate) fn welch_t(a: &Moments, b: &Moments) -> Option<f64> {
    if a.count < 2.0 || b.count < 2.0 {
        return None;
    }
    let difference = a.mean - b.mean;
    if difference == 0.0 {
        return Some(0.0);
    }
    Some(difference / (a.variance_of_mean() + b.variance_of_mean()).sqrt())
}

#[cfg(test)]
mod tests;
