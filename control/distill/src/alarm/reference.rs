//! The figures of the clean link, and the scores of a block against them.

use qkd::channel::Channel;
use qkd::link::Reconciliation;

use super::FIGURES;
use super::chart::{at_least, score_of_probability};
use super::figures::{BlockFigures, Counted};
use crate::estimate::Measured;

/// Share of the samples of a clean link at the ends of the range, which is 7 deviations wide on
/// either side.
const CLEAN_RAIL_SHARE: f64 = 2.6e-12;

/// Kurtosis of a Gaussian.
const GAUSSIAN_KURTOSIS: f64 = 3.0;

/// A rise of the classical power that is no noise of its monitor.
const CLASSICAL_RISE_MW: f64 = 0.01;

#[derive(Clone, Copy, Debug)]
pub(super) struct Reference {
    transmittance: f64,
    excess_noise_snu: f64,
    frame_error_rate: f64,
    classical_mw: f64,
}

impl Reference {
    pub(super) fn of(
        channel: &Channel,
        reconciliation: &Reconciliation,
        classical_mw: f64,
    ) -> Self {
        Self {
            transmittance: channel.transmittance(),
            excess_noise_snu: channel.excess_noise_snu(),
            frame_error_rate: reconciliation.frame_error_rate(),
            classical_mw,
        }
    }

    /// The score of each figure: standard normal if the link is clean, in the order of
    /// [`BlockFigures`]. A figure that is missing scores 0.
    pub(super) fn scores(&self, figures: &BlockFigures) -> [f64; FIGURES] {
        let missing = |measured: Option<Measured>, expected| {
            measured.map_or(0.0, |measured| score(&measured, expected))
        };
        [
            score(&figures.transmittance, self.transmittance),
            missing(figures.excess_noise_snu, self.excess_noise_snu),
            missing(figures.shot_noise, 1.0),
            score(&figures.mean, 0.0),
            score(&figures.kurtosis, GAUSSIAN_KURTOSIS),
            score_of_count(figures.at_rails, CLEAN_RAIL_SHARE),
            score_of_count(figures.lost_frames, self.frame_error_rate),
        ]
    }

    /// Whether more classical light is in the fibre than on the clean link; none if nobody measures
    /// it.
    pub(super) fn has_more_classical_light(&self, figures: &BlockFigures) -> Option<bool> {
        let mw = figures.classical_mw?;
        Some(mw > self.classical_mw + CLASSICAL_RISE_MW)
    }
}

fn score(measured: &Measured, expected: f64) -> f64 {
    (measured.value - expected) / measured.deviation
}

/// The score whose probability is that of as many things or more.
fn score_of_count(counted: Counted, share: f64) -> f64 {
    if counted.count == 0 {
        // Never too many.
        return f64::NEG_INFINITY;
    }
    score_of_probability(at_least(counted.count, counted.of, share))
}
