//! The end that sends the signals and corrects errors.
use super::{Action, Random, Setup};
use crate::authentication::Secret;
use crate::decoder::Engine;
use crate::wiped::Wiped;

/// Alice, for the life of a process.
pub struct Alice {
    setup: Setup,
    secret: Secret,
    random: Random,
}

impl Alice {
    /// Begins unconnected. `position` is that of the last [`Action::Position`] of an earlier run, or
    /// zero.
    #[must_use]
    pub fn new(
        setup: Setup,
        secret: Secret,
        position: u64,
        engine: Engine,
        random: Random,
    ) -> Self {
        let _ = position;
        let _ = engine;
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

    /// Her quadratures of a frame, in SNU, only those that Bob measures. The caller numbers the frames
    /// on the quantum channel, upwards, and calls this before it transmits the frame.
    pub fn on_sent(&mut self, _number: u64, _sent: Wiped<f32>) -> Vec<Action> {
        Vec::new()
    }

    /// A message of the other end.
    pub fn on_message(&mut self, _message: &[u8]) -> Vec<Action> {
        Vec::new()
    }
}
