//! One record, and its place in the chain.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The life of one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// A record in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Counts from 1.
    pub number: u64,
    /// Hash of the entry before; of the first, 64 zeros.
    pub previous: String,
    /// The record.
    pub record: Record,
    /// SHA-256 over number, previous and record.
    pub hash: String,
}

/// What stands before the first entry.
pub(super) const BEGINNING: &str =
    "0000000000000000000000000000000000000000000000000000000000000000";

impl Entry {
    /// The next entry after one with this number and hash.
    pub(super) fn after(number: u64, previous: &str, record: Record) -> Self {
        let number = number + 1;
        let hash = hash(number, previous, &record);
        Self {
            number,
            previous: previous.to_owned(),
            record,
            hash,
        }
    }

    /// Whether it follows an entry of this number and hash, unchanged.
    pub(super) fn follows(&self, number: u64, previous: &str) -> bool {
        self.number == number + 1
            && self.previous == previous
            && self.hash == hash(self.number, &self.previous, &self.record)
    }
}

fn hash(number: u64, previous: &str, record: &Record) -> String {
    // Field by field, each with its length in front: no two records give the same octets.
    let mut digest = Sha256::new();
    let mut put = |field: &str| {
        digest.update((field.len() as u64).to_be_bytes());
        digest.update(field);
    };
    let time = |time: Option<u64>| time.map_or_else(|| "never".to_owned(), |ms| ms.to_string());
    put("qmacsec ledger 1");
    put(&number.to_string());
    put(previous);
    put(&record.encryptor);
    put(&record.direction);
    put(&record.sender);
    put(&record.key_id);
    put(&record.origin);
    put(&record.root.to_string());
    put(&record.suite);
    put(&record.an.to_string());
    put(&record.epoch.to_string());
    put(&record.installed_ms.to_string());
    put(&time(record.first_frame_ms));
    put(&time(record.last_frame_ms));
    put(&record.frames.to_string());
    put(&record.wiped_ms.to_string());
    digest
        .finalize()
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect()
}
