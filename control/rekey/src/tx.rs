//! Our transmit direction: we drive its rekeying (spec, section 6.1).
//!
//! ```text
//! Idle ─▶ Fetching ─▶ Offering ─▶ Agreed ─▶ Installing ─▶ Waiting ─▶ Fetching …
//!            ▲            │ given up: new key_ID, same AN, higher epoch
//!            └────────────┘
//! ```
//! The key in use stays in use whatever happens to the offer of the next one, until its hard limit.
//! [`state::next`] is the whole table; every change of state goes through it.

use core::time::Duration;

use secy::{SaId, Suite};
use subtle::ConstantTimeEq;
use wire::{An, KeyId, Pn};

use crate::action::{Action, Step};
use crate::config::{self, Config, TxTimers};
use crate::context::Context;
use crate::event::{Cause, Direction, Event, KeyFailure, Refusal};
use crate::guards::{self, Guard};
use crate::limits;
use crate::message::{Answer, Body};
use crate::schedule::pqc_key_id;
use crate::secret::{Origin, QkdKey};
use crate::shortage::Shortage;
use crate::shortage_stage::{ShortageInput, ShortageStage};
use crate::status::{DirectionStatus, RecentSwitches, SwitchTimes};
use crate::stock::{Key, Stock};

mod stagger;
mod state;

use stagger::Stagger;
use state::{Input, Stage, State, TxOffer, TxSaRecord, next};

/// The transmit direction.
pub(crate) struct Tx {
    timers: TxTimers,
    suite: Suite,
    /// QKD keys have to be short for so long before keys come from the root alone, if ever.
    alone_after: Option<Duration>,
    state: State,
    stock: Stock,
    /// The SA in all workers.
    current: Option<TxSaRecord>,
    /// When the next switch is due.
    due: Duration,
    /// Separates our switches from those of the peer.
    stagger: Stagger,
    /// AN of the last SA given to the workers.
    an: Option<An>,
    /// Highest epoch used; grows over sessions, so that no [`SaId`] comes back.
    epoch: u32,
    /// How long an offer is repeated: learned from the line and the peer's KME.
    patience: Duration,
    /// Refusals in a row.
    refusals: u32,
    /// The last offer of a QKD key was refused, since the peer's KME did not give it.
    denied: bool,
    /// Start of a shortage of QKD keys: the last switch to one, or the start of the session.
    qkd_until: Option<Duration>,
    shortage: Shortage,
    trouble: Option<(Cause, Duration)>,
    switches: u64,
    recent: RecentSwitches,
    failures: u64,
}

impl Tx {
    pub(crate) fn new(config: &Config) -> Self {
        let timers = TxTimers::new(config);
        let alone = config.policy.allows_pqc_alone() || !guards::on(Guard::AloneByPolicy);
        Self {
            timers,
            suite: config.suite,
            alone_after: alone.then(|| config.alone_after()),
            state: State::Idle,
            stock: Stock::new(),
            current: None,
            due: Duration::ZERO,
            stagger: Stagger::default(),
            an: None,
            epoch: 0,
            patience: timers.patience,
            refusals: 0,
            denied: false,
            qkd_until: None,
            shortage: Shortage::new(config),
            trouble: None,
            switches: 0,
            recent: RecentSwitches::default(),
            failures: 0,
        }
    }

    /// Epoch in use for the header of our frames, 0 if none (REKEY-27).
    pub(crate) fn epoch_in_use(&self) -> u32 {
        let announced = guards::on(Guard::Announce);
        self.current
            .as_ref()
            .filter(|_| announced)
            .map_or(0, |sa| sa.id.epoch)
    }

    /// The peer has accepted epochs up to this one, of an earlier run of ours perhaps.
    pub(crate) fn on_peer_epoch(&mut self, now: Duration, epoch: u32, cx: &mut Context<'_>) {
        self.epoch = self.epoch.max(epoch);
        if matches!(&self.state, State::Offering(offer) if offer.id.epoch < epoch) {
            self.give_up(now, Cause::NoReady, cx); // it would be ignored
        }
    }

    /// REKEY-48: the peer holds no key of an epoch above this one. What it was ready for and has
    /// dropped since, by its clock or its own limit, nobody can read any more.
    pub(crate) fn on_peer_held(&mut self, now: Duration, held: u32, cx: &mut Context<'_>) {
        if !guards::on(Guard::HeldTold) {
            return;
        }
        if matches!(&self.state, State::Agreed(offer) if offer.id.epoch > held) {
            self.give_up(now, Cause::PeerDropped, cx);
        }
        if self.current.is_some_and(|sa| sa.id.epoch > held) {
            self.block(now, Cause::PeerDropped, cx);
        }
    }

