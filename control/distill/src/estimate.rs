//! Estimation of the channel from all data of a block, and the secret length that follows.
//!
//! After error correction Alice knows Bob's values of the decoded frames, and Bob discloses those
//! of the others. So every value counts for the estimate, and none is lost for the key.
//!
//! With `y = t x + z` the maximum-likelihood estimates of `t` and of the variance of `z` are normal
//! (Leverrier, Grosshans, Grangier, PRA 81, 062343, 2010). The excess noise is what that variance
//! has beyond shot noise and electronic noise. By chance it can be below zero, and stays so here: a
//! value cut at zero would bias every statistic of many blocks.

use qkd::OutOfRange;
use qkd::block::Proof;
use qkd::channel::Channel;
use qkd::finite;
use qkd::link::Source;
use qkd::rate::Holevo;
use qkd::receiver::Receiver;

/// Lanes of the sums: as many `f64` as the widest vectors of common processors hold, twice.
const LANES: usize = 16;

/// Sums over pairs of sent and measured values. Sums of frames add up to those of the block.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    pairs: u64,
    sent_squared: f64,
    measured_squared: f64,
    product: f64,
}

impl Sums {
    /// The sums over two slices of the same length; `None` if the lengths differ.
    pub fn of(sent: &[f32], measured: &[f32]) -> Option<Self> {
        if sent.len() != measured.len() {
            return None;
        }
        let mut lanes = [[0f64; LANES]; 3];
        for (sent, measured) in sent.chunks(LANES).zip(measured.chunks(LANES)) {
            for (lane, (x, y)) in sent.iter().zip(measured).enumerate() {
                let (x, y) = (f64::from(*x), f64::from(*y));
                lanes[0][lane] += x * x;
                lanes[1][lane] += y * y;
                lanes[2][lane] += x * y;
            }
        }
        let [sent_squared, measured_squared, product] = lanes.map(|lanes| lanes.iter().sum());
        Some(Self {
            pairs: sent.len() as u64,
            sent_squared,
            measured_squared,
            product,
        })
    }

    /// Sums that were calculated elsewhere. [`Estimate::of`] refuses those that are no numbers.
    #[must_use]
    pub fn from_parts(pairs: u64, sent_squared: f64, measured_squared: f64, product: f64) -> Self {
        Self {
            pairs,
            sent_squared,
            measured_squared,
            product,
        }
    }

    /// The sum of the squares of Alice's values.
    #[must_use]
    pub fn sent_squared(&self) -> f64 {
        self.sent_squared
    }

    /// The sum of the products of both values.
    #[must_use]
    pub fn product(&self) -> f64 {
        self.product
    }

    /// Adds the sums of another part of the block.
    pub fn add(&mut self, other: &Self) {
        self.pairs += other.pairs;
        self.sent_squared += other.sent_squared;
        self.measured_squared += other.measured_squared;
        self.product += other.product;
    }
}

/// A value and its standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The estimate.
    pub value: f64,
    /// Its standard deviation.
    pub deviation: f64,
}

/// The channel of a block as both ends see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pairs: u64,
    receiver: Receiver,
    source: Source,
    /// `t`, the gain from a sent to a measured value.
    gain: f64,
    /// Variance of a measured value about the gain times the sent one.
    noise: f64,
}

/// Data from which no channel can be estimated.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NoEstimate {
    /// Sent and measured values do not correlate, or some are not finite.
    #[error(
        "{pairs} measured values do not follow the sent ones: check the fibre, the local \
         oscillator and the numbering of the symbols"
    )]
    NoSignal {
        /// Pairs of values.
        pairs: u64,
    },
    /// The variance of Alice's values is out of range.
    #[error("modulation variance of Alice's values: {0}")]
    Modulation(#[from] OutOfRange),
}

impl Estimate {
    /// The estimate of the sums of a whole block. The modulation variance is that of Alice's
    /// values; `source` gives the rest.
    ///
    /// # Errors
    /// The values do not correlate, or Alice's are out of range.
    pub fn of(sums: &Sums, source: &Source, receiver: &Receiver) -> Result<Self, NoEstimate> {
        let &Sums {
            pairs,
            sent_squared,
            measured_squared,
            product,
        } = sums;
        // A value that is not finite makes one of the sums so.
        let finite = [sent_squared, measured_squared, product].map(f64::is_finite);
        if finite != [true; 3] || product <= 0.0 || sent_squared <= 0.0 {
            return Err(NoEstimate::NoSignal { pairs });
        }
        let samples = pairs as f64;
        let gain = product / sent_squared;
        Ok(Self {
            pairs,
            receiver: *receiver,
            source: source.with_modulation_variance_snu(sent_squared / samples)?,
            gain,
            noise: ((measured_squared - gain * product) / samples).max(0.0),
        })
    }

