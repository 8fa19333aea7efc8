//! The node of `network` behind a lock, with its clock, its timer, and what waits for each
//! neighbour.
//!
//! Every input is one call, which carries out the actions that follow from it before it returns:
//! messages go into the outgoing octets of their link, where the task of the connection finds
//! them. No call waits for IO, so a slow neighbour delays no other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use network::{Action, Closed, Crossing, Event, LinkId, Node, Record, Unavailable};
use tokio::sync::mpsc::Sender;
use tokio::sync::{Notify, watch};
use tracing::{debug, info, warn};

use crate::frame;
use crate::ledger::{Entry, NodeLedger};
use crate::limits::OUTGOING_LEN_MAX;
use crate::map::Map;

/// The node and its links.
pub(crate) struct Core {
    started: Instant,
    map: Arc<Map>,
    inner: Mutex<Inner>,
    /// True for a link that was cut.
    cuts: BTreeMap<LinkId, watch::Sender<bool>>,
    /// Wakes the timer: its time has changed.
    timer: Notify,
    /// Reports for the KME that speaks to the neighbour domain.
    crossings: Sender<Crossing>,
}

struct Inner {
    node: Node,
    ledger: Option<NodeLedger>,
    ends: BTreeMap<LinkId, End>,
    /// The time that the timer waits for.
    deadline: Option<Duration>,
}

/// Our end of one link.
#[derive(Default)]
struct End {
    /// Number of its connections so far.
    connections: u64,
    /// Wakes the task of the present connection: there is something to send, or it ends.
    wake: Arc<Notify>,
    state: State,
    /// Frames that wait for the neighbour. Nothing in them is secret: keys are encrypted.
    outgoing: Vec<u8>,
}

/// The state of a link's connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// There is no connection.
    #[default]
    Down,
    /// The connection carries messages.
    Up,
    /// The connection ends as soon as what waits is sent.
    Closing,
}

/// One connection of a link. A later connection of the link replaces it.
pub(crate) struct Connection {
    link: LinkId,
    number: u64,
    wake: Arc<Notify>,
}

/// The work of a connection's task.
pub(crate) enum Work {
    /// Send these frames.
    Send(Vec<u8>),
    /// Wait.
    Wait,
    /// Send these frames and close the connection.
    Close(Vec<u8>),
}

impl Core {
    /// Takes a node whose `now` = 0 is `started`.
    pub(crate) fn new(
        node: Node,
        ledger: Option<NodeLedger>,
        map: Arc<Map>,
        started: Instant,
        crossings: Sender<Crossing>,
    ) -> Self {
        let ends = map.own_links().map(|(link, _)| (link, End::default()));
        let ends = ends.collect();
        let cuts = map
            .own_links()
            .map(|(link, _)| (link, watch::Sender::new(false)));
        Self {
            started,
            inner: Mutex::new(Inner {
                node,
                ledger,
                ends,
                deadline: None,
            }),
            cuts: cuts.collect(),
            timer: Notify::new(),
            crossings,
            map,
        }
    }

