//! The secret key rate of a finite block.
//!
//! Three effects reduce the asymptotic rate: the symbols disclosed to estimate the channel, the
//! error of that estimate (the worst case is assumed), and a penalty of the proof that falls with
//! the square root of the block. All for collective attacks.

use crate::block::{DigitisedBits, Epsilon, Proof};
use crate::channel::Channel;
use crate::link::{Link, Source};
use crate::rate::{Holevo, mutual_information_bit};
use crate::receiver::Receiver;

/// A finite-size rate and its intermediate results.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finite {
    /// Symbols used to estimate the channel.
    pub estimated_symbols: f64,
    /// Symbols left for the key, before frame errors.
    pub kept_symbols: f64,
    /// The worst-case channel, and Eve's information with it. `None` if the block is so small that
    /// even a transmittance of zero cannot be excluded.
    pub worst_case: Option<WorstCase>,
    /// Penalty of the proof per kept symbol, in bit.
    pub penalty_bit: f64,
    /// Key per symbol of the whole block, with frame errors but without overhead. Below zero there
    /// is no key, and the value shows how much is missing.
    pub key_bit_per_symbol: f64,
    /// Key per second with frame errors and overhead; zero if there is no key.
    pub secret_key_rate_bit_s: f64,
    /// Failure probability of the whole proof.
    pub total_epsilon: f64,
}

/// The worst channel that the estimate does not exclude.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorstCase {
    /// Lowest transmittance, highest excess noise.
    pub channel: Channel,
    /// Eve's information with that channel.
    pub holevo: Holevo,
}

impl Finite {
    /// The rate of a link.
    pub fn of(link: &Link) -> Self {
        Self::over(link, &link.channel())
    }

    /// The rate of a link over a channel other than its fibre.
    pub fn over(link: &Link, channel: &Channel) -> Self {
        let Link {
            source,
            receiver,
            reconciliation,
            block,
            ..
        } = link;
        let symbols = block.symbols() as f64;
        let estimated_symbols = symbols * block.estimation().estimated_share();
        let kept_symbols = symbols * block.estimation().kept_share();
        let decoded_share = reconciliation.decoded_share();

        let samples = estimated_symbols * receiver.detection().split();
        let epsilon = block.proof().epsilon();
        let worst_case =
            worst_channel(source, channel, receiver, samples, epsilon).map(|channel| WorstCase {
                holevo: Holevo::of(source, &channel, receiver),
                channel,
            });
        let reconciled_bit =
            reconciliation.efficiency() * mutual_information_bit(source, channel, receiver);
        // Without a bound on the channel, Eve is assumed to know all reconciled bits.
        let known_to_eve_bit = worst_case.map_or(reconciled_bit, |worst| worst.holevo.bound_bit);
        let penalty_bit = penalty_bit(&block.proof(), receiver, kept_symbols, decoded_share);
        let key_bit_per_symbol = block.estimation().kept_share()
            * decoded_share
            * (reconciled_bit - known_to_eve_bit - penalty_bit);
        Self {
            estimated_symbols,
            kept_symbols,
            worst_case,
            penalty_bit,
            key_bit_per_symbol,
            secret_key_rate_bit_s: source.key_symbols_per_s() * key_bit_per_symbol.max(0.0),
            total_epsilon: total_epsilon(&block.proof(), decoded_share),
        }
    }
}

/// The worst channel that the maximum-likelihood estimate does not exclude, with failure
/// probability `epsilon` each for transmittance and noise. `samples` pairs of values are compared,
/// and the estimate is assumed to equal its expectation. `None` if a transmittance of zero is not
/// excluded.
///
/// With `y = t x + z`, the estimate of `t` has a deviation of `sqrt(s2 / (samples V_A))`, and that
/// of the variance `s2` of `z` has one of `s2 sqrt(2 / samples)` (LGG 2010).
pub fn worst_channel(
    source: &Source,
    channel: &Channel,
    receiver: &Receiver,
    samples: f64,
    epsilon: Epsilon,
) -> Option<Channel> {
    let split = receiver.detection().split();
    let arriving = receiver.efficiency() * channel.transmittance / split;
    let estimated = Estimated {
        arriving,
        variance: 1.0 + receiver.electronic_noise_snu() + arriving * channel.excess_noise_snu,
        samples,
    };
    worst_estimated(source, receiver, &estimated, epsilon)
}

/// The estimates that a block gives of its channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimated {
    /// Share of the sent power that reaches a measured quadrature: `t^2`.
    pub arriving: f64,
    /// Variance `s2` of `z`, the receiver's own noise included, in SNU.
    pub variance: f64,
    /// Pairs of values compared.
    pub samples: f64,
}

