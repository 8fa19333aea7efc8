//! The asymptotic secret key rate: infinite blocks and an exactly known channel.
//!
//! `K = beta I_AB - chi_BE` in bit per symbol, for collective attacks (Devetak-Winter bound with
//! Gaussian extremality). Closed forms of Lodewyck et al., PRA 76, 042305 (2007) for homodyne and
//! Fossier et al., J. Phys. B 42, 114014 (2009) for heterodyne detection. Finite blocks are in
//! [`crate::finite`].

use std::f64::consts::LN_2;

use crate::channel::Channel;
use crate::link::{Link, Reconciliation, Source};
use crate::receiver::{Detection, Receiver, Trust};

/// An asymptotic rate and its intermediate results.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asymptotic {
    /// Signal-to-noise ratio of one measured quadrature.
    pub snr: f64,
    /// Mutual information of Alice and Bob, `I_AB`, bit per symbol.
    pub mutual_information_bit: f64,
    /// Bound of Eve's information about Bob's data, `chi_BE`.
    pub holevo: Holevo,
    /// `beta I_AB - chi_BE`, bit per symbol. Below zero there is no key, and the value shows how
    /// much is missing. Without frame errors and overhead.
    pub key_bit_per_symbol: f64,
    /// Key per second with frame errors and overhead; zero if there is no key.
    pub secret_key_rate_bit_s: f64,
}

impl Asymptotic {
    /// The rate of a link.
    pub fn of(link: &Link) -> Self {
        Self::at(
            &link.source,
            &link.channel(),
            &link.receiver,
            &link.reconciliation,
        )
    }

    /// The rate over a channel that need not be that of a fibre.
    pub fn at(
        source: &Source,
        channel: &Channel,
        receiver: &Receiver,
        reconciliation: &Reconciliation,
    ) -> Self {
        let mutual_information_bit = mutual_information_bit(source, channel, receiver);
        let holevo = Holevo::of(source, channel, receiver);
        let key_bit_per_symbol =
            reconciliation.efficiency() * mutual_information_bit - holevo.bound_bit;
        let decoded_per_s = source.key_symbols_per_s() * reconciliation.decoded_share();
        Self {
            snr: snr(source, channel, receiver),
            mutual_information_bit,
            holevo,
            key_bit_per_symbol,
            secret_key_rate_bit_s: decoded_per_s * key_bit_per_symbol.max(0.0),
        }
    }
}

/// Signal-to-noise ratio of one measured quadrature. It does not depend on the trust in the
/// receiver.
pub fn snr(source: &Source, channel: &Channel, receiver: &Receiver) -> f64 {
    let split = receiver.detection().split();
    let arriving = receiver.efficiency() * channel.transmittance / split;
    let noise = 1.0 + receiver.electronic_noise_snu() + arriving * channel.excess_noise_snu;
    arriving * source.modulation_variance_snu() / noise
}

/// Mutual information `I_AB` in bit per symbol: `1/2 log2(1 + SNR)` for each measured quadrature.
pub fn mutual_information_bit(source: &Source, channel: &Channel, receiver: &Receiver) -> f64 {
    let quadratures = receiver.detection().split();
    quadratures * 0.5 * snr(source, channel, receiver).ln_1p() / LN_2
}

/// Eve's information about Bob's data, and its symplectic eigenvalues.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Holevo {
    /// Symplectic eigenvalues: the first two are of the state that Alice and Bob share before his
    /// measurement, the last three of the state after it. None is below 1.
    pub eigenvalues: [f64; 5],
    /// The Holevo bound `chi_BE`, bit per symbol.
    pub bound_bit: f64,
}

impl Holevo {
    /// The bound for a link's parts.
    pub fn of(source: &Source, channel: &Channel, receiver: &Receiver) -> Self {
        let eigenvalues =
            Covariance::of(source, channel, receiver).eigenvalues(receiver.detection());
        let [l1, l2, l3, l4, l5] = eigenvalues.map(entropy_bit);
        Self {
            eigenvalues,
            bound_bit: l1 + l2 - l3 - l4 - l5,
        }
    }
}

/// The covariance matrix of the shared state, `[[v, c], [c, b]]` in blocks, and the receiver's
/// noise. The usual `chi_line` and `chi_tot` divide by `T`, and later formulas multiply by `T`
/// again. With `b` instead nothing cancels, however long the fibre.
struct Covariance {
    modulation: f64,
    transmittance: f64,
    /// Noise added by the line, at its output: `T xi`.
    line_noise: f64,
    /// Noise added by the trusted receiver, referred to its input: `chi_det`.
    receiver_noise: f64,
}

