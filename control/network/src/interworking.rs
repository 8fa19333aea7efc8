//! Keys between two domains, by ETSI GS QKD 020: the part of a KME that stands in an interworking
//! node and hands keys to the KME of the neighbour domain, or takes keys from it.
//!
//! ```text
//!   our network                this machine                 KME of the neighbour domain
//!   offer ───────────────────▶ Offering ── ext_keys ──────▶
//!                              Accepted ◀─ 202 ────────────
//!   Release ◀───────────────── Released ◀─ ack relayed ────
//!
//!   Relay ◀─────────────────── Relaying ◀─ ext_keys ───────
//!   on_relayed ──────────────▶ Relayed ─── ack relayed ───▶
//!                              Released ◀─ 200 ────────────
//! ```
//!
//! The rule that all of this serves: an answer other than 400 and 401 does not prove that the
//! neighbour keeps nothing. So a key is repeated, or voided on both sides, until both sides know
//! its end. The table in `state.rs` has every step. Keys are released only after `relayed`.
//!
//! No IO and no clock: `on_x(now, …)` takes an event, [`Interworking::next_action`] gives the
//! orders. A [`Action::Record`] must be durable first. With the records, a KME that has lost its
//! memory in a crash ends each key as its neighbour does ([`Interworking::restore`]).

mod action;
mod books;
mod calls;
mod debts;
mod key;
mod requests;
mod settings;
mod state;
mod waits;

use core::time::Duration;
use std::collections::{BTreeSet, HashMap, VecDeque};

use kme_api::etsi020::{AckMessage, AckStatus, CallbackUrl, Extension, KeyUuid};

pub use action::{
    Action, Answer, CallId, Message, NotTaken, Offer, Outcome, Record, Relay, Reply, Route, Token,
};
pub use books::{Account, Books};
pub use settings::Settings;
pub use state::{Side, State, Verdict};

use crate::guards::{Guard, on};
pub use crate::withdrawal::Withdrawal;

use calls::Calls;
use debts::{Debt, Debts, Subject};
use key::Key;
use state::Event;
use waits::Waits;

/// One KME of an interworking node, towards one neighbour.
pub struct Interworking {
    settings: Settings,
    keys: HashMap<KeyUuid, Key>,
    timers: BTreeSet<(Duration, KeyUuid)>,
    debts: Debts,
    calls: Calls,
    waits: Waits,
    actions: VecDeque<Action>,
    books: Books,
    /// The table of states; tests put a broken one in its place.
    table: fn(Side, State, Event) -> Option<State>,
}

