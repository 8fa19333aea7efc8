//! One node: what comes in, what goes out, and the two calls of ETSI 014.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::accounts::Accounts;
use crate::action::{Action, Closed, Crossing, Event, Reason, Record, Refusal, Unavailable};
use crate::block::Block;
use crate::carried::Carried;
use crate::config::{ConfigError, NodeConfig};
use crate::guards::{Guard, on};
use crate::held::Held;
use crate::id::{LinkId, NodeId};
use crate::key::{Key, KeyId};
use crate::limits;
use crate::link::{Connection, Link};
use crate::message::{self, Body, Hello, Level, Message, Sealed, State};
use crate::origin::{Origin, Pair};
use crate::pool::NotTaken;
use crate::sites::{PairId, Sites};
use crate::states::{News, States};
use crate::status::{LinkStatus, PairStatus, Status};
use kme_api::etsi020::SaeId;

/// Fills a buffer with random octets from the operating system's generator.
pub type Entropy = Box<dyn FnMut(&mut [u8]) + Send>;

/// A node of the network, without IO.
///
/// `now` is the time since any fixed origin; it never goes back. After each call the driver carries
/// out what [`Self::poll_action`] gives, until it gives nothing, and calls [`Self::on_timer`] no
/// later than [`Self::next_timer`].
pub struct Node {
    sites: Sites,
    digest: [u8; 32],
    run: u64,
    unix_time: Duration,
    entropy: Entropy,
    links: BTreeMap<LinkId, Link>,
    states: States,
    /// Levels of our links as last announced.
    announced: Vec<(LinkId, Level)>,
    /// Our state is due whatever the levels are.
    announce: bool,
    reachable: Vec<NodeId>,
    origin: Origin,
    held: Held,
    carried: Carried,
    /// Interworking nodes that have failed to bring a batch across, until the time.
    gates_avoided: BTreeMap<NodeId, Duration>,
    housekeeping: Duration,
    actions: VecDeque<Action>,
}

impl Node {
    /// Creates a node that has no connection and no key yet. Its run, drawn here, shows all others
    /// that it has restarted.
    ///
    /// # Errors
    /// The configuration contradicts itself.
    pub fn new(config: NodeConfig, mut entropy: Entropy) -> Result<Self, ConfigError> {
        config.check()?;
        let sites = Sites::new(&config);
        let mut run = [0; 8];
        entropy(&mut run);
        let run = u64::from_be_bytes(run);
        let accounts: BTreeMap<LinkId, Accounts> = config.accounts.iter().copied().collect();
        let link = |(id, neighbour): (LinkId, NodeId)| {
            let first = sites.links[id.index()].0 == sites.here;
            let accounts = accounts.get(&id).copied().unwrap_or_default();
            (id, Link::new(id, neighbour, first, accounts))
        };
        Ok(Self {
            digest: config.digest,
            run,
            unix_time: config.unix_time,
            entropy,
            links: sites.graph.neighbours(sites.here).map(link).collect(),
            states: States::new(&sites, run),
            announced: Vec::new(),
            announce: true,
            reachable: vec![sites.here],
            origin: Origin::new(&sites, run),
            held: Held::default(),
            carried: Carried::default(),
            gates_avoided: BTreeMap::new(),
            housekeeping: Duration::ZERO,
            actions: VecDeque::new(),
            sites,
        })
    }

    /// A block of QKD key has arrived. The other end gets the same bits, sooner or later. `bits`
    /// are octets; they are copied, and the caller wipes its own.
    pub fn on_block(&mut self, now: Duration, link: LinkId, block: Block, bits: &[u8]) {
        let number = block.number;
        let taken = match self.links.get_mut(&link) {
            Some(link) => link.pool.on_block(block, bits),
            None => Err(NotTaken::Refused),
        };
        if taken != Err(NotTaken::Refused) {
            let bits = 8 * bits.len() as u64;
            self.record(Record::BlockIn { link, block, bits });
        }
        match taken {
            Ok(()) => self.send_have(now, link, number),
            Err(NotTaken::Full) => self.event(Event::PoolFull { link, number }),
            Err(NotTaken::Refused) => self.event(Event::BlockRefused { link, number }),
        }
        self.work(now);
    }

