//! Our transmit direction: we drive its rekeying (spec, section 6.1).
//!
//! ```text
//! Idle ─▶ Fetching ─▶ Offering ─▶ Agreed ─▶ Installing ─▶ Waiting ─▶ Fetching …
//!            ▲            │ given up: new key_ID, same AN, higher epoch
//!            └────────────┘
//! ```
//! The key in use stays in use whatever happens to the offer of the next one, until its hard limit.
//! [`next`] is the whole table; every change of state goes through it.

use core::time::Duration;

use secy::{SaId, Suite};
use subtle::ConstantTimeEq;
use wire::{An, KeyId, Pn};

use crate::action::{Action, Step};
use crate::config::{self, TxTimers};
use crate::event::{Cause, Direction, Event, KeyFailure, Refusal};
use crate::guards::{self, Guard};
use crate::limits;
use crate::message::{Answer, Body};
use crate::reach::Reach;
use crate::schedule::SaKeys;
use crate::secret::{Origin, QkdKey};
use crate::status::{DirectionStatus, KeyStatus, Supply};
use crate::supply::Stock;

/// The transmit direction.
pub(crate) struct Tx {
    timers: TxTimers,
    suite: Suite,
    state: State,
    stock: Stock,
    /// The SA in all workers.
    current: Option<InUse>,
    /// When the next switch is due.
    due: Duration,
    /// AN of the last SA given to the workers.
    an: Option<An>,
    /// Highest epoch used; grows over sessions, so that no [`SaId`] comes back.
    epoch: u32,
    /// How long an offer is repeated: learned from the line and the peer's KME.
    patience: Duration,
    /// Refusals in a row.
    refusals: u32,
    supply: Supply,
    trouble: Option<(Cause, Duration)>,
    switches: u64,
    failures: u64,
}

enum State {
    /// No session is agreed.
    Idle,
    /// The key in use is young enough.
    Waiting,
    /// A key for the next offer is wanted, but not taken before this time.
    Fetching { not_before: Duration },
    /// OFFER is repeated until READY.
    Offering(Offer),
    /// The peer is ready; the switch is not due yet.
    Agreed(Offer),
    /// The workers install the SA.
    Installing { sa: InUse, slow: Option<Duration> },
}

/// A state without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Idle,
    Waiting,
    Fetching,
    Offering,
    Agreed,
    Installing,
}

/// What makes a state end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    SessionAgreed,
    SessionEnded,
    OfferDue,
    KeyTaken,
    Ready,
    GivenUp,
    SwitchDue,
    Installed,
}

struct Offer {
    id: SaId,
    key_id: KeyId,
    origin: Origin,
    keys: SaKeys,
    begun: Duration,
    send_at: Duration,
    pause: Duration,
}

/// An SA in use, without its key.
#[derive(Clone, Copy)]
struct InUse {
    id: SaId,
    key_id: KeyId,
    origin: Origin,
    /// When the workers were told: age counts from here.
    since: Duration,
}

/// The transition table. `None`: the input means nothing in this state.
pub(crate) const fn next(stage: Stage, input: Input) -> Option<Stage> {
    match (stage, input) {
        (_, Input::SessionEnded) => Some(Stage::Idle),
        (Stage::Idle, Input::SessionAgreed)
        | (Stage::Waiting, Input::OfferDue)
        | (Stage::Offering, Input::GivenUp) => Some(Stage::Fetching),
        (Stage::Fetching, Input::KeyTaken) => Some(Stage::Offering),
        (Stage::Offering, Input::Ready) => Some(Stage::Agreed),
        (Stage::Agreed, Input::SwitchDue) => Some(Stage::Installing),
        (Stage::Installing, Input::Installed) => Some(Stage::Waiting),
        _ => None,
    }
}

