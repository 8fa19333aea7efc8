//! The driver connects the rekey protocol, the workers and the KME client. Only its loop has a
//! clock.
//!
//! ```text
//!   worker ── rekey frames, acknowledgements, counters ──▶ ┌────────┐ ──▶ status, log
//!   worker ◀── InstallRx, InstallTx, Retire, rekey frames ─│ driver │
//!   KME    ── keys ──────────────────────────────────────▶ └────────┘ ◀── time
//! ```
//! It makes no decisions: `rekey` decides, the driver executes. If it stalls, the workers continue
//! with their keys until these reach their limit. If it ends, the process and its workers end.

mod fleet;
mod journal;
mod keys;
mod line_tag;
mod link_loss;
mod links;
mod reload;
mod report;
mod too_long;
mod turns;
mod zeroise;

use std::future::Future;
use std::path::Path;
use std::time::{Duration, Instant};

use port::LinkState;
use rekey::{Action, Direction, LineSettings, Rekey, RootSecret};
use tokio::task::yield_now;
use tokio::time::{MissedTickBehavior, interval, sleep, sleep_until};
use tracing::{Level, error};
use wire::MacAddr;

use crate::config::EncryptorConfig;
use crate::ledger::{Book, Ledger, LedgerFile};
use crate::limits;
use crate::panics;
use crate::stack;
use crate::status::{Done, Request, StatusSocket};
use crate::stop;
pub(crate) use fleet::Fleet;
use journal::{Journal, Line};
use keys::{Answer, KeyDesk};
use line_tag::LineTagWatch;
use link_loss::LinkLoss;
use links::Links;
use reload::Reload;
pub(crate) use reload::warn_of_bypass;
use report::Identity;
use too_long::TooLongWatch;

/// Time for the BYE to reach the peer before the workers end.
const FAREWELL: Duration = Duration::from_millis(50);
/// Longest wait for the workers to acknowledge that they have wiped the last keys.
const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// The driver of one encryptor.
pub(crate) struct Driver {
    started: Instant,
    identity: Identity,
    rekey: Rekey,
    fleet: Fleet,
    keys: KeyDesk,
    journal: Journal,
    ledger: Ledger,
    reload: Reload,
    links: Links,
    line_tag: LineTagWatch,
    too_long: TooLongWatch,
    /// Rekey frames are left over from the last round of the loop.
    backlog: bool,
    /// Present if the config asks for it.
    link_loss: Option<LinkLoss>,
}

impl Driver {
    pub(crate) fn new(
        config: &EncryptorConfig,
        file: &Path,
        local: MacAddr,
        root: RootSecret,
        sources: keyclient::Sources,
        fleet: Fleet,
        ledger: Option<LedgerFile>,
    ) -> Result<Self, rekey::ConfigError> {
        let settings = rekey::Config {
            scis: fleet.tx_scs(),
            suite: config.macsec.suite.0,
            interval: config.rekey.interval.0,
            stretch: config.rekey.stretch.map(|spans| spans.map(|span| span.0)),
            hold_max: config.rekey.hold_max.0,
            policy: config.rekey.policy.0,
            ratchet: config.rekey.kem_interval.0,
            line: LineSettings {
                mtu: config.red.mtu,
                clear_vlan_tags: config.macsec.clear_vlan_tags,
            },
            ethertype: config.rekey.ethertype,
            destination: config.rekey.destination.0,
            ..rekey::Config::new(local)
        };
        let entropy = Box::new(|octets: &mut [u8]| {
            // Without randomness session names would not be fresh, and the protocol would not be
            // safe.
            getrandom::fill(octets)
                .expect("the system's random generator works once it has started");
        });
        Ok(Self {
            started: Instant::now(),
            identity: Identity::of(config),
            rekey: Rekey::new(settings, root, entropy)?,
            fleet,
            keys: KeyDesk::new(sources),
            journal: Journal::new(),
            ledger: Ledger::new(Book::of(config, local), ledger),
            reload: Reload::new(config, file),
            links: Links::new(Duration::ZERO),
            line_tag: LineTagWatch::default(),
            too_long: TooLongWatch::new(config.red.mtu),
            backlog: false,
            link_loss: config
                .encryptor
                .link_loss_forwarding
                .then(|| LinkLoss::new(Duration::ZERO)),
        })
    }

