//! Decoy-state BB84 in finite blocks: one decoy intensity, biased bases.
//!
//! Rusca, Boaron, Grünenfelder, Martin, Zbinden, Appl. Phys. Lett. 112, 171104 (2018), which
//! follows Lim, Curty, Walenta, Xu, Zbinden, PRA 89, 022307 (2014). The detectors count at most a
//! given number of photons a second; above that the light is taken to be weakened.

use crate::bb84::{Bb84, binary_entropy_bit};
use crate::limits::{self, OutOfRange};

/// Secrecy of the key: all steps of the proof together fail with at most this probability.
const EPSILON_SECRET: f64 = 1e-9;
/// Correctness of the key.
const EPSILON_CORRECT: f64 = 1e-15;
/// Steps of the proof, each with an equal share of [`EPSILON_SECRET`].
const STEPS: f64 = 19.0;

/// A BB84 system with finite blocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneDecoy {
    detection: Bb84,
    block_bits: f64,
}

/// The settings of the sender with the most key, and the rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneDecoyRate {
    /// The settings.
    pub settings: Settings,
    /// Share of the pulses that are detected, in both bases.
    pub detected_share: f64,
    /// Key per pulse in bit. Below zero there is no key.
    pub key_bit_per_pulse: f64,
}

/// The free choices of the sender.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Mean photons of a signal pulse.
    pub signal_photons: f64,
    /// Mean photons of a decoy pulse, as a share of those of a signal pulse.
    pub decoy_ratio: f64,
    /// Share of the pulses that are signals.
    pub signal_share: f64,
    /// Probability of the key basis, at both ends.
    pub key_basis_share: f64,
}

/// Clock and saturation of a system: key per pulse to key per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    pulses_per_s: f64,
    most_counts_per_s: f64,
}

impl Clock {
    /// Counts a second at which a pair of nanowires saturates.
    pub const NANOWIRE_COUNTS_PER_S: f64 = 40e6;
    /// Counts a second at which a pair of InGaAs avalanche photodiodes saturates.
    pub const AVALANCHE_COUNTS_PER_S: f64 = 5e6;

    /// A clock, and the counts a second at which the detectors saturate.
    ///
    /// # Errors
    /// A value is out of range.
    pub fn new(pulses_per_s: f64, most_counts_per_s: f64) -> Result<Self, OutOfRange> {
        Ok(Self {
            pulses_per_s: limits::CLOCK_HZ.check(pulses_per_s)?,
            most_counts_per_s: limits::CLOCK_HZ.check(most_counts_per_s)?,
        })
    }

    /// Key per second; zero if there is no key.
    #[must_use]
    pub fn bit_s(&self, key_bit_per_pulse: f64, detected_share: f64) -> f64 {
        let counts_per_s = self.pulses_per_s * detected_share;
        let kept = (self.most_counts_per_s / counts_per_s).min(1.0);
        self.pulses_per_s * kept * key_bit_per_pulse.max(0.0)
    }
}

impl OneDecoy {
    /// A system whose blocks have `block_bits` sifted bits of the key basis.
    ///
    /// # Errors
    /// The size of the block is out of range.
    pub fn new(detection: Bb84, block_bits: f64) -> Result<Self, OutOfRange> {
        Ok(Self {
            detection,
            block_bits: limits::SIFTED_BITS.check(block_bits)?,
        })
    }

    /// The rate over a channel of the given transmittance, with the settings that maximise the key.
    ///
    /// # Errors
    /// The transmittance is out of range.
    pub fn best_rate(&self, transmittance: f64) -> Result<OneDecoyRate, OutOfRange> {
        let transmittance = limits::TRANSMITTANCE.check(transmittance)?;
        let key = |settings: &Settings| self.rate_at(transmittance, settings).key_bit_per_pulse;
        Ok(self.rate_at(transmittance, &Settings::best(key)))
    }

    fn rate_at(&self, transmittance: f64, settings: &Settings) -> OneDecoyRate {
        let Settings {
            signal_photons,
            signal_share,
            key_basis_share,
            ..
        } = *settings;
        let photons = [signal_photons, signal_photons * settings.decoy_ratio];
        let shares = [signal_share, 1.0 - signal_share];
        let seen = photons.map(|mu| self.detection.gain_and_error(transmittance, mu));
        let detected_share = shares[0] * seen[0].0 + shares[1] * seen[1].0;

        let sifted_share = detected_share * key_basis_share.powi(2);
        let pulses = self.block_bits / sifted_share;
        let basis = |probability: f64| {
            let counts = |k: usize| pulses * probability.powi(2) * shares[k] * seen[k].0;
            let bits = [counts(0), counts(1)];
            let errors = [bits[0] * seen[0].1, bits[1] * seen[1].1];
            Counts { bits, errors }
        };
        let sender = Sender { photons, shares };
        let secret_bits = sender.secret_bits(
            &basis(key_basis_share),
            &basis(1.0 - key_basis_share),
            self.detection.correction_inefficiency(),
        );
        OneDecoyRate {
            settings: *settings,
            detected_share,
            key_bit_per_pulse: secret_bits / pulses,
        }
    }
}

/// Sifted bits of a basis and the wrong ones among them, for signal and decoy.
struct Counts {
    bits: [f64; 2],
    errors: [f64; 2],
}

/// Mean photons and shares of signal and decoy.
struct Sender {
    photons: [f64; 2],
    shares: [f64; 2],
}