    /// The connection to the neighbour at the other end of this link came or went. A connection is
    /// ordered and without gaps; what is under way when it breaks may be lost. A new connection
    /// instead of another counts as both.
    pub fn on_link(&mut self, now: Duration, link: LinkId, up: bool) {
        self.disconnected(link);
        let hello = message::hello(&self.hello(now, link));
        if up && let Some(link) = self.links.get_mut(&link) {
            link.connected(now);
            self.actions.push_back(Action::Send {
                link: link.id,
                octets: hello,
            });
        }
        self.work(now);
    }

    /// A message came over this link.
    pub fn on_message(&mut self, now: Duration, link: LinkId, octets: &[u8]) {
        let Some(end) = self.links.get_mut(&link) else {
            return;
        };
        end.heard(now);
        let done = match (end.connection, Message::parse(octets)) {
            (Connection::Down, _) => return,
            (_, Ok(Message::OtherVersion(theirs))) => Err(Closed::Version { theirs }),
            (_, Ok(Message::Hello(hello))) => self.on_hello(now, link, &hello),
            (Connection::Listing | Connection::Up, Ok(Message::Have(numbers))) => {
                self.on_have(now, link, &numbers);
                Ok(())
            }
            (Connection::Up, Ok(Message::Ping)) => Ok(()),
            (Connection::Up, Ok(Message::State(state))) => {
                self.on_state(now, link, &state);
                Ok(())
            }
            (Connection::Up, Ok(Message::Sealed(sealed))) => self.on_sealed(now, link, sealed),
            (Connection::Greeting | Connection::Listing, Ok(_)) | (_, Err(_)) => {
                Err(Closed::Malformed)
            }
        };
        if let Err(reason) = done {
            self.close(link, reason);
        }
        self.work(now);
    }

    /// Time has passed.
    pub fn on_timer(&mut self, now: Duration) {
        self.work(now);
    }

    /// The time at which [`Self::on_timer`] is due.
    #[must_use]
    pub fn next_timer(&self) -> Option<Duration> {
        let links = self.links.values().filter_map(Link::due).min();
        let announcement = if self.announce {
            self.states.next()
        } else {
            self.states.due()
        };
        let avoided = self.states.avoided_until();
        let times = [
            links,
            self.origin.due(),
            avoided,
            Some(announcement),
            Some(self.housekeeping),
        ];
        times.into_iter().flatten().min()
    }

    /// The next thing to do for the driver.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Takes keys out of the stock of a pair: each key once, and only those that the target's node
    /// holds. All or none.
    ///
    /// # Errors
    /// The pair has no or too few keys, with the reason.
    pub fn enc_keys(
        &mut self,
        now: Duration,
        initiator: &SaeId,
        target: &SaeId,
        number: usize,
    ) -> Result<Vec<Key>, Refusal> {
        let pair = self.pair(initiator, initiator, target)?;
        let number = asked(number)?;
        self.expire_stock(now, pair);
        let stock = self.origin.pairs.get_mut(&pair).ok_or(Refusal::NotHere)?;
        let keys = stock.take(number)?;
        self.delivered(initiator, target, &keys);
        self.work(now);
        Ok(keys)
    }

    /// Hands the keys of these names to the SAE `caller`, if it is their target and `initiator`
    /// their initiator: each key once. All or none.
    ///
    /// # Errors
    /// One of the keys is not here for this pair.
    pub fn dec_keys(
        &mut self,
        now: Duration,
        caller: &SaeId,
        initiator: &SaeId,
        ids: &[KeyId],
    ) -> Result<Vec<Key>, Refusal> {
        asked(ids.len())?;
        self.expire_held(now);
        let mut pair = self.pair(caller, initiator, caller);
        if !on(Guard::TargetOnly) {
            pair = self.held.holder(ids).ok_or(Refusal::UnknownKey);
        }
        let pair = pair?;
        let keys = self.held.take(pair, ids)?;
        self.delivered(caller, initiator, &keys);
        Ok(keys)
    }

