//! Welch's t over cropped times: large times are mostly interrupts and hide what is small.

use crate::stats::{Moments, percentile, welch_t};

/// Crops at the percentiles 1 - 2^(-k/2): 29 %, 50 %, 65 %, 75 %, … , and none at all.
const CROPS: i32 = 20;
/// Samples of each class below which a crop says nothing.
const SAMPLES_MIN: f64 = 200.0;

/// Times of the two classes, ns, in the order measured.
pub(super) struct Times(pub(super) Vec<(bool, f64)>);

/// The greatest |t| of all crops; 0 where no crop has enough samples.
pub(super) fn greatest_t(times: &Times) -> f64 {
    let mut sorted: Vec<f64> = times.0.iter().map(|&(_, ns)| ns).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    if sorted.is_empty() {
        return 0.0;
    }
    let crops = (1..=CROPS).map(|k| percentile(&sorted, 1.0 - 0.5_f64.powf(f64::from(k) / 2.0)));
    let bounds = crops.chain([f64::INFINITY]);
    bounds
        .filter_map(|bound| t_below(times, bound))
        .fold(0.0, f64::max)
}

/// |t| of the times up to `bound`.
fn t_below(times: &Times, bound: f64) -> Option<f64> {
    let mut classes = [Moments::default(); 2];
    for &(class, ns) in &times.0 {
        if ns <= bound {
            classes[usize::from(class)].push(ns);
        }
    }
    if classes.iter().any(|class| class.count() < SAMPLES_MIN) {
        return None;
    }
    welch_t(&classes[0], &classes[1]).map(f64::abs)
}
