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
    /// MAC address inside the SCIs of the sender.
    pub sender: String,
    /// Name of the QKD key, or of the key that no KME gave.
    pub key_id: String,
    /// `modelled`, `distilled` or `unlabelled`; `pqc` if no QKD key went into it.
    pub origin: String,
    /// The root the SAK was made with: 0 is the pre-shared secret, above that the number of ML-KEM
    /// exchanges that went into it.
    pub root: u32,
    /// Cipher suite.
    pub suite: String,
    /// Association number.
    pub an: u8,
    /// Number of the key in its direction.
    pub epoch: u32,
    /// When all workers held it.
    pub installed_ms: u64,
    /// When the first frame was seen under it; `None`: it never carried one.
    pub first_frame_ms: Option<u64>,
    /// When the last one was.
    pub last_frame_ms: Option<u64>,
    /// Frames protected (`out`), or let through (`in`).
    pub frames: u64,
    /// When all workers had wiped it.
    pub wiped_ms: u64,
}
