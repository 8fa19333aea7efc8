//! The excess noise of a link, source by source.
//!
//! Formulas of Laudenbach and others, Adv. Quantum Technol. 1, 1800011 (2018), referred to the
//! channel input. Noise of the sender is divided by nothing, noise of the channel by `T`, noise of
//! the receiver by its share `eta T` of the sent light. The sources are independent, so their
//! variances add up.

use std::f64::consts::PI;
use std::fmt;

use crate::channel::ExcessNoise;
use crate::limits::{self, OutOfRange, Range};
use crate::link::Link;
use crate::raman::{Band, ClassicalLight, RamanNoise};
use crate::receiver::Trust;

/// Planck constant times the frequency of light of 1550 nm, J.
const PHOTON_J: f64 = 1.281_6e-19;
/// Range of the receiver's converter, in standard deviations of the shot noise.
const ADC_RANGE: f64 = 10.0;

/// The phase that carrier recovery leaves uncorrected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Phase {
    /// Its variance, as measured.
    Variance {
        /// In rad^2.
        rad2: f64,
    },
    /// That of a local oscillator at the receiver, which pilots track: two free-running lasers
    /// drift apart from pilot to pilot, and each pilot is measured with noise.
    LocalOscillator {
        /// Linewidth of each laser.
        linewidth_hz: f64,
        /// Pilots per second.
        pilot_rate_hz: f64,
        /// Signal-to-noise ratio of a pilot.
        pilot_snr: f64,
    },
}

/// Properties of the devices and of the fibre that cause excess noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Causes {
    /// The residual phase.
    pub phase: Phase,
    /// Relative intensity noise of the lasers, dBc/Hz.
    pub rin_db_per_hz: f64,
    /// Bits of the sender's converter.
    pub dac_bits: f64,
    /// Bits of the receiver's converter.
    pub adc_bits: f64,
    /// The detector, if its electronic noise is computed and not given.
    pub detector: Option<Detector>,
    /// Data channels in the same fibre; `None` in a dark fibre.
    pub shared: Option<(Band, ClassicalLight)>,
    /// Noise of sources that the model does not know, SNU at the channel input.
    pub other_snu: f64,
}

/// The electronics of a balanced detector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detector {
    /// Noise-equivalent power, W/sqrt(Hz).
    pub nep_w_per_root_hz: f64,
    /// Power of the local oscillator at the photodiodes, dBm.
    pub local_oscillator_dbm: f64,
}

impl Default for Causes {
    /// Devices of a good laboratory and a dark fibre.
    fn default() -> Self {
        Self {
            phase: Phase::Variance { rad2: 1e-3 },
            rin_db_per_hz: -155.0,
            dac_bits: 10.0,
            adc_bits: 10.0,
            detector: None,
            shared: None,
            other_snu: 0.0,
        }
    }
}

/// A source of noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cause {
    /// The residual phase.
    Phase,
    /// Intensity noise of the signal laser.
    SignalRin,
    /// Intensity noise of the local oscillator.
    LocalOscillatorRin,
    /// Rounding of the sender's converter.
    Dac,
    /// Rounding of the receiver's converter.
    Adc,
    /// Raman scattering of data channels, in this band. `None` in a dark fibre.
    Raman(Option<Band>),
    /// Unknown sources.
    Other,
    /// Electronic noise of the detector.
    Detector,
}

impl Cause {
    /// The name for programs.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Phase => "phase",
            Self::SignalRin => "signal_rin",
            Self::LocalOscillatorRin => "local_oscillator_rin",
            Self::Dac => "dac",
            Self::Adc => "adc",
            Self::Raman(_) => "raman",
            Self::Other => "other",
            Self::Detector => "detector",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phase => f.write_str("residual phase"),
            Self::SignalRin => f.write_str("RIN of the signal laser"),
            Self::LocalOscillatorRin => f.write_str("RIN of the local oscillator"),
            Self::Dac => f.write_str("DAC of the sender"),
            Self::Adc => f.write_str("ADC of the receiver"),
            Self::Raman(None) => f.write_str("Raman (dark fibre)"),
            Self::Raman(Some(band)) => write!(f, "Raman (shared fibre, {band})"),
            Self::Other => f.write_str("other sources"),
            Self::Detector => f.write_str("electronics of the detector"),
        }
    }
}

/// The noise of one source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Item {
    /// The source.
    pub cause: Cause,
    /// Its noise, SNU at the channel input.
    pub at_input_snu: f64,
    /// Whether it belongs to the excess noise, which is attributed to Eve. The noise of a trusted
    /// detector does not.
    pub counts: bool,
}

/// The noise budget of a link.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// The sources, from the sender to the receiver.
    pub items: Vec<Item>,
    /// Electronic noise of the receiver per quadrature, SNU.
    pub electronic_noise_snu: f64,
}