impl Interworking {
    /// Creates a machine without keys.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            keys: HashMap::new(),
            timers: BTreeSet::new(),
            debts: Debts::default(),
            calls: Calls::default(),
            waits: Waits::default(),
            actions: VecDeque::new(),
            books: Books::default(),
            table: state::next,
        }
    }

    /// Creates a machine from the last record of each key, after a restart. Key material is lost
    /// then: keys that were under way are voided, unless the neighbour has released them.
    #[must_use]
    pub fn restore(
        settings: Settings,
        now: Duration,
        records: impl IntoIterator<Item = Record>,
    ) -> Self {
        let mut machine = Self::new(settings);
        for record in records {
            let state = match record.state {
                State::Offering | State::Accepted => State::Voiding,
                // The relay may have ended in our network.
                State::Relaying => State::Withdrawing(Verdict::Failed),
                other => other,
            };
            let expires = now + machine.settings.life;
            let mut key = Key::new(record.side, state, record.parties, expires);
            key.released = record.released;
            key.callback = record.callback;
            key.absent = record.absent;
            if !key.absent {
                machine.books.enter(key.side, state);
            }
            let (id, side) = (record.key_id, key.side);
            machine.keys.insert(id, key);
            if !state.is_final() {
                machine.enter(now, id, None);
                continue;
            }
            // The neighbour asks again if it has missed the end of the key. Our network may have.
            machine.set_timer(now + machine.settings.remember, id);
            if (side, state) == (Side::Sent, State::Released) {
                machine.actions.push_back(Action::Release(id, None));
            }
        }
        machine.flush(now);
        machine
    }

    /// Takes a key from our network, for an SAE of the neighbour domain.
    ///
    /// # Errors
    /// The key is not taken; the reason.
    pub fn offer(&mut self, now: Duration, offer: Offer) -> Result<(), NotTaken> {
        if self.keys.contains_key(&offer.key_id) {
            return Err(NotTaken::Known);
        }
        if !self.has_room(1) {
            return Err(NotTaken::Full);
        }
        let expires = now + self.settings.life;
        let mut key = Key::new(Side::Sent, State::Offering, offer.parties, expires);
        key.value = Some(offer.value);
        key.extension = offer.extension;
        key.mandatory = offer.mandatory;
        key.optional = offer.optional;
        self.insert(now, offer.key_id, key);
        Ok(())
    }

    /// Our network wants a key voided: its initiator's side has given it up, so no SAE there has
    /// it, or its target's node has lost it.
    pub fn void(&mut self, now: Duration, key_id: KeyUuid) {
        if let Some(key) = self.keys.get_mut(&key_id)
            && on(Guard::GivenUpForever)
        {
            key.released = false;
        }
        self.apply(now, key_id, Event::GiveUp, None);
        self.flush(now);
    }

    /// Our network has carried a key to its target. `extension` goes back with the acknowledgement.
    pub fn on_relayed(&mut self, now: Duration, key_id: KeyUuid, extension: Option<Extension>) {
        if let Some(key) = self.keys.get_mut(&key_id) {
            key.extension = extension;
        }
        self.apply(now, key_id, Event::NetworkRelayed, None);
        self.flush(now);
    }

    /// Our network cannot carry a key to its target, and has dropped it.
    pub fn on_relay_failed(&mut self, now: Duration, key_id: KeyUuid, why: &str) {
        self.apply(
            now,
            key_id,
            Event::NetworkFailed,
            Some(AckMessage::new(why)),
        );
        self.flush(now);
    }

    /// Our network has answered [`Action::Withdraw`].
    pub fn on_withdrawn(&mut self, now: Duration, key_id: KeyUuid, withdrawal: Withdrawal) {
        let event = match withdrawal {
            Withdrawal::Done => Event::Withdrawn,
            Withdrawal::Taken => Event::Taken,
            Withdrawal::Unknown => self.without_word(key_id),
        };
        self.apply(now, key_id, event, None);
        self.flush(now);
    }

    /// The safe belief about a key when our network cannot say whether an SAE has it. The initiator
    /// has a key only after its release, and not if its node has given it up. A target can have one
    /// only if the initiator has.
    fn without_word(&self, key_id: KeyUuid) -> Event {
        match self.keys.get(&key_id) {
            Some(key) if key.side == Side::Sent && key.released => Event::Taken,
            _ => Event::Withdrawn,
        }
    }

    /// Does what is due.
    pub fn on_time(&mut self, now: Duration) {
        while let Some(&(due, key_id)) = self.timers.first()
            && due <= now
        {
            self.timers.remove(&(due, key_id));
            self.on_timer(now, key_id);
        }
        self.flush(now);
    }

    fn on_timer(&mut self, now: Duration, key_id: KeyUuid) {
        let Some(key) = self.keys.get_mut(&key_id) else {
            return;
        };
        let (state, over) = (key.state, now >= key.expires);
        match state {
            State::Released | State::Voided | State::Failed => {
                if self.calls.names(key_id) {
                    self.set_timer(now + self.settings.life, key_id);
                } else {
                    self.keys.remove(&key_id);
                }
            }
            State::Offering | State::Accepted | State::Relaying | State::Relayed if over => {
                self.apply(now, key_id, Event::GiveUp, None);
            }
            State::Offering | State::Voiding if key.call.is_some() => {
                // Its request is not answered yet.
                self.set_timer(now + self.settings.retry_first, key_id);
            }
            State::Voiding if over => {
                self.apply(now, key_id, Event::Expired, None);
            }
            State::Offering if key.attempts >= self.settings.attempts_max => {
                self.apply(now, key_id, Event::GiveUp, None);
            }
            State::Offering | State::Voiding => self.calls.wants(key_id),
            State::Accepted => {
                key.uncertain = true;
                self.apply(now, key_id, Event::Late, None);
            }
            State::Relaying => {
                self.apply(now, key_id, Event::GiveUp, None);
            }
            State::Relayed => self.set_timer(now + self.settings.life, key_id),
            State::Withdrawing(_) if over => {
                let event = self.without_word(key_id);
                self.apply(now, key_id, event, None);
            }
            State::Withdrawing(_) => {
                let side = key.side;
                self.actions.push_back(Action::Withdraw(side, key_id));
                self.set_timer(now + self.settings.retry_max, key_id);
            }
        }
    }

    /// When [`Self::on_time`] has something to do.
    #[must_use]
    pub fn next_time(&self) -> Option<Duration> {
        let timers = self.timers.first().map(|(due, _)| *due);
        let debts = if self.calls.full(&self.settings) {
            None // the next answer sends them
        } else {
            self.debts.next_time()
        };
        [timers, debts, self.waits.next_time()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next order.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The books.
    #[must_use]
    pub fn books(&self) -> Books {
        self.books
    }

    /// The state of a key that is not forgotten.
    #[must_use]
    pub fn state(&self, key_id: KeyUuid) -> Option<(Side, State)> {
        let key = self.keys.get(&key_id)?;
        Some((key.side, key.state))
    }

    /// Number of keys that are not forgotten.
    #[must_use]
    pub fn known(&self) -> usize {
        self.keys.len()
    }

    /// All keys, to write a short list of records in place of a long one.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        self.keys.iter().map(|(key_id, key)| key.record(*key_id))
    }

    fn has_room(&self, keys: usize) -> bool {
        let held = self.books.sent.held + self.books.received.held;
        let held = usize::try_from(held).unwrap_or(usize::MAX);
        held.saturating_add(keys) <= self.settings.held_max
            && self.keys.len() + keys <= self.settings.known_max
    }

    fn insert(&mut self, now: Duration, key_id: KeyUuid, key: Key) {
        if !key.absent {
            self.books.enter(key.side, key.state);
        }
        self.actions.push_back(Action::Record(key.record(key_id)));
        self.keys.insert(key_id, key);
        self.enter(now, key_id, None);
        self.flush(now);
    }

    /// Applies an event to a key. An event that changes nothing in its state is ignored.
    fn apply(&mut self, now: Duration, key_id: KeyUuid, event: Event, message: Option<AckMessage>) {
        let Some(key) = self.keys.get_mut(&key_id) else {
            return;
        };
        let Some(next) = (self.table)(key.side, key.state, event) else {
            return;
        };
        if !key.absent {
            self.books.change(key.side, key.state, next);
        }
        let repeats = matches!(key.state, State::Offering | State::Accepted)
            && matches!(next, State::Offering | State::Accepted);
        if !repeats {
            key.attempts = 0;
        }
        key.state = next;
        key.released |= next == State::Released;
        self.actions.push_back(Action::Record(key.record(key_id)));
        self.enter(now, key_id, message);
    }

    /// Does what a key's new state demands.
    fn enter(&mut self, now: Duration, key_id: KeyUuid, message: Option<AckMessage>) {
        let Some(key) = self.keys.get_mut(&key_id) else {
            return;
        };
        let (side, state) = (key.side, key.state);
        if !matches!(state, State::Offering | State::Accepted | State::Relaying) {
            key.value = None;
        }
        match state {
            State::Released | State::Voided | State::Failed => {
                key.expires = now + self.settings.remember;
            }
            // The word of the neighbour, or of our network, has the time of a whole life.
            State::Voiding | State::Withdrawing(_) => key.expires = now + self.settings.life,
            _ => {}
        }
        let expires = key.expires;
        let due = match state {
            State::Offering => now + self.settings.linger,
            State::Accepted => (now + self.settings.ack_time).min(expires),
            State::Relaying => (now + self.settings.relay_time).min(expires),
            State::Voiding => now,
            State::Withdrawing(_) => {
                self.actions.push_back(Action::Withdraw(side, key_id));
                now + self.settings.retry_max
            }
            State::Relayed | State::Released | State::Voided | State::Failed => expires,
        };
        self.set_timer(due, key_id);
        match (side, state) {
            (Side::Sent, State::Released) => {
                let extension = self
                    .keys
                    .get_mut(&key_id)
                    .and_then(|key| key.extension.take());
                self.actions.push_back(Action::Release(key_id, extension));
                self.answer_void(now, key_id);
            }
            (Side::Received, State::Relayed) => {
                self.owe(now, key_id, AckStatus::Relayed, None);
                if self
                    .keys
                    .get(&key_id)
                    .is_some_and(|key| key.callback.is_none())
                {
                    self.waits.changed();
                }
            }
            (Side::Received, State::Released) => self.answer_void(now, key_id),
            (Side::Received, State::Failed) => {
                self.owe(now, key_id, AckStatus::Failed, message);
                self.answer_void(now, key_id);
            }
            (_, State::Voided | State::Failed) => self.answer_void(now, key_id),
            (Side::Received, State::Voiding | State::Withdrawing(_)) => {
                self.debts.cancel(key_id, AckStatus::Relayed);
            }
            _ => {}
        }
        self.waits.changed();
    }

    /// Tells the neighbour the end of a key that it wants voided.
    fn answer_void(&mut self, now: Duration, key_id: KeyUuid) {
        let Some(key) = self.keys.get_mut(&key_id) else {
            return;
        };
        let Some(url) = key.void_callback.take() else {
            return;
        };
        let status = key.void_status();
        // `relayed` tells a neighbour that waits for both that the key is at its target.
        let relayed = key.side == Side::Received && status == AckStatus::FailedToVoid;
        self.owe_at(now, key_id, status, url, None);
        if relayed {
            self.owe(now, key_id, AckStatus::Relayed, None);
        }
    }

    /// Owes the acknowledgement of a received key. A key of the synchronous mode has none.
    fn owe(
        &mut self,
        now: Duration,
        key_id: KeyUuid,
        status: AckStatus,
        message: Option<AckMessage>,
    ) {
        if let Some(url) = self.keys.get(&key_id).and_then(|key| key.callback.clone()) {
            self.owe_at(now, key_id, status, url, message);
        }
    }

    fn owe_at(
        &mut self,
        now: Duration,
        key_id: KeyUuid,
        status: AckStatus,
        url: CallbackUrl,
        message: Option<AckMessage>,
    ) {
        let Some(key) = self.keys.get(&key_id) else {
            return;
        };
        let debt = Debt {
            subject: Subject::Key(key_id),
            status,
            parties: key.parties.clone(),
            url,
            message,
            extension: key
                .extension
                .clone()
                .filter(|_| status == AckStatus::Relayed),
            attempts: 0,
            expires: now + self.settings.life,
            alone: false,
        };
        self.debts.add(now + self.settings.linger, debt);
    }

    fn set_timer(&mut self, due: Duration, key_id: KeyUuid) {
        if let Some(key) = self.keys.get_mut(&key_id) {
            self.timers.remove(&(key.due, key_id));
            key.due = due;
            self.timers.insert((due, key_id));
        }
    }

    /// Sends what is due, and answers the requests whose keys have all ended.
    fn flush(&mut self, now: Duration) {
        self.send(now);
        self.settle(now);
    }
}

#[cfg(test)]
mod tests;
