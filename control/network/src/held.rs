//! Keys that came from afar and wait here for their target SAEs, or for the neighbour domain.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::action::{Reason, Record, Refusal};
use crate::graph::Path;
use crate::guards::{Guard, on};
use crate::key::{BatchId, Key, KeyId, KeyValue};
use crate::keys::{Keys, confirmation};
use crate::limits;
use crate::mac::Tag;
use crate::message::{Course, Relay, Share};
use crate::passport::{Beyond, Hop, Passport, PathPassport};
use crate::sites::PairId;
use crate::withdrawal::Withdrawal;

/// The keys of all pairs whose target is at this node.
#[derive(Default)]
pub(crate) struct Held {
    pairs: BTreeMap<PairId, Of>,
    /// Batches by the time at which they are forgotten.
    ages: VecDeque<(Duration, PairId, BatchId)>,
    /// Batches whose second share is awaited, by the time at which that ends.
    halves: VecDeque<(Duration, PairId, BatchId)>,
    /// The batch of each key that was handed over to the neighbour domain.
    crossing: BTreeMap<KeyId, (PairId, BatchId)>,
}

/// The keys of one pair.
#[derive(Default)]
struct Of {
    keys: BTreeMap<KeyId, Waiting>,
    batches: BTreeMap<BatchId, Batch>,
    /// Names of the keys of all batches: none is taken twice.
    names: BTreeSet<KeyId>,
    /// Names of the keys that were taken back.
    withdrawn: BTreeSet<KeyId>,
}

struct Waiting {
    value: KeyValue,
    batch: BatchId,
    passport: Arc<Passport>,
}

struct Batch {
    ids: Vec<KeyId>,
    state: State,
}

/// The states of a batch: `Half` becomes `Complete` or `Voided`, `Complete` becomes `Voided`.
enum State {
    /// One of two shares is here.
    Half(Piece),
    /// The keys are here, or were until they were handed out.
    Complete(Complete),
    /// The batch is never taken again.
    Voided,
}

/// The keys that came by one route.
pub(crate) struct Piece {
    pub(crate) share: Share,
    pub(crate) route: Arc<Path>,
    pub(crate) hops: Vec<Hop>,
    pub(crate) keys: Keys,
}

/// The proof for the origin, which then releases the keys of a batch.
pub(crate) struct Complete {
    pub(crate) confirmation: Tag,
    /// The routes of the ACKs, each with its passport.
    pub(crate) ways: Vec<Way>,
    /// Keys that the neighbour domain has not taken yet. The ACKs wait for it.
    undecided: BTreeSet<KeyId>,
    /// The way of the keys in the neighbour domain.
    pub(crate) beyond: Option<Beyond>,
}

/// What became of a key at an interworking node.
pub(crate) enum Crossed {
    /// It is not known here, or was dropped.
    Unknown,
    /// It was never acknowledged to its origin, and never will be. The ACKs' routes and the other
    /// keys of its batch, which are lost with it, follow if that is new.
    Stopped(Option<(Course, Vec<KeyId>)>),
    /// Its origin may have it.
    Acknowledged(PairId, BatchId),
}

/// One route of a complete batch.
pub(crate) struct Way {
    pub(crate) share: Share,
    pub(crate) route: Arc<Path>,
    pub(crate) hops: Vec<Hop>,
}

impl Complete {
    /// Whether the neighbour domain has taken all keys, or is not asked.
    pub(crate) fn is_decided(&self) -> bool {
        self.undecided.is_empty()
    }
}

impl Way {
    /// The place of the far node on this route of a batch.
    pub(crate) fn course(&self, batch: BatchId) -> Course {
        Course {
            batch,
            share: self.share,
            route: Arc::clone(&self.route),
            position: self.route.links.len(),
        }
    }
}

