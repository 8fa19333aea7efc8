//! The root secret of the pair, renewed by KEM exchanges (spec, section 9).
//!
//! ```text
//! the end that asks (lower SCI)                     the end that answers
//! Waiting                                           Waiting
//! Asking      ── KEM_KEY pieces ──────────────────▶ Taking
//!             ◀────────────────── KEM_TEXT pieces ── Answering: derives the root, tag inside
//! Confirming: derives it, tag right
//!             ── KEM_DONE, tag ───────────────────▶ tag right: the root is in force
//!             ◀──────────── any frame, root_epoch ──
//! the root is in force
//! ```
//! Offers go on all the time under the root in force. The root of before is kept for offers under
//! way, for a short time; the states that could lead to it are wiped at once.
//!
//! Elsewhere: the KEMs ([`crate::kem`]), the derivation of keys ([`crate::schedule`]), the cutting
//! into pieces ([`crate::transfer`]).

use core::time::Duration;
use std::collections::VecDeque;

use subtle::ConstantTimeEq;
use wire::Sci;

use crate::action::Outbox;
use crate::config::Config;
use crate::event::{Event, RatchetFailure};
use crate::guards::{self, Guard};
use crate::kem::{Kem, KemKeys, KemPublic};
use crate::key_policy::KeyPolicy;
use crate::limits;
use crate::message::{Body, Transfer};
use crate::schedule::{Kcv, MixKey, Root};
use crate::session::Session;
use crate::status::RootStatus;
use crate::transfer::{Incoming, Outgoing};

mod exchange;

/// The root in force, the one before, and the exchange that leads to the next.
pub(crate) struct Ratchet {
    policy: KeyPolicy,
    every: Duration,
    local: Sci,
    kem: Box<dyn Kem>,
    /// Root 0, from the pre-shared secret: each session begins with it.
    base: Root,
    /// The root in force; none: still root 0.
    current: Option<Root>,
    /// Roots of before, and until when offers may name them; the oldest first.
    previous: VecDeque<(u32, MixKey, Duration)>,
    /// Epoch and check value of the previous root, while the peer may still have it in force.
    behind: Option<(u32, Kcv)>,
    /// A tag was wrong, so the two ends derived different roots.
    differs: bool,
    /// No exchange begins before this time, in the next session neither. It is set after a wrong
    /// tag, so that ends that cannot agree do not retry at line speed.
    rest: Duration,
    exchange: Exchange,
    /// Highest epoch of an exchange that we began, over all sessions (REKEY-42).
    asked: u32,
    /// Highest epoch of an exchange that the peer began, in this session.
    taken: u32,
    /// We are to ask then.
    due: Option<Duration>,
    since: Option<Duration>,
    exchanges: u64,
    failures: u64,
}

/// The exchange under way: one at a time.
enum Exchange {
    Waiting,
    /// Our public keys are out; the ciphertexts come.
    Asking {
        root: u32,
        begun: Duration,
        public: KemPublic,
        keys: Box<dyn KemKeys>,
        out: Outgoing,
        text: Incoming,
    },
    /// We hold the next root and know that the other end does. We say so until it confirms.
    Confirming {
        next: Root,
        begun: Duration,
        done: Kcv,
        send_at: Duration,
        pause: Duration,
    },
    /// Its public keys come.
    Taking {
        root: u32,
        begun: Duration,
        public: Incoming,
    },
    /// We hold the next root; the ciphertexts are out.
    Answering {
        next: Root,
        begun: Duration,
        done: Kcv,
        out: Outgoing,
    },
}

/// The parts of an end that the ratchet needs, lent to it for one call.
pub(crate) struct RatchetContext<'a> {
    pub(crate) session: &'a mut Session,
    pub(crate) out: &'a mut Outbox,
}

impl Ratchet {
    pub(crate) fn new(config: &Config, base: Root, kem: Box<dyn Kem>) -> Self {
        Self {
            policy: config.policy,
            every: config.ratchet,
            local: Sci::new(config.local, 1),
            kem,
            base,
            current: None,
            previous: VecDeque::new(),
            behind: None,
            differs: false,
            rest: Duration::ZERO,
            exchange: Exchange::Waiting,
            asked: 0,
            taken: 0,
            due: None,
            since: None,
            exchanges: 0,
            failures: 0,
        }
    }

    /// REKEY-41: keys may be agreed under the root in force.
    pub(crate) fn ready(&self) -> bool {
        !self.policy.ratchets() || self.current.is_some() || !guards::on(Guard::RootFirst)
    }