impl Causes {
    /// Checks all values.
    ///
    /// # Errors
    /// A value is out of range.
    pub fn checked(self) -> Result<Self, OutOfRange> {
        match self.phase {
            Phase::Variance { rad2 } => {
                limits::PHASE_VARIANCE_RAD2.check(rad2)?;
            }
            Phase::LocalOscillator {
                linewidth_hz,
                pilot_rate_hz,
                pilot_snr,
            } => {
                limits::LINEWIDTH_HZ.check(linewidth_hz)?;
                limits::PILOT_RATE_HZ.check(pilot_rate_hz)?;
                limits::PILOT_SNR.check(pilot_snr)?;
            }
        }
        let check = |range: Range, value| range.check(value).map(|_| ());
        check(limits::RIN_DB_PER_HZ, self.rin_db_per_hz)?;
        check(limits::CONVERTER_BITS, self.dac_bits)?;
        check(limits::CONVERTER_BITS, self.adc_bits)?;
        check(limits::EXCESS_NOISE_SNU, self.other_snu)?;
        if let Some(detector) = self.detector {
            check(limits::NEP_W_PER_ROOT_HZ, detector.nep_w_per_root_hz)?;
            check(limits::LOCAL_OSCILLATOR_DBM, detector.local_oscillator_dbm)?;
        }
        Ok(self)
    }
}

impl Phase {
    /// Variance of the residual phase, rad^2.
    #[must_use]
    pub fn variance_rad2(&self) -> f64 {
        match *self {
            Self::Variance { rad2 } => rad2,
            Self::LocalOscillator {
                linewidth_hz,
                pilot_rate_hz,
                pilot_snr,
            } => 2.0 * PI * 2.0 * linewidth_hz / pilot_rate_hz + 1.0 / pilot_snr,
        }
    }
}

impl Detector {
    /// Electronic noise per quadrature, SNU. Light and noise are integrated over a symbol.
    fn electronic_noise_snu(&self, split: f64) -> f64 {
        let local_oscillator_w = 1e-3 * 10f64.powf(self.local_oscillator_dbm / 10.0);
        split * self.nep_w_per_root_hz.powi(2) / (PHOTON_J * local_oscillator_w)
    }
}

impl Budget {
    /// The budget of a link with the given causes; its own excess noise does not count.
    #[must_use]
    pub fn of(link: &Link, causes: &Causes) -> Self {
        let modulation = link.source.modulation_variance_snu();
        let split = link.receiver.detection().split();
        let transmittance = link.fibre.transmittance();
        // A measured quadrature gets this share of the sent light.
        let arriving = link.receiver.efficiency() * transmittance / split;
        let rin = 10f64.powf(causes.rin_db_per_hz / 10.0) * link.source.symbol_rate_baud();
        let step = |bits: f64| (-bits).exp2();

        let electronic_noise_snu = causes.detector.map_or_else(
            || link.receiver.electronic_noise_snu(),
            |detector| detector.electronic_noise_snu(split),
        );
        let variance = 1.0 + arriving * modulation + electronic_noise_snu;
        let angle = PI * step(causes.dac_bits) / 12f64.sqrt();
        let rounding = (ADC_RANGE * step(causes.adc_bits)).powi(2) / 12.0;
        let raman = causes.shared.map_or(0.0, |(band, light)| {
            RamanNoise::of(&link.fibre, band, &light).at_input_snu
        });
        let half_variance = causes.phase.variance_rad2() / 2.0;
        let items = [
            (Cause::Phase, -2.0 * modulation * (-half_variance).exp_m1()),
            (Cause::SignalRin, modulation * rin.sqrt()),
            (
                Cause::Dac,
                modulation * (angle + angle * angle / 2.0).powi(2),
            ),
            (Cause::Raman(causes.shared.map(|shared| shared.0)), raman),
            (Cause::LocalOscillatorRin, rin * variance / 4.0 / arriving),
            (Cause::Adc, rounding / arriving),
            (Cause::Other, causes.other_snu),
            (Cause::Detector, electronic_noise_snu / arriving),
        ];
        let untrusted = link.receiver.trust() == Trust::Untrusted;
        let item = |(cause, at_input_snu)| Item {
            cause,
            at_input_snu,
            // The rate of an untrusted receiver adds its electronic noise on its own.
            counts: cause != Cause::Detector || untrusted,
        };
        Self {
            items: items.map(item).to_vec(),
            electronic_noise_snu,
        }
    }

    /// Sum of all sources but the detector, SNU at the channel input.
    #[must_use]
    pub fn sum_snu(&self) -> f64 {
        let channel = self.items.iter();
        let channel = channel.filter(|item| item.cause != Cause::Detector);
        channel.map(|item| item.at_input_snu).sum()
    }

    /// The same as the excess noise of a link.
    ///
    /// # Errors
    /// The sum is out of range.
    pub fn excess_noise(&self) -> Result<ExcessNoise, OutOfRange> {
        ExcessNoise::at_input_snu(self.sum_snu())
    }
}

#[cfg(test)]
mod tests;
