//! A whole link: source, fibre, excess noise, receiver, reconciliation and block.

use crate::block::Block;
use crate::channel::{Channel, ExcessNoise, Fibre};
use crate::limits::{self, OutOfRange};
use crate::receiver::Receiver;

/// The sender: coherent states with Gaussian modulation in both quadratures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Source {
    modulation_variance_snu: f64,
    symbol_rate_baud: f64,
    overhead_share: f64,
}

impl Source {
    /// A source that uses every symbol for key; see [`Self::with_overhead_share`].
    /// `modulation_variance_snu` is `V_A`, per quadrature.
    ///
    /// # Errors
    /// A value is out of range.
    pub fn new(modulation_variance_snu: f64, symbol_rate_baud: f64) -> Result<Self, OutOfRange> {
        Ok(Self {
            modulation_variance_snu: limits::MODULATION_VARIANCE_SNU
                .check(modulation_variance_snu)?,
            symbol_rate_baud: limits::SYMBOL_RATE_BAUD.check(symbol_rate_baud)?,
            overhead_share: 0.0,
        })
    }

    /// The same source with the given share (0 to 0.99) of symbols without key: pilots, frame
    /// headers, calibration.
    ///
    /// # Errors
    /// The share is out of range.
    pub fn with_overhead_share(self, overhead_share: f64) -> Result<Self, OutOfRange> {
        let overhead_share = limits::OVERHEAD_SHARE.check(overhead_share)?;
        Ok(Self {
            overhead_share,
            ..self
        })
    }

    /// The same source with another `V_A`.
    ///
    /// # Errors
    /// The value is out of range.
    pub fn with_modulation_variance_snu(self, snu: f64) -> Result<Self, OutOfRange> {
        let modulation_variance_snu = limits::MODULATION_VARIANCE_SNU.check(snu)?;
        Ok(Self {
            modulation_variance_snu,
            ..self
        })
    }

    /// Variance `V_A` of each quadrature's modulation in SNU, twice the mean photon number.
    pub fn modulation_variance_snu(&self) -> f64 {
        self.modulation_variance_snu
    }

    /// Symbols sent per second, pilots included.
    pub fn symbol_rate_baud(&self) -> f64 {
        self.symbol_rate_baud
    }

    /// Share of the symbols that carry no key.
    pub fn overhead_share(&self) -> f64 {
        self.overhead_share
    }

    /// Symbols per second that carry key.
    pub fn key_symbols_per_s(&self) -> f64 {
        self.symbol_rate_baud * (1.0 - self.overhead_share)
    }
}

/// Error correction: its leak beyond the theoretical minimum, and its failure rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reconciliation {
    efficiency: f64,
    frame_error_rate: f64,
}

impl Reconciliation {
    /// `efficiency` is beta, the share of the mutual information that is kept. `frame_error_rate`
    /// is the share of code frames that fail to decode and are discarded. At 1 no key is left.
    ///
    /// # Errors
    /// A value is out of range.
    pub fn new(efficiency: f64, frame_error_rate: f64) -> Result<Self, OutOfRange> {
        Ok(Self {
            efficiency: limits::RECONCILIATION_EFFICIENCY.check(efficiency)?,
            frame_error_rate: limits::FRAME_ERROR_RATE.check(frame_error_rate)?,
        })
    }

    /// Efficiency beta, 0 to 1.
    pub fn efficiency(&self) -> f64 {
        self.efficiency
    }

    /// Share of frames that fail.
    pub fn frame_error_rate(&self) -> f64 {
        self.frame_error_rate
    }

    /// Share of frames that decode.
    pub fn decoded_share(&self) -> f64 {
        1.0 - self.frame_error_rate
    }
}

/// A CV-QKD link. Each part is valid on its own and independent of the others, so the fields are
/// public: `Link { fibre: Fibre::standard(25.0)?, ..link }`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// The sender.
    pub source: Source,
    /// The span of fibre.
    pub fibre: Fibre,
    /// Noise beyond shot noise and the receiver's own noise, at the channel input.
    pub excess_noise: ExcessNoise,
    /// The receiver.
    pub receiver: Receiver,
    /// Error correction.
    pub reconciliation: Reconciliation,
    /// The block from which one key is distilled, and its proof.
    pub block: Block,
}

impl Link {
    /// The channel that Eve controls: the fibre with the excess noise.
    pub fn channel(&self) -> Channel {
        Channel::of(&self.fibre, self.excess_noise)
    }

    /// The same link with another modulation variance.
    ///
    /// # Errors
    /// The value is out of range.
    pub fn with_modulation_variance_snu(self, snu: f64) -> Result<Self, OutOfRange> {
        Ok(Self {
            source: self.source.with_modulation_variance_snu(snu)?,
            ..self
        })
    }
}

#[cfg(test)]
mod tests;
