//! The JSON of SKIP (draft-cisco-skip-02): names and case as the draft has them. Unknown fields are
//! ignored.

use serde::{Deserialize, Serialize};

use crate::SecretText;

/// Reply to `GET /capabilities`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Capabilities {
    /// Whether `/entropy` is served.
    pub entropy: bool,
    /// Whether `/key` is served.
    pub key: bool,
    /// How the key provider agrees on keys, in its own words.
    pub algorithm: String,
    /// System ID of the one that asks.
    #[serde(rename = "localSystemID")]
    pub local_system_id: String,
    /// System IDs that keys can be shared with; may hold the wildcards `*`, `?`, `[]` and `[!]`.
    #[serde(rename = "remoteSystemID")]
    pub remote_system_id: Vec<String>,
}

/// Reply to `GET /key` and `GET /key/{keyId}`. No `Debug`, no `Clone`; wiped on drop.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SkipKey {
    /// Name of the key: 128 bits in hexadecimal.
    pub key_id: String,
    /// The key in hexadecimal.
    pub key: SecretText,
}