impl Held {
    /// A batch or a share of it came.
    ///
    /// # Errors
    /// It is refused, with the reason for the NACK.
    pub(crate) fn on_relay(
        &mut self,
        now: Duration,
        pair: PairId,
        course: &Course,
        relay: Relay,
        piece: Piece,
        records: &mut Vec<Record>,
    ) -> Result<(), Reason> {
        let of = self.pairs.entry(pair).or_default();
        let id = course.batch;
        let known = of.batches.get(&id);
        let again = known.is_some_and(|batch| batch.came_by(piece.share, &piece.route));
        if again && on(Guard::BatchOnce) {
            return Ok(());
        }
        let batch = match of.batches.remove(&id).filter(|_| !again) {
            None => {
                let full = of.keys.len() + relay.ids.len() > limits::HELD_MAX;
                if full || of.batches.len() >= limits::BATCHES_MAX {
                    return Err(Reason::Full);
                }
                let fresh = relay.ids.iter().all(|id| !of.names.contains(id));
                if !fresh && on(Guard::BatchOnce) {
                    return Err(Reason::NotFresh);
                }
                of.names.extend(&relay.ids);
                self.ages.push_back((now + limits::HELD_AGE, pair, id));
                if piece.share != Share::Whole {
                    self.halves.push_back((now + limits::SHARE_AGE, pair, id));
                }
                of.first(id, &relay, piece, records)
            }
            Some(Batch {
                ids,
                state: State::Half(half),
            }) if half.fits(&piece, &ids, &relay) => of.both(id, &relay, half, piece, records),
            Some(batch) => {
                of.batches.insert(id, batch);
                return Err(Reason::NotFresh);
            }
        };
        of.batches.insert(id, batch);
        Ok(())
    }

    /// The content of the ACKs of a batch, if it is complete.
    pub(crate) fn complete(&self, pair: PairId, batch: BatchId) -> Option<&Complete> {
        match &self.pairs.get(&pair)?.batches.get(&batch)?.state {
            State::Complete(complete) => Some(complete),
            State::Half(_) | State::Voided => None,
        }
    }

    /// Whether keys of a batch are here.
    pub(crate) fn waits(&self, pair: PairId, batch: BatchId) -> bool {
        let of = self.pairs.get(&pair);
        of.is_some_and(|of| of.keys.values().any(|key| key.batch == batch))
    }

    /// Takes the keys of a complete batch for the neighbour domain. From then on it waits for
    /// [`Self::on_crossed`].
    pub(crate) fn hand_over(&mut self, pair: PairId, id: BatchId) -> Option<Vec<Key>> {
        let of = self.pairs.get_mut(&pair)?;
        let batch = of.batches.get_mut(&id)?;
        let State::Complete(complete) = &mut batch.state else {
            return None;
        };
        complete.undecided = batch.ids.iter().copied().collect();
        let ids = batch.ids.clone();
        self.crossing
            .extend(ids.iter().map(|key| (*key, (pair, id))));
        self.take(pair, &ids).ok()
    }

    /// The neighbour domain has a key. Returns its batch if that was the last one.
    pub(crate) fn on_crossed(
        &mut self,
        key: KeyId,
        beyond: Option<Beyond>,
    ) -> Option<(PairId, BatchId)> {
        let (pair, id) = *self.crossing.get(&key)?;
        let batch = self.pairs.get_mut(&pair)?.batches.get_mut(&id)?;
        let State::Complete(complete) = &mut batch.state else {
            return None;
        };
        let new = complete.undecided.remove(&key);
        complete.beyond = complete.beyond.take().or(beyond);
        (new && complete.undecided.is_empty()).then_some((pair, id))
    }

    /// The neighbour domain does not have a key any more.
    pub(crate) fn stop_crossing(&mut self, key: KeyId, records: &mut Vec<Record>) -> Crossed {
        let known = self.crossing.get(&key).copied();
        let batch = known.and_then(|(pair, id)| {
            let batch = self.pairs.get_mut(&pair)?.batches.get_mut(&id)?;
            Some((pair, id, batch))
        });
        let Some((pair, id, batch)) = batch else {
            return Crossed::Unknown;
        };
        let complete = match &batch.state {
            State::Voided => return Crossed::Stopped(None),
            State::Complete(complete) if !complete.is_decided() => complete,
            State::Complete(_) | State::Half(_) => return Crossed::Acknowledged(pair, id),
        };
        let course = complete.ways.first().map(|way| way.course(id));
        batch.state = State::Voided;
        records.push(Record::Voided {
            batch: id,
            keys: batch.ids.clone(),
            reason: Reason::NotCrossed,
        });
        let others = batch.ids.iter().filter(|id| **id != key).copied().collect();
        Crossed::Stopped(course.map(|course| (course, others)))
    }

