//! The record of one key.

use serde::{Deserialize, Serialize};

/// The life of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Name of the encryptor.
    pub encryptor: String,
    /// `out` (we sent under it) or `in` (the peer did).
    pub direction: String,
    /// MAC address in the SCIs of the sender.
    pub sender: String,
    /// Name of the QKD key, or of a key that did not come from a KME.
    pub key_id: String,
    /// `modelled`, `distilled` or `unlabelled`; `pqc` for a key without a QKD key.
    pub origin: String,
    /// The root of the SAK: 0 is the pre-shared secret, above that the number of ML-KEM exchanges
    /// in it.
    pub root: u32,
    /// Cipher suite.
    pub suite: String,
    /// Association number.
    pub an: u8,
    /// Number of the key in its direction.
    pub epoch: u32,
    /// Time when all workers held it.
    pub installed_ms: u64,
    /// Time of the first frame under it; `None` if it never carried one.
    pub first_frame_ms: Option<u64>,
    /// Time of the last frame.
    pub last_frame_ms: Option<u64>,
    /// Frames protected (`out`) or accepted (`in`).
    pub frames: u64,
    /// Time when all workers had wiped it.
    pub wiped_ms: u64,
    /// The passport of a relayed key, as compact JSON: links, blocks and relays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passport: Option<String>,
}
