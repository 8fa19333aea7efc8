//! The JSON of SKIP (draft-cisco-skip-02): names and case are those of the draft. Unknown fields
//! are ignored.

use serde::{Deserialize, Serialize};

use crate::SecretText;

/// Reply to `GET /capabilities`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Capabilities {
    /// True if the key provider serves `/entropy`.
    pub entropy: bool,
    /// True if the key provider serves `/key`.
    pub key: bool,
    /// The key provider's description of its key agreement.
    pub algorithm: String,
    /// System ID of the client.
    #[serde(rename = "localSystemID")]
    pub local_system_id: String,
    /// System IDs of possible peers. May hold the wildcards `*`, `?`, `[]` and `[!]`.
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
