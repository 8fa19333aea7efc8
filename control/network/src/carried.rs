//! Keys of the neighbour domain that this node has carried to their targets, and the questions
//! about keys that it has asked.

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
    taken_back: bool,
}

impl At {
    /// Whether its node has restarted since.
    fn is_lost(&self, run_of: impl Fn(NodeId) -> Option<u64>) -> bool {
        run_of(self.node).is_some_and(|run| run != self.run)
    }
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
            let taken_back = false;
            self.keys.insert(
                *key,
                At {
                    pair,
                    node,
                    run,
                    taken_back,
                },
            );
            self.ages.push_back((until, *key));
        }
    }

    /// The place of a key.
    pub(crate) fn at(&self, key: KeyId) -> Option<At> {
        self.keys.get(&key).copied()
    }

    /// No SAE of this domain has a key or gets it.
    pub(crate) fn taken_back(&mut self, key: KeyId) {
        if let Some(at) = self.keys.get_mut(&key) {
            at.taken_back = true;
        }
    }

    /// Forgets the keys of nodes that have restarted. Returns the newest of each pair, as many as
    /// `stocked` says: older ones are not in the stock of their origin any more.
    pub(crate) fn lost(
        &mut self,
        run_of: impl Fn(NodeId) -> Option<u64>,
        stocked: impl Fn(PairId) -> usize,
    ) -> Vec<KeyId> {
        let mut newer: BTreeMap<PairId, usize> = BTreeMap::new();
        let mut lost = Vec::new();
        for (_, key) in self.ages.iter().rev() {
            let Some(at) = self.keys.get(key).filter(|at| !at.taken_back) else {
                continue;
            };
            let newer = newer.entry(at.pair).or_default();
            *newer += 1;
            if at.is_lost(&run_of) && *newer <= stocked(at.pair) {
                lost.push(*key);
            }
        }
        self.keys.retain(|_, at| !at.is_lost(&run_of));
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