    /// An interworking node takes a key back. `question` is the name of its message, under which a
    /// key that is not known here is remembered, so that it is not taken when it comes later.
    pub(crate) fn withdraw(
        &mut self,
        now: Duration,
        pair: PairId,
        question: BatchId,
        key: KeyId,
        records: &mut Vec<Record>,
    ) -> Withdrawal {
        let of = self.pairs.entry(pair).or_default();
        if let Some(waiting) = of.keys.remove(&key) {
            of.withdrawn.insert(key);
            records.push(Record::Voided {
                batch: waiting.batch,
                keys: vec![key],
                reason: Reason::Withdrawn,
            });
            return Withdrawal::Done;
        }
        if of.withdrawn.contains(&key) {
            return Withdrawal::Done;
        }
        let full = of.batches.len() >= limits::BATCHES_MAX;
        let mut batches = of.batches.values_mut();
        match batches.find(|batch| batch.ids.contains(&key)) {
            Some(batch) => match batch.state {
                State::Complete(_) => Withdrawal::Taken,
                State::Half(_) | State::Voided => {
                    batch.state = State::Voided;
                    Withdrawal::Done
                }
            },
            None if full => Withdrawal::Unknown,
            None if !on(Guard::WithdrawnForever) => Withdrawal::Done,
            None => {
                let (ids, state) = (vec![key], State::Voided);
                of.batches.insert(question, Batch { ids, state });
                of.names.insert(key);
                self.ages
                    .push_back((now + limits::HELD_AGE, pair, question));
                Withdrawal::Done
            }
        }
    }

    /// The origin gives these keys up. Returns those that the neighbour domain has.
    pub(crate) fn on_void(
        &mut self,
        pair: PairId,
        course: &Course,
        ids: &[KeyId],
        records: &mut Vec<Record>,
    ) -> Vec<KeyId> {
        let Some(of) = self.pairs.get_mut(&pair) else {
            return Vec::new();
        };
        let Some(batch) = of.batches.get_mut(&course.batch) else {
            return Vec::new();
        };
        if !batch.came_by(course.share, &course.route) {
            return Vec::new();
        }
        batch.state = State::Voided;
        let of_batch = |id: &&KeyId| batch.ids.contains(*id);
        let voided = ids.iter().filter(of_batch).copied();
        let voided: Vec<_> = voided.filter(|id| of.keys.remove(id).is_some()).collect();
        if !voided.is_empty() {
            records.push(Record::Voided {
                batch: course.batch,
                keys: voided,
                reason: Reason::Expired,
            });
        }
        let crossing = ids.iter().filter(|id| self.crossing.contains_key(id));
        crossing.copied().collect()
    }

    /// The pair of a batch that is known here.
    pub(crate) fn pair_of(&self, batch: BatchId) -> Option<PairId> {
        let knows = |(_, of): &(&PairId, &Of)| of.batches.contains_key(&batch);
        self.pairs.iter().find(knows).map(|(pair, _)| *pair)
    }

    /// Hands out keys: all or none.
    pub(crate) fn take(&mut self, pair: PairId, ids: &[KeyId]) -> Result<Vec<Key>, Refusal> {
        let of = self.pairs.get_mut(&pair).ok_or(Refusal::UnknownKey)?;
        let unique: BTreeSet<_> = ids.iter().collect();
        if unique.len() < ids.len() || !ids.iter().all(|id| of.keys.contains_key(id)) {
            return Err(Refusal::UnknownKey);
        }
        let take = |id: &KeyId| {
            let waiting = of.take(*id)?;
            Some(Key {
                id: *id,
                value: waiting.value,
                passport: waiting.passport,
            })
        };
        Ok(ids.iter().filter_map(take).collect())
    }

    /// The pair that these keys are for.
    pub(crate) fn holder(&self, ids: &[KeyId]) -> Option<PairId> {
        let holds = |(_, of): &(&PairId, &Of)| ids.iter().all(|id| of.keys.contains_key(id));
        self.pairs.iter().find(holds).map(|(pair, _)| *pair)
    }

    /// Drops keys that nobody asks for, and batches too old to come again.
    pub(crate) fn expire(&mut self, now: Duration, records: &mut Vec<Record>) {
        while let Some((_, pair, id)) = self.halves.pop_front_if(|(until, ..)| *until <= now) {
            if let Some(of) = self.pairs.get_mut(&pair)
                && let Some(batch) = of.batches.get_mut(&id)
                && matches!(batch.state, State::Half(_))
            {
                batch.state = State::Voided;
            }
        }
        while let Some((_, pair, id)) = self.ages.pop_front_if(|(until, ..)| *until <= now) {
            let Some(of) = self.pairs.get_mut(&pair) else {
                continue;
            };
            let Some(batch) = of.batches.remove(&id) else {
                continue;
            };
            let mut keys = Vec::new();
            for key in batch.ids {
                of.names.remove(&key);
                of.withdrawn.remove(&key);
                self.crossing.remove(&key);
                if of.keys.get(&key).is_some_and(|waiting| waiting.batch == id) {
                    of.keys.remove(&key);
                    keys.push(key);
                }
            }
            if !keys.is_empty() {
                records.push(Record::Voided {
                    batch: id,
                    keys,
                    reason: Reason::Expired,
                });
            }
        }
    }

