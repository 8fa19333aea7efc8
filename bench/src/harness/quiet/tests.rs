use super::*;

/// Nine quiet rounds in a hundred with a leap of the clock do not condemn the rest.
#[test]
fn the_bound_stands_on_the_fastest_tenth() {
    let mut calibrators = vec![50.0; 9];
    calibrators.extend([100.0; 60]);
    calibrators.extend([130.0; 31]);
    let slowest = bound(calibrators);
    assert!((slowest - 110.0).abs() < 1e-9, "{slowest}");
    assert!(bound(vec![7.0]) >= 7.0);
    assert!(bound(vec![]) > 1e300);
}

#[test]
fn a_third_is_not_much_and_more_is() {
    let of = |disturbed| Disturbance {
        rounds: 30,
        disturbed,
        ..Default::default()
    };
    assert!(!of(10).is_much());
    assert!(of(11).is_much());
}