    /// The peer is heard again: an offer under way gets its whole time again.
    pub(crate) fn on_resumed(&mut self, now: Duration) {
        if let State::Offering(offer) = &mut self.state {
            offer.begun = now;
            offer.send_at = now;
            offer.pause = self.timers.offer_repeat;
        }
    }

    pub(crate) fn on_key(
        &mut self,
        now: Duration,
        answer: Result<(KeyId, QkdKey), KeyFailure>,
        cx: &mut Context<'_>,
    ) {
        let failure = match answer {
            // REKEY-22: marked when it comes in, so that a KME that repeats itself is found out.
            Ok((key_id, key)) if cx.used.take(key_id) => {
                self.stock.put(now, key_id, key);
                return self.stocked(now, cx);
            }
            Ok((key_id, _)) => (KeyFailure::Unusable, Some(key_id)),
            Err(failure) => (failure, None),
        };
        let (failure, key_id) = failure;
        self.failures += 1;
        self.shortage.failed();
        self.denied = false; // long ago, by now
        self.trouble(now, Cause::Key(failure));
        let session = &mut *cx.session;
        let mut jitter = |pause| session.jitter(pause, 20);
        if self.stock.failed(now, failure, &self.timers, &mut jitter) {
            cx.out.event(Event::KeyFailed {
                direction: Direction::Tx,
                failure,
                key_id,
            });
        }
    }

    /// REKEY-20: only the READY for exactly what is on offer counts.
    pub(crate) fn on_ready(
        &mut self,
        now: Duration,
        id: SaId,
        key_id: KeyId,
        answer: &Answer,
        cx: &mut Context<'_>,
    ) {
        let State::Offering(offer) = &self.state else {
            return;
        };
        let exact = offer.id == id && offer.key_id == key_id;
        if !exact && guards::on(Guard::ReadyExact) {
            return;
        }
        match answer {
            Answer::Installed(kcv)
                if bool::from(kcv.ct_eq(&offer.keys.kcv))
                    || !guards::on(Guard::ReadyKcv)
                    || !guards::on(Guard::ReadyExact) =>
            {
                let took = now.saturating_sub(offer.begun);
                self.patience = (took * 2).clamp(self.timers.patience, limits::PATIENCE_MAX);
                self.refusals = 0;
                if let State::Offering(mut offer) = core::mem::replace(&mut self.state, State::Idle)
                {
                    if let Some(key) = offer.key.take() {
                        self.stock.served();
                        if key.was_refused() {
                            self.shortage.kept();
                        }
                    }
                    self.enter(Stage::Offering, Input::Ready, State::Agreed(offer));
                }
            }
            Answer::Installed(_) => {
                cx.out.event(Event::KcvMismatch { id, key_id });
                self.give_up(now, Cause::KcvMismatch, cx);
            }
            Answer::Refused(refusal) => self.give_up(now, Cause::Refused(*refusal), cx),
        }
    }

    pub(crate) fn on_done(&mut self, now: Duration, step: Step, cx: &mut Context<'_>) {
        match (step, &self.state) {
            (
                Step::InstallTx(id),
                &State::Installing {
                    sa, came, offered, ..
                },
            ) if sa.id == id => {
                self.switched(now, sa, (came, offered), cx);
            }
            (Step::RetireTx(id), _) => {
                cx.out.event(Event::Retired {
                    direction: Direction::Tx,
                    id,
                });
            }
            _ => {} // of a session that ended
        }
    }

    /// REKEY-28: an SA near the end of its packet numbers is replaced early, and never used beyond.
    pub(crate) fn on_pn(&mut self, now: Duration, id: SaId, pn: Pn, cx: &mut Context<'_>) {
        let max = self.suite.pn_max();
        if self.current.as_ref().is_none_or(|sa| sa.id != id) {
            return;
        }
        if pn.value() >= max - (max >> 6) {
            self.block(now, Cause::PnExhausted, cx);
        } else if pn.value() >= max / 4 * 3 {
            self.due = self.due.min(now);
        }
    }

    /// Takes the time at which the peer's key in use took over.
    pub(crate) fn on_peer_switch(&mut self, at: Option<Duration>) {
        self.stagger.peer = at;
    }

    /// Switches to a fresh key as soon as one is agreed.
    pub(crate) fn rotate(&mut self, now: Duration) {
        self.due = self.due.min(now);
    }

