//! Simulated quantum signals: coherent states with Gaussian modulation, a channel with loss and
//! noise, and a homodyne or heterodyne receiver. No photon exists. Keys from these signals are
//! labelled [`LABEL`].
//!
//! Units are SNU as in [`qkd`]. A measured quadrature is
//! `y = sqrt(eta T / m) (x + e) + z`, with `m` the quadratures that the receiver measures of each
//! symbol, `x` of variance `V_A`, excess noise `e` of variance `xi`, and `z` of variance
//! `1 + v_el`. Only measured quadratures are simulated: this is the state after sifting. Which
//! quadrature a homodyne receiver chose does not matter, as both have the same distribution.

use qkd::OutOfRange;
use qkd::attack;
use qkd::channel::{Channel, ExcessNoise};
use qkd::link;
use qkd::receiver::Receiver;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal, StandardUniform};

use crate::wiped::Wiped;

/// Origin of the signals.
pub const LABEL: &str = "simulated";

/// Variance that a symbol gets when Eve measures both of its quadratures and sends a new state: one
/// SNU for her measurement, one for the vacuum of the new state.
const INTERCEPTED_NOISE_SNU: f64 = 2.0;

/// A stretch of the transmission.
pub struct Signals {
    /// Alice's values in SNU, only of the quadratures that Bob measured. The two of a heterodyne
    /// symbol are next to each other.
    pub sent: Wiped<f32>,
    /// Bob's values, in the same order.
    pub measured: Wiped<f32>,
}

/// A simulated link: generates signals of a seed.
pub struct Simulation {
    generator: ChaCha8Rng,
    quadratures: usize,
    modulation: f64,
    gain: f64,
    /// Deviation of `sqrt(eta T / m) e + z`: of a symbol that nobody touched, and of one that Eve
    /// resent. The channel's noise and the receiver's are independent, so one draw stands for both.
    noise: [f64; 2],
    intercepted_share: f64,
}

impl Simulation {
    /// A link whose signals follow from the seed alone: with it anyone can repeat them.
    pub fn new(
        source: &link::Source,
        channel: &Channel,
        receiver: &Receiver,
        seed: [u8; 32],
    ) -> Self {
        let quadratures = receiver.detection().quadratures();
        let arriving = receiver.efficiency() * channel.transmittance() / f64::from(quadratures);
        let excess = channel.excess_noise_snu();
        let noise = [excess, excess + INTERCEPTED_NOISE_SNU]
            .map(|excess| (1.0 + receiver.electronic_noise_snu() + arriving * excess).sqrt());
        Self {
            generator: ChaCha8Rng::from_seed(seed),
            quadratures: usize::from(quadratures),
            modulation: source.modulation_variance_snu().sqrt(),
            gain: arriving.sqrt(),
            noise,
            intercepted_share: 0.0,
        }
    }

    /// Sets the share of the symbols (0 to 1) that Eve measures and resends from now on.
    ///
    /// # Errors
    /// The share is out of range.
    pub fn intercept_resend(&mut self, share: f64) -> Result<(), OutOfRange> {
        // Its range is that of the model of this attack.
        attack::intercept_resend(ExcessNoise::at_input_snu(0.0)?, share)?;
        self.intercepted_share = share;
        Ok(())
    }

    /// The next `symbols` symbols.
    pub fn transmit(&mut self, symbols: usize) -> Signals {
        let len = symbols * self.quadratures;
        let mut sent = Wiped::zeroed(len);
        let mut measured = Wiped::zeroed(len);
        for (sent, measured) in sent
            .chunks_exact_mut(self.quadratures)
            .zip(measured.chunks_exact_mut(self.quadratures))
        {
            let noise = self.noise[usize::from(self.is_intercepted())];
            for (sent, measured) in sent.iter_mut().zip(measured) {
                let x = self.modulation * self.normal();
                *sent = x as f32;
                *measured = (self.gain * x + noise * self.normal()) as f32;
            }
        }
        Signals { sent, measured }
    }

    /// Whether Eve takes the next symbol.
    fn is_intercepted(&mut self) -> bool {
        if self.intercepted_share == 0.0 {
            return false;
        }
        let draw: f64 = StandardUniform.sample(&mut self.generator);
        draw < self.intercepted_share
    }

    fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.generator)
    }
}

#[cfg(test)]
mod tests;
