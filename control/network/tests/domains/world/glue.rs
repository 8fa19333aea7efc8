//! What joins a node and its KME, and the KMEs of two domains, as the driver of a node does it.

use std::sync::Arc;
use std::time::Duration;

use kme_api::KeyBytes;
use kme_api::etsi020::{Extension, KeyUuid, PASSPORT, Parties, SaeId, acks_to_json};
use network::interworking::{Action, Answer, CallId, Message, Offer, Outcome, Relay, Route};
use network::{Beyond, Carry, Crossing, HandedOver, KeyId, KeyValue, Node, Passport};
use zeroize::Zeroizing;

use super::{What, World, reach};
use crate::check::Result;

/// A request on its way, as JSON.
#[derive(Clone)]
pub(super) enum Wire {
    Keys(Vec<u8>),
    Acks(Vec<u8>),
    Void(Vec<u8>),
}

impl Wire {
    fn new(message: &Message) -> Self {
        match message {
            Message::Keys(keys) => Self::Keys(keys.to_json().unwrap().to_vec()),
            Message::Acks(_, acks) => Self::Acks(acks_to_json(acks).unwrap()),
            Message::Void(void) => Self::Void(void.to_json().unwrap()),
        }
    }
}

/// Time limit for a request to the neighbour domain.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn route(node: &Node, sae: &SaeId) -> Route {
    reach(node.reaches(sae))
}

fn uuid(key: KeyId) -> KeyUuid {
    KeyUuid::from_bytes(key.0)
}

fn key_id(key: KeyUuid) -> KeyId {
    KeyId(key.to_bytes())
}

fn extension(passport: &Passport) -> Option<Extension> {
    let nodes = passport.paths.iter().map(|path| &path.nodes);
    let text = format!("{:?}", nodes.collect::<Vec<_>>());
    Extension::new(PASSPORT, &text).ok()
}

fn beyond(extension: Option<&Extension>) -> Option<Beyond> {
    Beyond::new(extension?.get(PASSPORT)?)
}

impl World {
    /// Carries out what a node and its KME order, until they order nothing. A crash may cut this
    /// off after each action.
    pub(super) fn carry_out(&mut self, index: usize) -> Result {
        let life = self.processes[index].life;
        loop {
            let process = &mut self.processes[index];
            if let Some(machine) = &mut process.machine {
                let books = machine.books();
                let (mut records, mut others) = (Vec::new(), Vec::new());
                while let Some(action) = machine.next_action() {
                    match action {
                        Action::Record(record) => records.push(record),
                        other => others.push(other),
                    }
                }
                if !books.sent.is_closed() || !books.received.is_closed() {
                    return Err(format!("books: {books:?}"));
                }
                // The journal is synced before anything else.
                for record in records {
                    self.processes[index].disk.insert(record.key_id, record);
                    if self.crashes(index)? {
                        return Ok(());
                    }
                }
                let more = !others.is_empty();
                for action in others {
                    self.act(index, action);
                    if self.crashes(index)? {
                        return Ok(());
                    }
                }
                if more {
                    continue;
                }
            }
            let node = self.processes[index].node.as_mut();
            let Some(action) = node.and_then(Node::poll_action) else {
                return Ok(());
            };
            match action {
                network::Action::Send { link, octets } => self.post(index, link, octets),
                network::Action::Close { link, .. } => {
                    let way = (self.processes[index].place.domain, link);
                    self.cut(way, Some(index));
                }
                network::Action::Crossing(crossing) => {
                    self.processes[index].reports.push_back(crossing);
                    let wait = self.rng.ms(0, 5);
                    self.after(wait, What::Report(index, life));
                }
                network::Action::Event(_) => {}
                network::Action::Record(record) => {
                    let place = self.processes[index].place;
                    self.check.record(self.now, place, &self.plan, &record)?;
                }
            }
            if self.crashes(index)? {
                return Ok(());
            }
        }
    }

    /// Counts an action. True: the process crashes after it.
    fn crashes(&mut self, index: usize) -> std::result::Result<bool, String> {
        let process = &mut self.processes[index];
        process.actions += 1;
        let at = (process.place, process.actions);
        if self.calm() || !self.plan.crash_at.contains(&at) {
            return Ok(false);
        }
        let back = self.now + self.rng.ms(50, 2000);
        self.crash(index, back.min(self.plan.calm))?;
        Ok(true)
    }

