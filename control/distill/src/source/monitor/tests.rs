use super::*;

#[test]
fn moments_are_those_of_the_samples() {
    let monitor = Monitor::of(&[1.0, -2.0, 4.0, 5.0], 5.0);
    assert_eq!(monitor.samples(), 4);
    assert_eq!(monitor.at_rails(), 1);
    assert!((monitor.mean() - 2.0).abs() < 1e-12);
    // Deviations -1, -4, 2, 3: squares 30, fourth powers 354.
    assert!((monitor.variance() - 7.5).abs() < 1e-12);
    assert!((monitor.kurtosis() - 88.5 / 56.25).abs() < 1e-12);
}

#[test]
fn parts_add_up_to_the_whole() {
    let samples: Vec<f32> = (0..100).map(|i| (i % 17) as f32 - 8.0).collect();
    let whole = Monitor::of(&samples, 8.0);
    let mut parts = Monitor::of(&samples[..37], 8.0);
    parts.add(&Monitor::of(&samples[37..], 8.0));
    assert_eq!(parts, whole);
}

#[test]
fn blocked_slots_count_apart() {
    let mut monitor = Monitor::default();
    assert!(monitor.blocked_variance().is_nan());
    monitor.add_blocked(1.0);
    let mut other = Monitor::default();
    other.add_blocked(-3.0);
    monitor.add(&other);
    assert_eq!(monitor.blocked(), 2);
    assert_eq!(monitor.blocked_variance(), 5.0);
    assert_eq!(monitor.samples(), 0);
}
