//! The modulation variance that maximises the key.
//!
//! With an efficiency beta below 1 a strong modulation gives Eve more information than Bob, and a
//! weak one is lost in noise. There is one maximum in between. A system with a code of fixed rate
//! cannot choose: it must work at the code's signal-to-noise ratio.

use crate::finite::Finite;
use crate::limits::MODULATION_VARIANCE_SNU;
use crate::link::Link;
use crate::rate::Asymptotic;

/// Strongest modulation of the search, in SNU. With perfect reconciliation the optimum would be
/// infinite, which no modulator reaches.
const STRONGEST_SNU: f64 = 1e3;
/// Weakest modulation of the search, in SNU.
const WEAKEST_SNU: f64 = 1e-2;

const _: () = assert!(
    MODULATION_VARIANCE_SNU.min <= WEAKEST_SNU && STRONGEST_SNU <= MODULATION_VARIANCE_SNU.max
);

/// The rate to maximise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objective {
    /// The rate of infinite blocks.
    Asymptotic,
    /// The rate of the link's own block.
    Finite,
}

/// The link with the modulation variance that maximises the key. If no variance gives key, it is
/// the one that comes closest.
#[must_use]
pub fn optimise_modulation(link: Link, objective: Objective) -> Link {
    optimise_with_noise(link, objective, |link| link)
}

/// As [`optimise_modulation`] for a link whose noise depends on its modulation: `with_noise` gives
/// the link its noise.
#[must_use]
pub fn optimise_with_noise(
    link: Link,
    objective: Objective,
    with_noise: impl Fn(Link) -> Link,
) -> Link {
    let at = |snu: f64| {
        let link = link.with_modulation_variance_snu(snu);
        with_noise(link.expect("the searched range lies within the allowed one"))
    };
    let key = |snu: f64| match objective {
        Objective::Asymptotic => Asymptotic::of(&at(snu)).key_bit_per_symbol,
        Objective::Finite => Finite::of(&at(snu)).key_bit_per_symbol,
    };
    at(argmax_of_logarithm(WEAKEST_SNU, STRONGEST_SNU, key))
}

/// The limit of the search, in SNU, if the link's modulation is at that limit. The true optimum is
/// then beyond it, and a real modulator gives less key.
#[must_use]
pub fn limit_of_search(link: &Link) -> Option<f64> {
    let snu = link.source.modulation_variance_snu();
    let at = |limit: f64| (snu / limit - 1.0).abs() < 1e-9;
    [WEAKEST_SNU, STRONGEST_SNU]
        .into_iter()
        .find(|&limit| at(limit))
}

/// The place of the maximum of `f` between `low` and `high`, both above zero. Golden-section search
/// on `ln x`, started around the best of several points, so that a flat region far from the maximum
/// does not mislead it.
pub(crate) fn argmax_of_logarithm(low: f64, high: f64, f: impl Fn(f64) -> f64) -> f64 {
    const POINTS: u32 = 24;
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    // The maximum is flat: below this tolerance the values no longer differ.
    const TOLERANCE: f64 = 1e-7;

    let (low, high) = (low.ln(), high.ln());
    let step = (high - low) / f64::from(POINTS);
    let best = (0..=POINTS)
        .map(|i| low + step * f64::from(i))
        .max_by(|a, b| f(a.exp()).total_cmp(&f(b.exp())))
        .expect("the range of points is not empty");

    let (mut left, mut right) = ((best - step).max(low), (best + step).min(high));
    let mut inner = [
        right - GOLDEN * (right - left),
        left + GOLDEN * (right - left),
    ];
    let mut values = inner.map(|x| f(x.exp()));
    while right - left > TOLERANCE {
        if values[0] < values[1] {
            left = inner[0];
            inner = [inner[1], left + GOLDEN * (right - left)];
            values = [values[1], f(inner[1].exp())];
        } else {
            right = inner[1];
            inner = [right - GOLDEN * (right - left), inner[0]];
            values = [f(inner[0].exp()), values[0]];
        }
    }
    // A monotonic function has its maximum at an end, which the search only approaches.
    [f64::midpoint(left, right), low, high]
        .into_iter()
        .map(f64::exp)
        .max_by(|&a, &b| f(a).total_cmp(&f(b)))
        .expect("three candidates")
}

#[cfg(test)]
mod tests;