    /// The accounts of a link, if this node is at one of its ends.
    #[must_use]
    pub fn accounts(&self, link: LinkId) -> Option<Accounts> {
        self.links.get(&link).map(|link| link.pool.accounts())
    }

    /// Reports the state of the node.
    #[must_use]
    pub fn status(&self) -> Status {
        let link = |link: &Link| LinkStatus {
            link: link.id,
            neighbour: link.neighbour,
            up: link.is_up(),
            usable_bits: 8 * link.pool.usable() as u64,
            accounts: link.pool.accounts(),
            forged: link.forged,
        };
        let pair = |pair: &Pair| PairStatus {
            initiator: pair.initiator.clone(),
            target: pair.target.clone(),
            stock: pair.ready(),
            delivered: pair.delivered,
            voided: pair.voided,
            paths: pair
                .routes
                .iter()
                .map(|route| route.nodes.clone())
                .collect(),
            latency: pair.latency,
            without_keys: pair.without_keys(),
        };
        Status {
            node: self.sites.here,
            run: self.run,
            links: self.links.values().map(link).collect(),
            pairs: self.origin.drawn().map(pair).collect(),
            keys_held: self.held.len(),
            reachable: self.reachable.clone(),
        }
    }

    /// The pair, if the SAE that asks is here.
    fn pair(&self, asks: &SaeId, initiator: &SaeId, target: &SaeId) -> Result<PairId, Refusal> {
        if !self.sites.is_here(asks) {
            return Err(Refusal::NotHere);
        }
        self.sites.pair(initiator, target).ok_or(Refusal::NoDemand)
    }

    fn delivered(&mut self, to: &SaeId, peer: &SaeId, keys: &[Key]) {
        let (to, peer) = (to.clone(), peer.clone());
        let keys = keys.iter().map(|key| key.id).collect();
        self.record(Record::Delivered { to, peer, keys });
    }

    fn event(&mut self, event: Event) {
        self.actions.push_back(Action::Event(event));
    }

    fn crossing(&mut self, crossing: Crossing) {
        self.actions.push_back(Action::Crossing(crossing));
    }

    fn record(&mut self, record: Record) {
        self.actions.push_back(Action::Record(record));
    }

    /// Sends a message if the link is up.
    fn send(&mut self, now: Duration, link: LinkId, octets: Vec<u8>) {
        if let Some(end) = self.links.get_mut(&link)
            && end.is_up()
        {
            end.sent(now);
            self.actions.push_back(Action::Send { link, octets });
        }
    }

    /// Reports a block to the neighbour. One that comes before the list of blocks is in the list.
    fn send_have(&mut self, now: Duration, link: LinkId, number: u64) {
        if let Some(end) = self.links.get_mut(&link)
            && matches!(end.connection, Connection::Listing | Connection::Up)
        {
            end.sent(now);
            let octets = message::have(&[number]);
            self.actions.push_back(Action::Send { link, octets });
        }
    }

    fn close(&mut self, link: LinkId, reason: Closed) {
        self.actions.push_back(Action::Close { link, reason });
        self.disconnected(link);
    }

    fn disconnected(&mut self, link: LinkId) {
        if let Some(end) = self.links.get_mut(&link)
            && end.disconnected()
        {
            let neighbour = end.neighbour;
            self.event(Event::LinkDown { link, neighbour });
        }
    }

    fn hello(&self, now: Duration, link: LinkId) -> Hello {
        let unix_ms = (self.unix_time + now).as_millis();
        Hello {
            node: self.sites.here,
            link,
            digest: self.digest,
            run: self.run,
            unix_ms: u64::try_from(unix_ms).unwrap_or(u64::MAX),
        }
    }

