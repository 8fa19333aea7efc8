//! Keys between two domains: the calls of the KME that speaks to the neighbour domain, and the
//! questions about keys that it wants back.

use std::sync::Arc;
use std::time::Duration;

use super::Node;
use crate::action::{Action, Crossing, Reason, Record, Unavailable};
use crate::guards::{Guard, on};
use crate::held::Crossed;
use crate::id::NodeId;
use crate::key::{BatchId, Key, KeyId, KeyValue};
use crate::limits;
use crate::message::{Body, Course, Share, Withdraw};
use crate::origin::{Given, Pair, Released};
use crate::passport::Beyond;
use crate::sites::PairId;
use crate::withdrawal::Withdrawal;
use kme_api::etsi020::SaeId;

/// Keys for an SAE of the neighbour domain.
pub struct HandedOver {
    /// The SAE that calls `enc_keys`, at a node of ours.
    pub initiator: SaeId,
    /// The SAE that calls `dec_keys`.
    pub target: SaeId,
    /// The keys, with their way to this node.
    pub keys: Vec<Key>,
}

/// A key of the neighbour domain for an SAE of ours.
pub struct Carry {
    /// The SAE that calls `enc_keys`, in the neighbour domain.
    pub initiator: SaeId,
    /// The SAE that calls `dec_keys`, at a node of ours.
    pub target: SaeId,
    /// Name of the key.
    pub id: KeyId,
    /// The key.
    pub value: KeyValue,
    /// Its way to this node.
    pub beyond: Option<Beyond>,
}

impl Node {
    /// Whether a path leads to the node of this SAE. `None`: it is no SAE of this domain.
    #[must_use]
    pub fn reaches(&self, sae: &SaeId) -> Option<bool> {
        let node = self.sites.node_of(sae)?;
        Some(self.reachable.contains(&node))
    }

    /// Takes the keys of a batch that has come for the neighbour domain. Its origin waits until
    /// [`Self::on_crossed`] was called for each of them, and gives up after
    /// [`limits::CROSS_WAIT`].
    pub fn hand_over(&mut self, batch: BatchId) -> Option<HandedOver> {
        let pair = self.held.pair_of(batch)?;
        let keys = self.held.hand_over(pair, batch)?;
        let demand = self.sites.demand(pair);
        Some(HandedOver {
            initiator: demand.initiator.clone(),
            target: demand.target.clone(),
            keys,
        })
    }

    /// A key that was handed over is at its target, so that its initiator may have it. A second
    /// report changes nothing. `beyond` is its way there.
    pub fn on_crossed(&mut self, now: Duration, key: KeyId, beyond: Option<Beyond>) {
        if let Some((pair, batch)) = self.held.on_crossed(key, beyond) {
            self.acknowledge(now, pair, batch);
        }
        self.work(now);
    }

    /// Carries a key of the neighbour domain to its target. The end is reported as
    /// [`Crossing::Carried`] or [`Crossing::NotCarried`].
    pub fn carry(&mut self, now: Duration, key: Carry) {
        let pair = self.sites.pair(&key.initiator, &key.target);
        let reason = match pair.and_then(|pair| self.origin.pairs.get_mut(&pair)) {
            Some(pair) if pair.is_given() => {
                let given = Given {
                    id: key.id,
                    value: key.value,
                    beyond: key.beyond,
                    until: now + limits::CARRY_WAIT,
                };
                (!pair.give(given)).then_some(Reason::Full)
            }
            _ => Some(Reason::UnknownPair),
        };
        if let Some(reason) = reason {
            let keys = vec![key.id];
            self.crossing(Crossing::NotCarried { keys, reason });
        }
        self.work(now);
    }

    /// Makes sure that no SAE of this domain has or gets a key that crosses. The answer is
    /// [`Crossing::Withdrawn`]; without one, for lack of a route, ask again.
    pub fn withdraw(&mut self, now: Duration, key: KeyId) {
        let mut records = Vec::new();
        let crossed = self.held.stop_crossing(key, &mut records);
        self.actions.extend(records.into_iter().map(Action::Record));
        match crossed {
            Crossed::Unknown => self.withdraw_carried(now, key),
            Crossed::Stopped(first) => {
                if let Some((course, others)) = first {
                    let (at, reason) = (course.position, Reason::NotCrossed);
                    self.pass_back(now, &course, &Body::Nack { at, reason });
                    self.crossing(Crossing::GivenUp(others));
                }
                self.crossing(Crossing::Withdrawn(key, Withdrawal::Done));
            }
            Crossed::Acknowledged(pair, batch) => self.ask(now, pair, batch.origin, key),
        }
        self.work(now);
    }