impl Covariance {
    fn of(source: &Source, channel: &Channel, receiver: &Receiver) -> Self {
        let (t, xi) = (channel.transmittance, channel.excess_noise_snu);
        let (eta, v_el) = (receiver.efficiency(), receiver.electronic_noise_snu());
        let split = receiver.detection().split();
        let modulation = source.modulation_variance_snu();
        match receiver.trust() {
            Trust::Trusted => Self {
                modulation,
                transmittance: t,
                line_noise: t * xi,
                receiver_noise: (split - eta + split * v_el) / eta,
            },
            // T -> eta T, xi -> xi + split v_el / (eta T), and a perfect receiver.
            Trust::Untrusted => Self {
                modulation,
                transmittance: eta * t,
                line_noise: eta * t * xi + split * v_el,
                receiver_noise: split - 1.0,
            },
        }
    }

    /// The papers give the squares as `(A +- sqrt(A^2 - 4 B)) / 2`, and likewise with `C` and `D`.
    /// Near a pure state these lose half of all digits. Here the roots are sums of positive terms
    /// whenever Eve gains more from loss than from noise, and the smaller eigenvalue of a pair is
    /// computed from the product of both.
    fn eigenvalues(&self, detection: Detection) -> [f64; 5] {
        let Self {
            modulation: v_a,
            transmittance: t,
            line_noise: noise,
            receiver_noise: r,
        } = *self;
        let v = 1.0 + v_a;
        let b = 1.0 + t * v_a + noise; // T (V + chi_line)
        let lost = v_a * (1.0 - t);
        let apart = lost - noise; // v - b
        let mixed = lost + v * noise; // sqrt B - 1
        let sqrt_b = 1.0 + mixed; // v b - c^2, the square root of the determinant

        // l1 - l2 = |v - b|, and (l1 + l2)^2 = (v - b)^2 + 4 sqrt B.
        let [l1, l2] = pair(apart.abs(), sqrt_b);

        let total = b + r; // T (V + chi_tot)
        let [l3, l4] = match detection {
            Detection::Homodyne => {
                let d = sqrt_b * (v + sqrt_b * r) / total;
                let weight = 2.0 * sqrt_b * r + v * sqrt_b + b;
                let c = (apart * apart * r + weight) / total; // A = (v - b)^2 + 2 sqrt B
                let root_squared = (apart * apart * r).powi(2)
                    + 2.0 * apart * apart * r * weight
                    + (v * mixed + apart).powi(2)
                    + 4.0 * sqrt_b * r * apart * mixed; // total^2 (C^2 - 4 D)
                let root = root_squared.max(0.0).sqrt() / total;
                let l3 = at_least_vacuum(((c + root) / 2.0).sqrt());
                [l3, at_least_vacuum(d.sqrt() / l3)]
            }
            // C - 2 sqrt D is a square here.
            Detection::Heterodyne => {
                pair((apart * r + mixed).abs() / total, (v + sqrt_b * r) / total)
            }
        };
        [l1, l2, l3, l4, 1.0]
    }
}

/// Two eigenvalues, the larger first, from their difference and their product.
pub(crate) fn pair(difference: f64, product: f64) -> [f64; 2] {
    let sum = (difference * difference + 4.0 * product).sqrt();
    let larger = at_least_vacuum((sum + difference) / 2.0);
    [larger, at_least_vacuum(product / larger)]
}

/// Rounding may make an eigenvalue slightly less than 1, where the entropy is not defined.
pub(crate) fn at_least_vacuum(eigenvalue: f64) -> f64 {
    eigenvalue.max(1.0)
}

/// Von Neumann entropy in bit of a thermal mode with the given symplectic eigenvalue, 1 or more:
/// `(n + 1) log2(n + 1) - n log2 n` with `n = (eigenvalue - 1) / 2` photons.
///
/// In this form nothing cancels, neither for many photons nor for few.
pub(crate) fn entropy_bit(eigenvalue: f64) -> f64 {
    let n = (eigenvalue - 1.0) / 2.0;
    if n <= 0.0 {
        return 0.0;
    }
    (n.ln_1p() + n * n.recip().ln_1p()) / LN_2
}

#[cfg(test)]
mod tests;