    fn on_hello(&mut self, now: Duration, link: LinkId, theirs: &Hello) -> Result<(), Closed> {
        let ours = self.hello(now, link);
        let Some(end) = self.links.get_mut(&link) else {
            return Ok(());
        };
        let greeted = end.on_hello(&ours, theirs)?;
        let (neighbour, accounts) = (end.neighbour, end.pool.accounts());
        let have = message::have(&end.pool.numbers());
        self.actions.push_back(Action::Send { link, octets: have });
        if let Some(bits) = greeted.restarted {
            self.event(Event::NeighbourRestarted { link, bits });
            self.record(Record::Accounts { link, accounts });
        }
        if let Some(skew_ms) = greeted.skew_ms {
            self.event(Event::ClockSkew {
                link,
                neighbour,
                skew_ms,
            });
        }
        Ok(())
    }

    fn on_have(&mut self, now: Duration, link: LinkId, numbers: &[u64]) {
        let Some(end) = self.links.get_mut(&link) else {
            return;
        };
        if end.on_have(numbers) {
            let neighbour = end.neighbour;
            self.event(Event::LinkUp { link, neighbour });
            for state in self.states.all(now) {
                self.send(now, link, message::state(&state));
            }
        }
    }

    fn on_state(&mut self, now: Duration, link: LinkId, state: &State) {
        match self.states.on_state(now, &self.sites, state) {
            News::New => self.flood(now, state, Some(link)),
            News::Known => {}
            News::Older(newer) => self.send(now, link, message::state(&newer)),
            News::Outdated => self.announce = true,
        }
    }

    fn flood(&mut self, now: Duration, state: &State, but: Option<LinkId>) {
        let octets = message::state(state);
        let links = self.links.keys().filter(|link| Some(**link) != but);
        for link in links.copied().collect::<Vec<_>>() {
            self.send(now, link, octets.clone());
        }
    }

    fn on_sealed(&mut self, now: Duration, link: LinkId, sealed: Sealed<'_>) -> Result<(), Closed> {
        let Some(end) = self.links.get_mut(&link) else {
            return Ok(());
        };
        let Some(opened) = end.open(&sealed) else {
            end.forged += 1;
            return Err(Closed::Forged);
        };
        let Sealed { course, body, .. } = sealed;
        let came = if body.goes_forth() {
            course.before()
        } else {
            course.after()
        };
        let neighbour = self.links.get(&link).map(|end| (link, end.neighbour));
        let here = course.route.nodes.get(course.position) == Some(&self.sites.here);
        if came != neighbour || !here {
            return Err(Closed::Malformed);
        }
        match body {
            Body::Relay(relay) => self.on_relay(now, link, course, relay, opened),
            Body::Void(ids) => self.on_void(now, course, ids),
            Body::Ack(ack) if course.position == 0 => self.on_ack(now, &course, ack),
            Body::Nack { at, reason } if course.position == 0 => {
                self.on_nack(now, &course, at, reason);
            }
            Body::Withdraw(withdraw) => self.on_withdraw(now, &course, withdraw),
            Body::Withdrawn(key, answer) if course.position == 0 => {
                self.on_withdrawn(&course, key, answer);
            }
            back @ (Body::Ack(_) | Body::Nack { .. } | Body::Withdrawn(..)) => {
                self.pass_back(now, &course, &back);
            }
        }
        Ok(())
    }

    /// Everything that follows from what came, and from time.
    fn work(&mut self, now: Duration) {
        self.watch_links(now);
        if self.housekeeping <= now {
            self.housekeeping = now + limits::HOUSEKEEPING;
            self.states.expire(now, &self.sites);
            self.expire_held(now);
            self.carried.expire(now);
            for pair in self.origin.pairs.keys().copied().collect::<Vec<_>>() {
                self.expire_stock(now, pair);
            }
        }
        self.announce(now);
        if self.states.update(now, &self.sites) {
            self.on_new_states(now);
        }
        for pair in self.origin.overdue(now) {
            self.void(now, pair, Reason::Timeout, None);
        }
        self.expire_given(now);
        for (pair, keys) in self.origin.wants(now) {
            if let Err(why) = self.launch(now, pair, keys)
                && let Some(pair) = self.origin.pairs.get_mut(&pair)
            {
                pair.no_attempt(now, why);
            }
        }
        self.report_pairs();
    }

