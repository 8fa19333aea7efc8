//! `key_IDs` that were used, in either direction, by this process: each is used once (REKEY-22).

use std::collections::{BTreeSet, VecDeque};

use wire::KeyId;

use crate::guards::{self, Guard};
use crate::limits;

/// The last [`limits::USED_KEY_IDS`] of them. Older ones cannot come back within a session since
/// epochs only grow, nor in another one since the KME hands out a key once.
#[derive(Default)]
pub(crate) struct UsedKeyIds {
    set: BTreeSet<KeyId>,
    order: VecDeque<KeyId>,
}

impl UsedKeyIds {
    /// Marks it as used; false if it was before.
    pub(crate) fn take(&mut self, key_id: KeyId) -> bool {
        if !self.set.insert(key_id) {
            return !guards::on(Guard::KeyIdOnce);
        }
        self.order.push_back(key_id);
        if self.order.len() > limits::USED_KEY_IDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.set.remove(&oldest);
        }
        true
    }

    /// The KME did not give the key of this name, so it was not used (REKEY-59).
    pub(crate) fn release(&mut self, key_id: KeyId) {
        if self.set.remove(&key_id)
            && let Some(at) = self.order.iter().rposition(|used| *used == key_id)
        {
            self.order.remove(at);
        }
    }
}

#[cfg(test)]
mod tests;