    /// Epoch of the root in force.
    pub(crate) fn epoch(&self) -> u32 {
        self.current.as_ref().map_or(0, |root| root.epoch)
    }

    /// Check value of the root in force, for our HELLO (REKEY-56).
    pub(crate) fn check(&self) -> Kcv {
        self.current.as_ref().unwrap_or(&self.base).check
    }

    /// The root for a new offer.
    pub(crate) fn in_force(&self) -> (u32, &MixKey) {
        let root = self.current.as_ref().unwrap_or(&self.base);
        (root.epoch, &root.mix)
    }

    /// The root an offer names: the one in force, or one of before for a while (REKEY-46).
    pub(crate) fn mix(&self, epoch: u32) -> Option<&MixKey> {
        let (in_force, mix) = self.in_force();
        if epoch == in_force && self.ready() {
            return Some(mix);
        }
        let mut before = self.previous.iter();
        before.find_map(|(previous, mix, _)| (*previous == epoch).then_some(mix))
    }

    /// The peer offered a key under this root; its frames come in order, so it will not go back
    /// (REKEY-46).
    pub(crate) fn on_used(&mut self, epoch: u32) {
        if guards::on(Guard::RootErased) {
            self.previous.retain(|(previous, ..)| *previous >= epoch);
        }
    }

    /// Both ends know each other: the first exchange begins at once.
    pub(crate) fn on_agreed(&mut self, now: Duration, cx: &mut RatchetContext<'_>) {
        if self.asks(cx) {
            self.due = Some(now.max(self.rest));
        }
    }

    /// The session ended: the next one begins with root 0 (REKEY-47). What was agreed is wiped.
    pub(crate) fn reset(&mut self) {
        self.current = None;
        self.previous.clear();
        self.behind = None;
        self.differs = false;
        self.exchange = Exchange::Waiting;
        self.taken = 0; // a new exchange counts from zero
        self.due = None;
        self.since = None;
    }

    /// For tests only: makes the root differ.
    #[cfg(any(test, feature = "guards"))]
    pub(crate) fn plant(&mut self, plant: guards::Plant) {
        if let (Some(current), true) = (&mut self.current, plant != guards::Plant::Forgotten) {
            let ahead = u32::from(plant == guards::Plant::Ahead);
            *current = current.other(current.epoch + ahead);
        } else {
            self.current = None;
            self.previous.clear();
        }
    }

    /// Every fresh frame of the peer names its root in force.
    pub(crate) fn on_peer_root(&mut self, now: Duration, epoch: u32, cx: &mut RatchetContext<'_>) {
        if matches!(&self.exchange, Exchange::Confirming { next, .. } if next.epoch == epoch) {
            self.promote(now, cx);
        }
    }

    /// REKEY-56: a fresh frame of the agreed session names the peer's root in force, and a HELLO
    /// proves it. False if no exchange between the two ends leads to that root: one of them has
    /// lost its own.
    pub(crate) fn agrees(&mut self, epoch: u32, check: Option<&Kcv>) -> bool {
        let same = |(ours, proof): (u32, &Kcv)| {
            ours == epoch && check.is_none_or(|check| bool::from(check.ct_eq(proof)))
        };
        let in_force = self.current.as_ref().unwrap_or(&self.base);
        let agrees = if same((in_force.epoch, &in_force.check)) {
            self.behind = None; // the peer does not return to the previous root
            true
        } else if let Exchange::Confirming { next, .. } = &self.exchange
            && next.epoch == epoch
        {
            same((next.epoch, &next.check))
        } else {
            let behind = self.behind.as_ref();
            behind.is_some_and(|(epoch, proof)| same((*epoch, proof)))
        };
        let agrees = agrees && !core::mem::take(&mut self.differs);
        agrees || !guards::on(Guard::RootsCompared)
    }

    /// A message of an exchange; false: it says nothing new.
    pub(crate) fn on_body(
        &mut self,
        now: Duration,
        body: &Body,
        cx: &mut RatchetContext<'_>,
    ) -> bool {
        match body {
            Body::Piece {
                of: Transfer::PublicKeys,
                root,
                index,
                piece,
            } => self.take_key(now, *root, (*index, piece), cx),
            Body::Piece {
                of: Transfer::Ciphertexts,
                root,
                index,
                piece,
            } => self.take_text(now, *root, (*index, piece), cx),
            Body::Have { root, have } => self.on_have(now, *root, *have),
            Body::Done { root, tag } => self.on_done(now, *root, tag, cx),
            Body::Hello { .. } | Body::Offer { .. } | Body::Ready { .. } | Body::Bye => false,
        }
    }

