//! Discrete modulation: the rate of a sender with a few states instead of a Gaussian.
//!
//! Real modulators have digital inputs. Denys, Brown, Leverrier, Quantum 5, 540 (2021) bound Eve's
//! knowledge for any constellation in closed form: asymptotically, for collective attacks, with
//! heterodyne detection and an **untrusted** receiver. This crate computes only that case, because
//! only it is proven. With 256 states the rate is within 2 % of the Gaussian rate; four states give
//! key only over short links with little noise.

use std::f64::consts::PI;

use thiserror::Error;

use crate::limits::{self, OutOfRange};
use crate::link::Link;
use crate::rate::{at_least_vacuum, entropy_bit, mutual_information_bit, pair};
use crate::receiver::{Detection, Trust};

mod fock;

use fock::Spectrum;

/// The states of a sender: points of the complex plane with a mean of one photon.
///
/// Every constellation here is symmetric about the real axis, so its mean state is a real matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Constellation {
    points: Vec<Point>,
}

/// One coherent state and its probability.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    re: f64,
    im: f64,
    probability: f64,
}

/// Number of states of a square constellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QamOrder {
    /// 4 x 4.
    Qam16,
    /// 8 x 8.
    Qam64,
    /// 16 x 16.
    Qam256,
}

impl Constellation {
    /// Four states on a circle, equally likely.
    pub fn qpsk() -> Self {
        Self::circle(4, PI / 4.0)
    }

    /// Eight states on a circle, equally likely.
    pub fn psk8() -> Self {
        Self::circle(8, PI / 8.0)
    }

    /// A square grid whose inner points are more likely: with probability `exp(-shaping r^2)`,
    /// where `r` is in steps of the grid. With 0 all points are equally likely.
    ///
    /// # Errors
    /// The shaping is out of range.
    pub fn qam(order: QamOrder, shaping: f64) -> Result<Self, OutOfRange> {
        let shaping = limits::SHAPING.check(shaping)?;
        let side: u8 = match order {
            QamOrder::Qam16 => 4,
            QamOrder::Qam64 => 8,
            QamOrder::Qam256 => 16,
        };
        let place = |i: u8| f64::from(i) - f64::from(side - 1) / 2.0;
        let point = |(x, y): (u8, u8)| {
            let (re, im) = (place(x), place(y));
            Point {
                re,
                im,
                probability: (-shaping * (re * re + im * im)).exp(),
            }
        };
        let grid = (0..side).flat_map(|x| (0..side).map(move |y| (x, y)));
        Ok(Self::normalised(grid.map(point).collect()))
    }

    fn circle(states: u8, first_angle: f64) -> Self {
        let point = |i: u8| {
            let (im, re) = (first_angle + 2.0 * PI * f64::from(i) / f64::from(states)).sin_cos();
            Point {
                re,
                im,
                probability: 1.0,
            }
        };
        Self::normalised((0..states).map(point).collect())
    }

    /// Scales the probabilities to a sum of 1, and the points to a mean of one photon.
    fn normalised(mut points: Vec<Point>) -> Self {
        let total: f64 = points.iter().map(|point| point.probability).sum();
        for point in &mut points {
            point.probability /= total;
        }
        let photons: f64 = points
            .iter()
            .map(|point| point.probability * point.photons())
            .sum();
        let scaled = |point| Point::scaled(point, photons.sqrt().recip());
        Self {
            points: points.into_iter().map(scaled).collect(),
        }
    }

    /// Entropy of the sender's choice in bit, which bounds the information in one symbol.
    pub fn entropy_bit(&self) -> f64 {
        -self
            .points
            .iter()
            .map(|point| point.probability * point.probability.log2())
            .sum::<f64>()
    }
}

impl Point {
    fn photons(&self) -> f64 {
        self.re * self.re + self.im * self.im
    }

    fn scaled(self, factor: f64) -> Self {
        Self {
            re: self.re * factor,
            im: self.im * factor,
            ..self
        }
    }
}

/// The quantities of a constellation that the proof needs, at one modulation variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Correlation of the sender's two modes, `2 tr(sqrt(tau) a sqrt(tau) a^dagger)`, in SNU. It is
    /// `sqrt(V^2 - 1)` for a Gaussian.
    pub correlation_snu: f64,
    /// Deviation of the states from those of a Gaussian, `w`. It is 0 for a Gaussian.
    pub deviation: f64,
}

