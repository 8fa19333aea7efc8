//! The desk: one thread that owns the state machine and the journal, and carries out its orders.
//!
//! It takes all that has come, lets the machine decide, syncs the journal once, and only then sends
//! requests, calls our network and replies. If the journal cannot be written it stops: every
//! request is then answered with 503, and nothing is released.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use keyclient::{Neighbour, NeighbourAnswer};
use kme_api::etsi020::{AckContainer, ExtKeys, Extension, KeyUuid, Problem, Void};
use network::interworking::{
    Action, Answer, Books, CallId, Interworking, Message, NotTaken, Offer, Outcome, Reply, Token,
    Withdrawal,
};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::journal::{Journal, JournalError};
use super::{Domain, Reports};
use crate::limits::LOG_MINUTE;
use crate::quiet::{Kind, Quiet};

/// Most orders that share one sync of the journal.
const BATCH_MAX: usize = 256;

/// The answer to a request of the neighbour.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Response {
    /// 202.
    Accepted,
    /// 200 without body.
    Acknowledged,
    /// 200.
    Done(Vec<AckContainer>),
    /// An error.
    Refused(Problem),
}

type To<T> = oneshot::Sender<T>;

/// Something for the desk.
pub(super) enum Order {
    Keys(ExtKeys, To<Response>),
    Acks(Vec<AckContainer>, To<Response>),
    PeerVoid(Void, To<Response>),
    Answered(CallId, Outcome),
    Offer(Offer, To<Result<(), NotTaken>>),
    Void(KeyUuid),
    Relayed(KeyUuid, Option<Extension>),
    RelayFailed(KeyUuid, String),
    Withdrawn(KeyUuid, Withdrawal),
    /// Wakes the desk to look whether it has to stop.
    Wake,
}

/// Gives orders to the desk. Not limited by itself: each request of the neighbour holds one of its
/// connections, each answer one of our calls, and our network has at most one report for each key
/// that is held.
#[derive(Clone)]
pub(super) struct Orders {
    queue: Sender<Order>,
    stopped: Arc<AtomicBool>,
}

impl Orders {
    /// Gives an order. A desk that has stopped takes none.
    pub(super) fn give(&self, order: Order) {
        let _ = self.queue.send(order);
    }

    /// Gives an order and waits for its result. `None` if the desk has stopped.
    pub(super) async fn ask<T>(&self, order: impl FnOnce(To<T>) -> Order) -> Option<T> {
        let (to, result) = oneshot::channel();
        self.give(order(to));
        result.await.ok()
    }

    /// Stops the desk at once: orders that are not carried out yet are dropped.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.give(Order::Wake);
    }
}

/// The desk before it is started.
pub(super) struct Desk {
    kme: Arc<str>,
    machine: Interworking,
    journal: Journal,
    neighbour: Arc<Neighbour>,
    domain: Arc<dyn Domain>,
    start: Instant,
    /// The books, for others to read.
    books: Arc<Mutex<Books>>,
    /// Requests of the neighbour that wait for their answer.
    waiting: HashMap<Token, To<Response>>,
    quiet: Arc<Quiet>,
    minute: Instant,
}

/// Replies that must not be sent before the journal is synced.
enum Pending {
    Response(To<Response>, Response),
    Offer(To<Result<(), NotTaken>>, Result<(), NotTaken>),
}

impl Desk {
    pub(super) fn new(
        kme: &str,
        machine: Interworking,
        journal: Journal,
        neighbour: Neighbour,
        domain: Arc<dyn Domain>,
    ) -> Self {
        Self {
            kme: kme.into(),
            machine,
            journal,
            neighbour: Arc::new(neighbour),
            domain,
            start: Instant::now(),
            books: Arc::default(),
            waiting: HashMap::new(),
            quiet: Arc::default(),
            minute: Instant::now(),
        }
    }

    /// The budget of log lines, for the connections of the neighbour too.
    pub(super) fn quiet(&self) -> Arc<Quiet> {
        Arc::clone(&self.quiet)
    }

    /// The books, which the desk keeps up to date.
    pub(super) fn books(&self) -> Arc<Mutex<Books>> {
        Arc::clone(&self.books)
    }

    /// Starts the thread. Requests run on the current tokio runtime.
    pub(super) fn start(self) -> std::io::Result<(Orders, JoinHandle<()>)> {
        let (queue, received) = mpsc::channel();
        let stopped = Arc::<AtomicBool>::default();
        let orders = Orders {
            queue,
            stopped: Arc::clone(&stopped),
        };
        let runtime = Handle::current();
        let own = orders.clone();
        self.domain.attach(Reports(orders.clone()));
        let thread = std::thread::Builder::new()
            .name("interworking".to_owned())
            .spawn(move || self.run(&received, &own, &runtime))?;
        Ok((orders, thread))
    }