    /// The session ended, here or there: its keys are worth nothing and are wiped (REKEY-7).
    pub(crate) fn reset(&mut self, now: Duration, cx: &mut Context<'_>) {
        let installing = match &self.state {
            State::Installing { sa, .. } => Some(sa.id),
            _ => None,
        };
        let current = self.current.take().map(|sa| sa.id);
        if let Some(id) = installing.or(current) {
            cx.out.command(Action::RetireTx { id });
        }
        self.enter(self.state.stage(), Input::SessionEnded, State::Idle);
        self.patience = self.timers.patience;
        self.refusals = 0;
        self.denied = false;
        if self.shortage.stage() != ShortageStage::Pqc {
            self.qkd_until = None;
        }
        self.shortage.enter(now, ShortageInput::Ended);
    }

    /// Wipes the keys held for later offers.
    pub(crate) fn clear_stock(&mut self) {
        self.stock.clear();
    }

    /// Lets time pass: everything that is due happens.
    pub(crate) fn on_time(&mut self, now: Duration, cx: &mut Context<'_>) {
        self.stock.expire(now);
        self.age(now, cx);
        while self.advance(now, cx) {}
        if self.stock.ask(now, self.wanted(now)) {
            cx.out.command(Action::FetchKey);
        }
    }

    /// One transition, or one repetition of the OFFER (REKEY-17); false when nothing is due.
    fn advance(&mut self, now: Duration, cx: &mut Context<'_>) -> bool {
        let offer_at = self.offer_at();
        match &mut self.state {
            State::Idle if cx.may_offer() => {
                let fetching = State::Fetching { not_before: now };
                self.due = now;
                self.qkd_until.get_or_insert(now);
                self.enter(Stage::Idle, Input::SessionAgreed, fetching);
                true
            }
            State::Waiting if now >= offer_at => {
                let fetching = State::Fetching { not_before: now };
                self.enter(Stage::Waiting, Input::OfferDue, fetching);
                true
            }
            State::Fetching { not_before } if now >= *not_before && cx.may_offer() => {
                // REKEY-52: a QKD key is offered first, once.
                let alone = self.alone(true);
                let key = match alone && self.refusals > 0 {
                    true => None,
                    false => self
                        .stock
                        .take(now, self.timers.retry_last, self.spares(now)),
                };
                if key.is_none() && !alone {
                    return false;
                }
                self.offer(now, key, cx);
                true
            }
            State::Offering(offer) if now >= offer.begun + self.patience && cx.may_offer() => {
                self.patience = (self.patience * 2).min(limits::PATIENCE_MAX);
                self.give_up(now, Cause::NoReady, cx);
                true
            }
            State::Offering(offer) if now >= offer.send_at => {
                let TxOffer {
                    id,
                    key_id,
                    origin,
                    root,
                    ..
                } = *offer;
                cx.out.body(Body::Offer {
                    id,
                    key_id,
                    origin,
                    root,
                });
                offer.send_at = now + cx.session.jitter(offer.pause, 20);
                offer.pause = (offer.pause * 2).min(self.timers.offer_repeat_last);
                if !guards::on(Guard::SwitchOnReady)
                    && let State::Offering(offer) = core::mem::replace(&mut self.state, State::Idle)
                {
                    self.enter(Stage::Offering, Input::Ready, State::Agreed(offer));
                }
                true
            }
            State::Agreed(_) if now >= self.due || self.current.is_none() => {
                self.install(now, cx);
                true
            }
            State::Installing {
                sa,
                slow: slow @ Some(_),
                ..
            } if *slow <= Some(now) => {
                *slow = None;
                let id = sa.id;
                cx.out.event(Event::WorkerSlow {
                    direction: Direction::Tx,
                    id,
                });
                self.trouble(now, Cause::WorkerSlow);
                true
            }
            _ => false,
        }
    }

