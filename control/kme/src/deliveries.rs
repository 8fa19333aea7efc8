//! The deliveries of the QKD link: blocks of key bits at a fixed interval. This file has no clock.
//!
//! CV-QKD delivers key bits in large, infrequent blocks, because parameter estimation and privacy
//! amplification need many symbols. So the pool fills in steps, not smoothly. The interval comes
//! from the link model. The bits come from a random source, hence the label `modelled`.

use std::time::Duration;

use crate::config::{ConfigError, refuse};
use crate::entropy::EntropyError;
use crate::store::Store;

/// The origin of a key, attached to every key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Origin {
    /// The rate comes from formulas, the bits from a CSPRNG.
    #[default]
    Modelled,
    /// The bits come out of simulated quantum signals by error correction and privacy
    /// amplification.
    Distilled,
}

impl Origin {
    /// The text in `key_extension`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Modelled => "modelled",
            Self::Distilled => "distilled",
        }
    }
}

/// The deliveries of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deliveries {
    /// Secret bits in one block. Zero: the link delivers no keys.
    pub block_bits: u64,
    /// Time between two blocks; not zero.
    pub block_every: Duration,
    /// Blocks in the pool when the link starts.
    pub blocks_at_start: u32,
    /// Label of the keys.
    pub origin: Origin,
}

impl Deliveries {
    /// Returns the mean rate in bit/s.
    #[must_use]
    pub fn rate_bps(&self) -> f64 {
        self.block_bits as f64 / self.block_every.as_secs_f64()
    }

    /// Checks the interval between blocks.
    ///
    /// # Errors
    /// The interval between two blocks is zero.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.block_every.is_zero() {
            return refuse(
                "block_every",
                "0",
                "give the time between two blocks of key",
            );
        }
        Ok(())
    }
}

/// Deposits due blocks into a store.
#[derive(Debug)]
pub struct Source {
    supply: Deliveries,
    next_block_at: Duration,
    started: bool,
    /// Bits of earlier blocks that did not fill a whole octet.
    carry_bits: u64,
}

impl Source {
    /// Creates a source. The initial blocks are due at once, the first further block after
    /// `block_every`.
    #[must_use]
    pub fn new(now: Duration, supply: Deliveries) -> Self {
        let next_block_at = now.saturating_add(supply.block_every);
        Self {
            supply,
            next_block_at,
            started: false,
            carry_bits: 0,
        }
    }

    /// Deposits every block that is due by `now`, and returns their number.
    ///
    /// # Errors
    /// The random source fails; these blocks are lost.
    pub fn fill(&mut self, now: Duration, store: &mut Store) -> Result<u64, EntropyError> {
        let mut blocks = if self.started {
            0
        } else {
            u64::from(self.supply.blocks_at_start)
        };
        self.started = true;
        if now >= self.next_block_at {
            // A late caller (a stalled machine) gets all missed blocks without a loop over them.
            let every = self.supply.block_every.as_nanos().max(1);
            let due = 1 + (now - self.next_block_at).as_nanos() / every;
            let due_ns = u64::try_from(due * every).unwrap_or(u64::MAX);
            self.next_block_at = self
                .next_block_at
                .saturating_add(Duration::from_nanos(due_ns));
            blocks = blocks.saturating_add(u64::try_from(due).unwrap_or(u64::MAX));
        }
        if blocks > 0 {
            let bits = self
                .carry_bits
                .saturating_add(blocks.saturating_mul(self.supply.block_bits));
            self.carry_bits = bits % 8;
            store.deposit(blocks, bits / 8)?;
        }
        Ok(blocks)
    }

    /// Returns the time of the next block.
    #[must_use]
    pub fn next_block_at(&self) -> Duration {
        self.next_block_at
    }
}

#[cfg(test)]
mod tests;