    fn run(mut self, received: &Receiver<Order>, orders: &Orders, runtime: &Handle) {
        let mut pending = Vec::new();
        loop {
            if orders.stopped.load(Ordering::Acquire) {
                return;
            }
            if let Err(error) = self.carry_out(&mut pending, orders, runtime) {
                let kme = &*self.kme;
                tracing::error!(kme, %error, "keys between the domains stop: no journal, no keys");
                return;
            }
            let first = match received.recv_timeout(self.time_to_wait()) {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let now = self.start.elapsed();
            for order in first.into_iter().chain(received.try_iter().take(BATCH_MAX)) {
                self.take(now, order, &mut pending);
            }
            self.machine.on_time(now);
            self.log_left_out();
        }
    }

    fn time_to_wait(&self) -> Duration {
        let next = self.machine.next_time().unwrap_or(Duration::MAX);
        next.saturating_sub(self.start.elapsed()).min(LOG_MINUTE)
    }

    fn take(&mut self, now: Duration, order: Order, pending: &mut Vec<Pending>) {
        match order {
            Order::Keys(keys, to) => {
                let domain = Arc::clone(&self.domain);
                let reply = self.machine.on_ext_keys(now, keys, |sae| domain.route(sae));
                self.reply(reply, to, pending);
            }
            Order::Acks(acks, to) => {
                let reply = self.machine.on_ack(now, &acks);
                self.reply(reply, to, pending);
            }
            Order::PeerVoid(void, to) => {
                let reply = self.machine.on_void(now, &void);
                self.reply(reply, to, pending);
            }
            Order::Answered(call, outcome) => self.machine.on_answer(now, call, &outcome),
            Order::Offer(offer, to) => {
                let taken = self.machine.offer(now, offer);
                pending.push(Pending::Offer(to, taken));
            }
            Order::Void(key_id) => self.machine.void(now, key_id),
            Order::Relayed(key_id, extension) => self.machine.on_relayed(now, key_id, extension),
            Order::RelayFailed(key_id, why) => self.machine.on_relay_failed(now, key_id, &why),
            Order::Withdrawn(key_id, withdrawal) => {
                self.machine.on_withdrawn(now, key_id, withdrawal);
            }
            Order::Wake => {}
        }
    }

    fn reply(&mut self, reply: Reply, to: To<Response>, pending: &mut Vec<Pending>) {
        let response = match reply {
            Reply::Accepted => Response::Accepted,
            Reply::Acknowledged => Response::Acknowledged,
            Reply::Refused(problem) => {
                if self.quiet.may_log(Kind::Refused) {
                    let (kme, details) = (&*self.kme, &problem.details);
                    tracing::info!(kme, status = problem.status, ?details, "neighbour refused");
                }
                Response::Refused(problem)
            }
            Reply::Later(token) => {
                self.waiting.insert(token, to);
                return;
            }
        };
        pending.push(Pending::Response(to, response));
    }

    /// Carries out the orders of the machine: the journal first.
    fn carry_out(
        &mut self,
        pending: &mut Vec<Pending>,
        orders: &Orders,
        runtime: &Handle,
    ) -> Result<(), JournalError> {
        *self.books.lock().unwrap_or_else(PoisonError::into_inner) = self.machine.books();
        let (mut records, mut others) = (Vec::new(), Vec::new());
        while let Some(action) = self.machine.next_action() {
            match action {
                Action::Record(record) => records.push(record),
                other => others.push(other),
            }
        }
        if !records.is_empty() {
            self.journal.append(&records)?;
            if self.journal.is_long(self.machine.known()) {
                self.journal.shorten(self.machine.records())?;
            }
        }
        for action in others {
            if orders.stopped.load(Ordering::Acquire) {
                return Ok(());
            }
            self.act(action, orders, runtime);
        }
        for reply in pending.drain(..) {
            // The neighbour may have closed its connection: then it asks again.
            match reply {
                Pending::Response(to, response) => drop(to.send(response)),
                Pending::Offer(to, taken) => drop(to.send(taken)),
            }
        }
        Ok(())
    }

    fn act(&mut self, action: Action, orders: &Orders, runtime: &Handle) {
        match action {
            Action::Record(_) => {} // in the journal
            Action::Send(call, message) => {
                let sender = Sending {
                    kme: Arc::clone(&self.kme),
                    neighbour: Arc::clone(&self.neighbour),
                    quiet: Arc::clone(&self.quiet),
                };
                let orders = orders.clone();
                runtime.spawn(async move {
                    let outcome = sender.send(message).await;
                    orders.give(Order::Answered(call, outcome));
                });
            }
            Action::Answer(token, answer) => {
                if let Some(to) = self.waiting.remove(&token) {
                    let _ = to.send(match answer {
                        Answer::Done(acks) => Response::Done(acks),
                        Answer::Refused(problem) => Response::Refused(problem),
                    });
                }
            }
            Action::Relay(relay) => self.domain.relay(relay),
            Action::Release(key_id, extension) => self.domain.release(key_id, extension),
            Action::Withdraw(side, key_id) => self.domain.withdraw(side, key_id),
        }
    }

    fn log_left_out(&mut self) {
        if self.minute.elapsed() < LOG_MINUTE {
            return;
        }
        self.minute = Instant::now();
        self.quiet.log_left_out(&self.kme);
    }
}

/// One request to the neighbour.
struct Sending {
    kme: Arc<str>,
    neighbour: Arc<Neighbour>,
    quiet: Arc<Quiet>,
}

impl Sending {
    async fn send(self, message: Message) -> Outcome {
        let answer = match &message {
            Message::Keys(keys) => self.neighbour.ext_keys(keys).await,
            Message::Acks(url, acks) => self.neighbour.ack(url, acks).await,
            Message::Void(void) => self.neighbour.void(void).await,
        };
        match answer {
            NeighbourAnswer::Accepted => Outcome::Accepted,
            NeighbourAnswer::Done(acks) => Outcome::Done(acks),
            NeighbourAnswer::Refused(problem) => {
                if self.quiet.may_log(Kind::Refused) {
                    let (kme, kind, details) = (&*self.kme, &problem.kind, &problem.details);
                    tracing::warn!(kme, kind, ?details, "refused by the neighbour KME");
                }
                Outcome::Refused(problem)
            }
            NeighbourAnswer::Unknown(error) => {
                if self.quiet.may_log(Kind::Neighbour) {
                    let kme = &*self.kme;
                    tracing::warn!(kme, %error, "{}", Kind::Neighbour.words());
                }
                Outcome::Unknown
            }
        }
    }
}

#[cfg(test)]
mod tests;
