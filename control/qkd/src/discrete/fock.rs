//! The mean state of a constellation in the photon-number basis, and its spectrum.

use super::{Moments, Point};

/// Smallest square root of an eigenvalue that is kept. The mean state has no inverse outside the
/// span of the states; smaller values are rounding errors.
const SMALLEST_ROOT: f64 = 1e-9;

/// Maximum number of sweeps over all pairs. About ten are enough; more would only rotate rounding
/// errors.
const SWEEPS_MAX: usize = 30;

/// Eigenvectors of the mean state and the square roots of its eigenvalues.
pub(super) struct Spectrum {
    roots: Vec<f64>,
    /// One eigenvector per row, by photon number. Real, because the constellation is symmetric
    /// about the real axis.
    vectors: Vec<Vec<f64>>,
}

impl Spectrum {
    /// The mean state is `B B^T`, with one row of `B` per photon number, and a column each for the
    /// real and the imaginary part of every state (one of two mirror images is enough). The rows
    /// are rotated in pairs until all are orthogonal (one-sided Jacobi). Unlike a decomposition of
    /// the product, this keeps small eigenvalues accurate, and the proof divides by them.
    pub(super) fn of(states: &[Point], most_photons: f64) -> Self {
        // Above this number of photons a state of `most_photons` has an amplitude below 1e-16.
        let numbers = (most_photons + 12.0 * most_photons.sqrt() + 30.0) as usize;
        let mut rows = vec![Vec::new(); numbers];
        // A point that differs from its mirror image only by rounding lies on the axis.
        for state in states.iter().filter(|state| state.im > -1e-12) {
            let copies = if state.im > 1e-12 { 2.0 } else { 1.0 };
            let weight = (copies * state.probability).sqrt();
            for (row, (re, im)) in rows.iter_mut().zip(amplitudes(state, numbers)) {
                row.extend([weight * re, weight * im]);
            }
        }
        let mut vectors: Vec<Vec<f64>> = (0..numbers).map(|i| unit(i, numbers)).collect();
        for _ in 0..SWEEPS_MAX {
            if !rotate_all_pairs(&mut rows, &mut vectors) {
                break;
            }
        }

        let (roots, vectors) = rows
            .iter()
            .map(|row| dot(row, row).sqrt())
            .zip(vectors)
            .filter(|&(root, _)| root > SMALLEST_ROOT)
            .unzip();
        Self { roots, vectors }
    }

    /// The two moments of the proof.
    pub(super) fn moments(&self, states: &[Point]) -> Moments {
        let a = self.annihilation();
        let (mut correlation_snu, mut second_moment) = (0.0, 0.0);
        for (row, left) in a.iter().zip(&self.roots) {
            for (element, right) in row.iter().zip(&self.roots) {
                correlation_snu += 2.0 * left * right * element * element;
                second_moment += left * left * element * element;
            }
        }
        // a_tau = sqrt(tau) a / sqrt(tau), on the span.
        let mut a_tau = a;
        for (row, left) in a_tau.iter_mut().zip(&self.roots) {
            for (element, right) in row.iter_mut().zip(&self.roots) {
                *element *= left / right;
            }
        }
        let mean_square: f64 = states
            .iter()
            .map(|state| state.probability * self.expectation_squared(&a_tau, state))
            .sum();
        Moments {
            correlation_snu,
            deviation: (second_moment - mean_square).max(0.0),
        }
    }

    /// The annihilation operator in the basis of the eigenvectors.
    fn annihilation(&self) -> Vec<Vec<f64>> {
        let element = |left: &[f64], right: &[f64]| {
            let pairs = left.iter().zip(&right[1..]).zip(1u32..);
            pairs.map(|((l, r), n)| f64::from(n).sqrt() * l * r).sum()
        };
        let row = |left: &Vec<f64>| self.vectors.iter().map(|r| element(left, r)).collect();
        self.vectors.iter().map(row).collect()
    }

    /// `|<state| operator |state>|^2`.
    fn expectation_squared(&self, operator: &[Vec<f64>], state: &Point) -> f64 {
        let numbers = self.vectors.first().map_or(0, Vec::len);
        let (re, im): (Vec<f64>, Vec<f64>) = amplitudes(state, numbers).unzip();
        let along = |part: &[f64]| -> Vec<f64> {
            self.vectors
                .iter()
                .map(|vector| dot(vector, part))
                .collect()
        };
        let (re, im) = (along(&re), along(&im));
        let (mut mean_re, mut mean_im) = (0.0, 0.0);
        for (i, row) in operator.iter().enumerate() {
            let (row_re, row_im) = (dot(row, &re), dot(row, &im));
            mean_re += re[i] * row_re + im[i] * row_im;
            mean_im += re[i] * row_im - im[i] * row_re;
        }
        mean_re * mean_re + mean_im * mean_im
    }
}

/// Amplitudes of a coherent state by photon number, real and imaginary part.
fn amplitudes(state: &Point, numbers: usize) -> impl Iterator<Item = (f64, f64)> {
    let Point { re, im, .. } = *state;
    let mut amplitude = ((-state.photons() / 2.0).exp(), 0.0);
    (1u32..).take(numbers).map(move |next| {
        let (x, y) = amplitude;
        let root = f64::from(next).sqrt();
        amplitude = ((x * re - y * im) / root, (x * im + y * re) / root);
        (x, y)
    })
}

/// Rotates every pair of rows until it is orthogonal, and the vectors with it. Returns whether any
/// pair was rotated.
fn rotate_all_pairs(rows: &mut [Vec<f64>], vectors: &mut [Vec<f64>]) -> bool {
    // Shorter rows are rounding errors, whose rotation would never end.
    const SHORTEST_SQUARED: f64 = 1e-34;
    const RIGHT_ANGLE: f64 = 1e-15;
    let mut rotated = false;
    for second in 1..rows.len() {
        for first in 0..second {
            let (p, q) = (
                dot(&rows[first], &rows[first]),
                dot(&rows[second], &rows[second]),
            );
            let r = dot(&rows[first], &rows[second]);
            if p.min(q) < SHORTEST_SQUARED || r.abs() <= RIGHT_ANGLE * (p * q).sqrt() {
                continue;
            }
            rotated = true;
            let tau = (q - p) / (2.0 * r);
            let tangent = tau.signum() / (tau.abs() + tau.hypot(1.0));
            let cosine = tangent.hypot(1.0).recip();
            let sine = cosine * tangent;
            for matrix in [&mut *rows, &mut *vectors] {
                let (head, tail) = matrix.split_at_mut(second);
                for (x, y) in head[first].iter_mut().zip(&mut tail[0]) {
                    (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
                }
            }
        }
    }
    rotated
}

fn unit(at: usize, length: usize) -> Vec<f64> {
    let mut vector = vec![0.0; length];
    vector[at] = 1.0;
    vector
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(l, r)| l * r).sum()
}