    /// Keys of all pairs.
    pub(crate) fn len(&self) -> usize {
        self.pairs.values().map(|of| of.keys.len()).sum()
    }
}

impl Of {
    /// The first that comes of a batch.
    fn first(
        &mut self,
        id: BatchId,
        relay: &Relay,
        piece: Piece,
        records: &mut Vec<Record>,
    ) -> Batch {
        let ids = relay.ids.clone();
        let state = if piece.share == Share::Whole {
            State::Complete(self.complete(id, relay, vec![piece], records))
        } else {
            State::Half(piece)
        };
        Batch { ids, state }
    }

    /// The second share.
    fn both(
        &mut self,
        id: BatchId,
        relay: &Relay,
        half: Piece,
        piece: Piece,
        records: &mut Vec<Record>,
    ) -> Batch {
        let mut pieces = vec![half, piece];
        pieces.sort_by_key(|piece| piece.share);
        let state = State::Complete(self.complete(id, relay, pieces, records));
        Batch {
            ids: relay.ids.clone(),
            state,
        }
    }

    /// Puts the keys where their target finds them.
    fn complete(
        &mut self,
        id: BatchId,
        relay: &Relay,
        pieces: Vec<Piece>,
        records: &mut Vec<Record>,
    ) -> Complete {
        let mut pieces = pieces.into_iter();
        let mut keys = None;
        let mut ways = Vec::new();
        let mut paths = Vec::new();
        for piece in pieces.by_ref() {
            paths.push(PathPassport {
                nodes: piece.route.nodes.clone(),
                hops: piece.hops.clone(),
            });
            ways.push(Way {
                share: piece.share,
                route: piece.route,
                hops: piece.hops,
            });
            keys = Some(match keys {
                None => piece.keys,
                Some(sum) => piece.keys.xor(&sum),
            });
        }
        let passport = Arc::new(Passport {
            paths,
            beyond: relay.beyond.clone(),
        });
        let keys = keys.unwrap_or_else(|| Keys::new(Zeroizing::new(Vec::new())));
        for (key, value) in relay.ids.iter().zip(keys.values()) {
            let passport = Arc::clone(&passport);
            self.keys.insert(
                *key,
                Waiting {
                    value,
                    batch: id,
                    passport,
                },
            );
        }
        records.push(Record::Held {
            batch: id,
            initiator: relay.initiator.clone(),
            target: relay.target.clone(),
            keys: relay.ids.clone(),
            passport,
        });
        let confirmation = confirmation(&keys, id, &relay.initiator, &relay.target, &relay.ids);
        Complete {
            confirmation,
            ways,
            undecided: BTreeSet::new(),
            beyond: None,
        }
    }

    fn take(&mut self, id: KeyId) -> Option<Waiting> {
        if on(Guard::DecOnce) {
            return self.keys.remove(&id);
        }
        let waiting = self.keys.get(&id)?;
        Some(Waiting {
            value: KeyValue::from_octets(waiting.value.expose()),
            batch: waiting.batch,
            passport: Arc::clone(&waiting.passport),
        })
    }
}

impl Batch {
    /// Whether this share came by this route.
    fn came_by(&self, share: Share, route: &Path) -> bool {
        match &self.state {
            State::Half(half) => half.share == share && *half.route == *route,
            State::Complete(complete) => {
                let mut ways = complete.ways.iter();
                ways.any(|way| way.share == share && *way.route == *route)
            }
            State::Voided => false,
        }
    }
}

impl Piece {
    /// Whether another share belongs to this one: the same keys, by a route without a common relay.
    fn fits(&self, other: &Self, ids: &[KeyId], relay: &Relay) -> bool {
        let relays = other.route.relays();
        let apart = !self.route.relays().iter().any(|node| relays.contains(node));
        let both =
            self.share != other.share && self.share != Share::Whole && other.share != Share::Whole;
        both && (apart || !on(Guard::Disjoint)) && ids == relay.ids
    }
}

#[cfg(test)]
mod tests;
