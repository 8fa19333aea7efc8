//! The no-drop rate: the most that is carried without loss, by bisection.
//!
//! After MLRsearch (FD.io CSIT), made short: a rate is carried when most of three trials lose no
//! more than the goal allows; the lower bound is a rate that was carried, the upper one a rate that
//! was not, and they come together until they are as close as asked for.

/// Where the rate is; frames a second.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Bounds {
    /// Was carried; 0 where nothing was.
    pub(super) lower: f64,
    /// Was not carried, or was the most that was tried.
    pub(super) upper: f64,
}

/// Trials of one rate, at most.
const TRIALS: u32 = 3;

/// Searches from `first` on, up to `most`, until upper and lower are within `width` (0.05: 5 %).
/// `trial` says which share of the frames was lost at a rate; up to `goal` is fine.
pub(super) fn search<E>(
    first: f64,
    most: f64,
    width: f64,
    goal: f64,
    mut trial: impl FnMut(f64) -> Result<f64, E>,
) -> Result<Bounds, E> {
    let mut carried = |rate: f64| -> Result<bool, E> {
        let (mut fine, mut lossy) = (0, 0);
        while fine.max(lossy) <= TRIALS / 2 {
            if trial(rate)? <= goal {
                fine += 1;
            } else {
                lossy += 1;
            }
        }
        Ok(fine > lossy)
    };
    let (mut lower, mut upper) = (0.0, first.min(most));
    // Outwards: doubled until it is too much, or halved until it is not.
    while carried(upper)? {
        lower = upper;
        if upper >= most {
            return Ok(Bounds { lower, upper });
        }
        upper = (2.0 * upper).min(most);
    }
    while lower == 0.0 {
        let half = upper / 2.0;
        if half < 1.0 {
            return Ok(Bounds { lower, upper });
        }
        if carried(half)? {
            lower = half;
        } else {
            upper = half;
        }
    }
    while upper > lower * (1.0 + width) {
        let middle = (lower * upper).sqrt();
        if carried(middle)? {
            lower = middle;
        } else {
            upper = middle;
        }
    }
    Ok(Bounds { lower, upper })
}

#[cfg(test)]
mod tests {
    use core::convert::Infallible;

    use super::*;

    fn found(capacity: f64, first: f64, most: f64, goal: f64) -> Bounds {
        let trial = |rate: f64| Ok::<_, Infallible>((1.0 - capacity / rate).max(0.0));
        search(first, most, 0.02, goal, trial).unwrap_or_else(|never| match never {})
    }

    #[test]
    fn the_bounds_close_in_on_the_capacity_from_both_sides() {
        for first in [10.0, 3e5, 1e8] {
            let bounds = found(3.3e5, first, 1e9, 0.0);
            assert!(bounds.lower <= 3.3e5 && 3.3e5 <= bounds.upper, "{bounds:?}");
            assert!(bounds.upper <= bounds.lower * 1.02, "{bounds:?}");
        }
    }

    #[test]
    fn partial_drop_rates_are_above() {
        let bounds = found(1e5, 1e4, 1e9, 0.005);
        assert!(
            bounds.lower > 1e5 && bounds.lower <= 1e5 / 0.995,
            "{bounds:?}"
        );
    }

    #[test]
    fn the_most_and_nothing_are_answers_too() {
        let all = found(1e9, 1e4, 1e6, 0.0);
        assert_eq!((all.lower, all.upper), (1e6, 1e6));
        let nothing = found(0.0, 1e4, 1e6, 0.0);
        assert!(nothing.lower == 0.0 && nothing.upper <= 2.0);
    }

    #[test]
    fn one_unlucky_trial_of_three_does_not_count() {
        let mut calls = 0;
        let trial = |rate: f64| {
            calls += 1;
            let unlucky = calls % 4 == 1;
            Ok::<_, Infallible>(if rate > 1e5 || unlucky { 0.5 } else { 0.0 })
        };
        let bounds = search(1e4, 1e9, 0.02, 0.0, trial).unwrap_or_else(|never| match never {});
        assert!(bounds.lower <= 1e5 && bounds.lower > 0.97e5, "{bounds:?}");
    }
}
