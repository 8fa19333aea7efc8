//! What the QKD link delivers, and when: blocks of key bits at a fixed pace. No clock here.
//!
//! CV-QKD gives key in large rare blocks (parameter estimation and privacy amplification need
//! many symbols), so the pool fills in steps, not smoothly. The pace comes from the link model;
//! the bits themselves come from a random source, hence the label `modelled`.

use std::time::Duration;

use crate::entropy::EntropyError;
use crate::store::Store;

/// How a key came about; travels with every key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Origin {
    /// Rate from formulas, bits from a CSPRNG.
    #[default]
    Modelled,
}

impl Origin {
    /// As written into `key_extension`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Modelled => "modelled",
        }
    }
}

/// What a link delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supply {
    /// Secret bits in one block. Zero: the link gives no key.
    pub block_bits: u64,
    /// Time between two blocks; not zero.
    pub block_every: Duration,
    /// Blocks in the pool when the link starts.
    pub blocks_at_start: u32,
    /// Label of the keys.
    pub origin: Origin,
}

impl Supply {
    /// Mean rate in bit/s.
    #[must_use]
    pub fn rate_bps(&self) -> f64 {
        self.block_bits as f64 / self.block_every.as_secs_f64()
    }
}

/// Brings the blocks that are due into a store.
#[derive(Debug)]
pub struct Source {
    supply: Supply,
    next_block_at: Duration,
    started: bool,
    /// Bits of earlier blocks that did not make a whole octet.
    carry_bits: u64,
}

impl Source {
    /// The blocks of the start are due at once, the first of the others after `block_every`.
    #[must_use]
    pub fn new(now: Duration, supply: Supply) -> Self {
        let next_block_at = now.saturating_add(supply.block_every);
        Self {
            supply,
            next_block_at,
            started: false,
            carry_bits: 0,
        }
    }

    /// Deposits every block due by `now`; returns how many.
    ///
    /// # Errors
    /// When the random source fails: these blocks are lost.
    pub fn fill(&mut self, now: Duration, store: &mut Store) -> Result<u64, EntropyError> {
        let mut blocks = if self.started {
            0
        } else {
            u64::from(self.supply.blocks_at_start)
        };
        self.started = true;
        if now >= self.next_block_at {
            // A late caller (a stalled machine) gets all it missed, without a loop over them.
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

    /// When the next block comes.
    #[must_use]
    pub fn next_block_at(&self) -> Duration {
        self.next_block_at
    }
}

#[cfg(test)]
mod tests;
