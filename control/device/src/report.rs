//! The state of a device as JSON, for the status socket. It holds no key.

use std::collections::BTreeMap;

use distill::alarm::{Alarm, Blame};
use serde::{Deserialize, Serialize};

use crate::stock::Books;

/// A device at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeviceReport {
    /// `alice` or `bob`.
    pub role: String,
    /// ID of its KME.
    pub kme_id: String,
    /// Address of its KME.
    pub kme_address: String,
    /// Label of the keys: `distilled`.
    pub origin: String,
    /// Origin of the quantum signals: `simulated`.
    pub signals: String,
    /// Time since the start.
    pub uptime_s: f64,
    /// Both channels to the other end are open and both ends agree.
    pub connected: bool,
    /// Length of the fibre.
    pub km: f64,
    /// Symbols of a block.
    pub block_symbols: u64,
    /// Symbols a second, as configured.
    pub symbol_rate_baud: f64,
    /// Symbols sent or measured.
    pub symbols: u64,
    /// Time that the source waited because the other end was too slow (Alice only).
    pub held_back_s: f64,
    /// Blocks.
    pub blocks: BlockCounts,
    /// The last block of which the channel was estimated.
    pub last: Option<BlockView>,
    /// Alarms that stand now (Bob only).
    pub alarms: Vec<AlarmView>,
    /// Alarms raised since the start (Bob only).
    pub alarms_raised: u64,
    /// Next unused position in the pre-shared secret.
    pub position: u64,
    /// Keys that can be given out as fresh ones.
    pub fresh_keys: usize,
    /// Where all bits have gone.
    pub books: Books,
    /// Requests of the SAE that were fulfilled.
    pub requests: u64,
}

/// Blocks since the start by their end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockCounts {
    /// Blocks that gave key.
    pub with_key: u64,
    /// Blocks that ended without key, by reason.
    pub lost: BTreeMap<String, u64>,
}

impl BlockCounts {
    /// Blocks without key.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.values().sum()
    }
}

/// A block as its channel was estimated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BlockView {
    /// Number of the block.
    pub number: u64,
    /// Transmittance of the fibre, and its standard deviation.
    pub transmittance: [f64; 2],
    /// Excess noise in SNU, and its standard deviation. By chance it can be below zero.
    pub excess_noise_snu: [f64; 2],
    /// Share of the frames that did not decode.
    pub frame_error_rate: f64,
    /// Secret bits by the proof of 2010 (LGG).
    pub lgg_bits: u64,
    /// Secret bits by the composable proof.
    pub composable_bits: u64,
    /// Secret bits given to the KME, after the cost of authentication.
    pub key_bits: u64,
}

impl BlockView {
    /// One line for a person.
    #[must_use]
    pub fn text(&self) -> String {
        let Self {
            number,
            transmittance: [transmittance, _],
            excess_noise_snu: [noise, deviation],
            frame_error_rate,
            key_bits,
            ..
        } = self;
        format!(
            "block {number}: T {transmittance:.4}, excess noise {noise:.4} ± {deviation:.4} SNU, \
             {:.1} % of frames lost, {key_bits} bits of key",
            frame_error_rate * 100.0
        )
    }
}

/// An alarm.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AlarmView {
    /// Likely cause.
    pub cause: String,
    /// True if it can only be an attack.
    pub attack: bool,
    /// Blocks between two false alarms of a clean link, in mean.
    pub blocks_between_false_alarms: f64,
    /// Description.
    pub text: String,
}

impl From<&Alarm> for AlarmView {
    fn from(alarm: &Alarm) -> Self {
        Self {
            cause: alarm.cause.to_string(),
            attack: alarm.blame == Blame::Attack,
            blocks_between_false_alarms: alarm.blocks_between_false_alarms,
            text: alarm.to_string(),
        }
    }
}
