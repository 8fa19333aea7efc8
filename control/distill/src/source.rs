//! Simulated quantum signals: coherent states with Gaussian modulation, a channel with loss and
//! noise, and a homodyne or heterodyne receiver. No photon exists. Keys from these signals are
//! labelled [`LABEL`].
//!
//! Units are SNU as in [`qkd`]. A measured quadrature is
//! `y = sqrt(eta T / m) (x + e) + z`, with `m` the quadratures that the receiver measures of each
//! symbol, `x` of variance `V_A`, excess noise `e` of variance `xi`, and `z` of variance
//! `1 + v_el`. Only measured quadratures are simulated: this is the state after sifting. Which
//! quadrature a homodyne receiver chose does not matter, as both have the same distribution.
//!
//! [`Modulator`] makes `x` at Alice's end, [`Fibre`] makes `y` of it at Bob's.

mod fibre;
mod modulator;
mod monitor;
mod optics;

use qkd::channel::Channel;
use qkd::link;
use qkd::receiver::Receiver;

use crate::eve::Attack;
use crate::wiped::Wiped;

pub use fibre::{Fibre, Received};
pub use modulator::Modulator;
pub use monitor::Monitor;

/// Origin of the signals.
pub const LABEL: &str = "simulated";

/// A stretch of the transmission.
pub struct Signals {
    /// Alice's values in SNU, only of the quadratures that Bob measured. The two of a heterodyne
    /// symbol are next to each other.
    pub sent: Wiped<f32>,
    /// Bob's values, in the same order.
    pub measured: Wiped<f32>,
    /// The readings of Bob's receiver about itself.
    pub monitor: Monitor,
}

/// Both ends and the fibre in one: generates signals of a seed.
pub struct Simulation {
    modulator: Modulator,
    fibre: Fibre,
}

impl Simulation {
    /// A link whose signals follow from the seed alone: with it anyone can repeat them.
    pub fn new(
        source: &link::Source,
        channel: &Channel,
        receiver: &Receiver,
        seed: [u8; 32],
    ) -> Self {
        Self {
            modulator: Modulator::new(source, receiver, seed),
            fibre: Fibre::new(source, channel, receiver, seed),
        }
    }

    /// Sets the attack on the symbols from now on, or ends it.
    pub fn attack(&mut self, attack: Option<Attack>) {
        self.fibre.attack(attack);
    }

    /// The next `symbols` symbols.
    pub fn transmit(&mut self, symbols: usize) -> Signals {
        let sent = self.modulator.transmit(symbols);
        let Received { measured, monitor } = self.fibre.receive(&sent);
        Signals {
            sent,
            measured,
            monitor,
        }
    }
}

#[cfg(test)]
mod tests;
