//! The names of the last delivered keys: a KME may repeat a key, and so may a peer.

use std::collections::VecDeque;

use wire::KeyId;

use crate::container::same;
use crate::limits::KEYS_REMEMBERED;

/// The last [`KEYS_REMEMBERED`] names, oldest first. It never holds keys.
#[derive(Default)]
pub(crate) struct Memory(VecDeque<KeyId>);

impl Memory {
    pub(crate) fn holds(&self, id: &KeyId) -> bool {
        self.0.iter().any(|known| same(known, id))
    }

    /// Remembers the name. True if the name is new.
    pub(crate) fn enter(&mut self, id: KeyId) -> bool {
        if self.holds(&id) {
            return false;
        }
        if self.0.len() == KEYS_REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(id);
        true
    }
}