/// As [`worst_channel`], from estimates of measured values. By chance they can show an excess noise
/// below zero. `None` also if the worst case still does, or has a transmittance above 1: then the
/// calibration of the receiver must be wrong, and no bound holds.
pub fn worst_estimated(
    source: &Source,
    receiver: &Receiver,
    estimated: &Estimated,
    epsilon: Epsilon,
) -> Option<Channel> {
    let &Estimated {
        arriving,
        variance,
        samples,
    } = estimated;
    let deviations = deviations(epsilon);
    let t_min = arriving.sqrt()
        - deviations * (variance / (samples * source.modulation_variance_snu())).sqrt();
    if t_min <= 0.0 {
        return None;
    }
    let own_noise = 1.0 + receiver.electronic_noise_snu();
    let variance_max = variance * (1.0 + deviations * (2.0 / samples).sqrt());
    let arriving_min = t_min * t_min;
    let transmittance = arriving_min * receiver.detection().split() / receiver.efficiency();
    let excess_noise_snu = (variance_max - own_noise) / arriving_min;
    (transmittance <= 1.0 && excess_noise_snu >= 0.0).then_some(Channel {
        transmittance,
        excess_noise_snu,
    })
}

/// Number of standard deviations that a normal variable exceeds, in either direction, with
/// probability `epsilon`: the `z` of `erfc(z / sqrt 2) = epsilon`; 6.467 for 1e-10.
///
/// Newton's method on the logarithm of erfc, which is concave and nearly a parabola. From any start
/// above the root it converges without overshooting.
fn deviations(epsilon: Epsilon) -> f64 {
    let target = epsilon.probability().ln();
    // erfc(x) < exp(-x^2), so this is above the root.
    let mut x = (-target).sqrt();
    for _ in 0..50 {
        let erfc = libm::erfc(x);
        let slope = -std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() / erfc;
        let step = (erfc.ln() - target) / slope;
        x -= step;
        if step.abs() <= 1e-15 * x {
            break;
        }
    }
    x * std::f64::consts::SQRT_2
}

/// Penalty of a proof per kept symbol, in bit.
pub fn penalty_bit(
    proof: &Proof,
    receiver: &Receiver,
    kept_symbols: f64,
    decoded_share: f64,
) -> f64 {
    match *proof {
        Proof::Lgg2010 { epsilon } => lgg_penalty_bit(kept_symbols, epsilon),
        Proof::Composable { epsilon, digitised } => {
            let bits = digitised_bits(digitised, receiver);
            composable_penalty_bit(kept_symbols, epsilon, bits, decoded_share)
        }
    }
}

fn digitised_bits(digitised: DigitisedBits, receiver: &Receiver) -> f64 {
    f64::from(digitised.per_quadrature()) * receiver.detection().split()
}

/// `Delta(n) = 7 sqrt(log2(2/eps)/n) + (2/n) log2(1/eps)`.
fn lgg_penalty_bit(kept_symbols: f64, epsilon: Epsilon) -> f64 {
    let epsilon = epsilon.probability();
    7.0 * ((2.0 / epsilon).log2() / kept_symbols).sqrt() - 2.0 / kept_symbols * epsilon.log2()
}

/// `Delta_aep / sqrt n - Theta / n`, for key elements of `bits` bits. The formula has no value if
/// no frame decodes; the rate is zero then, whatever the penalty.
fn composable_penalty_bit(
    kept_symbols: f64,
    epsilon: Epsilon,
    bits: f64,
    decoded_share: f64,
) -> f64 {
    let epsilon = epsilon.probability();
    let decoded_share = decoded_share.max(f64::EPSILON);
    let equipartition = 4.0
        * ((bits / 2.0).exp2() + 2.0).log2()
        * (18.0 / (decoded_share.powi(2) * epsilon.powi(4)))
            .log2()
            .sqrt();
    let hashing = (decoded_share * (1.0 - epsilon * epsilon / 3.0)).log2()
        + 2.0 * (std::f64::consts::SQRT_2 * epsilon).log2();
    equipartition / kept_symbols.sqrt() - hashing / kept_symbols
}

/// The sum over the steps of a proof. [`Proof::Lgg2010`]: estimation, smoothing and privacy
/// amplification. [`Proof::Composable`]: correctness, smoothing, hashing, and for the decoded
/// frames two estimates and the entropy.
fn total_epsilon(proof: &Proof, decoded_share: f64) -> f64 {
    let epsilon = proof.epsilon().probability();
    match proof {
        Proof::Lgg2010 { .. } => 3.0 * epsilon,
        Proof::Composable { .. } => 3.0 * epsilon + decoded_share * 3.0 * epsilon,
    }
}

#[cfg(test)]
mod tests;
