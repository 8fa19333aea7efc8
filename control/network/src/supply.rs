//! The key that a modelled link delivers to the nodes at its ends: in blocks, some of which fail.

use std::f64::consts::TAU;
use std::time::Duration;

use qkd::channel::ExcessNoise;
use qkd::finite::Finite;
use qkd::supply::NoKey;

use crate::limits::POOL_LEN_MAX;

/// Hour of the day at which a drifting link has its highest noise.
pub const WORST_HOUR: f64 = 15.0;

/// A modelled link over the day. The noise is lowest twelve hours after its highest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Source {
    /// Devices, fibre and block, with the mean excess noise of the day.
    pub link: qkd::Link,
    /// Share of the blocks that fail as a whole, 0 to 1.
    pub block_loss: f64,
    /// Swing of the excess noise over the day, as a share of its mean, 0 to 1.
    pub drift: f64,
}

/// The blocks of a link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Supply {
    /// Bits of key in a block, after all deductions. 0 if there is no key.
    pub block_bits: u64,
    /// Time from block to block.
    pub block_period: Duration,
    /// Probability that a block fails and gives no key.
    pub block_loss: f64,
    /// Failure probability of the security proof of one block.
    pub epsilon: f64,
    /// Excess noise at the channel input, in SNU.
    pub excess_noise_snu: f64,
    /// The reason if there is no key.
    pub no_key: Option<NoKey>,
}

impl Source {
    /// The supply at the mean noise of the day.
    #[must_use]
    pub fn supply(&self) -> Supply {
        self.supply_with_noise(1.0)
    }

    /// The supply at this hour of the day, 0 to 24.
    #[must_use]
    pub fn supply_at(&self, hour: f64) -> Supply {
        let phase = TAU * (hour - WORST_HOUR) / 24.0;
        self.supply_with_noise(1.0 + self.drift * phase.cos())
    }

    /// The supply at the worst hour of the day.
    #[must_use]
    pub fn worst_supply(&self) -> Supply {
        self.supply_at(WORST_HOUR)
    }

    fn supply_with_noise(&self, factor: f64) -> Supply {
        let mean = self.link.excess_noise;
        // Noise above the range of the model is no better than the mean: there is no key either
        // way.
        let excess_noise = ExcessNoise::at_input_snu(mean.snu() * factor).unwrap_or(mean);
        let link = qkd::Link {
            excess_noise,
            ..self.link
        };
        let supply = qkd::supply::Supply::of(&link);
        Supply {
            block_bits: supply.block_bits,
            block_period: supply.block_period,
            block_loss: self.block_loss,
            epsilon: Finite::of(&link).total_epsilon,
            excess_noise_snu: excess_noise.snu(),
            no_key: supply.no_key,
        }
    }
}

impl Supply {
    /// Bits per second on average, without the blocks that fail.
    #[must_use]
    pub fn bit_s(&self) -> f64 {
        self.block_bits as f64 * (1.0 - self.block_loss) / self.block_period.as_secs_f64()
    }

    /// Whole octets of a block, as far as the pool of a link takes them.
    #[must_use]
    pub fn block_octets(&self) -> usize {
        usize::try_from(self.block_bits / 8).map_or(POOL_LEN_MAX, |octets| octets.min(POOL_LEN_MAX))
    }
}

#[cfg(test)]
mod tests;