    /// Lets time pass: everything that is due happens.
    pub(crate) fn on_time(&mut self, now: Duration, cx: &mut RatchetContext<'_>) {
        if guards::on(Guard::RootErased) {
            self.previous.retain(|(_, _, until)| now < *until);
        }
        if !cx.session.agreed() {
            return;
        }
        // Who takes waits: the end that asks gives up, and its next exchange replaces this one.
        if let Exchange::Asking { root, begun, .. } = &self.exchange
            && now >= *begun + limits::EXCHANGE_MAX
        {
            let root = *root;
            self.fail(now, root, RatchetFailure::Late, cx);
        }
        if matches!(self.exchange, Exchange::Waiting) && self.due.is_some_and(|at| now >= at) {
            self.ask(now, cx);
        }
        self.repeat(now, cx);
    }

    /// `agreed`: nothing is sent to a peer that is not heard.
    pub(crate) fn next_wake(&self, agreed: bool) -> Option<Duration> {
        let erase = self.previous.front().map(|(_, _, until)| *until);
        let erase = erase.filter(|_| guards::on(Guard::RootErased));
        let late = |begun: &Duration| Some(*begun + limits::EXCHANGE_MAX);
        let wakes = match &self.exchange {
            _ if !agreed => [None; 3],
            Exchange::Waiting => [self.due, None, None],
            Exchange::Asking {
                begun, out, text, ..
            } => [late(begun), out.next_wake(), text.next_wake()],
            Exchange::Confirming { send_at, .. } => [Some(*send_at), None, None],
            Exchange::Taking { public, .. } => [public.next_wake(), None, None],
            Exchange::Answering { out, .. } => [out.next_wake(), None, None],
        };
        wakes.into_iter().flatten().chain(erase).min()
    }

    pub(crate) fn status(&self, now: Duration) -> RootStatus {
        RootStatus {
            policy: self.policy,
            epoch: self.epoch(),
            previous: self.previous.front().map(|(epoch, ..)| *epoch),
            age: self.since.map(|since| now.saturating_sub(since)),
            stage: match self.exchange {
                Exchange::Waiting => "waiting",
                Exchange::Asking { .. } => "asking",
                Exchange::Confirming { .. } => "confirming",
                Exchange::Taking { .. } => "taking",
                Exchange::Answering { .. } => "answering",
            },
            exchanges: self.exchanges,
            failures: self.failures,
        }
    }

    /// REKEY-42: the end with the lower SCI asks.
    fn asks(&self, cx: &RatchetContext<'_>) -> bool {
        let far = cx.session.far().map(|far| &far.first);
        let lower = far.is_some_and(|far| self.local.to_bytes() < far.sci.to_bytes());
        lower && self.policy.ratchets()
    }

    /// The next root comes into force; of the one before stays what offers under way need.
    fn promote(&mut self, now: Duration, cx: &mut RatchetContext<'_>) {
        let (Exchange::Confirming { next, begun, .. } | Exchange::Answering { next, begun, .. }) =
            core::mem::replace(&mut self.exchange, Exchange::Waiting)
        else {
            return;
        };
        let root = next.epoch;
        // The end that asks already knows that the peer has promoted the new root.
        let in_force = self.current.as_ref().unwrap_or(&self.base);
        let behind = (in_force.epoch, in_force.check);
        self.behind = (!self.asks(cx)).then_some(behind);
        if let Some(before) = self.current.replace(next) {
            if self.previous.len() >= limits::PREVIOUS_ROOTS_MAX {
                self.previous.pop_front();
            }
            let until = now + limits::PREVIOUS_ROOT;
            self.previous
                .push_back((before.epoch, before.into_mix(), until));
        }
        self.since = Some(now);
        self.exchanges += 1;
        if self.asks(cx) {
            self.due = Some(now + cx.session.jitter(self.every, 10));
        }
        let took = now.saturating_sub(begun);
        cx.out.event(Event::Ratcheted { root, took });
        cx.session.hello_now(now); // the other end waits to hear it
    }

    fn fail(
        &mut self,
        now: Duration,
        root: u32,
        failure: RatchetFailure,
        cx: &mut RatchetContext<'_>,
    ) {
        self.exchange = Exchange::Waiting;
        self.failures += 1;
        cx.out.event(Event::RatchetFailed { root, failure });
        let next = now + cx.session.jitter(limits::EXCHANGE_PAUSE, 20);
        if failure == RatchetFailure::Tag {
            self.differs = true;
            self.rest = next;
        }
        if self.asks(cx) {
            self.due = Some(next);
        }
    }
}