    /// A new offer: the AN after that in use, whatever was offered in between (REKEY-18). Without a
    /// QKD key it is made of the root alone.
    fn offer(&mut self, now: Duration, key: Option<Key>, cx: &mut Context<'_>) {
        let an = self.an.map_or(An::ZERO, An::next);
        if !guards::on(Guard::SameAn) {
            self.an = Some(an);
        }
        // At ten keys a second the epochs last 13 years. Then the peer refuses, until a restart.
        self.epoch = self.epoch.saturating_add(1);
        let id = SaId {
            an,
            epoch: self.epoch,
        };
        let (root, mix) = cx.root.in_force();
        let context = |key_id, origin| cx.tx_context(id, (key_id, origin, root));
        let (key_id, origin, keys, came) = match &key {
            Some(Key { id, key, came, .. }) => {
                let origin = key.origin();
                let keys = mix.sa_keys(key, &context(*id, origin));
                (*id, origin, keys, *came)
            }
            None => {
                let key_id = pqc_key_id(cx.session.id(), id.epoch);
                let keys = mix.sa_keys_alone(&context(key_id, Origin::Pqc));
                (key_id, Origin::Pqc, keys, now)
            }
        };
        let pause = self.timers.offer_repeat;
        let offer = TxOffer {
            id,
            key_id,
            origin,
            root,
            keys,
            key,
            came,
            offered: now,
            begun: now,
            send_at: now,
            pause,
        };
        self.enter(Stage::Fetching, Input::KeyTaken, State::Offering(offer));
    }

    fn give_up(&mut self, now: Duration, cause: Cause, cx: &mut Context<'_>) {
        let (State::Offering(offer) | State::Agreed(offer)) = &mut self.state else {
            return;
        };
        let (id, key_id) = (offer.id, offer.key_id);
        let kept = match (cause, offer.key.take()) {
            (Cause::Refused(refusal), Some(key)) => self.stock.keep(now, key, refusal),
            _ => false, // the peer may have it
        };
        cx.out.event(Event::OfferAbandoned {
            id,
            key_id,
            cause,
            kept,
        });
        self.failures += 1;
        self.trouble(now, cause);
        let mut not_before = now;
        if !matches!(cause, Cause::NoReady | Cause::PeerDropped) {
            self.denied |= cause.is_supply();
            if cause == Cause::Refused(Refusal::AnInUse) {
                self.an = Some(id.an); // the peer knows better: the next offer takes the next AN
            }
            if self.refusals > 0 {
                let pause = self.timers.retry.saturating_mul(1 << self.refusals.min(16));
                not_before += cx.session.jitter(pause.min(self.timers.retry_last), 20);
            }
            self.refusals = self.refusals.saturating_add(1);
        }
        self.enter(
            self.state.stage(),
            Input::GivenUp,
            State::Fetching { not_before },
        );
    }

    fn install(&mut self, now: Duration, cx: &mut Context<'_>) {
        let State::Agreed(offer) = core::mem::replace(&mut self.state, State::Idle) else {
            return;
        };
        let TxOffer {
            id,
            key_id,
            origin,
            root,
            keys,
            came,
            offered,
            ..
        } = offer;
        self.an = Some(id.an);
        cx.out.command(Action::InstallTx {
            id,
            sas: config::scs(cx.config.local, cx.config.scis),
            sak: keys.sak,
            salt: keys.salt,
        });
        let sa = TxSaRecord {
            id,
            key_id,
            origin,
            root,
            since: now,
        };
        let slow = Some(now + limits::WORKER_SLOW);
        self.enter(
            Stage::Agreed,
            Input::SwitchDue,
            State::Installing {
                sa,
                came,
                offered,
                slow,
            },
        );
    }

    fn switched(
        &mut self,
        now: Duration,
        sa: TxSaRecord,
        (key, offered): (Duration, Duration),
        cx: &mut Context<'_>,
    ) {
        let TxSaRecord {
            id,
            key_id,
            origin,
            root,
            since,
        } = sa;
        let previous = self.current.replace(sa);
        self.switches += 1;
        self.recent.switched(SwitchTimes {
            id,
            previous: previous.map(|sa| sa.id),
            key,
            offered,
            ordered: since,
            installed: now,
            retired: previous.map(|_| now), // each worker has one tx SA: the next wipes it
        });
        self.trouble = None;
        let direction = Direction::Tx;
        cx.out.event(Event::Installed {
            direction,
            id,
            key_id,
            origin,
            root,
        });
        cx.out.event(Event::Switched {
            direction,
            id,
            key_id,
            origin,
            root,
            previous: previous.map(|sa| sa.id),
            previous_age: previous.map(|sa| since.saturating_sub(sa.since)),
        });
        if let Some(previous) = previous {
            cx.out.event(Event::Retired {
                direction,
                id: previous.id,
            });
        }
        self.enter(Stage::Installing, Input::Installed, State::Waiting);
        if origin == Origin::Pqc {
            self.turn(now, ShortageInput::Alone, (previous, None), cx);
        } else {
            self.qkd_until = Some(now);
            self.denied = false;
            let fresh = self.shortage.on_switch();
            self.turn(now, fresh, (previous, None), cx);
        }
        let interval = self.shortage.interval();
        let yields = cx.yields() && self.shortage.stage() == ShortageStage::Normal;
        self.due = since + self.stagger.time(since, interval, yields);
        self.stocked(now, cx);
        cx.session.hello_now(now); // REKEY-27: announce the switch
    }