impl Tx {
    pub(crate) const fn new(timers: TxTimers, suite: Suite) -> Self {
        Self {
            timers,
            suite,
            state: State::Idle,
            stock: Stock::new(),
            current: None,
            due: Duration::ZERO,
            an: None,
            epoch: 0,
            patience: timers.patience,
            refusals: 0,
            supply: Supply::Starting,
            trouble: None,
            switches: 0,
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
    pub(crate) fn on_peer_epoch(&mut self, now: Duration, epoch: u32, reach: &mut Reach<'_>) {
        self.epoch = self.epoch.max(epoch);
        if matches!(&self.state, State::Offering(offer) if offer.id.epoch < epoch) {
            self.give_up(now, Cause::NoReady, reach); // it would be ignored
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
        reach: &mut Reach<'_>,
    ) {
        let failure = match answer {
            // REKEY-22: marked when it comes in, so that a KME that repeats itself is found out.
            Ok((key_id, key)) if reach.used.take(key_id) => return self.stock.put(key_id, key),
            Ok((key_id, _)) => (KeyFailure::Unusable, Some(key_id)),
            Err(failure) => (failure, None),
        };
        let (failure, key_id) = failure;
        self.failures += 1;
        self.trouble(now, Cause::Key(failure));
        let session = &mut *reach.session;
        let mut jitter = |pause| session.jitter(pause, 20);
        if self.stock.failed(now, failure, &self.timers, &mut jitter) {
            reach.out.event(Event::KeyFailed {
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
        reach: &mut Reach<'_>,
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
                if let State::Offering(offer) = core::mem::replace(&mut self.state, State::Idle) {
                    self.enter(Stage::Offering, Input::Ready, State::Agreed(offer));
                }
            }
            Answer::Installed(_) => {
                reach.out.event(Event::KcvMismatch { id, key_id });
                self.give_up(now, Cause::KcvMismatch, reach);
            }
            Answer::Refused(refusal) => self.give_up(now, Cause::Refused(*refusal), reach),
        }
    }

    pub(crate) fn on_done(&mut self, now: Duration, step: Step, reach: &mut Reach<'_>) {
        match (step, &self.state) {
            (Step::InstallTx(id), &State::Installing { sa, .. }) if sa.id == id => {
                self.switched(now, sa, reach);
            }
            (Step::RetireTx(id), _) => {
                reach.out.event(Event::Retired {
                    direction: Direction::Tx,
                    id,
                });
            }
            _ => {} // of a session that ended
        }
    }

    /// REKEY-28: an SA near the end of its packet numbers is replaced early, and never used beyond.
    pub(crate) fn on_pn(&mut self, now: Duration, id: SaId, pn: Pn, reach: &mut Reach<'_>) {
        let max = self.suite.pn_max();
        if self.current.as_ref().is_none_or(|sa| sa.id != id) {
            return;
        }
        if pn.value() >= max - (max >> 6) {
            self.block(now, Some(Cause::PnExhausted), reach);
        } else if pn.value() >= max / 4 * 3 {
            self.due = self.due.min(now);
        }
    }

    /// Switches to a fresh key as soon as one is agreed.
    pub(crate) fn rotate(&mut self, now: Duration) {
        self.due = self.due.min(now);
    }

    /// The session ended, here or there: its keys are worth nothing and are wiped (REKEY-7).
    pub(crate) fn reset(&mut self, reach: &mut Reach<'_>) {
        let installing = match &self.state {
            State::Installing { sa, .. } => Some(sa.id),
            _ => None,
        };
        let current = self.current.take().map(|sa| sa.id);
        if let Some(id) = installing.or(current) {
            reach.out.command(Action::RetireTx { id });
        }
        self.enter(self.stage(), Input::SessionEnded, State::Idle);
        self.patience = self.timers.patience;
        self.refusals = 0;
        self.supply = Supply::Starting;
    }

    /// Wipes the keys held for later offers.
    pub(crate) fn clear_stock(&mut self) {
        self.stock.clear();
    }

    /// Lets time pass: everything that is due happens.
    pub(crate) fn on_time(&mut self, now: Duration, reach: &mut Reach<'_>) {
        self.age(now, reach);
        while self.advance(now, reach) {}
        if self.stock.ask(now, self.wanted(now)) {
            reach.out.command(Action::FetchKey);
        }
    }

    /// One transition or one repetition; false when nothing is due.
    fn advance(&mut self, now: Duration, reach: &mut Reach<'_>) -> bool {
        let offer_at = self.offer_at();
        match &mut self.state {
            State::Idle if reach.may_offer() => {
                let fetching = State::Fetching { not_before: now };
                self.due = now;
                self.enter(Stage::Idle, Input::SessionAgreed, fetching);
                true
            }
            State::Waiting if now >= offer_at => {
                let fetching = State::Fetching { not_before: now };
                self.enter(Stage::Waiting, Input::OfferDue, fetching);
                true
            }
            State::Fetching { not_before } if now >= *not_before && reach.may_offer() => {
                let Some((key_id, key)) = self.stock.take() else {
                    return false;
                };
                self.offer(now, key_id, &key, reach);
                true
            }
            State::Offering(offer) if now >= offer.begun + self.patience && reach.may_offer() => {
                self.patience = (self.patience * 2).min(limits::PATIENCE_MAX);
                self.give_up(now, Cause::NoReady, reach);
                true
            }
            State::Offering(offer) if now >= offer.send_at => {
                let Offer {
                    id, key_id, origin, ..
                } = *offer;
                reach.out.body(Body::Offer { id, key_id, origin });
                offer.send_at = now + reach.session.jitter(offer.pause, 20);
                offer.pause = (offer.pause * 2).min(self.timers.offer_repeat_last);
                if !guards::on(Guard::SwitchOnReady)
                    && let State::Offering(offer) = core::mem::replace(&mut self.state, State::Idle)
                {
                    self.enter(Stage::Offering, Input::Ready, State::Agreed(offer));
                }
                true
            }
            State::Agreed(_) if now >= self.due || self.current.is_none() => {
                self.install(now, reach);
                true
            }
            State::Installing {
                sa,
                slow: slow @ Some(_),
            } if *slow <= Some(now) => {
                *slow = None;
                let id = sa.id;
                reach.out.event(Event::WorkerSlow {
                    direction: Direction::Tx,
                    id,
                });
                self.trouble(now, Cause::WorkerSlow);
                true
            }
            _ => false,
        }
    }

    /// A new offer: the AN after that in use, whatever was offered in between (REKEY-18).
    fn offer(&mut self, now: Duration, key_id: KeyId, key: &QkdKey, reach: &mut Reach<'_>) {
        let an = self.an.map_or(An::ZERO, An::next);
        if !guards::on(Guard::SameAn) {
            self.an = Some(an);
        }
        // At ten keys a second the epochs last 13 years; then the peer refuses, and a restart mends.
        self.epoch = self.epoch.saturating_add(1);
        let id = SaId {
            an,
            epoch: self.epoch,
        };
        let origin = key.origin();
        let keys = reach
            .mix
            .sa_keys(key, &reach.tx_context(id, key_id, origin));
        let pause = self.timers.offer_repeat;
        let offer = Offer {
            id,
            key_id,
            origin,
            keys,
            begun: now,
            send_at: now,
            pause,
        };
        self.enter(Stage::Fetching, Input::KeyTaken, State::Offering(offer));
    }

    fn give_up(&mut self, now: Duration, cause: Cause, reach: &mut Reach<'_>) {
        let State::Offering(Offer { id, key_id, .. }) = self.state else {
            return;
        };
        reach.out.event(Event::OfferAbandoned { id, key_id, cause });
        self.failures += 1;
        self.trouble(now, cause);
        let mut not_before = now;
        if cause != Cause::NoReady {
            if cause == Cause::Refused(Refusal::AnInUse) {
                self.an = Some(id.an); // the peer knows better: the next offer takes the next AN
            }
            if self.refusals > 0 {
                let pause = self.timers.retry.saturating_mul(1 << self.refusals.min(16));
                not_before += reach.session.jitter(pause.min(self.timers.retry_last), 20);
            }
            self.refusals = self.refusals.saturating_add(1);
        }
        self.enter(
            Stage::Offering,
            Input::GivenUp,
            State::Fetching { not_before },
        );
    }

    fn install(&mut self, now: Duration, reach: &mut Reach<'_>) {
        let State::Agreed(offer) = core::mem::replace(&mut self.state, State::Idle) else {
            return;
        };
        let Offer {
            id,
            key_id,
            origin,
            keys,
            ..
        } = offer;
        self.an = Some(id.an);
        reach.out.command(Action::InstallTx {
            id,
            sas: config::scs(reach.config.local, reach.config.scis),
            sak: keys.sak,
            salt: keys.salt,
        });
        let sa = InUse {
            id,
            key_id,
            origin,
            since: now,
        };
        let slow = Some(now + limits::WORKER_SLOW);
        self.enter(
            Stage::Agreed,
            Input::SwitchDue,
            State::Installing { sa, slow },
        );
    }

    fn switched(&mut self, now: Duration, sa: InUse, reach: &mut Reach<'_>) {
        let InUse {
            id,
            key_id,
            origin,
            since,
        } = sa;
        let previous = self.current.replace(sa);
        let overdue = since.saturating_sub(self.due);
        self.due = since + self.timers.interval;
        self.switches += 1;
        self.trouble = None;
        let direction = Direction::Tx;
        reach.out.event(Event::Installed {
            direction,
            id,
            key_id,
        });
        reach.out.event(Event::Switched {
            direction,
            id,
            key_id,
            origin,
            previous: previous.map(|sa| sa.id),
            previous_age: previous.map(|sa| since.saturating_sub(sa.since)),
        });
        if let Some(previous) = previous {
            reach.out.event(Event::Retired {
                direction,
                id: previous.id,
            });
        }
        if self.supply > Supply::Normal {
            reach.out.event(Event::Recovered { after: overdue });
        }
        self.supply = Supply::Normal;
        self.enter(Stage::Installing, Input::Installed, State::Waiting);
        reach.session.hello_now(now); // REKEY-27: announce the switch
    }

    /// The stages of a shortage, and the hard limit (REKEY-28).
    fn age(&mut self, now: Duration, reach: &mut Reach<'_>) {
        let Some(sa) = self.current else { return };
        if matches!(self.state, State::Installing { .. }) {
            return; // a RetireTx now would hit the new SA
        }
        let age = now.saturating_sub(sa.since);
        let cause = self.cause(reach);
        if age >= self.timers.hold_max && guards::on(Guard::HoldLimit) {
            self.block(now, None, reach);
        } else if age >= self.timers.held_after && self.supply < Supply::Held {
            self.supply = Supply::Held;
            let limit = sa.since + self.timers.hold_max;
            reach.out.event(Event::Held { age, limit, cause });
        } else if age >= self.timers.short_after && self.supply < Supply::Short {
            self.supply = Supply::Short;
            reach.out.event(Event::KeyShort { age, cause });
        }
    }

    /// Fail closed: no frame is sent until a fresh key is agreed.
    fn block(&mut self, now: Duration, cause: Option<Cause>, reach: &mut Reach<'_>) {
        if matches!(self.state, State::Installing { .. }) {
            return;
        }
        let Some(sa) = self.current.take() else {
            return;
        };
        let cause = cause.unwrap_or_else(|| self.cause(reach));
        reach.out.command(Action::RetireTx { id: sa.id });
        self.supply = Supply::Blocked;
        self.due = self.due.min(now);
        reach.out.event(Event::Blocked {
            age: now.saturating_sub(sa.since),
            cause,
        });
    }

    /// Why the next key is not in use yet.
    fn cause(&self, reach: &Reach<'_>) -> Cause {
        if !reach.session.agreed() {
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
        if waiting && now < self.fetch_at() {
            return 0;
        }
        if self.timers.interval < Duration::from_secs(1) {
            limits::KEYS_HELD_MAX
        } else {
            1
        }
    }

    fn offer_at(&self) -> Duration {
        self.due.saturating_sub(self.timers.lead)
    }

    /// The key for the offer after the one under way, if there is one.
    fn fetch_at(&self) -> Duration {
        let due = match self.state {
            State::Waiting => self.due,
            _ => self.due + self.timers.interval,
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
            State::Fetching { not_before } => (self.stock.len() > 0).then_some(*not_before),
            State::Offering(offer) if !reach_offers => Some(offer.send_at),
            State::Offering(offer) => Some(offer.send_at.min(offer.begun + self.patience)),
            State::Agreed(_) => Some(self.due),
            State::Installing { slow, .. } => *slow,
        };
        let age = self.current.as_ref().map(|sa| {
            sa.since
                + match self.supply {
                    Supply::Starting | Supply::Normal => self.timers.short_after,
                    Supply::Short => self.timers.held_after,
                    Supply::Held | Supply::Blocked => self.timers.hold_max,
                }
        });
        let age = age.filter(|_| !matches!(self.state, State::Installing { .. }));
        let fetch = match self.wanted(now) {
            0 => Some(self.fetch_at()),
            wanted => self.stock.next_wake(wanted),
        };
        [state, age, fetch].into_iter().flatten().min()
    }

    pub(crate) fn status(&self, now: Duration) -> DirectionStatus {
        DirectionStatus {
            stage: self.stage().name(),
            supply: self.supply,
            key: self.current.map(|sa| KeyStatus {
                an: sa.id.an,
                epoch: sa.id.epoch,
                key_id: sa.key_id,
                origin: sa.origin,
                age: now.saturating_sub(sa.since),
            }),
            switches: self.switches,
            failures: self.failures,
            trouble: self.trouble,
        }
    }

    pub(crate) fn keys_held(&self) -> usize {
        self.stock.len()
    }

    const fn stage(&self) -> Stage {
        match self.state {
            State::Idle => Stage::Idle,
            State::Waiting => Stage::Waiting,
            State::Fetching { .. } => Stage::Fetching,
            State::Offering(_) => Stage::Offering,
            State::Agreed(_) => Stage::Agreed,
            State::Installing { .. } => Stage::Installing,
        }
    }

    /// The only place where the state changes: along the table.
    fn enter(&mut self, from: Stage, input: Input, state: State) {
        self.state = state;
        debug_assert_eq!(
            next(from, input),
            Some(self.stage()),
            "{from:?} on {input:?}"
        );
    }
}

impl Stage {
    /// As status shows it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Waiting => "waiting",
            Self::Fetching => "fetching",
            Self::Offering => "offering",
            Self::Agreed => "agreed",
            Self::Installing => "installing",
        }
    }
}

#[cfg(test)]
mod tests;
