//! Requests of the neighbour.

use core::time::Duration;

use kme_api::etsi020::{
    AckContainer, AckStatus, CallbackUrl, ExtKeys, KeyUuid, Problem, Reason, SaeId, Void, VoidKeys,
};

use super::Interworking;
use super::action::{Action, Relay, Reply, Route};
use super::debts::{Debt, Subject};
use super::key::Key;
use super::state::{Event, Side, State};
use super::waits::Asked;

/// Characters of extension names that are quoted.
const QUOTED_MAX: usize = 512;

fn refused(reason: Reason, text: &str) -> Reply {
    Reply::Refused(Problem::new(reason, text))
}

impl Interworking {
    /// The neighbour hands over keys. `route` says where an SAE is.
    ///
    /// 400 is answered only if no key of the request is known from an earlier one, because it says
    /// that nothing is kept.
    pub fn on_ext_keys(
        &mut self,
        now: Duration,
        request: ExtKeys,
        route: impl Fn(&SaeId) -> Route,
    ) -> Reply {
        if let Some(mandatory) = &request.mandatory {
            let names: Vec<_> = mandatory.members().map(|(name, _)| name).collect();
            let names: String = names.join(", ").chars().take(QUOTED_MAX).collect();
            let text = format!("mandatory extensions that this KME does not know: {names}");
            return refused(Reason::UnsupportedExtension, &text);
        }
        let known = |id: &KeyUuid| self.keys.contains_key(id);
        let ids: Vec<_> = request.keys.iter().map(|key| key.key_id).collect();
        let fresh = ids.iter().filter(|id| !known(id)).count();
        if fresh > 0 {
            let any_known = fresh < ids.len();
            if let Some(refusal) = self.no_way(&request, any_known, route) {
                return refusal;
            }
        }
        if let Some(conflict) = request
            .keys
            .iter()
            .find(|key| self.conflicts(key, &request))
        {
            let id = conflict.key_id;
            let text = format!("key_id {id} names another key here; send a fresh key");
            return refused(Reason::ServerSideError, &text);
        }
        if fresh > 0 && !self.has_room(fresh) {
            let text = "too many keys wait here; repeat the request later";
            return refused(Reason::ServerSideError, text);
        }
        if request.callback.is_none() && self.waits.len() >= self.settings.waits_max {
            let text = "too many requests wait for their answer; send ack_callback_url";
            return refused(Reason::ServerSideError, text);
        }
        let (parties, callback) = (request.parties.clone(), request.callback.clone());
        for ext_key in request.keys {
            let key_id = ext_key.key_id;
            if self.keys.contains_key(&key_id) {
                self.repeated(now, key_id, callback.clone());
                continue;
            }
            let expires = now + self.settings.life;
            let mut key = Key::new(Side::Received, State::Relaying, parties.clone(), expires);
            key.value = Some(ext_key.value.clone());
            key.callback = callback.clone();
            self.insert(now, key_id, key);
            self.actions.push_back(Action::Relay(Relay {
                key_id,
                value: ext_key.value,
                parties: parties.clone(),
                extension: ext_key.extension,
                optional: request.optional.clone(),
            }));
        }
        let reply = match callback {
            Some(_) => Reply::Accepted,
            None => {
                let until = now + self.settings.wait_time;
                Reply::Later(self.waits.add(Asked::Relay, parties, ids, until))
            }
        };
        self.flush(now);
        reply
    }

    /// The refusal of a request that our network cannot serve.
    fn no_way(
        &self,
        request: &ExtKeys,
        any_known: bool,
        route: impl Fn(&SaeId) -> Route,
    ) -> Option<Reply> {
        let [target] = request.parties.targets() else {
            let text = "this KME carries keys for one target SAE; send one request for each";
            return Some(refused(Reason::NoRouteToSeveral, text));
        };
        let final_one = |reason, text: &str| {
            // A 400 would say that nothing is kept, also of the keys that are known.
            let reason = if any_known {
                Reason::NoKnownRoute
            } else {
                reason
            };
            Some(refused(reason, text))
        };
        // The neighbour must not speak for an SAE of our own network.
        let initiator = request.parties.initiator();
        if route(initiator) == Route::Ours {
            let text =
                format!("SAE {initiator} is in this network: its keys do not come from there");
            return final_one(Reason::InvalidRouting, &text);
        }
        match route(target) {
            Route::Ours => None,
            Route::Back => {
                let text = format!("the route to SAE {target} leads back to the calling KME");
                final_one(Reason::InvalidRouting, &text)
            }
            Route::Unknown => {
                let text = format!("no KME is known for SAE {target}");
                final_one(Reason::TargetNotRecognized, &text)
            }
            Route::Down => {
                let text = format!("no route leads to SAE {target} now; repeat the request later");
                Some(refused(Reason::NoKnownRoute, &text))
            }
            Route::Short => {
                let text = format!("not enough key material on the way to SAE {target}");
                Some(refused(Reason::InsufficientKeyMaterial, &text))
            }
        }
    }