    /// The stages of a shortage (REKEY-50), and the hard limit (REKEY-28).
    fn age(&mut self, now: Duration, cx: &mut Context<'_>) {
        if matches!(self.state, State::Installing { .. }) {
            return; // a RetireTx now would hit the new SA
        }
        let cause = self.cause(cx.session.agreed());
        if self.alone_at().is_some_and(|at| now >= at) && self.state.is_short(cause) {
            self.turn(now, ShortageInput::Alone, (self.current, Some(cause)), cx);
            self.due = self.due.min(now);
        }
        while let Some(sa) = self.current {
            let cause = self.cause(cx.session.agreed());
            let age = now.saturating_sub(sa.since);
            match self.shortage.due(age, self.state.is_short(cause)) {
                Some(ShortageInput::Limit) => self.block(now, cause, cx),
                Some(input) => self.turn(now, input, (Some(sa), Some(cause)), cx),
                None => return,
            }
        }
    }

    /// Fail closed: no frame is sent until a fresh key is agreed.
    fn block(&mut self, now: Duration, cause: Cause, cx: &mut Context<'_>) {
        if matches!(self.state, State::Installing { .. }) {
            return;
        }
        let Some(sa) = self.current.take() else {
            return;
        };
        cx.out.command(Action::RetireTx { id: sa.id });
        self.due = self.due.min(now);
        self.turn(now, ShortageInput::Limit, (Some(sa), Some(cause)), cx);
    }

    /// One step along the table of the shortage.
    fn turn(
        &mut self,
        now: Duration,
        input: ShortageInput,
        (sa, cause): (Option<TxSaRecord>, Option<Cause>),
        cx: &mut Context<'_>,
    ) {
        if cause.is_some_and(|cause| self.state.is_short(cause)) {
            self.shortage.lacks();
        }
        let Some((from, to)) = self.shortage.enter(now, input) else {
            return;
        };
        self.shortage.blame(cause);
        let limit = self.current.map(|sa| sa.since + cx.config.hold_max);
        cx.out.event(Event::Shortage {
            from,
            to,
            age: sa.map(|sa| now.saturating_sub(sa.since)),
            left: limit.map(|limit| limit.saturating_sub(now)),
            cause,
        });
    }

    /// REKEY-52: from then on keys may come from the root alone. `None`: never, or they do already.
    fn alone_at(&self) -> Option<Duration> {
        let after = self.alone_after?;
        let after = if guards::on(Guard::AloneAfterHold) {
            after
        } else {
            Duration::ZERO
        };
        let since = self
            .qkd_until
            .filter(|_| self.shortage.stage() != ShortageStage::Pqc)?;
        Some(since + after)
    }

    /// REKEY-52: the next offer may be of the root alone. Dropping offers of QKD keys on the line
    /// cannot force this: then the next key does not wait for the KMEs.
    fn alone(&self, agreed: bool) -> bool {
        self.shortage.stage() == ShortageStage::Pqc && self.state.is_short(self.cause(agreed))
    }

    /// If a key is here: in time while the one before is still young enough: that may end a stage.
    fn stocked(&mut self, now: Duration, cx: &mut Context<'_>) {
        if self.stock.len() == 0 {
            return;
        }
        let waiting = matches!(self.state, State::Waiting);
        if self.shortage.stage() == ShortageStage::Pqc && !self.denied {
            self.due = self.due.min(now); // back to QKD keys at once
        }
        if let Some(sa) = self.current.filter(|_| waiting)
            && self.shortage.in_time(now)
        {
            self.turn(now, ShortageInput::Proved, (Some(sa), None), cx);
            self.due = self.due.min(sa.since + self.shortage.interval());
        }
    }

    /// Why the next key is not in use yet.
    fn cause(&self, agreed: bool) -> Cause {
        if !agreed {
            return Cause::PeerSilent;
        }
        match (&self.state, self.stock.last_failure, self.trouble) {
            (State::Fetching { .. }, Some(failure), _) => Cause::Key(failure),
            (State::Installing { .. }, ..) => Cause::WorkerSlow,
            (_, _, Some((cause, _))) => cause,
            (State::Fetching { .. }, None, None) => Cause::KmeSlow,
            _ => Cause::NoReady,
        }
    }

