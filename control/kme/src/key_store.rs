//! The keys behind the servers of a KME: those of one link, or those of a node in a network.

use wire::KeyId;

use crate::config::LinkConfig;
use crate::deliveries::Origin;
use crate::refusal::Refusal;
use crate::store::{EncRequest, StoredKey};

/// A store of keys that SAEs share. It has its own clock and lock: a call never waits for IO.
pub trait KeyStore: Send + Sync {
    /// Returns sizes and limits.
    fn config(&self) -> LinkConfig;

    /// Returns the label of all keys.
    fn origin(&self) -> Origin;

    /// Returns the ID of the KME that serves this SAE.
    fn kme_of(&self, sae: &str) -> Option<&str>;

    /// Returns the SAEs that `sae` can share keys with.
    fn peers_of(&self, sae: &str) -> Vec<String>;

    /// Returns the number of keys of the default size that `master` can get now for itself and
    /// `slave`.
    fn stored_keys(&self, master: &str, slave: &str) -> u64;

    /// Delivers fresh keys to `request.master` and reserves them for `request.slave`.
    ///
    /// # Errors
    /// The request is refused; no key is taken.
    fn enc_keys(&self, request: &EncRequest<'_>) -> Result<Vec<StoredKey>, Refusal>;

    /// Delivers the keys with these IDs, which `master` took for `slave`: all in the requested
    /// order, or none. Afterwards they are gone from the store.
    ///
    /// # Errors
    /// The request is refused; no key is taken.
    fn dec_keys(&self, slave: &str, master: &str, ids: &[KeyId])
    -> Result<Vec<StoredKey>, Refusal>;
}