    fn watch_links(&mut self, now: Duration) {
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            let Some(link) = self.links.get(&id) else {
                continue;
            };
            if link.is_silent(now) {
                self.close(id, Closed::Silent);
            } else if link.wants_ping(now) {
                self.send(now, id, message::ping());
            }
        }
    }

    /// Announces our links to all nodes, when they change and now and then.
    fn announce(&mut self, now: Duration) {
        let levels = self.links.values_mut().map(|link| (link.id, link.level()));
        let levels: Vec<_> = levels.collect();
        self.announce |= levels != self.announced || self.states.due() <= now;
        if self.announce && self.states.next() <= now {
            self.announce = false;
            self.announced.clone_from(&levels);
            let state = self.states.announce(now, &self.sites, levels);
            self.flood(now, &state, None);
        }
    }

    fn on_new_states(&mut self, now: Duration) {
        let reachable = self.states.reachable(&self.sites);
        let before = std::mem::replace(&mut self.reachable, reachable.clone());
        for node in before.iter().filter(|node| !reachable.contains(node)) {
            self.event(Event::Reachable {
                node: *node,
                reachable: false,
            });
        }
        for node in reachable.iter().filter(|node| !before.contains(node)) {
            self.event(Event::Reachable {
                node: *node,
                reachable: true,
            });
        }
        let mut dead = Vec::new();
        let mut lost = Vec::new();
        for (id, pair) in &mut self.origin.pairs {
            let cut = |flight: &crate::origin::Flight| {
                flight.routes.iter().any(|route| !self.states.alive(route))
            };
            if pair.flight().is_some_and(cut) {
                dead.push(*id);
            }
            for far in pair.fars.clone() {
                if let Some(run) = self.states.run_of(far) {
                    lost.extend(pair.on_run(far, run));
                }
            }
        }
        let (states, sites) = (&self.states, &self.sites);
        // A stock, and a batch on its way to it.
        let stocked = |pair| 2 * sites.demand(pair).stock();
        let carried = self.carried.lost(|node| states.run_of(node), stocked);
        if !carried.is_empty() && on(Guard::LostBeyond) {
            self.crossing(Crossing::Lost(carried));
        }
        for pair in dead {
            self.void(now, pair, Reason::LinkDown, None);
        }
        for (batch, keys) in lost {
            self.record(Record::Voided {
                batch,
                keys,
                reason: Reason::FarRestarted,
            });
        }
    }

    /// Reports pairs that have keys again, or none.
    fn report_pairs(&mut self) {
        for pair in self.origin.drawn_mut() {
            let without_keys = pair.without_keys();
            if without_keys != pair.reported && without_keys != Some(Unavailable::Waiting) {
                pair.reported = without_keys;
                let (initiator, target) = (pair.initiator.clone(), pair.target.clone());
                let event = Event::Pair {
                    initiator,
                    target,
                    without_keys,
                };
                self.actions.push_back(Action::Event(event));
            }
        }
    }

    fn expire_stock(&mut self, now: Duration, pair: PairId) {
        let expired = self
            .origin
            .pairs
            .get_mut(&pair)
            .map(|pair| pair.expire(now));
        for (batch, keys) in expired.into_iter().flatten() {
            self.record(Record::Voided {
                batch,
                keys,
                reason: Reason::Expired,
            });
        }
    }

    fn expire_held(&mut self, now: Duration) {
        let mut records = Vec::new();
        self.held.expire(now, &mut records);
        self.actions.extend(records.into_iter().map(Action::Record));
    }
}

/// The number of keys asked for, if it is in range.
fn asked(number: usize) -> Result<usize, Refusal> {
    let range = 1..=limits::KEYS_ASKED_MAX;
    range
        .contains(&number)
        .then_some(number)
        .ok_or(Refusal::Number)
}

mod batch;
mod crossing;

pub use crossing::{Carry, HandedOver};

#[cfg(test)]
mod tests;
