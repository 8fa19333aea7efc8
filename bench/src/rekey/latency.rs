//! How long frames took: all of them, and those that no standstill of the machine touched.

use hdrhistogram::Histogram;

/// Kept from 1 ns to 10 s, three digits.
const MAX_NS: u64 = 10_000_000_000;
const DIGITS: u8 = 3;
/// The quantile of the verdict.
pub(super) const TAIL: f64 = 0.9999;

/// Nanoseconds from when each was due.
#[derive(Clone, Debug)]
pub(super) struct Latency {
    pub(super) all: Histogram<u64>,
    pub(super) undisturbed: Histogram<u64>,
}

impl Latency {
    /// Of no frame yet.
    pub(super) fn new() -> Self {
        let empty = Histogram::new_with_bounds(1, MAX_NS, DIGITS);
        let empty = empty.expect("bounds that fit the digits");
        Self {
            all: empty.clone(),
            undisturbed: empty,
        }
    }

    /// One more frame.
    #[inline]
    pub(super) fn record(&mut self, ns: u64, disturbed: bool) {
        self.all.saturating_record(ns.max(1));
        if !disturbed {
            self.undisturbed.saturating_record(ns.max(1));
        }
    }

    /// Those of other runs.
    pub(super) fn merge(&mut self, other: &Self) {
        self.all += &other.all;
        self.undisturbed += &other.undisturbed;
    }

    /// p99.99 of those that no standstill touched, us: what the verdict is about.
    pub(super) fn tail_us(&self) -> Option<f64> {
        quantile_us(&self.undisturbed, TAIL)
    }

    /// p99.99 of all, us.
    pub(super) fn tail_of_all_us(&self) -> Option<f64> {
        quantile_us(&self.all, TAIL)
    }

    /// The longest of all, us.
    pub(super) fn max_us(&self) -> Option<f64> {
        quantile_us(&self.all, 1.0)
    }

    /// Frames that a standstill touched.
    pub(super) fn disturbed(&self) -> u64 {
        self.all.len() - self.undisturbed.len()
    }
}

/// Of these latencies the one at a quantile, ns, to three digits; 0 of none.
pub(super) fn quantile_ns(latencies: impl Iterator<Item = u32>, quantile: f64) -> u32 {
    let mut histogram = Latency::new().all;
    latencies.for_each(|ns| histogram.saturating_record(u64::from(ns).max(1)));
    let at = histogram.lowest_equivalent(histogram.value_at_quantile(quantile));
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Latency at a quantile, us; `None` without frames.
pub(super) fn quantile_us(histogram: &Histogram<u64>, quantile: f64) -> Option<f64> {
    (!histogram.is_empty()).then(|| histogram.value_at_quantile(quantile) as f64 / 1e3)
}
