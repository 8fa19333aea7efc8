//! Latency of frames: of all, and of those that no standstill of the machine disturbed.

use hdrhistogram::Histogram;

/// Range and precision: 1 ns to 10 s, three digits.
const MAX_NS: u64 = 10_000_000_000;
const DIGITS: u8 = 3;
/// The quantile of the verdict.
pub(crate) const TAIL: f64 = 0.9999;

/// Nanoseconds from when each frame was due.
#[derive(Clone, Debug)]
pub(crate) struct Latency {
    pub(crate) all: Histogram<u64>,
    pub(crate) undisturbed: Histogram<u64>,
}

impl Default for Latency {
    fn default() -> Self {
        let empty = Histogram::new_with_bounds(1, MAX_NS, DIGITS);
        let empty = empty.expect("bounds that fit the digits");
        Self {
            all: empty.clone(),
            undisturbed: empty,
        }
    }
}

impl Latency {
    #[inline]
    pub(crate) fn record(&mut self, ns: u64, disturbed: bool) {
        self.all.saturating_record(ns.max(1));
        if !disturbed {
            self.undisturbed.saturating_record(ns.max(1));
        }
    }

    /// p99.99 of undisturbed frames, us: the figure of the verdict.
    pub(crate) fn tail_us(&self) -> Option<f64> {
        quantile_us(&self.undisturbed, TAIL)
    }

    pub(crate) fn tail_of_all_us(&self) -> Option<f64> {
        quantile_us(&self.all, TAIL)
    }

    pub(crate) fn max_us(&self) -> Option<f64> {
        quantile_us(&self.all, 1.0)
    }

    pub(crate) fn disturbed(&self) -> u64 {
        self.all.len() - self.undisturbed.len()
    }
}

/// Latency at a quantile, us; `None` without frames.
pub(crate) fn quantile_us(histogram: &Histogram<u64>, quantile: f64) -> Option<f64> {
    (!histogram.is_empty()).then(|| histogram.value_at_quantile(quantile) as f64 / 1e3)
}
