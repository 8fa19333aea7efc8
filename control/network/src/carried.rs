//! Keys of the neighbour domain that this node has carried to their targets, and the questions about
//! keys that it has asked.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::id::NodeId;
use crate::key::{BatchId, KeyId};
use crate::limits;
use crate::sites::PairId;

/// The memory of an interworking node.
#[derive(Default)]
pub(crate) struct Carried {
    keys: BTreeMap<KeyId, At>,
    ages: VecDeque<(Duration, KeyId)>,
    /// The key of each open question, by the name of its message.
    questions: VecDeque<(BatchId, KeyId)>,
}

/// The place of a carried key.
#[derive(Clone, Copy)]
pub(crate) struct At {
    pub(crate) pair: PairId,
    pub(crate) node: NodeId,
    run: u64,
}

impl Carried {
    /// A node, at this run of it, has got these keys.
    pub(crate) fn add(
        &mut self,
        now: Duration,
        pair: PairId,
        (node, run): (NodeId, u64),
        keys: &[KeyId],
    ) {
        let until = now + limits::HELD_AGE;
        for key in keys {
            self.keys.insert(*key, At { pair, node, run });
            self.ages.push_back((until, *key));
        }
    }

    /// The place of a key.
    pub(crate) fn at(&self, key: KeyId) -> Option<At> {
        self.keys.get(&key).copied()
    }

    /// Forgets the keys of nodes that have restarted, and returns them.
    pub(crate) fn lost(&mut self, run_of: impl Fn(NodeId) -> Option<u64>) -> Vec<KeyId> {
        let is_lost = |at: &At| run_of(at.node).is_some_and(|run| run != at.run);
        let lost: Vec<_> = self
            .keys
            .iter()
            .filter(|(_, at)| is_lost(at))
            .map(|(key, _)| *key)
            .collect();
        for key in &lost {
            self.keys.remove(key);
        }
        lost
    }

    /// Forgets keys that their targets' nodes have dropped.
    pub(crate) fn expire(&mut self, now: Duration) {
        while let Some((_, key)) = self.ages.pop_front_if(|(until, _)| *until <= now) {
            self.keys.remove(&key);
        }
    }

    /// A question about a key is under way. The oldest of too many is forgotten: it is asked again.
    pub(crate) fn asked(&mut self, question: BatchId, key: KeyId) {
        if self.questions.len() >= limits::WITHDRAWALS_MAX {
            self.questions.pop_front();
        }
        self.questions.push_back((question, key));
    }

    /// Whether this is the answer to an open question, which ends it.
    pub(crate) fn answered(&mut self, question: BatchId, key: KeyId) -> bool {
        let at = self
            .questions
            .iter()
            .position(|open| *open == (question, key));
        at.and_then(|at| self.questions.remove(at)).is_some()
    }
}