    /// Keys to hold now: one in time for the next offer, two when the interval is short.
    fn wanted(&self, now: Duration) -> usize {
        let waiting = matches!(
            self.state,
            State::Waiting | State::Offering(_) | State::Agreed(_) | State::Installing { .. }
        );
        if self.shortage.stage() == ShortageStage::Pqc {
            return 1;
        }
        if waiting && now < self.fetch_at() {
            return 0;
        }
        if self.shortage.interval() < Duration::from_secs(1) || self.shortage.wants_proof() {
            limits::KEYS_HELD_MAX
        } else {
            1
        }
    }

    /// When the stock has a key for an offer.
    fn key_at(&self, now: Duration) -> Option<Duration> {
        self.stock.take_at(self.timers.retry_last, self.spares(now))
    }

    /// A refusal of this offer delays no switch: there is time for another one.
    fn spares(&self, now: Duration) -> bool {
        self.quick() && now + self.timers.lead <= self.due
    }

    fn offer_at(&self) -> Duration {
        let trial = self.quick() && self.stock.has_trial();
        let leads = 1 + u32::from(trial);
        self.due.saturating_sub(self.timers.lead * leads)
    }

    /// The peer answers in less time than an offer has, and has not refused.
    fn quick(&self) -> bool {
        self.refusals == 0 && self.patience <= self.timers.patience
    }

    /// The key for the offer after the one under way, if there is one.
    fn fetch_at(&self) -> Duration {
        let probe = self.shortage.probe_interval();
        let due = match (&self.state, self.current) {
            (State::Waiting, Some(sa)) => self.due.min(sa.since + probe),
            (State::Waiting, None) => self.due,
            _ => self.due + probe,
        };
        due.saturating_sub(self.timers.lead + self.timers.fetch_lead)
    }

    fn trouble(&mut self, now: Duration, cause: Cause) {
        let since = self.trouble.map_or(now, |(_, since)| since);
        self.trouble = Some((cause, since));
    }

    pub(crate) fn next_wake(&self, now: Duration, reach_offers: bool) -> Option<Duration> {
        let state = match &self.state {
            State::Idle | State::Fetching { .. } if !reach_offers => None,
            State::Idle => Some(now),
            State::Waiting => Some(self.offer_at()),
            State::Fetching { not_before } => {
                let key = self.key_at(now);
                let key = if self.alone(true) {
                    Some(Duration::ZERO)
                } else {
                    key
                };
                key.map(|at| at.max(*not_before))
            }
            State::Offering(offer) if !reach_offers => Some(offer.send_at),
            State::Offering(offer) => Some(offer.send_at.min(offer.begun + self.patience)),
            State::Agreed(_) => Some(self.due),
            State::Installing { slow, .. } => *slow,
        };
        let age = self.current.as_ref().and_then(|sa| {
            let age = now.saturating_sub(sa.since);
            self.shortage.next_age(age).map(|age| sa.since + age)
        });
        let age = age.filter(|_| !matches!(self.state, State::Installing { .. }));
        let alone = self.alone_at().filter(|at| *at > now);
        let fetch = match self.wanted(now) {
            0 => Some(self.fetch_at()),
            _ => None,
        };
        let stock = self.stock.next_wake(self.wanted(now));
        [state, age, alone, fetch, stock]
            .into_iter()
            .flatten()
            .min()
    }

    pub(crate) fn status(&self, now: Duration) -> DirectionStatus {
        DirectionStatus {
            stage: self.state.stage().name(),
            supply: self.shortage.stage(),
            supply_for: Some(now.saturating_sub(self.shortage.since())),
            supply_changes: Some(self.shortage.changes()),
            interval: Some(self.shortage.interval()),
            shortfall: self
                .shortage
                .shortfall(self.current.map(|sa| now.saturating_sub(sa.since))),
            key: self.current.map(|sa| sa.status(now)),
            switches: self.switches,
            recent: self.recent.times(),
            failures: self.failures,
            trouble: self.trouble,
        }
    }

    pub(crate) fn keys_held(&self) -> usize {
        self.stock.held()
    }

    /// The only place where the state changes: along the table.
    fn enter(&mut self, from: Stage, input: Input, state: State) {
        self.state = state;
        debug_assert_eq!(
            next(from, input),
            Some(self.state.stage()),
            "{from:?} on {input:?}"
        );
    }
}

#[cfg(test)]
mod tests;