    /// Takes back a key of the neighbour domain.
    fn withdraw_carried(&mut self, now: Duration, key: KeyId) {
        if let Some(at) = self.carried.at(key) {
            return self.ask(now, at.pair, at.node, key);
        }
        let waits = |pair: &mut Pair| !pair.drop_given(|given| given.id == key).is_empty();
        if self.origin.pairs.values_mut().any(waits) {
            return self.crossing(Crossing::Withdrawn(key, Withdrawal::Done));
        }
        let under_way = |(id, pair): (&PairId, &Pair)| {
            let flight = pair.flight().filter(|flight| flight.ids.contains(&key))?;
            let far = flight.routes.first()?.nodes.last()?;
            pair.is_given().then_some((*id, *far))
        };
        match self.origin.pairs.iter().find_map(under_way) {
            Some((pair, far)) => {
                self.void(now, pair, Reason::Withdrawn, None);
                self.ask(now, pair, far, key);
            }
            None => self.crossing(Crossing::Withdrawn(key, Withdrawal::Unknown)),
        }
    }

    /// Asks the node that may have given a key to its SAE.
    fn ask(&mut self, now: Duration, pair: PairId, node: NodeId, key: KeyId) {
        if !on(Guard::AskHolder) {
            return self.crossing(Crossing::Withdrawn(key, Withdrawal::Done));
        }
        let Some(route) = self.states.route(node, None) else {
            return;
        };
        let demand = self.sites.demand(pair);
        let body = Body::Withdraw(Withdraw {
            initiator: demand.initiator.clone(),
            target: demand.target.clone(),
            key,
        });
        let question = self.origin.next_batch(self.sites.here);
        self.carried.asked(question, key);
        let course = Course {
            batch: question,
            share: Share::Whole,
            route: Arc::new(route),
            position: 0,
        };
        if let Some((link, neighbour)) = course.after() {
            self.send_sealed(now, link, neighbour, &course.at(1), &body);
        }
    }

    /// An interworking node wants a key back: that goes on, or the key is here.
    pub(super) fn on_withdraw(&mut self, now: Duration, course: &Course, withdraw: Withdraw) {
        if let Some((link, neighbour)) = course.after() {
            let next = course.at(course.position + 1);
            return self.send_sealed(now, link, neighbour, &next, &Body::Withdraw(withdraw));
        }
        let Withdraw {
            initiator,
            target,
            key,
        } = withdraw;
        let (sites, asks) = (&self.sites, course.batch.origin);
        let answer = match sites.pair(&initiator, &target) {
            Some(pair) if sites.is_here(&initiator) && sites.is_gate(&target, asks) => {
                self.withdraw_stocked(now, pair, key)
            }
            Some(pair) if sites.is_here(&target) && sites.is_gate(&initiator, asks) => {
                let mut records = Vec::new();
                let question = course.batch;
                let answer = self.held.withdraw(now, pair, question, key, &mut records);
                self.actions.extend(records.into_iter().map(Action::Record));
                answer
            }
            _ => Withdrawal::Unknown,
        };
        self.pass_back(now, course, &Body::Withdrawn(key, answer));
    }

    /// Takes a key out of the stock, or voids its batch. A key that is neither here nor there has
    /// gone to its SAE, or was given up: then it does no harm at its target.
    fn withdraw_stocked(&mut self, now: Duration, pair: PairId, key: KeyId) -> Withdrawal {
        let Some(stock) = self.origin.pairs.get_mut(&pair) else {
            return Withdrawal::Unknown;
        };
        if let Some(batch) = stock.withdraw(key) {
            let keys = vec![key];
            self.record(Record::Voided {
                batch,
                keys,
                reason: Reason::Withdrawn,
            });
            return Withdrawal::Done;
        }
        if stock
            .flight()
            .is_some_and(|flight| flight.ids.contains(&key))
        {
            self.void(now, pair, Reason::Withdrawn, None);
            return Withdrawal::Done;
        }
        Withdrawal::Taken
    }

    /// The answer to a question of ours.
    pub(super) fn on_withdrawn(&mut self, course: &Course, key: KeyId, answer: Withdrawal) {
        if self.carried.answered(course.batch, key) {
            if answer == Withdrawal::Done {
                self.carried.taken_back(key);
            }
            self.crossing(Crossing::Withdrawn(key, answer));
        }
    }

    /// Keys of the neighbour domain are at their target.
    pub(super) fn carried(
        &mut self,
        now: Duration,
        pair: PairId,
        batch: BatchId,
        released: Released,
    ) {
        let Released {
            ids,
            passport,
            held_by,
            ..
        } = released;
        self.carried.add(now, pair, held_by, &ids);
        let demand = self.sites.demand(pair);
        self.record(Record::Carried {
            batch,
            initiator: demand.initiator.clone(),
            target: demand.target.clone(),
            keys: ids.clone(),
            passport: Arc::clone(&passport),
        });
        self.crossing(Crossing::Carried {
            keys: ids,
            passport,
        });
    }

    /// Gives up keys of the neighbour domain that have found no route in time.
    pub(super) fn expire_given(&mut self, now: Duration) {
        let mut dropped = Vec::new();
        for pair in self.origin.pairs.values_mut() {
            let keys = pair.drop_given(|given| given.until <= now);
            if !keys.is_empty() {
                let reason = match pair.failure {
                    Some(Unavailable::Failed(reason)) => reason,
                    _ => Reason::LinkDown,
                };
                dropped.push(Crossing::NotCarried { keys, reason });
            }
        }
        self.actions
            .extend(dropped.into_iter().map(Action::Crossing));
    }
}

#[cfg(test)]
mod tests;
