//! The key that a link delivers to the KMEs at its ends: in blocks, or none with a reason.
//!
//! Key does not arrive continuously. Collecting a block takes seconds to many minutes, and all of
//! its key arrives at once or, if the block fails, not at all. A user that re-keys every few
//! seconds needs a pool that holds several blocks.

use std::time::Duration;

use thiserror::Error;

use crate::finite::Finite;
use crate::link::Link;
use crate::optimise::{Objective, optimise_modulation};
use crate::rate::Asymptotic;
use crate::readable::readable;
use crate::receiver::Trust;
use crate::threshold::{smallest_block_symbols, tolerable_excess_noise_snu};

/// Bits of each block that pay for the authentication of the next block: six messages with a
/// 128-bit one-time pad on each tag.
pub const AUTHENTICATION_BITS_PER_BLOCK: u64 = 6 * 128;
/// Bits of each block that its confirmation hash discloses.
pub const CONFIRMATION_BITS_PER_BLOCK: u64 = 64;

/// The key that a KME gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Supply {
    /// Bits of key in one block, after all deductions.
    pub block_bits: u64,
    /// Time to collect the symbols of a block.
    pub block_period: Duration,
    /// `block_bits` divided by `block_period`, bit/s.
    pub average_bit_s: f64,
    /// The share that each cost takes.
    pub shares: Shares,
    /// The reason if there is no key.
    pub no_key: Option<NoKey>,
}

/// The share of each cost, 0 to 1, of what the costs before it have left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// Symbols without key (pilots, frame headers), as a share of all symbols.
    pub overhead: f64,
    /// Symbols disclosed to estimate the channel, as a share of those that carry key.
    pub estimation: f64,
    /// Frames that fail to decode, as a share of all frames.
    pub failed_frames: f64,
    /// Loss of key by the finite block, as a share of the asymptotic key of the decoded symbols. 1
    /// without key.
    pub finite_size: f64,
    /// Bits for confirmation and authentication, as a share of the block's key. 1 without key.
    pub authentication: f64,
}

/// The reason why a link gives no key, with a fix.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum NoKey {
    /// Every frame fails to decode.
    #[error("every frame fails to decode: lower the code's rate or its frame error rate")]
    EveryFrameFails,
    /// The receiver is untrusted, and its noise and loss leave no key.
    #[error(
        "the receiver is untrusted, and its loss and noise leave no key; a trusted receiver gives \
         key: calibrate it and declare it trusted, or use a better one"
    )]
    ReceiverUntrusted,
    /// The excess noise is higher than the link tolerates.
    #[error(
        "excess noise of {snu} SNU is too high: this link tolerates less than {} SNU",
        readable(*.tolerable_snu)
    )]
    NoiseTooHigh {
        /// The link's excess noise, SNU at the channel input.
        snu: f64,
        /// The noise at which the key rate reaches zero.
        tolerable_snu: f64,
    },
    /// This noise allows key, but not with this modulation.
    #[error(
        "a modulation variance V_A of {snu} SNU gives no key: it tolerates less than {} SNU of \
         excess noise; use a V_A of {} SNU, which gives key",
        readable(*.tolerable_snu),
        readable(*.best_snu)
    )]
    ModulationUnsuited {
        /// The link's modulation variance.
        snu: f64,
        /// The excess noise at which the key rate reaches zero with this modulation.
        tolerable_snu: f64,
        /// The modulation variance that gives the most asymptotic key.
        best_snu: f64,
    },
    /// There is no key even without noise, only with a better code.
    #[error(
        "a reconciliation efficiency of {efficiency} is too low for this modulation: raise it, \
         or lower the modulation variance"
    )]
    ReconciliationTooWeak {
        /// The link's beta.
        efficiency: f64,
    },
    /// No single change gives key.
    #[error(
        "no single change gives key: excess noise, receiver and reconciliation are too poor \
         together; start with a trusted receiver and less excess noise"
    )]
    TooMuchAtOnce,
    /// Infinite blocks would give key, but this block does not.
    #[error("a block of {symbols:e} symbols is too small: key needs {needed:.1e} symbols")]
    BlockTooSmall {
        /// Symbols in the block.
        symbols: u64,
        /// The number of symbols at which the key rate exceeds zero.
        needed: u64,
    },
    /// Infinite blocks would give key, but no block that can be collected does.
    #[error(
        "only blocks too large to collect give key: lower the noise or the loss, or optimise the \
         modulation variance"
    )]
    NoBlockLargeEnough,
    /// The block's key is too short for its own authentication.
    #[error(
        "the {bits} key bits of a block do not cover its confirmation and authentication \
         ({} bits): use a larger block",
        CONFIRMATION_BITS_PER_BLOCK + AUTHENTICATION_BITS_PER_BLOCK
    )]
    AuthenticationTakesAll {
        /// Bits of the block before confirmation and authentication.
        bits: u64,
    },
}

