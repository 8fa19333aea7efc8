//! Decoy-state BB84 with weak pulses: the rate of discrete-variable QKD, for comparison.
//!
//! Asymptotic, with infinitely many decoy states (Ma, Qi, Zhao, Lo, PRA 72, 012326, 2005). Finite
//! blocks are in [`crate::one_decoy`]. Afterpulses are not modelled.

use crate::limits::{self, OutOfRange};
use crate::optimise::argmax_of_logarithm;

/// Single-photon detectors and error correction of a BB84 link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bb84 {
    detector_efficiency: f64,
    dark_count_probability: f64,
    misalignment: f64,
    correction_inefficiency: f64,
    sifted_share: f64,
}

/// A BB84 rate, per pulse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bb84Rate {
    /// Mean photons of a signal pulse.
    pub mean_photons: f64,
    /// Share of the pulses that are detected.
    pub gain: f64,
    /// Share of wrong bits among the detected bits.
    pub error_rate: f64,
    /// Key per pulse in bit. Below zero there is no key.
    pub key_bit_per_pulse: f64,
}

impl Bb84 {
    /// Usual leak of error correction, relative to the Shannon limit.
    pub const CORRECTION_INEFFICIENCY: f64 = 1.16;

    /// Superconducting nanowires: efficiency 0.8, 1e-8 dark counts per gate, 1 % misalignment.
    pub const NANOWIRES: Self = Self {
        detector_efficiency: 0.8,
        dark_count_probability: 1e-8,
        misalignment: 0.01,
        correction_inefficiency: Self::CORRECTION_INEFFICIENCY,
        sifted_share: 1.0,
    };

    /// InGaAs avalanche photodiodes: efficiency 0.2, 1e-6 dark counts per gate, 2 % misalignment.
    pub const AVALANCHE_PHOTODIODES: Self = Self {
        detector_efficiency: 0.2,
        dark_count_probability: 1e-6,
        misalignment: 0.02,
        ..Self::NANOWIRES
    };

    /// Two detectors of the given efficiency and dark counts per gate. `misalignment` is the share
    /// of photons that the optics send to the wrong detector. The bases are biased, so sifting
    /// keeps nearly all pulses.
    ///
    /// # Errors
    /// A value is out of range.
    pub fn new(
        detector_efficiency: f64,
        dark_count_probability: f64,
        misalignment: f64,
    ) -> Result<Self, OutOfRange> {
        Ok(Self {
            detector_efficiency: limits::DETECTION_EFFICIENCY.check(detector_efficiency)?,
            dark_count_probability: limits::DARK_COUNTS.check(dark_count_probability)?,
            misalignment: limits::MISALIGNMENT.check(misalignment)?,
            ..Self::NANOWIRES
        })
    }

    /// The same link with equally likely bases, so that sifting costs half, and with another leak
    /// of error correction (1 is the Shannon limit).
    ///
    /// # Errors
    /// The leak is out of range.
    pub fn with_unbiased_bases(self, correction_inefficiency: f64) -> Result<Self, OutOfRange> {
        let correction_inefficiency =
            limits::CORRECTION_INEFFICIENCY.check(correction_inefficiency)?;
        Ok(Self {
            correction_inefficiency,
            sifted_share: 0.5,
            ..self
        })
    }

    /// The rate over a channel of the given transmittance, with the mean photon number that
    /// maximises the key.
    ///
    /// # Errors
    /// The transmittance is out of range.
    pub fn best_rate(&self, transmittance: f64) -> Result<Bb84Rate, OutOfRange> {
        let transmittance = limits::TRANSMITTANCE.check(transmittance)?;
        let at = |photons: f64| self.rate_at(transmittance, photons);
        let range = limits::MEAN_PHOTONS;
        let best = argmax_of_logarithm(range.min, range.max, |photons| {
            at(photons).key_bit_per_pulse
        });
        Ok(at(best))
    }

    /// The rate with the given mean photon number.
    ///
    /// # Errors
    /// A value is out of range.
    pub fn rate(&self, transmittance: f64, mean_photons: f64) -> Result<Bb84Rate, OutOfRange> {
        let transmittance = limits::TRANSMITTANCE.check(transmittance)?;
        Ok(self.rate_at(transmittance, limits::MEAN_PHOTONS.check(mean_photons)?))
    }

    /// Share of the pulses of a mean photon number that are detected, and the share of wrong bits
    /// among them.
    pub(crate) fn gain_and_error(&self, transmittance: f64, mean_photons: f64) -> (f64, f64) {
        let background = 2.0 * self.dark_count_probability;
        let detected = self.detector_efficiency * transmittance;
        let signal = -(-detected * mean_photons).exp_m1();
        let gain = background + signal;
        // Half of the dark counts give a wrong bit.
        (gain, (background / 2.0 + self.misalignment * signal) / gain)
    }

    /// Leak of error correction, relative to the Shannon limit.
    pub(crate) fn correction_inefficiency(&self) -> f64 {
        self.correction_inefficiency
    }

    fn rate_at(&self, transmittance: f64, mean_photons: f64) -> Bb84Rate {
        let background = 2.0 * self.dark_count_probability;
        let detected = self.detector_efficiency * transmittance;
        let (gain, error_rate) = self.gain_and_error(transmittance, mean_photons);
        let single_yield = background + detected - background * detected;
        let single_error = (background / 2.0 + self.misalignment * detected) / single_yield;
        let from_singles = mean_photons
            * (-mean_photons).exp()
            * single_yield
            * (1.0 - binary_entropy_bit(single_error));
        let leaked = self.correction_inefficiency * gain * binary_entropy_bit(error_rate);
        let key_bit_per_pulse = self.sifted_share * (from_singles - leaked);
        Bb84Rate {
            mean_photons,
            gain,
            error_rate,
            key_bit_per_pulse,
        }
    }
}

pub(crate) fn binary_entropy_bit(probability: f64) -> f64 {
    let term = |p: f64| if p > 0.0 { -p * p.log2() } else { 0.0 };
    term(probability) + term(1.0 - probability)
}

#[cfg(test)]
mod tests;