    /// True if the name of a key stands for another key here.
    fn conflicts(&self, ext_key: &kme_api::etsi020::ExtKey, request: &ExtKeys) -> bool {
        self.keys.get(&ext_key.key_id).is_some_and(|key| {
            let value = key.value.as_ref();
            key.side == Side::Sent
                || key.parties != request.parties
                || value.is_some_and(|value| !value.same_as(&ext_key.value))
        })
    }

    /// The neighbour repeats a key, so it may have missed what became of it.
    fn repeated(&mut self, now: Duration, key_id: KeyUuid, callback: Option<CallbackUrl>) {
        let Some(key) = self.keys.get_mut(&key_id) else {
            return;
        };
        key.callback = callback;
        let status = match key.state {
            State::Relayed | State::Released => AckStatus::Relayed,
            State::Failed => AckStatus::Failed,
            State::Voided => AckStatus::Voided,
            _ => return,
        };
        self.owe(now, key_id, status, None);
    }

    /// The neighbour says what became of keys. If it names a key that is not known here, nothing of
    /// its message is taken.
    pub fn on_ack(&mut self, now: Duration, acks: &[AckContainer]) -> Reply {
        for container in acks {
            for acked in &container.keys {
                let id = acked.key_id;
                let Some(key) = self.keys.get(&id) else {
                    let text = format!("key_id {id} is not known here; void its key");
                    return refused(Reason::KeyNotPresent, &text);
                };
                if key.parties != container.parties {
                    let text = format!("key_id {id} is a key of other SAEs");
                    return refused(Reason::AckNotUnderstood, &text);
                }
            }
        }
        self.take_acks(now, acks);
        self.flush(now);
        Reply::Acknowledged
    }

    /// The neighbour wants keys voided.
    pub fn on_void(&mut self, now: Duration, request: &Void) -> Reply {
        if request.callback.is_none() && self.waits.len() >= self.settings.waits_max {
            let text = "too many requests wait for their answer; send ack_callback_url";
            return refused(Reason::ServerSideError, text);
        }
        let (ids, all) = match &request.keys {
            VoidKeys::These(ids) => (ids.clone(), false),
            VoidKeys::All => (self.keys_of(request), true),
        };
        let foreign = |id: &&KeyUuid| {
            self.keys
                .get(id)
                .is_some_and(|key| key.parties != request.parties)
        };
        if let Some(id) = ids.iter().find(foreign) {
            let text = format!("key_id {id} is a key of other SAEs");
            return refused(Reason::VoidNotUnderstood, &text);
        }
        let fresh = ids.iter().filter(|id| !self.keys.contains_key(id)).count();
        if self.keys.len() + fresh > self.settings.known_max {
            let text = "too many keys are known here; repeat the request later";
            return refused(Reason::ServerSideError, text);
        }
        for &key_id in &ids {
            self.void_one(now, key_id, request);
        }
        let reply = match &request.callback {
            None => {
                let until = now + self.settings.wait_time;
                let parties = request.parties.clone();
                Reply::Later(self.waits.add(Asked::Void, parties, ids, until))
            }
            Some(url) => {
                if all && ids.is_empty() {
                    self.owe_nothing(now, request, url.clone());
                }
                Reply::Accepted
            }
        };
        self.flush(now);
        reply
    }

    /// The keys of these SAEs that are not ended, or are released.
    fn keys_of(&self, request: &Void) -> Vec<KeyUuid> {
        let keys = self.keys.iter().filter(|(_, key)| {
            key.parties == request.parties && !matches!(key.state, State::Voided | State::Failed)
        });
        let mut ids: Vec<_> = keys.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    fn void_one(&mut self, now: Duration, key_id: KeyUuid, request: &Void) {
        if !self.keys.contains_key(&key_id) {
            // Remembered, so that a request that was overtaken does not bring the key after all.
            let expires = now + self.settings.remember;
            let parties = request.parties.clone();
            let mut key = Key::new(Side::Received, State::Voided, parties, expires);
            key.absent = true;
            self.insert(now, key_id, key);
        }
        if let Some(key) = self.keys.get_mut(&key_id) {
            key.void_callback = request.callback.clone();
        }
        self.apply(now, key_id, Event::PeerVoids, None);
        let ended = self
            .keys
            .get(&key_id)
            .is_some_and(|key| key.state.is_final());
        if ended {
            self.answer_void(now, key_id);
        }
    }

    /// Tells the neighbour that a void of everything has found nothing.
    fn owe_nothing(&mut self, now: Duration, request: &Void, url: CallbackUrl) {
        let debt = Debt {
            subject: Subject::Nothing(request.parties.clone()),
            status: AckStatus::Voided,
            parties: request.parties.clone(),
            url,
            message: None,
            extension: None,
            attempts: 0,
            expires: now + self.settings.life,
            alone: false,
        };
        self.debts.add(now + self.settings.linger, debt);
    }
}
