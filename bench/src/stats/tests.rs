use super::*;

fn moments(samples: &[f64]) -> Moments {
    let mut moments = Moments::default();
    samples.iter().for_each(|&sample| moments.push(sample));
    moments
}

#[test]
fn spread_of_odd_even_one_and_none() {
    let spread = |samples: &[f64]| Spread::of(samples).map(|s| (s.min, s.median, s.max));
    assert_eq!(spread(&[3.0, 1.0, 2.0]), Some((1.0, 2.0, 3.0)));
    assert_eq!(spread(&[4.0, 1.0, 2.0, 30.0]), Some((1.0, 3.0, 30.0)));
    assert_eq!(spread(&[5.0]), Some((5.0, 5.0, 5.0)));
    assert_eq!(spread(&[]), None);
}

#[test]
fn percentiles_are_nearest_ranks() {
    let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
    let at = |share| percentile(&sorted, share);
    assert_eq!(
        [at(0.0), at(0.5), at(0.505), at(0.99), at(1.0)],
        [1.0, 50.0, 51.0, 99.0, 100.0]
    );
}

/// Worked by hand: means 3 and 5, variances 2.5 and 10, five samples each: -2 / sqrt(2.5).
#[test]
fn welch_t_as_worked_by_hand() {
    let a = moments(&[1.0, 2.0, 3.0, 4.0, 5.0]);
    let b = moments(&[1.0, 3.0, 5.0, 7.0, 9.0]);
    let t = welch_t(&a, &b).unwrap();
    assert!((t + 2.0 / 2.5_f64.sqrt()).abs() < 1e-12, "{t}");
    assert_eq!(welch_t(&b, &a), Some(-t));
}

#[test]
fn welch_t_at_the_edges() {
    assert_eq!(welch_t(&moments(&[1.0]), &moments(&[1.0, 2.0])), None);
    assert_eq!(welch_t(&moments(&[7.0; 3]), &moments(&[7.0; 9])), Some(0.0));
    assert_eq!(
        welch_t(&moments(&[8.0; 3]), &moments(&[7.0; 9])),
        Some(f64::INFINITY)
    );
}

/// Samples far from zero with little variance: the naive sum of squares loses all digits here.
#[test]
fn moments_keep_their_digits() {
    let near: Vec<f64> = (0..1000).map(|n| 1e9 + f64::from(n % 3)).collect();
    let moments = moments(&near);
    assert!((moments.mean - (1e9 + 0.999)).abs() < 1e-6);
    let variance = moments.variance_of_mean() * moments.count();
    assert!((variance - 0.6673).abs() < 1e-3, "{variance}");
}
