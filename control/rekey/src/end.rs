//! One end of the rekey protocol: events in, actions out.

use core::time::Duration;

use secy::SaId;
use wire::{KeyId, MacAddr, Pn};

use crate::action::{Action, Outbox, Step};
use crate::announced::{Announced, LedgerHead, LineSettings};
use crate::config::{Config, ConfigError, RxTimers};
use crate::context::{self, Context};
use crate::event::{Ended, Event, KeyFailure};
use crate::forgeries::Forgeries;
use crate::guards::{self, Guard};
use crate::kem::{Kem, MlKem};
use crate::message::{Body, Header};
use crate::ratchet::{Ratchet, RatchetContext};
use crate::rx::Rx;
use crate::schedule::MacKey;
use crate::secret::{QkdKey, RootSecret};
use crate::session::{Change, Entropy, Session};
use crate::status::{Counters, Status};
use crate::tx::Tx;
use crate::used::UsedKeyIds;

mod frames;

/// One end of the line, without IO and without a clock.
///
/// `now` is the time since any fixed origin, and never goes back. After each call the driver
/// drains [`Rekey::poll_action`] and waits until [`Rekey::next_wake`] or the next thing happens.
pub struct Rekey {
    config: Config,
    mac: MacKey,
    root: Ratchet,
    session: Session,
    tx: Tx,
    rx: Rx,
    used: UsedKeyIds,
    out: Outbox,
    counters: Counters,
    complaint: Forgeries,
    /// Head of our ledger, for the peer.
    ledger: Option<LedgerHead>,
    /// Head of the peer's ledger in its last fresh HELLO.
    peer_ledger: Option<LedgerHead>,
    /// The latest `now`.
    time: Duration,
    stopped: bool,
}

impl Rekey {
    /// Makes an end that has not started. `entropy` fills a slice with unpredictable octets; the
    /// freshness of sessions rests on it.
    ///
    /// # Errors
    /// When a setting cannot work.
    pub fn new(config: Config, root: RootSecret, entropy: Entropy) -> Result<Self, ConfigError> {
        Self::with_kem(config, root, entropy, Box::new(MlKem))
    }

    /// As [`Rekey::new`], with other KEMs: for simulations that must replay.
    ///
    /// # Errors
    /// When a setting cannot work.
    pub fn with_kem(
        config: Config,
        secret: RootSecret,
        entropy: Entropy,
        kem: Box<dyn Kem>,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let (mac, root) = secret.schedule();
        drop(secret);
        Ok(Self {
            mac,
            root: Ratchet::new(&config, root, kem),
            session: Session::new(config.hello, config.dead, entropy),
            tx: Tx::new(&config),
            rx: Rx::new(RxTimers::new(&config, config.interval)),
            used: UsedKeyIds::default(),
            out: Outbox::default(),
            counters: Counters::default(),
            complaint: Forgeries::default(),
            ledger: None,
            peer_ledger: None,
            time: Duration::ZERO,
            stopped: false,
            config,
        })
    }

    /// Starts: sends the first HELLO and asks for the first key.
    pub fn on_start(&mut self, now: Duration) {
        self.session.hello_now(now);
        self.settle(now);
    }

    /// A frame with our EtherType came in on the black port, from destination address on.
    pub fn on_frame(&mut self, now: Duration, frame: &[u8]) {
        self.counters.received += 1;
        if !self.stopped {
            self.sort(now, frame);
            self.settle(now);
        }
    }

    /// The answer to [`Action::FetchKey`].
    pub fn on_key(&mut self, now: Duration, answer: Result<(KeyId, QkdKey), KeyFailure>) {
        let (tx, _, mut cx) = self.split();
        tx.on_key(now, answer, &mut cx);
        self.settle(now);
    }

    /// The answer to [`Action::FetchKeyById`].
    pub fn on_key_by_id(
        &mut self,
        now: Duration,
        key_id: KeyId,
        answer: Result<QkdKey, KeyFailure>,
    ) {
        let (_, rx, mut cx) = self.split();
        rx.on_key(now, key_id, answer, &mut cx);
        self.settle(now);
    }

    /// All workers have acknowledged the action with this [`Action::step`].
    pub fn on_done(&mut self, now: Duration, step: Step) {
        let (tx, rx, mut cx) = self.split();
        match step {
            Step::InstallTx(_) | Step::RetireTx(_) => {
                tx.on_peer_switch(rx.switched_at());
                tx.on_done(now, step, &mut cx);
            }
            Step::InstallRx(_) | Step::RetireRx(_) => rx.on_done(now, step, &mut cx),
        }
        self.settle(now);
    }

    /// A worker has received the first authentic frame under this rx SA. May be reported
    /// repeatedly.
    pub fn on_rx_used(&mut self, now: Duration, id: SaId) {
        let (_, rx, mut cx) = self.split();
        rx.on_used(now, id, &mut cx);
        self.settle(now);
    }

    /// The highest next PN of all workers under this tx SA.
    pub fn on_tx_pn(&mut self, now: Duration, id: SaId, pn: Pn) {
        let (tx, _, mut cx) = self.split();
        tx.on_pn(now, id, pn, &mut cx);
        self.settle(now);
    }

    /// Time has passed: call it at [`Rekey::next_wake`], or more often.
    pub fn on_time(&mut self, now: Duration) {
        self.settle(now);
    }

    /// The operator wants a fresh key now.
    pub fn on_rotate(&mut self, now: Duration) {
        self.tx.rotate(now);
        self.settle(now);
    }

    /// Ends for good: tells the peer, retires every SA, wipes every key held.
    pub fn on_stop(&mut self, now: Duration) {
        if !self.stopped {
            if self.session.far().is_some() {
                self.out.body(Body::Bye);
                self.flush();
            }
            self.end_keys(now);
            self.root.reset();
            self.session.on_bye();
            self.tx.clear_stock();
            self.stopped = true;
        }
        self.settle(now);
    }