impl Moments {
    /// The moments at modulation variance `V_A`. The computation takes up to a few tenths of a
    /// second for 256 states, so keep the result while only the channel changes.
    ///
    /// # Errors
    /// The variance, or the photons of the outermost state, are out of range.
    pub fn of(
        constellation: &Constellation,
        modulation_variance_snu: f64,
    ) -> Result<Self, OutOfRange> {
        let variance = limits::MODULATION_VARIANCE_SNU.check(modulation_variance_snu)?;
        let states: Vec<Point> = constellation
            .points
            .iter()
            .map(|point| point.scaled((variance / 2.0).sqrt()))
            .collect();
        let most_photons = states.iter().map(Point::photons).fold(0.0, f64::max);
        limits::STATE_PHOTONS.check(most_photons)?;
        Ok(Spectrum::of(&states, most_photons).moments(&states))
    }
}

/// A link that the proof for discrete modulation does not cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "discrete modulation is proven for heterodyne detection with an untrusted receiver, not for \
     {detection} detection with a {trust}: change the receiver or use Gaussian modulation"
)]
pub struct NotProven {
    /// The link's detection.
    pub detection: Detection,
    /// The link's trust.
    pub trust: Trust,
}

/// An asymptotic rate with discrete modulation, for collective attacks and an untrusted receiver.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiscreteRate {
    /// Correlation of sender and receiver that the channel's estimate cannot exclude, `Z*`, in SNU.
    pub correlation_snu: f64,
    /// Mutual information, bit per symbol: that of a Gaussian of the same variance, which is close
    /// for weak modulation, but at most the constellation's entropy.
    pub mutual_information_bit: f64,
    /// Upper bound of Eve's information, bit per symbol.
    pub holevo_bit: f64,
    /// Key in bit per symbol. Below zero there is no key.
    pub key_bit_per_symbol: f64,
    /// Key per second with frame errors and overhead; zero if there is no key.
    pub secret_key_rate_bit_s: f64,
}

impl DiscreteRate {
    /// The rate of a link whose sender uses `constellation` with the given moments at the link's
    /// modulation variance.
    ///
    /// # Errors
    /// The link's receiver is not covered by the proof.
    pub fn of(
        link: &Link,
        constellation: &Constellation,
        moments: &Moments,
    ) -> Result<Self, NotProven> {
        let Link {
            source,
            receiver,
            reconciliation,
            ..
        } = link;
        let (detection, trust) = (receiver.detection(), receiver.trust());
        if (detection, trust) != (Detection::Heterodyne, Trust::Untrusted) {
            return Err(NotProven { detection, trust });
        }
        let channel = link.channel();
        // The receiver's loss and noise count as the channel's.
        let transmittance = receiver.efficiency() * channel.transmittance();
        let noise =
            transmittance * channel.excess_noise_snu() + 2.0 * receiver.electronic_noise_snu();

        let v = 1.0 + source.modulation_variance_snu();
        let b = 1.0 + transmittance * source.modulation_variance_snu() + noise;
        let correlation_snu = (transmittance.sqrt() * moments.correlation_snu
            - (2.0 * noise * moments.deviation).sqrt())
        .max(0.0);
        let squared = correlation_snu * correlation_snu;
        let [l1, l2] = pair((v - b).abs(), v * b - squared);
        let l3 = at_least_vacuum(v - squared / (b + 1.0));
        let holevo_bit = entropy_bit(l1) + entropy_bit(l2) - entropy_bit(l3);

        let mutual_information_bit =
            mutual_information_bit(source, &channel, receiver).min(constellation.entropy_bit());
        let key_bit_per_symbol = reconciliation.efficiency() * mutual_information_bit - holevo_bit;
        let decoded_per_s = source.key_symbols_per_s() * reconciliation.decoded_share();
        Ok(Self {
            correlation_snu,
            mutual_information_bit,
            holevo_bit,
            key_bit_per_symbol,
            secret_key_rate_bit_s: decoded_per_s * key_bit_per_symbol.max(0.0),
        })
    }
}

#[cfg(test)]
mod tests;
