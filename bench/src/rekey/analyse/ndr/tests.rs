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