    /// Carries out an order of a KME.
    fn act(&mut self, index: usize, action: Action) {
        let now = self.now;
        let life = self.processes[index].life;
        let Some(node) = &mut self.processes[index].node else {
            return;
        };
        match action {
            Action::Record(_) => {} // on the disk
            Action::Send(call, message) => self.send(index, (life, call), &message),
            Action::Answer(token, answer) => {
                if let Some(call) = self.processes[index].waiting.remove(&token.0) {
                    let outcome = match answer {
                        Answer::Done(acks) => Outcome::Done(acks),
                        Answer::Refused(_) => Outcome::Unknown,
                    };
                    self.reply(index, Some(call), outcome);
                }
            }
            Action::Relay(relay) => node.carry(now, carry(&relay)),
            Action::Release(key, extension) => {
                node.on_crossed(now, key_id(key), beyond(extension.as_ref()));
            }
            Action::Withdraw(_, key) => node.withdraw(now, key_id(key)),
        }
    }

    /// Whether a message from this process to the neighbour domain gets lost.
    fn is_lost(&mut self, from: usize, reply: bool) -> bool {
        let place = self.processes[from].place;
        let out = self.outages.get(&(place, reply));
        let lost = out.is_some_and(|until| self.now < *until);
        lost || !self.calm() && self.rng.permille(self.plan.lost)
    }

    fn send(&mut self, from: usize, (life, call): (u64, CallId), message: &Message) {
        let Some(to) = self.neighbour(self.processes[from].place) else {
            return;
        };
        let (to, wire) = (self.index(to), Wire::new(message));
        let outcome = Outcome::Unknown;
        self.after(
            PATIENCE,
            What::Answer {
                to: from,
                life,
                call,
                outcome,
            },
        );
        if !self.calm() && self.rng.permille(self.plan.copied) {
            // Nobody waits for the answer to a copy that comes late.
            let (wait, wire) = (self.rng.ms(0, 5000), wire.clone());
            self.after(
                wait,
                What::Request {
                    to,
                    wire,
                    call: None,
                },
            );
        }
        if !self.is_lost(from, false) {
            let wait = self.rng.ms(0, 10);
            let call = Some((life, call));
            self.after(wait, What::Request { to, wire, call });
        }
    }

    pub(super) fn reply(&mut self, from: usize, call: Option<(u64, CallId)>, outcome: Outcome) {
        let to = self.neighbour(self.processes[from].place);
        let (Some(to), Some((life, call))) = (to, call) else {
            return;
        };
        if !self.is_lost(from, true) {
            let (to, wait) = (self.index(to), self.rng.ms(0, 10));
            self.after(
                wait,
                What::Answer {
                    to,
                    life,
                    call,
                    outcome,
                },
            );
        }
    }

    /// A report of a node reaches its KME.
    pub(super) fn on_report(&mut self, index: usize, life: u64) -> Result {
        let now = self.now;
        let process = &mut self.processes[index];
        if process.life != life {
            return Ok(());
        }
        let domain = process.place.domain;
        let (Some(node), Some(machine)) = (&mut process.node, &mut process.machine) else {
            return Ok(());
        };
        match process.reports.pop_front() {
            Some(Crossing::Came(batch)) => {
                for offer in node.hand_over(batch).into_iter().flat_map(offers) {
                    let key = key_id(offer.key_id);
                    if machine.offer(now, offer).is_err() {
                        node.withdraw(now, key);
                    }
                }
            }
            Some(Crossing::GivenUp(keys) | Crossing::Lost(keys)) => {
                for key in keys {
                    machine.void(now, uuid(key));
                }
            }
            Some(Crossing::Carried { keys, passport }) => {
                for key in keys {
                    machine.on_relayed(now, uuid(key), extension(&passport));
                }
            }
            Some(Crossing::NotCarried { keys, reason }) => {
                for key in keys {
                    machine.on_relay_failed(now, uuid(key), &reason.to_string());
                }
            }
            Some(Crossing::Withdrawn(key, withdrawal)) => {
                self.check.withdrawn(domain, key, withdrawal)?;
                machine.on_withdrawn(now, uuid(key), withdrawal);
            }
            None => {}
        }
        self.carry_out(index)
    }
}

fn offers(handed: HandedOver) -> Vec<Offer> {
    let parties = Parties::new(handed.initiator, vec![handed.target]).unwrap();
    let offer = |key: network::Key| {
        let value = Zeroizing::new(key.value.expose().to_vec());
        Offer {
            key_id: uuid(key.id),
            value: Arc::new(KeyBytes::from_zeroizing(value).ok().unwrap()),
            parties: parties.clone(),
            extension: extension(&key.passport),
            mandatory: None,
            optional: None,
        }
    };
    handed.keys.into_iter().map(offer).collect()
}

fn carry(relay: &Relay) -> Carry {
    Carry {
        initiator: relay.parties.initiator().clone(),
        target: relay.parties.targets()[0].clone(),
        id: key_id(relay.key_id),
        value: KeyValue::from_octets(relay.value.expose().try_into().unwrap()),
        beyond: beyond(relay.extension.as_ref()),
    }
}
