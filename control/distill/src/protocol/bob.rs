//! The end that measures the signals.
use super::{Action, Random, Setup};
use crate::authentication::Secret;

use crate::wiped::Wiped;

/// Bob, for the life of a process.
pub struct Bob {
    setup: Setup,
    secret: Secret,
    random: Random,
}

impl Bob {
    /// Begins unconnected. `position` is that of the last [`Action::Position`] of an earlier run, or
    /// zero.
    #[must_use]
    pub fn new(setup: Setup, secret: Secret, position: u64, random: Random) -> Self {
        let _ = position;

        Self {
            setup,
            secret,
            random,
        }
    }

    /// The classical channel is open.
    pub fn on_connect(&mut self) -> Vec<Action> {
        let _ = (&self.setup, &self.secret, &mut self.random);
        Vec::new()
    }

    /// The classical channel is closed, by whichever end.
    pub fn on_disconnect(&mut self) -> Vec<Action> {
        Vec::new()
    }

    /// His quadratures of a frame, in SNU, and the number of the frame on the quantum channel.
    pub fn on_received(&mut self, _number: u64, _measured: Wiped<f32>) -> Vec<Action> {
        Vec::new()
    }

    /// A message of the other end.
    pub fn on_message(&mut self, _message: &[u8]) -> Vec<Action> {
        Vec::new()
    }
}
