use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

use super::*;

#[test]
fn limits_are_those_of_the_tables() {
    // Montgomery, Statistical Quality Control: k = 0.5, h = 5 has a run length of 930 on one side.
    let limits = Limits::of_run_length(930.0);
    assert!((limits.drift - 5.0).abs() < 0.05, "{}", limits.drift);
    assert!((Limits::of_run_length(740.8).block - 3.0).abs() < 1e-3);
}

/// Blocks until the charts signal, in mean over many runs.
fn run_length(shift: f64, limits: &Limits, runs: u32) -> f64 {
    let mut generator = ChaCha8Rng::from_seed([1; 32]);
    let mut blocks = 0;
    for _ in 0..runs {
        let mut charts = Charts::TWO_SIDED;
        loop {
            blocks += 1;
            let draw: f64 = StandardNormal.sample(&mut generator);
            if charts.on_score(draw + shift, limits).is_some() {
                break;
            }
        }
    }
    f64::from(blocks) / f64::from(runs)
}

#[test]
fn run_lengths_are_as_stated() {
    // Two sides of two charts.
    let limits = Limits::of_run_length(4.0 * 500.0);
    let found = run_length(0.0, &limits, 400);
    assert!((400.0..650.0).contains(&found), "{found}");
    assert!(run_length(1.0, &limits, 400) < 13.0);
    assert!(run_length(6.0, &limits, 400) < 1.1);
}

#[test]
fn a_drift_is_forgotten_and_a_large_step_leaves_no_trace() {
    let limits = Limits::of_run_length(1e5);
    let mut charts = Charts::TWO_SIDED;
    assert_eq!(
        charts.on_score(100.0, &limits),
        Some((Side::Above, Chart::Block))
    );
    assert!(charts.on_score(f64::NAN, &limits).is_some());
    assert!(charts.is_calm(&limits));
    let drift = (0..100).find_map(|_| charts.on_score(-2.0, &limits));
    assert_eq!(drift, Some((Side::Below, Chart::Drift)));
    assert!(!charts.is_calm(&limits));
    let calm = (1..100).find(|_| {
        assert_ne!(
            charts.on_score(0.0, &limits),
            Some((Side::Above, Chart::Drift))
        );
        charts.is_calm(&limits)
    });
    assert!(calm.is_some_and(|blocks| blocks <= 12), "{calm:?}");
}

#[test]
fn counts_have_exact_probabilities() {
    assert!(
        (at_least(3, 4, 0.05) - (4.0 * 0.05f64.powi(3) * 0.95 + 0.05f64.powi(4))).abs() < 1e-12
    );
    // Poisson: 1 - e^-0.01.
    assert!((at_least(1, 1_000_000_000, 1e-11) - 0.00995).abs() < 1e-6);
    // No loop over the rest of a large number.
    assert_eq!(at_least(500_000_000, 1 << 60, 1e-12), 0.0);
    assert_eq!(at_least(900, 1000, 0.01), 0.0);
    assert_eq!(
        score_of_probability(at_least(900, 1000, 0.01)),
        HIGHEST_SCORE
    );
    assert!((score_of_probability(0.158_655_254) - 1.0).abs() < 1e-6);
}

#[test]
fn a_one_sided_figure_cannot_be_too_small() {
    let limits = Limits::of_run_length(1e5);
    let mut charts = Charts::ONE_SIDED;
    for _ in 0..1000 {
        assert_eq!(charts.on_score(-HIGHEST_SCORE, &limits), None);
    }
    let seen = charts.on_score(HIGHEST_SCORE, &limits);
    assert_eq!(seen, Some((Side::Above, Chart::Block)));
}