    /// Sets the head of our ledger; each HELLO carries it (REKEY-60).
    pub fn set_ledger_head(&mut self, head: Option<LedgerHead>) {
        self.ledger = head;
    }

    /// Takes the head of the peer's ledger, if a fresh HELLO of its session has brought one since
    /// the last call.
    pub fn take_peer_ledger_head(&mut self) -> Option<LedgerHead> {
        self.peer_ledger.take()
    }

    /// For tests only: makes the root of this end differ from that of the other end.
    #[cfg(any(test, feature = "guards"))]
    pub fn plant(&mut self, plant: guards::Plant) {
        self.root.plant(plant);
    }

    /// When [`Rekey::on_time`] has something to do, if nothing else happens before; a time that has
    /// passed means at once.
    #[must_use]
    pub fn next_wake(&self) -> Option<Duration> {
        if self.stopped {
            return None;
        }
        let offers = context::may_offer(&self.config, &self.session, &self.root);
        let wakes = [
            self.session.next_wake(),
            self.root.next_wake(self.session.agreed()),
            self.tx.next_wake(self.time, offers),
            self.rx.next_wake(),
        ];
        wakes.into_iter().flatten().min()
    }

    /// The next thing to do; drain it after every call.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.out.poll()
    }

    /// For `qmacsec status`.
    #[must_use]
    pub fn status(&self, now: Duration) -> Status {
        Status {
            session: self.session.status(now),
            tx: self.tx.status(now),
            rx: self.rx.status(now),
            root: self.root.status(now),
            keys_held: self.tx.keys_held(),
            counters: Counters {
                overflow: self.out.overflow,
                ..self.counters
            },
        }
    }

    /// REKEY-7: a new session of the peer has none of the keys of the old one.
    fn adopted(&mut self, now: Duration, before: Option<MacAddr>, returned: bool, header: &Header) {
        if let Some(peer) = before {
            if guards::on(Guard::KeysEndWithSession) {
                self.end_keys(now);
            }
            let why = if returned {
                Ended::Returned
            } else {
                Ended::Renewed
            };
            self.out.event(Event::SessionEnded { peer, why });
        }
        if guards::on(Guard::RootEndsWithSession) {
            self.root.reset();
        }
        if header.suite != self.config.suite {
            let (ours, theirs) = (self.config.suite, header.suite);
            self.out.event(Event::SuiteMismatch { ours, theirs });
        }
        if header.policy != self.config.policy {
            let (ours, theirs) = (self.config.policy, header.policy);
            self.out.event(Event::PolicyMismatch { ours, theirs });
        }
    }

    /// REKEY-60: reports settings of the data plane that differ.
    fn compare(&mut self, theirs: LineSettings) {
        let ours = self.config.line;
        if theirs != ours {
            self.out.event(Event::SettingsMismatch { ours, theirs });
        }
    }

    fn changed(&mut self, now: Duration, change: Option<Change>) {
        let Some(far) = self.session.far() else {
            return;
        };
        let (peer, scis) = (far.mac(), far.first.tx_scs);
        match change {
            Some(Change::Agreed) => {
                self.ratchet(|ratchet, cx| ratchet.on_agreed(now, cx));
                self.out.event(Event::PeerFound {
                    peer,
                    scis,
                    fresh: true,
                });
            }
            Some(Change::Resumed) => {
                self.tx.on_resumed(now);
                self.out.event(Event::PeerFound {
                    peer,
                    scis,
                    fresh: false,
                });
            }
            Some(Change::Lost { heard }) => self.out.event(Event::PeerLost { peer, heard }),
            None => {}
        }
    }

    /// REKEY-55, REKEY-56: the two ends do not share the same state. Both start a new session.
    fn end_session(&mut self, now: Duration, why: Ended) {
        let Some(peer) = self.session.far().map(|far| far.mac()) else {
            return;
        };
        self.end_keys(now);
        self.root.reset();
        self.session.renew(now);
        self.out.event(Event::SessionEnded { peer, why });
    }

    /// Every SA of this session goes.
    fn end_keys(&mut self, now: Duration) {
        let (tx, rx, mut cx) = self.split();
        tx.reset(now, &mut cx);
        rx.reset(&mut cx);
    }

    /// Whatever is due at `now`, then the frames that came of it.
    fn settle(&mut self, now: Duration) {
        self.time = now;
        if self.stopped {
            return;
        }
        let change = self.session.on_time(now);
        self.changed(now, change);
        self.ratchet(|ratchet, cx| ratchet.on_time(now, cx));
        let (tx, rx, mut cx) = self.split();
        rx.on_time(now, &mut cx);
        tx.on_time(now, &mut cx);
        if self.session.hello_due(now) {
            let (challenge, response) = self.session.nonces();
            self.out.body(Body::Hello {
                challenge,
                response,
                root_check: self.root.check(),
                announced: Announced {
                    settings: self.config.line,
                    ledger: self.ledger,
                },
            });
        }
        self.flush();
    }

    fn split(&mut self) -> (&mut Tx, &mut Rx, Context<'_>) {
        let cx = Context {
            config: &self.config,
            session: &mut self.session,
            root: &mut self.root,
            used: &mut self.used,
            out: &mut self.out,
        };
        (&mut self.tx, &mut self.rx, cx)
    }

    fn ratchet<T>(&mut self, call: impl FnOnce(&mut Ratchet, &mut RatchetContext<'_>) -> T) -> T {
        let mut cx = RatchetContext {
            session: &mut self.session,
            out: &mut self.out,
        };
        call(&mut self.root, &mut cx)
    }
}

#[cfg(test)]
mod tests;