impl Supply {
    /// The key that the link delivers.
    pub fn of(link: &Link) -> Self {
        let asymptotic = Asymptotic::of(link);
        let finite = Finite::of(link);
        let symbols = link.block.symbols() as f64;
        let period_s = symbols / link.source.key_symbols_per_s();

        let raw_bits = (finite.key_bit_per_symbol.max(0.0) * symbols).floor() as u64;
        let block_bits =
            raw_bits.saturating_sub(CONFIRMATION_BITS_PER_BLOCK + AUTHENTICATION_BITS_PER_BLOCK);
        let decoded = link.block.estimation().kept_share() * link.reconciliation.decoded_share();
        Self {
            block_bits,
            block_period: Duration::from_secs_f64(period_s),
            average_bit_s: block_bits as f64 / period_s,
            shares: Shares {
                overhead: link.source.overhead_share(),
                estimation: 1.0 - link.block.estimation().kept_share(),
                failed_frames: link.reconciliation.frame_error_rate(),
                finite_size: share_lost(
                    asymptotic.key_bit_per_symbol * decoded,
                    finite.key_bit_per_symbol,
                ),
                authentication: share_lost(raw_bits as f64, block_bits as f64),
            },
            no_key: (block_bits == 0).then(|| NoKey::of(link, &asymptotic, raw_bits)),
        }
    }
}

fn share_lost(before: f64, after: f64) -> f64 {
    if before > 0.0 && after > 0.0 {
        1.0 - after / before
    } else {
        1.0
    }
}

impl NoKey {
    /// The reason why `link` gives no key: the first that applies, with the simplest fix first.
    fn of(link: &Link, asymptotic: &Asymptotic, raw_bits: u64) -> Self {
        if link.reconciliation.decoded_share() <= 0.0 {
            return Self::EveryFrameFails;
        }
        if raw_bits > 0 {
            return Self::AuthenticationTakesAll { bits: raw_bits };
        }
        if asymptotic.key_bit_per_symbol > 0.0 {
            let symbols = link.block.symbols();
            return match smallest_block_symbols(link) {
                Some(needed) => Self::BlockTooSmall { symbols, needed },
                None => Self::NoBlockLargeEnough,
            };
        }
        let trusted = Link {
            receiver: link.receiver.with_trust(Trust::Trusted),
            ..*link
        };
        if link.receiver.trust() == Trust::Untrusted
            && Asymptotic::of(&trusted).key_bit_per_symbol > 0.0
        {
            return Self::ReceiverUntrusted;
        }
        if let Some(tolerable_snu) = tolerable_excess_noise_snu(link) {
            let best = optimise_modulation(*link, Objective::Asymptotic);
            if Asymptotic::of(&best).key_bit_per_symbol > 0.0 {
                return Self::ModulationUnsuited {
                    snu: link.source.modulation_variance_snu(),
                    tolerable_snu,
                    best_snu: best.source.modulation_variance_snu(),
                };
            }
            return Self::NoiseTooHigh {
                snu: link.excess_noise.snu(),
                tolerable_snu,
            };
        }
        if asymptotic.mutual_information_bit > asymptotic.holevo.bound_bit {
            return Self::ReconciliationTooWeak {
                efficiency: link.reconciliation.efficiency(),
            };
        }
        Self::TooMuchAtOnce
    }
}

#[cfg(test)]
mod tests;
