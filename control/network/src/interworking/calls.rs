//! Our requests to the neighbour: which keys share one, and what its answer means for them.

use core::time::Duration;
use std::collections::{BTreeMap, HashMap, VecDeque};

use kme_api::etsi020::{
    AckContainer, AckStatus, ExtKey, ExtKeys, KeyUuid, Reason, VOID_KEYS_MAX, Void, VoidKeys,
};

use super::Interworking;
use super::action::{Action, CallId, Message, Outcome};
use super::debts::{self, Debt, Subject};
use super::settings::Settings;
use super::state::{Event, Side, State};

/// The requests that wait for their answer, and the keys that wait for a request.
#[derive(Default)]
pub(super) struct Calls {
    last: u64,
    open: BTreeMap<CallId, Call>,
    wanting: VecDeque<KeyUuid>,
    /// Number of open requests that name a key.
    named: HashMap<KeyUuid, usize>,
}

/// The subject of a request.
enum Call {
    Keys(Vec<KeyUuid>),
    Void(Vec<KeyUuid>),
    Acks(Vec<Debt>),
}

impl Calls {
    /// A key has to be named in a request: offered or voided, as its state says then.
    pub(super) fn wants(&mut self, key_id: KeyUuid) {
        self.wanting.push_back(key_id);
    }

    pub(super) fn full(&self, settings: &Settings) -> bool {
        self.open.len() >= settings.calls_max
    }

    /// True if an open request names the key.
    pub(super) fn names(&self, key_id: KeyUuid) -> bool {
        self.named.contains_key(&key_id)
    }

    fn open(&mut self, call: Call) -> CallId {
        self.last += 1;
        let id = CallId(self.last);
        for key_id in call.keys() {
            *self.named.entry(key_id).or_default() += 1;
        }
        self.open.insert(id, call);
        id
    }

    fn close(&mut self, id: CallId) -> Option<Call> {
        let call = self.open.remove(&id)?;
        for key_id in call.keys() {
            if let Some(count) = self.named.get_mut(&key_id) {
                *count -= 1;
                if *count == 0 {
                    self.named.remove(&key_id);
                }
            }
        }
        Some(call)
    }
}

impl Call {
    fn keys(&self) -> Vec<KeyUuid> {
        match self {
            Self::Keys(keys) | Self::Void(keys) => keys.clone(),
            Self::Acks(debts) => debts.iter().filter_map(Debt::key_id).collect(),
        }
    }
}

impl Debt {
    fn key_id(&self) -> Option<KeyUuid> {
        match self.subject {
            Subject::Key(key_id) => Some(key_id),
            Subject::Nothing(_) => None,
        }
    }
}

impl Interworking {
    /// Sends requests until nothing is due or too many are open.
    pub(super) fn send(&mut self, now: Duration) {
        while !self.calls.full(&self.settings) {
            let debts = self.debts.take(now);
            let Some(first) = debts.first() else { break };
            let message = Message::Acks(first.url.clone(), debts::containers(&debts));
            let id = self.calls.open(Call::Acks(debts));
            self.actions.push_back(Action::Send(id, message));
        }
        while !self.calls.full(&self.settings) {
            let Some(first) = self.next_wanting() else {
                break;
            };
            let group = self.group_with(first);
            self.send_group(group);
        }
    }

    /// The next key that still has to be named in a request.
    fn next_wanting(&mut self) -> Option<KeyUuid> {
        loop {
            let key_id = self.calls.wanting.pop_front()?;
            if self.wanted_state(key_id).is_some() {
                return Some(key_id);
            }
        }
    }

    fn wanted_state(&self, key_id: KeyUuid) -> Option<State> {
        let key = self.keys.get(&key_id).filter(|key| key.call.is_none())?;
        matches!(key.state, State::Offering | State::Voiding).then_some(key.state)
    }

    /// The keys that share a request with `first`, which is one of them.
    fn group_with(&mut self, first: KeyUuid) -> Vec<KeyUuid> {
        let mut group = vec![first];
        let Some(like) = self.keys.get(&first) else {
            return group;
        };
        let max = match like.state {
            State::Offering => self.settings.keys_per_call(),
            _ => VOID_KEYS_MAX.min(kme_api::etsi020::ACKS_MAX),
        };
        let mut others = VecDeque::new();
        for key_id in self.calls.wanting.drain(..) {
            let alike = self.keys.get(&key_id).is_some_and(|key| {
                key.call.is_none()
                    && key.state == like.state
                    && key.parties == like.parties
                    && (key.state == State::Voiding
                        || key.mandatory == like.mandatory && key.optional == like.optional)
            });
            if !alike || group.len() >= max {
                others.push_back(key_id);
            } else if !group.contains(&key_id) {
                group.push(key_id);
            }
        }
        self.calls.wanting = others;
        group
    }

    fn send_group(&mut self, group: Vec<KeyUuid>) {
        let Some(first) = group.first().and_then(|first| self.keys.get(first)) else {
            return;
        };
        let callback = (!self.settings.synchronous).then(|| self.settings.callback.clone());
        let parties = first.parties.clone();
        let offering = first.state == State::Offering;
        let message = if offering {
            let key = |key_id: &KeyUuid| {
                let key = self.keys.get(key_id)?;
                Some(ExtKey {
                    key_id: *key_id,
                    value: key.value.clone()?,
                    extension: key.extension.clone(),
                })
            };
            Message::Keys(ExtKeys {
                keys: group.iter().filter_map(key).collect(),
                parties,
                callback,
                mandatory: first.mandatory.clone(),
                optional: first.optional.clone(),
            })
        } else {
            Message::Void(Void {
                keys: VoidKeys::These(group.clone()),
                parties,
                callback,
                extension: None,
            })
        };
        let call = if offering {
            Call::Keys(group.clone())
        } else {
            Call::Void(group.clone())
        };
        let id = self.calls.open(call);
        for key_id in group {
            if let Some(key) = self.keys.get_mut(&key_id) {
                key.call = Some(id);
                key.attempts += 1;
            }
        }
        self.actions.push_back(Action::Send(id, message));
    }

