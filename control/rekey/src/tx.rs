//! Our transmit direction: we drive its rekeying (spec, section 6.1).
//!
//! ```text
//! Idle ─▶ Fetching ─▶ Offering ─▶ Agreed ─▶ Installing ─▶ Waiting ─▶ Fetching …
//!            ▲            │ given up: new key_ID, same AN, higher epoch
//!            └────────────┘
//! ```
//! The key in use stays in use whatever happens to the offer of the next one, until its hard limit.
//! [`table::next`] is the whole table; every change of state goes through it.

use core::time::Duration;

use secy::{SaId, Suite};
use subtle::ConstantTimeEq;
use wire::{An, KeyId, Pn};

use crate::action::{Action, Step};
use crate::config::{Config, TxTimers};
use crate::event::{Cause, Direction, Event, KeyFailure};
use crate::guards::{self, Guard};
use crate::limits;
use crate::message::Answer;
use crate::reach::Reach;
use crate::recent::Recent;
use crate::schedule::SaKeys;
use crate::secret::{Origin, QkdKey};
use crate::shortage::{self, Shortage, Supply};
use crate::status::{DirectionStatus, KeyStatus};
use crate::supply::{Key, Stock};

mod aging;
mod stagger;
mod steps;
mod table;

use stagger::Stagger;
use table::{Input, Stage, next};

/// The transmit direction.
pub(crate) struct Tx {
    timers: TxTimers,
    suite: Suite,
    /// QKD keys have to be short for so long before keys come from the root alone, if ever.
    alone_after: Option<Duration>,
    state: State,
    stock: Stock,
    /// The SA in all workers.
    current: Option<InUse>,
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
    /// When QKD keys began to be short, if they are: the last switch to one, or the session's begin.
    qkd_until: Option<Duration>,
    shortage: Shortage,
    trouble: Option<(Cause, Duration)>,
    switches: u64,
    recent: Recent,
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
    Installing {
        sa: InUse,
        /// When its key came, and when it was offered.
        came: Duration,
        offered: Duration,
        slow: Option<Duration>,
    },
}
struct Offer {
    id: SaId,
    key_id: KeyId,
    origin: Origin,
    /// Epoch of the root the keys are made with.
    root: u32,
    keys: SaKeys,
    /// The QKD key they are made of, if any, until the peer has it: it may be kept (REKEY-59).
    key: Option<Key>,
    /// When the key came.
    came: Duration,
    /// When it was offered first.
    offered: Duration,
    /// From when on READY is waited for.
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
    root: u32,
    /// When the workers were told: age counts from here.
    since: Duration,
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
            recent: Recent::default(),
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

    /// REKEY-48: the peer holds no key of an epoch above this one. What it was ready for and has
    /// dropped since, by its clock or its own limit, nobody can read any more.
    pub(crate) fn on_peer_held(&mut self, now: Duration, held: u32, reach: &mut Reach<'_>) {
        if !guards::on(Guard::HeldTold) {
            return;
        }
        if matches!(&self.state, State::Agreed(offer) if offer.id.epoch > held) {
            self.give_up(now, Cause::PeerDropped, reach);
        }
        if self.current.is_some_and(|sa| sa.id.epoch > held) {
            self.block(now, Cause::PeerDropped, reach);
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
            Ok((key_id, key)) if reach.used.take(key_id) => {
                self.stock.put(now, key_id, key);
                return self.stocked(now, reach);
            }
            Ok((key_id, _)) => (KeyFailure::Unusable, Some(key_id)),
            Err(failure) => (failure, None),
        };
        let (failure, key_id) = failure;
        self.failures += 1;
        self.shortage.failed();
        self.denied = false; // long ago, by now
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
                reach.out.event(Event::KcvMismatch { id, key_id });
                self.give_up(now, Cause::KcvMismatch, reach);
            }
            Answer::Refused(refusal) => self.give_up(now, Cause::Refused(*refusal), reach),
        }
    }

    pub(crate) fn on_done(&mut self, now: Duration, step: Step, reach: &mut Reach<'_>) {
        match (step, &self.state) {
            (
                Step::InstallTx(id),
                &State::Installing {
                    sa, came, offered, ..
                },
            ) if sa.id == id => {
                self.switched(now, sa, (came, offered), reach);
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
            self.block(now, Cause::PnExhausted, reach);
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
    pub(crate) fn reset(&mut self, now: Duration, reach: &mut Reach<'_>) {
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
        self.denied = false;
        if self.shortage.stage() != Supply::Pqc {
            self.qkd_until = None;
        }
        self.shortage.enter(now, shortage::Input::Ended);
    }

    /// Wipes the keys held for later offers.
    pub(crate) fn clear_stock(&mut self) {
        self.stock.clear();
    }

    /// Lets time pass: everything that is due happens.
    pub(crate) fn on_time(&mut self, now: Duration, reach: &mut Reach<'_>) {
        self.stock.expire(now);
        self.age(now, reach);
        while self.advance(now, reach) {}
        if self.stock.ask(now, self.wanted(now)) {
            reach.out.command(Action::FetchKey);
        }
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
            stage: self.stage().name(),
            supply: self.shortage.stage(),
            supply_for: Some(now.saturating_sub(self.shortage.since())),
            supply_changes: Some(self.shortage.changes()),
            interval: Some(self.shortage.interval()),
            shortfall: self
                .shortage
                .shortfall(self.current.map(|sa| now.saturating_sub(sa.since))),
            key: self.current.map(|sa| KeyStatus {
                an: sa.id.an,
                epoch: sa.id.epoch,
                key_id: sa.key_id,
                origin: sa.origin,
                root: sa.root,
                age: now.saturating_sub(sa.since),
            }),
            switches: self.switches,
            recent: self.recent.times(),
            failures: self.failures,
            trouble: self.trouble,
        }
    }

    pub(crate) fn keys_held(&self) -> usize {
        self.stock.held()
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
#[cfg(test)]
mod tests;