    /// Pairs of values, the quadratures of all symbols.
    pub fn pairs(&self) -> u64 {
        self.pairs
    }

    /// Variance of Alice's values in SNU.
    pub fn modulation_variance_snu(&self) -> f64 {
        self.source.modulation_variance_snu()
    }

    /// Transmittance of the channel, without the receiver. By chance it can exceed 1.
    pub fn transmittance(&self) -> Measured {
        let of_gain = self.quadratures() / self.receiver.efficiency();
        Measured {
            value: of_gain * self.gain.powi(2),
            deviation: of_gain * 2.0 * self.gain * self.gain_deviation(),
        }
    }

    /// Excess noise in SNU at the channel input. By chance it can be below zero.
    pub fn excess_noise_snu(&self) -> Measured {
        let arriving = self.gain.powi(2);
        let excess = self.noise - 1.0 - self.receiver.electronic_noise_snu();
        let value = excess / arriving;
        let by_noise = self.noise * (2.0 / self.pairs as f64).sqrt() / arriving;
        let by_gain = 2.0 * value * self.gain_deviation() / self.gain;
        Measured {
            value,
            deviation: by_noise.hypot(by_gain),
        }
    }

    /// Covariance of a sent and a measured value.
    #[must_use]
    pub fn covariance(&self) -> f64 {
        self.gain * self.modulation_variance_snu()
    }

    /// Signal-to-noise ratio of one measured quadrature.
    pub fn snr(&self) -> f64 {
        self.gain.powi(2) * self.modulation_variance_snu() / self.noise
    }

    fn gain_deviation(&self) -> f64 {
        (self.noise / (self.pairs as f64 * self.modulation_variance_snu())).sqrt()
    }

    fn quadratures(&self) -> f64 {
        f64::from(self.receiver.detection().quadratures())
    }

    /// The worst channel that the estimate does not exclude under the given proof. `None` if no
    /// channel can be excluded, or none explains the estimate: the calibration must be wrong.
    pub fn worst_channel(&self, proof: &Proof) -> Option<Channel> {
        let estimated = finite::Estimated {
            arriving: self.gain.powi(2),
            variance: self.noise,
            samples: self.pairs as f64,
        };
        finite::worst_estimated(&self.source, &self.receiver, &estimated, proof.epsilon())
    }
}

/// A block after error correction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrected {
    /// Symbols of the frames that decoded and were confirmed.
    pub kept_symbols: u64,
    /// Symbols of the other frames.
    pub lost_symbols: u64,
    /// Bits of the kept frames without those that their syndromes disclosed: the sum of `N R`.
    pub undisclosed_bits: u64,
    /// Further bits disclosed: by tags of confirmation, and for frames that were stuck.
    pub further_disclosed_bits: u64,
}

/// Secret bits of a block by both proofs. The configuration says which counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretLength {
    /// The length that [`Proof::LGG_2010`] gives.
    pub lgg_bits: u64,
    /// The length that [`Proof::COMPOSABLE`] gives.
    pub composable_bits: u64,
}

impl SecretLength {
    /// The length of the key that privacy amplification may make of a block.
    pub fn of(estimate: &Estimate, corrected: &Corrected) -> Self {
        Self {
            lgg_bits: secret_bits(estimate, corrected, Proof::LGG_2010),
            composable_bits: secret_bits(estimate, corrected, Proof::COMPOSABLE),
        }
    }
}

/// The bits that Eve does not know: undisclosed bits, less her information about the kept symbols
/// under the worst channel, less the penalty of the proof. Only the kept symbols count: their bits
/// are hashed. Zero if there is no worst channel.
fn secret_bits(estimate: &Estimate, corrected: &Corrected, proof: Proof) -> u64 {
    let Some(channel) = estimate.worst_channel(&proof) else {
        return 0;
    };
    if corrected.kept_symbols == 0 {
        return 0;
    }
    let kept = corrected.kept_symbols as f64;
    let decoded_share = kept / (kept + corrected.lost_symbols as f64);
    let penalty_bit = finite::penalty_bit(&proof, &estimate.receiver, kept, decoded_share);
    let known_bit = Holevo::of(&estimate.source, &channel, &estimate.receiver).bound_bit;
    let undisclosed = corrected.undisclosed_bits as f64 - corrected.further_disclosed_bits as f64;
    // The conversion makes zero of a negative length.
    (undisclosed - kept * (known_bit + penalty_bit)).floor() as u64
}

#[cfg(test)]
mod tests;
