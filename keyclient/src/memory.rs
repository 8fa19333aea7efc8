//! The names of the last keys delivered: a KME may repeat itself, and so may a peer.

use std::collections::VecDeque;

use wire::KeyId;

use crate::container::same;
use crate::limits::KEYS_REMEMBERED;

/// The last [`KEYS_REMEMBERED`] names, oldest first. Names only, never keys.
#[derive(Default)]
pub(crate) struct Memory(VecDeque<KeyId>);

impl Memory {
    pub(crate) fn holds(&self, id: &KeyId) -> bool {
        self.0.iter().any(|known| same(known, id))
    }

    /// True when the name is new; it is remembered from now on.
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
