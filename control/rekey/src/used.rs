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
}

#[cfg(test)]
mod tests {
    use super::UsedKeyIds;
    use crate::limits::USED_KEY_IDS;
    use wire::KeyId;

    #[test]
    fn rekey_22_a_key_id_is_taken_once_and_memory_is_bounded() {
        let mut used = UsedKeyIds::default();
        let key_id = |n: usize| KeyId::new(&format!("key-{n}")).expect("a key_ID");
        for n in 0..USED_KEY_IDS + 10 {
            assert!(used.take(key_id(n)));
            assert!(!used.take(key_id(n)));
        }
        assert_eq!(
            (used.set.len(), used.order.len()),
            (USED_KEY_IDS, USED_KEY_IDS)
        );
        assert!(!used.take(key_id(USED_KEY_IDS)));
    }
}