    /// The neighbour has answered a request, or has not in time.
    pub fn on_answer(&mut self, now: Duration, id: CallId, outcome: &Outcome) {
        match self.calls.close(id) {
            Some(Call::Keys(keys)) => self.on_keys_answer(now, id, &keys, outcome),
            Some(Call::Void(keys)) => self.on_void_answer(now, id, &keys, outcome),
            Some(Call::Acks(debts)) => self.on_acks_answer(now, debts, outcome),
            None => {}
        }
        self.flush(now);
    }

    fn on_keys_answer(&mut self, now: Duration, id: CallId, keys: &[KeyUuid], outcome: &Outcome) {
        self.free(keys, id);
        if let Outcome::Done(acks) = outcome {
            self.take_acks(now, acks);
        }
        for &key_id in keys {
            let Some(key) = self.keys.get_mut(&key_id) else {
                continue;
            };
            match outcome {
                Outcome::Accepted => self.apply(now, key_id, Event::Accepted, None),
                Outcome::Refused(_) if !key.uncertain => {
                    self.apply(now, key_id, Event::Refused, None);
                }
                _ if key.state == State::Offering => {
                    key.uncertain = true;
                    let due = now + self.settings.pause(key.attempts);
                    self.set_timer(due, key_id);
                }
                _ => {}
            }
        }
    }

    fn on_void_answer(&mut self, now: Duration, id: CallId, keys: &[KeyUuid], outcome: &Outcome) {
        self.free(keys, id);
        if let Outcome::Done(acks) = outcome {
            self.take_acks(now, acks);
        }
        for &key_id in keys {
            let Some(key) = self.keys.get(&key_id) else {
                continue;
            };
            if key.state == State::Voiding {
                // The acknowledgement of an accepted void needs time.
                let pause = match outcome {
                    Outcome::Accepted => self.settings.ack_time,
                    _ => self.settings.pause(key.attempts),
                };
                let due = now + pause;
                self.set_timer(due, key_id);
            }
        }
    }

    fn on_acks_answer(&mut self, now: Duration, debts: Vec<Debt>, outcome: &Outcome) {
        let unknown_key =
            matches!(outcome, Outcome::Refused(problem) if problem.names(Reason::KeyNotPresent));
        let group = debts.len() > 1;
        for mut debt in debts {
            let key_id = debt.key_id();
            if matches!(outcome, Outcome::Done(_)) {
                if let (Some(key_id), AckStatus::Relayed) = (key_id, debt.status) {
                    self.apply(now, key_id, Event::Heard, None);
                }
                continue;
            }
            debt.attempts += 1;
            let used_up = debt.attempts >= self.settings.attempts_max;
            if unknown_key && group {
                // An acknowledgement for each key says which one.
                debt.alone = true;
                self.debts.add(now, debt);
            } else if let (Some(key_id), AckStatus::Relayed) = (key_id, debt.status)
                && (used_up || unknown_key)
            {
                self.apply(now, key_id, Event::GiveUp, None);
            } else if !unknown_key && now < debt.expires {
                let due = now + self.settings.pause(debt.attempts);
                self.debts.add(due, debt);
            }
        }
    }

    fn free(&mut self, keys: &[KeyUuid], id: CallId) {
        for key_id in keys {
            if let Some(key) = self.keys.get_mut(key_id)
                && key.call == Some(id)
            {
                key.call = None;
            }
        }
    }

    /// Takes what the neighbour says about keys. Keys that are not known, or
    /// are keys of other SAEs, are passed over.
    pub(super) fn take_acks(&mut self, now: Duration, acks: &[AckContainer]) {
        for container in acks {
            for acked in &container.keys {
                let key = self.keys.get_mut(&acked.key_id);
                let Some(key) = key.filter(|key| key.parties == container.parties) else {
                    continue;
                };
                if key.side == Side::Sent && container.status == AckStatus::Relayed {
                    // For the passport of the key, which the initiator's KME gets.
                    key.extension = acked.extension.clone();
                    key.said_relayed |= key.state == State::Voiding;
                }
                if key.side == Side::Sent && container.status == AckStatus::FailedToVoid {
                    key.said_taken |= key.state == State::Voiding;
                }
                // `failed to void` alone does not say whether the key is at its target.
                let both = key.said_relayed && key.said_taken;
                let event = match (key.side, container.status) {
                    (Side::Sent, AckStatus::Relayed | AckStatus::FailedToVoid) if both => {
                        Event::SaidTaken
                    }
                    (Side::Sent, AckStatus::FailedToVoid) => continue,
                    (_, AckStatus::Relayed) => Event::SaidRelayed,
                    (_, AckStatus::Failed) => Event::SaidFailed,
                    (_, AckStatus::Voided | AckStatus::KeyNotPresent) => Event::SaidVoided,
                    (Side::Received, AckStatus::FailedToVoid) => Event::SaidTaken,
                };
                self.apply(now, acked.key_id, event, None);
            }
        }
    }
}
