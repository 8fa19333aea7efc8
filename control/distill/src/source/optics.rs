//! The light at Bob's detector, and its change under an attack.

use qkd::channel::{Channel, Fibre as Span};
use qkd::link;
use qkd::raman::{Band, RamanNoise};
use qkd::receiver::Receiver;

use crate::eve::{Action, Attack};

/// Variance that a symbol gets when Eve measures both of its quadratures and sends a new state: one
/// SNU for her measurement, one for the vacuum of the new state.
const INTERCEPTED_NOISE_SNU: f64 = 2.0;

/// Range of the converter, in deviations of the signal that the link was set up for. A Gaussian
/// value lies outside once in 4e11 samples.
const RANGE_DEVIATIONS: f64 = 7.0;

/// Greatest amplitude by which Eve makes up for what the end of the range takes.
const MOST_AMPLIFICATION: f64 = 4.0;

/// The link that both ends believe in.
#[derive(Clone, Copy)]
pub(super) struct Nominal {
    modulation: f64,
    /// Share of the light that reaches each quadrature's detector, `eta T / m`.
    arriving: f64,
    transmittance: f64,
    excess: f64,
    electronic: f64,
}

/// The light at the detector, in units of the shot noise that the receiver assumes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Optics {
    /// Gain from a sent to a measured value.
    pub(super) gain: f64,
    /// Deviation of `sqrt(eta T / m) e + z`: of a symbol that nobody touched, and of one that Eve
    /// resent. The channel's noise and the receiver's are independent, so one draw stands for both.
    pub(super) noise: [f64; 2],
    pub(super) intercepted_share: f64,
    /// Constant that Eve adds.
    pub(super) displacement: f64,
    /// Deviation of a slot whose signal is blocked.
    pub(super) blocked_noise: f64,
    /// Power of classical channels in the same fibre.
    pub(super) classical_mw: f64,
}

impl Nominal {
    pub(super) fn of(source: &link::Source, channel: &Channel, receiver: &Receiver) -> Self {
        let quadratures = f64::from(receiver.detection().quadratures());
        Self {
            modulation: source.modulation_variance_snu(),
            arriving: receiver.efficiency() * channel.transmittance() / quadratures,
            transmittance: channel.transmittance(),
            excess: channel.excess_noise_snu(),
            electronic: receiver.electronic_noise_snu(),
        }
    }

    /// Range of the receiver's converter.
    pub(super) fn range(&self) -> f64 {
        let variance = self.arriving * (self.modulation + self.excess) + 1.0 + self.electronic;
        RANGE_DEVIATIONS * variance.sqrt()
    }

    /// The light under an attack.
    pub(super) fn under(&self, attack: Option<Attack>) -> Optics {
        let clean = self.light(self.arriving, self.excess, 1.0);
        let Some(Attack(action)) = attack else {
            return clean;
        };
        match action {
            Action::InterceptResend { share } => Optics {
                intercepted_share: share,
                ..clean
            },
            Action::EntanglingCloner {
                transmittance,
                variance,
            } => {
                let noise = (1.0 - transmittance) * (variance - 1.0) / transmittance;
                self.light(self.arriving * transmittance, self.excess + noise, 1.0)
            }
            Action::LossTap { share } => {
                self.light(self.arriving * (1.0 - share), self.excess, 1.0)
            }
            Action::LoCalibration { assumed_over_real } => {
                let shot = 1.0 / assumed_over_real;
                let hidden = (1.0 - shot) / self.arriving;
                self.light(self.arriving, self.excess + hidden, shot)
            }
            Action::Saturation { displacement } => {
                let displacement = displacement * self.range();
                let amplification = self.amplification(self.range() - displacement);
                Optics {
                    intercepted_share: 1.0,
                    displacement,
                    ..self.light(self.arriving * amplification.powi(2), self.excess, 1.0)
                }
            }
            Action::Raman { power_dbm, light } => {
                let noise = RamanNoise::of(&self.span(), Band::C1550, &light);
                Optics {
                    classical_mw: 10f64.powf(power_dbm / 10.0),
                    ..self.light(self.arriving, self.excess + noise.at_input_snu, 1.0)
                }
            }
        }
    }

    /// Light of which the share `arriving` reaches the detector, with excess noise at the input and
    /// this shot noise.
    fn light(&self, arriving: f64, excess: f64, shot: f64) -> Optics {
        let still = shot + self.electronic;
        Optics {
            gain: arriving.sqrt(),
            noise: [excess, excess + INTERCEPTED_NOISE_SNU]
                .map(|excess| (still + arriving * excess).sqrt()),
            intercepted_share: 0.0,
            displacement: 0.0,
            blocked_noise: still.sqrt(),
            classical_mw: 0.0,
        }
    }

    /// The amplitude by which Eve sends stronger states, so that the gain stays although the
    /// receiver cuts what is more than `room` above the mean. Of a Gaussian value the gain falls by
    /// the probability that it is not cut (Bussgang's theorem).
    fn amplification(&self, room: f64) -> f64 {
        let mut amplification = 1.0;
        // It converges within a few rounds or grows to its limit.
        for _ in 0..100 {
            let sent = self.modulation + self.excess + INTERCEPTED_NOISE_SNU;
            let variance =
                self.arriving * f64::powi(amplification, 2) * sent + 1.0 + self.electronic;
            let kept = libm::erfc(-room / (2.0 * variance).sqrt()) / 2.0;
            amplification = f64::min(1.0 / kept, MOST_AMPLIFICATION);
        }
        amplification
    }

    /// A fibre of common attenuation that has the channel's loss.
    fn span(&self) -> Span {
        let km = -10.0 * self.transmittance.log10() / Span::STANDARD_ATTENUATION_DB_PER_KM;
        Span::standard(km.clamp(0.0, 300.0)).expect("the loss of a channel is in range")
    }
}

#[cfg(test)]
mod tests;