    /// Runs until `stop` resolves.
    ///
    /// # Errors
    /// A thread has died: its name and the reason.
    pub(crate) async fn run(
        mut self,
        socket: &mut StatusSocket,
        stop: impl Future<Output = ()>,
    ) -> Result<(), String> {
        let mut stop = std::pin::pin!(stop);
        let mut hangup = stop::hangup();
        let mut look = interval(limits::STATS_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.rekey.on_start(self.now());
        let ended = loop {
            if let Some(fault) = self.fault() {
                break Err(fault);
            }
            self.carry_out();
            let now = self.now();
            let wake = self
                .rekey
                .next_wake()
                .unwrap_or(Duration::MAX)
                .min(now + limits::SLEEP_MAX);
            tokio::select! {
                () = &mut stop => break Ok(()),
                () = sleep_until((self.started + wake).into()) => self.rekey.on_time(self.now()),
                answer = self.keys.answer() => self.on_answer(answer),
                ready = self.fleet.ready() => {
                    if let Err(error) = ready {
                        break Err(format!("control cannot wait for the workers: {error}"));
                    }
                    self.on_fleet();
                }
                // Yields first, so that all other branches and the tasks that fetch keys run.
                () = yield_now(), if self.backlog => self.on_fleet(),
                () = sleep(limits::ORDERS_EVERY), if self.fleet.is_busy() => {
                    self.on_acknowledgements();
                }
                _ = look.tick() => self.on_look(),
                () = hangup.wait() => self.on_hangup(),
                asker = socket.asked() => match asker.request {
                    Request::Status => asker.answer(&self.report()),
                    Request::Rekey => asker.answer(&self.rotate()),
                    Request::Fault(_) | Request::Cut(_) => asker.answer(&no_kme()),
                    Request::Reload => self.reload(Some(asker)),
                    Request::Zeroise => {
                        self.zeroise(asker, socket, stop).await;
                        return Ok(());
                    }
                },
            }
        };
        if let Err(fault) = &ended {
            error!("{fault}: the process ends so that it can be restarted; its keys are wiped");
        }
        self.say_goodbye().await;
        ended
    }

    /// Returns the thread that has died, and the reason.
    fn fault(&self) -> Option<String> {
        let panic = panics::first().map(str::to_owned);
        panic.or_else(|| (!self.fleet.is_alive()).then(|| "a frame worker has died".to_owned()))
    }

    /// Orders a fresh key for our direction.
    fn rotate(&mut self) -> Done {
        self.rekey.on_rotate(self.now());
        Done {
            done: true,
            text: "a fresh key is used as soon as the peer holds it".to_owned(),
            ..Done::default()
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn on_answer(&mut self, answer: Answer) {
        let now = self.now();
        match answer {
            Answer::Fresh(result) => self.rekey.on_key(now, result),
            Answer::ById(key_id, result) => self.rekey.on_key_by_id(now, key_id, result),
        }
        stack::wipe();
        for line in self.keys.take_lines() {
            self.journal.log(now, line);
        }
    }

    /// Handles rekey frames from the line, and also acknowledgements of the workers.
    fn on_fleet(&mut self) {
        let now = self.now();
        let Self { fleet, rekey, .. } = self;
        self.backlog = fleet.receive(|frame| rekey.on_frame(now, frame.bytes()));
        self.on_acknowledgements();
    }

    fn on_acknowledgements(&mut self) {
        let now = self.now();
        for done in self.fleet.acknowledged() {
            if let Some((direction, id, frames)) = done.ended {
                self.ledger.on_frames(direction, id, frames);
            }
            self.rekey.on_done(now, done.step);
        }
        self.on_policies();
    }

    /// Reads the workers' counters: the keys in use, and their packet numbers.
    fn on_look(&mut self) {
        self.on_acknowledgements();
        self.fleet.listen();
        let now = self.now();
        let used = self.fleet.look();
        for (id, frames) in used.rx {
            self.rekey.on_rx_used(now, id);
            self.ledger.on_frames(Direction::Rx, id, frames);
        }
        if let Some((id, pn, frames)) = used.tx {
            self.rekey.on_tx_pn(now, id, pn);
            self.ledger.on_frames(Direction::Tx, id, frames);
        }
        if let Some(line) = self.line_tag.on_look(self.fleet.line_tag()) {
            self.journal.log(now, line);
        }
        if let Some(line) = self.too_long.on_look(now, self.fleet.too_long()) {
            self.journal.log(now, line);
        }
        self.exchange_heads();
        self.look_at_links();
        self.journal.on_time(now);
    }

    /// Exchanges ledger heads: each end's ledger notes the head of the other's.
    fn exchange_heads(&mut self) {
        self.rekey.set_ledger_head(self.ledger.head());
        if let Some(head) = self.rekey.take_peer_ledger_head() {
            self.ledger.on_peer_head(head);
        }
    }

    /// Logs the loss and return of a link, and forwards it if the config says so.
    fn look_at_links(&mut self) {
        let now = self.now();
        let Some(links) = self.fleet.links() else {
            return;
        };
        let held = self.link_loss.as_ref().and_then(LinkLoss::held);
        for change in self.links.on_look(now, links, held) {
            let interface = self.fleet.interfaces()[change.side as usize];
            self.journal.log(now, change.line(interface));
        }
        self.forward_link_loss(links);
    }

    /// Forwards the loss and return of a link, if the config says so.
    fn forward_link_loss(&mut self, links: [LinkState; 2]) {
        let now = self.now();
        let order = self
            .link_loss
            .as_mut()
            .and_then(|link_loss| link_loss.on_look(now, links));
        if let Some(link_loss::Order { side, up }) = order {
            let (ours, theirs) = (side.name(), side.other().name());
            let (level, text) = if up {
                (
                    Level::INFO,
                    format!("the {theirs} link is up again: {ours} may come up"),
                )
            } else {
                let text = format!(
                    "the {theirs} link is lost: {ours} is taken down because of \
                     link_loss_forwarding"
                );
                (Level::WARN, text)
            };
            let kind = "link_loss_forwarding";
            self.journal.log(now, Line { level, kind, text });
            self.fleet.set_link(side, up);
        }
    }

    /// Carries out the actions of the rekey protocol.
    fn carry_out(&mut self) {
        let mut keys_were_expanded = false;
        while let Some(action) = self.rekey.poll_action() {
            match action {
                Action::Send(frame) => self.fleet.send(frame.as_bytes()),
                Action::FetchKey => self.keys.fetch(),
                Action::FetchKeyById(key_id) => self.keys.fetch_by_id(key_id),
                Action::Event(event) => {
                    self.journal.enter(self.started.elapsed(), &event);
                    let passport = match &event {
                        rekey::Event::Installed { key_id, .. } => self.keys.take_passport(key_id),
                        _ => None,
                    };
                    self.ledger.on_event(&event, passport);
                }
                command => {
                    self.fleet.order(command);
                    keys_were_expanded = true;
                }
            }
        }
        if keys_were_expanded {
            stack::wipe();
        }
    }

    /// Sends BYE to the peer. Then the workers wipe their keys and end.
    async fn say_goodbye(mut self) {
        self.rekey.on_stop(self.now());
        self.carry_out();
        tokio::time::sleep(FAREWELL).await;
        // The records of the last keys. A busy machine may need longer for the acknowledgements.
        let until = self.now() + FAREWELL_MAX;
        loop {
            self.on_acknowledgements();
            self.carry_out();
            if !self.fleet.is_busy() || self.now() > until {
                break;
            }
            tokio::time::sleep(limits::ORDERS_EVERY).await;
        }
        self.fleet.stop();
    }

    fn report(&self) -> crate::status::Report {
        let now = self.now();
        report::build(report::Sources {
            identity: &self.identity,
            now,
            rekey: &self.rekey.status(now),
            fleet: &self.fleet,
            kme: self.keys.health(),
            ledger: self.ledger.health(),
            events: self.journal.last(),
            links: &self.links,
            line_tag: self.line_tag.report(),
            disagreement: self.journal.disagreement(),
            mismatch: self
                .journal
                .mismatch()
                .or_else(|| self.too_long.present(now)),
            held: self.link_loss.as_ref().and_then(LinkLoss::held),
        })
    }
}

/// Refuses a fault order, which only lab KMEs accept.
fn no_kme() -> Done {
    Done {
        text: "this is an encryptor: only lab KMEs accept faults".to_owned(),
        ..Done::default()
    }
}