    /// Runs `work` on the node with the present time, and carries out the actions that follow.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Node, Duration) -> T) -> T {
        let mut inner = self.inner();
        let done = work(&mut inner.node, self.started.elapsed());
        self.act(&mut inner);
        done
    }

    /// Reports a new connection of a link, in place of any before. `None`: the link is cut.
    pub(crate) fn connected(&self, link: LinkId) -> Option<Connection> {
        let mut inner = self.inner();
        let now = self.started.elapsed();
        let Inner { node, ends, .. } = &mut *inner;
        let end = ends.get_mut(&link).filter(|_| !self.is_cut(link))?;
        if end.state == State::Up {
            node.on_link(now, link, false);
        }
        end.wake.notify_one();
        end.wake = Arc::default();
        end.connections += 1;
        end.state = State::Up;
        end.outgoing.clear();
        let connection = Connection {
            link,
            number: end.connections,
            wake: Arc::clone(&end.wake),
        };
        node.on_link(now, link, true);
        self.act(&mut inner);
        Some(connection)
    }

    /// Takes a message. One that comes after the end of its connection is dropped.
    pub(crate) fn received(&self, connection: &Connection, octets: &[u8]) {
        let mut inner = self.inner();
        if inner.is_present(connection) {
            let now = self.started.elapsed();
            inner.node.on_message(now, connection.link, octets);
            self.act(&mut inner);
        }
    }

    /// Returns what the task of a connection does next.
    pub(crate) fn work(&self, connection: &Connection) -> Work {
        let mut inner = self.inner();
        let Some(end) = inner.ends.get_mut(&connection.link) else {
            return Work::Close(Vec::new());
        };
        if end.connections != connection.number {
            return Work::Close(Vec::new());
        }
        let octets = std::mem::take(&mut end.outgoing);
        match end.state {
            State::Up if octets.is_empty() => Work::Wait,
            State::Up => Work::Send(octets),
            State::Closing => Work::Close(octets),
            State::Down => Work::Close(Vec::new()),
        }
    }

    /// Reports the end of a connection.
    pub(crate) fn disconnected(&self, connection: &Connection) {
        let mut inner = self.inner();
        let present = inner.is_present(connection);
        let Inner { node, ends, .. } = &mut *inner;
        let Some(end) = ends.get_mut(&connection.link) else {
            return;
        };
        if end.connections == connection.number {
            end.state = State::Down;
        }
        if present {
            node.on_link(self.started.elapsed(), connection.link, false);
            self.act(&mut inner);
        }
    }

    /// Ends the connections of a link and allows no other. False: this node has no such link.
    pub(crate) fn cut(&self, link: LinkId) -> bool {
        let mut inner = self.inner();
        let Inner { node, ends, .. } = &mut *inner;
        let Some(end) = ends.get_mut(&link) else {
            return false;
        };
        let was = std::mem::take(&mut end.state);
        end.outgoing.clear();
        end.wake.notify_one();
        if let Some(cut) = self.cuts.get(&link) {
            cut.send_replace(true);
        }
        if was == State::Up {
            node.on_link(self.started.elapsed(), link, false);
            self.act(&mut inner);
        }
        warn!("link {} is cut, as ordered", self.map.link_name(link));
        true
    }

    /// True if a link was cut.
    pub(crate) fn is_cut(&self, link: LinkId) -> bool {
        self.cuts.get(&link).is_some_and(|cut| *cut.borrow())
    }

    /// Waits until a link is cut.
    pub(crate) async fn until_cut(&self, link: LinkId) {
        match self.cuts.get(&link).map(watch::Sender::subscribe) {
            Some(mut cut) => drop(cut.wait_for(|cut| *cut).await),
            None => std::future::pending().await,
        }
    }

    /// Runs the node's timer, without end.
    pub(crate) async fn run_timer(&self) {
        loop {
            let due = self.inner().deadline;
            let sleep = async {
                match due {
                    Some(due) => {
                        let until = self.started + due;
                        tokio::time::sleep_until(until.into()).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep => self.with(Node::on_timer),
                () = self.timer.notified() => {}
            }
        }
    }

    /// Carries out the actions of the node.
    fn act(&self, inner: &mut Inner) {
        while let Some(action) = inner.node.poll_action() {
            match action {
                Action::Send { link, octets } => self.send(inner, link, &octets),
                Action::Close { link, reason } => self.close(inner, link, reason),
                Action::Crossing(crossing) => {
                    // A report that finds no room or no KME is lost; every key has its time limit.
                    let _ = self.crossings.try_send(crossing);
                }
                Action::Event(event) => self.log(&event),
                Action::Record(record) => self.record(inner, &record),
            }
        }
        let due = inner.node.next_timer();
        if due != inner.deadline {
            inner.deadline = due;
            self.timer.notify_one();
        }
    }

    fn send(&self, inner: &mut Inner, link: LinkId, octets: &[u8]) {
        let Inner { node, ends, .. } = inner;
        let Some(end) = ends.get_mut(&link).filter(|end| end.state == State::Up) else {
            return;
        };
        frame::append(&mut end.outgoing, octets);
        end.wake.notify_one();
        if end.outgoing.len() > OUTGOING_LEN_MAX {
            let neighbour = self.map.neighbour_name(link);
            warn!(neighbour, "reads too slowly; its connection is closed");
            end.state = State::Down;
            end.outgoing.clear();
            node.on_link(self.started.elapsed(), link, false);
        }
    }

    fn close(&self, inner: &mut Inner, link: LinkId, reason: Closed) {
        let neighbour = self.map.neighbour_name(link);
        warn!(neighbour, "connection closed: {reason}");
        if let Some(end) = inner.ends.get_mut(&link)
            && end.state == State::Up
        {
            end.state = State::Closing;
            end.wake.notify_one();
        }
    }

    fn log(&self, event: &Event) {
        let link_name = |link| self.map.link_name(link);
        let node_name = |node| self.map.node_name(node);
        match event {
            Event::LinkUp { link, .. } => info!("link {} is up", link_name(*link)),
            Event::LinkDown { link, .. } => warn!("link {} is down", link_name(*link)),
            Event::ClockSkew {
                neighbour, skew_ms, ..
            } => warn!(
                "the clock of {} differs from ours by {skew_ms} ms; fix: synchronise the clocks of \
                 both nodes (NTP, PTP)",
                node_name(*neighbour)
            ),
            Event::NeighbourRestarted { link, bits } => warn!(
                "{} has restarted: {bits} bits of {} are lost",
                self.map.neighbour_name(*link),
                link_name(*link)
            ),
            Event::BlockRefused { link, number } => {
                warn!("link {}: block {number} is refused", link_name(*link));
            }
            Event::PoolFull { link, number } => {
                debug!(
                    "link {}: block {number} finds the pool full",
                    link_name(*link)
                );
            }
            Event::BatchVoided { batch, reason, at } => match at {
                Some(at) => debug!("batch {batch} is voided by {}: {reason}", node_name(*at)),
                None => debug!("batch {batch} is voided: {reason}"),
            },
            Event::Pair {
                initiator,
                target,
                without_keys,
            } => match without_keys {
                None => info!("{initiator} has keys for {target}"),
                // Usual at the start, before the first batch.
                Some(Unavailable::Waiting) => debug!("{initiator} waits for keys for {target}"),
                Some(reason) => warn!("{initiator} has no keys for {target}: {reason}"),
            },
            Event::Reachable { node, reachable } => match reachable {
                true => info!("{} is reachable", node_name(*node)),
                false => warn!("{} is unreachable", node_name(*node)),
            },
        }
    }

    fn record(&self, inner: &mut Inner, record: &Record) {
        if let Some(ledger) = &mut inner.ledger {
            ledger.append(Entry::of(record, &self.map));
        }
        if let Record::Accounts { link, accounts } = record {
            info!(
                "link {}: {} bits lost, accounts {accounts:?}",
                self.map.link_name(*link),
                accounts.lost_in_crash
            );
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Waits until [`Core::work`] may have something new.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }
}

impl Inner {
    /// True if messages of this connection are of the present state of its link.
    fn is_present(&self, connection: &Connection) -> bool {
        let end = self.ends.get(&connection.link);
        end.is_some_and(|end| end.connections == connection.number && end.state == State::Up)
    }
}