impl Sender {
    /// Secret bits of a block: the bits of vacuum and single-photon pulses, less phase errors,
    /// disclosed bits and the cost of the proof.
    fn secret_bits(&self, key: &Counts, check: &Counts, correction_inefficiency: f64) -> f64 {
        let (vacuum, single) = self.vacuum_and_single(key);
        let (_, single_check) = self.vacuum_and_single(check);
        let wrong = self.single_errors(check);
        let phase_error = match single > 0.0 && single_check > 0.0 {
            true => {
                let seen = (wrong / single_check).clamp(1e-12, 0.5);
                (seen + sampling_error(seen, single, single_check)).min(0.5)
            }
            false => 0.5,
        };
        let sifted = key.bits[0] + key.bits[1];
        let error_rate = (key.errors[0] + key.errors[1]) / sifted;
        let leaked = correction_inefficiency * sifted * binary_entropy_bit(error_rate);
        vacuum.max(0.0) + single.max(0.0) * (1.0 - binary_entropy_bit(phase_error))
            - leaked
            - 6.0 * (STEPS / EPSILON_SECRET).log2()
            - (2.0 / EPSILON_CORRECT).log2()
    }

    /// Least bits of a basis from vacuum and from single-photon pulses.
    fn vacuum_and_single(&self, counts: &Counts) -> (f64, f64) {
        let [signal, decoy] = self.photons;
        let sifted = counts.bits[0] + counts.bits[1];
        let scaled = |k: usize, sign: f64| self.scaled(k, counts.bits[k] + sign * spread(sifted));
        let apart = signal - decoy;
        let vacuum_least =
            self.share_of(0) / apart * (signal * scaled(1, -1.0) - decoy * scaled(0, 1.0));
        // Half of the bits of vacuum pulses are wrong, so the errors limit their number.
        let wrong = counts.errors[0] + counts.errors[1];
        let errors = self.scaled(1, counts.errors[1] + spread(wrong));
        let vacuum_most = 2.0 * (self.share_of(0) * errors + spread(sifted));
        let squares = (decoy / signal).powi(2);
        let single_least = self.share_of(1) * signal / (decoy * apart)
            * (scaled(1, -1.0)
                - squares * scaled(0, 1.0)
                - (1.0 - squares) * vacuum_most / self.share_of(0));
        (vacuum_least, single_least)
    }

    /// Most wrong bits of a basis from single-photon pulses.
    fn single_errors(&self, counts: &Counts) -> f64 {
        let [signal, decoy] = self.photons;
        let spread = spread(counts.errors[0] + counts.errors[1]);
        let scaled = |k: usize, sign: f64| self.scaled(k, counts.errors[k] + sign * spread);
        self.share_of(1) / (signal - decoy) * (scaled(0, 1.0) - scaled(1, -1.0))
    }

    /// Counts of an intensity as if every pulse had it and photons had no distribution.
    fn scaled(&self, k: usize, counts: f64) -> f64 {
        self.photons[k].exp() / self.shares[k] * counts
    }

    /// Share of all pulses with the given number of photons, 0 or 1.
    fn share_of(&self, photons: u8) -> f64 {
        let share = |k: usize| {
            let mu = self.photons[k];
            self.shares[k] * (-mu).exp() * if photons == 0 { 1.0 } else { mu }
        };
        share(0) + share(1)
    }
}

/// Distance of a sum of `counts` bits from its expectation (Hoeffding).
fn spread(counts: f64) -> f64 {
    (counts / 2.0 * (STEPS / EPSILON_SECRET).ln()).sqrt()
}

/// Distance of the error rate of `key` bits from that of `check` bits drawn from the same set.
fn sampling_error(seen: f64, key: f64, check: f64) -> f64 {
    let both = (key + check) / (key * check);
    let variance = (1.0 - seen) * seen;
    let logarithm = (both / variance * (STEPS / EPSILON_SECRET).powi(2)).log2();
    (both * variance / std::f64::consts::LN_2 * logarithm.max(0.0)).sqrt()
}

impl Settings {
    const LOW: [f64; 4] = [0.01, 0.02, 0.05, 0.05];
    const HIGH: [f64; 4] = [1.5, 0.9, 0.99, 0.999];
    const STARTS: [[f64; 4]; 4] = [
        [0.5, 0.3, 0.7, 0.9],
        [0.5, 0.4, 0.5, 0.7],
        [0.3, 0.3, 0.8, 0.97],
        [0.4, 0.5, 0.2, 0.5],
    ];

    fn of([signal_photons, decoy_ratio, signal_share, key_basis_share]: [f64; 4]) -> Self {
        Self {
            signal_photons,
            decoy_ratio,
            signal_share,
            key_basis_share,
        }
    }

    /// The settings with the most key: from the best of several starts, one setting after another,
    /// in steps that halve when no step gains.
    fn best(key: impl Fn(&Self) -> f64) -> Self {
        let value = |at: &[f64; 4]| key(&Self::of(*at));
        let best = |a: &[f64; 4], b: &[f64; 4]| value(a).total_cmp(&value(b));
        let starts = Self::STARTS.into_iter();
        let mut at = starts.max_by(best).expect("there are several starts");
        let (mut most, mut step) = (value(&at), 0.25);
        while step > 1e-4 {
            let before = most;
            for i in 0..4 {
                for sign in [-1.0, 1.0] {
                    let mut next = at;
                    // A share near 1 moves by its distance from 1.
                    next[i] = match i >= 2 && at[i] > 0.5 {
                        true => 1.0 - (1.0 - at[i]) * (1.0 + sign * step),
                        false => at[i] * (1.0 + sign * step),
                    };
                    next[i] = next[i].clamp(Self::LOW[i], Self::HIGH[i]);
                    let gained = value(&next);
                    if gained > most {
                        (at, most) = (next, gained);
                    }
                }
            }
            if most <= before {
                step /= 2.0;
            }
        }
        Self::of(at)
    }
}

#[cfg(test)]
mod tests;
