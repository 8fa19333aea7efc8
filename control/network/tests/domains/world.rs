//! The nodes of two domains, their links, KMEs and SAEs under a virtual clock.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use kme_api::etsi020::{CallbackUrl, ExtKeys, KeyUuid, Void, acks_from_json};
use network::interworking::{
    CallId, Interworking, Outcome, Record, Reply, Route, Settings, Side, State,
};
use network::{Accounts, Block, Crossing, KeyId, Label, LinkId, Node, NodeConfig, NodeId};

use crate::check::{Check, Result, ensure};
use crate::plan::{Fault, Pair, Place, Plan, guest, sae};
use crate::rng::Rng;

mod glue;

use glue::Wire;

pub struct World {
    pub plan: Plan,
    pub check: Check,
    rng: Rng,
    now: Duration,
    processes: Vec<Process>,
    lines: BTreeMap<Way, Line>,
    happenings: BTreeMap<(Duration, u64), What>,
    scheduled: u64,
    /// Nothing of this interworking node comes across until then: requests, and replies.
    outages: BTreeMap<(Place, bool), Duration>,
}

/// A node and, if it is an interworking node, its KME for the neighbour domain. A crash loses both;
/// the disk stays.
struct Process {
    place: Place,
    node: Option<Node>,
    machine: Option<Interworking>,
    life: u64,
    disk: BTreeMap<KeyUuid, Record>,
    accounts: BTreeMap<LinkId, Accounts>,
    /// Actions over all lives.
    actions: u64,
    /// Reports of the node on their way to the KME.
    reports: VecDeque<Crossing>,
    /// Requests that wait for their answer (synchronous mode).
    waiting: BTreeMap<u64, (u64, CallId)>,
}

/// A link of a domain.
type Way = (usize, LinkId);

/// What lies between the two ends of a link.
#[derive(Default)]
struct Line {
    connection: Option<u64>,
    connections: u64,
    /// When the last message of each direction arrives.
    last: [Duration; 2],
    blocked: Duration,
    slow: Duration,
    block: u64,
}

enum What {
    Message {
        way: Way,
        connection: u64,
        to: usize,
        octets: Vec<u8>,
    },
    Connect(Way),
    Gone(Way, usize),
    Make(Way),
    Block(Way, usize, u64),
    Fault(Fault),
    Restart(usize),
    Report(usize, u64),
    Request {
        to: usize,
        wire: Wire,
        call: Option<(u64, CallId)>,
    },
    Answer {
        to: usize,
        life: u64,
        call: CallId,
        outcome: Outcome,
    },
    Ask(usize),
    Fetch(usize, Vec<KeyId>),
}

impl World {
    pub fn new(plan: Plan) -> Self {
        let places = plan.domains.iter().enumerate().flat_map(|(domain, of)| {
            let nodes = (0..of.nodes).map(NodeId);
            nodes.map(move |node| Place { domain, node })
        });
        let process = |place| Process {
            place,
            node: None,
            machine: None,
            life: 0,
            disk: BTreeMap::new(),
            accounts: BTreeMap::new(),
            actions: 0,
            reports: VecDeque::new(),
            waiting: BTreeMap::new(),
        };
        let mut world = Self {
            check: Check::default(),
            rng: Rng::new(plan.seed ^ 0x5EED),
            now: Duration::ZERO,
            processes: places.map(process).collect(),
            lines: BTreeMap::new(),
            happenings: BTreeMap::new(),
            scheduled: 0,
            outages: BTreeMap::new(),
            plan,
        };
        world.prepare();
        world
    }

    fn prepare(&mut self) {
        for index in 0..self.processes.len() {
            let at = self.rng.ms(0, 200);
            self.after(at, What::Restart(index));
        }
        for domain in 0..2 {
            for link in 0..self.plan.domains[domain].links.len() {
                let way = (domain, LinkId(link as u16));
                self.lines.insert(way, Line::default());
                let at = self.rng.ms(200, 500);
                self.after(at, What::Make(way));
            }
        }
        for pair in 0..self.plan.pairs.len() {
            let at = self.rng.ms(0, 3000);
            self.after(at, What::Ask(pair));
        }
        for (at, fault) in self.plan.faults.clone() {
            self.after(at, What::Fault(fault));
        }
    }

    fn after(&mut self, wait: Duration, what: What) {
        self.scheduled += 1;
        self.happenings
            .insert((self.now + wait, self.scheduled), what);
    }

    fn calm(&self) -> bool {
        self.now >= self.plan.calm
    }

    fn index(&self, place: Place) -> usize {
        usize::from(self.plan.domains[0].nodes) * place.domain + place.node.index()
    }

    /// The process at an end of a link.
    fn end(&self, (domain, link): Way, end: usize) -> usize {
        let (a, b) = self.plan.domains[domain].links[link.index()];
        let node = [a, b][end];
        self.index(Place { domain, node })
    }

    fn links(&self, place: Place) -> Vec<Way> {
        let links = self.plan.domains[place.domain].links.iter();
        let ours = (0..)
            .map(LinkId)
            .zip(links)
            .filter(|(_, (a, b))| place.node == *a || place.node == *b);
        ours.map(|(link, _)| (place.domain, link)).collect()
    }

    /// The interworking node beyond this one.
    fn neighbour(&self, place: Place) -> Option<Place> {
        let gates = &self.plan.domains[place.domain].gates;
        let position = gates.iter().position(|gate| *gate == place.node)?;
        let domain = 1 - place.domain;
        let node = self.plan.domains[domain].gates[position];
        Some(Place { domain, node })
    }

    /// Runs the plan to its end.
    pub fn run(&mut self) -> Result {
        loop {
            let timer = |(index, process): (usize, &Process)| {
                let node = process.node.as_ref().and_then(Node::next_timer);
                let machine = process.machine.as_ref().and_then(Interworking::next_time);
                Some((node.into_iter().chain(machine).min()?, index))
            };
            let timer = self.processes.iter().enumerate().filter_map(timer).min();
            let next = self.happenings.first_key_value().map(|((at, _), _)| *at);
            let at = timer.map(|(at, _)| at).into_iter().chain(next).min();
            let Some(at) = at.filter(|at| *at <= self.plan.end) else {
                return self.finish().map_err(|what| format!("end: {what}"));
            };
            self.now = self.now.max(at);
            let done = match timer {
                Some((due, index)) if next.is_none_or(|at| due < at) => self.time(index),
                _ => match self.happenings.pop_first() {
                    Some((_, what)) => self.happen(what),
                    None => Ok(()),
                },
            };
            done.map_err(|complaint| format!("{:?}: {complaint}", self.now))?;
        }
    }

    fn time(&mut self, index: usize) -> Result {
        let now = self.now;
        let process = &mut self.processes[index];
        if let Some(node) = &mut process.node {
            node.on_timer(now);
        }
        if let Some(machine) = &mut process.machine {
            machine.on_time(now);
        }
        self.carry_out(index)
    }

    fn happen(&mut self, what: What) -> Result {
        match what {
            What::Message {
                way,
                connection,
                to,
                octets,
            } => {
                if self.lines[&way].connection != Some(connection) {
                    return Ok(());
                }
                let index = self.end(way, to);
                self.node(index, |node, now| node.on_message(now, way.1, &octets))
            }
            What::Connect(way) => self.connect(way),
            What::Gone(way, end) => {
                if self.lines[&way].connection.is_some() {
                    return Ok(());
                }
                let index = self.end(way, end);
                self.node(index, |node, now| node.on_link(now, way.1, false))
            }
            What::Make(way) => self.make(way),
            What::Block(way, end, number) => self.block(way, end, number),
            What::Fault(fault) => self.fault(fault),
            What::Restart(index) => self.restart(index),
            What::Report(index, life) => self.on_report(index, life),
            What::Request { to, wire, call } => self.request(to, &wire, call),
            What::Answer {
                to,
                life,
                call,
                outcome,
            } => {
                let now = self.now;
                let process = &mut self.processes[to];
                if process.life == life
                    && let Some(machine) = &mut process.machine
                {
                    machine.on_answer(now, call, &outcome);
                }
                self.carry_out(to)
            }
            What::Ask(pair) => self.ask(pair),
            What::Fetch(pair, ids) => self.fetch(pair, &ids),
        }
    }

    /// Calls a node and carries out what follows.
    fn node(&mut self, index: usize, call: impl FnOnce(&mut Node, Duration)) -> Result {
        let now = self.now;
        if let Some(node) = &mut self.processes[index].node {
            call(node, now);
        }
        self.carry_out(index)
    }

    fn post(&mut self, index: usize, link: LinkId, octets: Vec<u8>) {
        let way = (self.processes[index].place.domain, link);
        let end = usize::from(self.end(way, 0) != index);
        let latency = self.rng.ms(0, self.plan.latency_ms);
        let Some(line) = self.lines.get_mut(&way) else {
            return;
        };
        let Some(connection) = line.connection else {
            return;
        };
        line.last[end] = line.last[end].max(self.now + latency).max(line.slow);
        let wait = line.last[end] - self.now;
        let to = 1 - end;
        self.after(
            wait,
            What::Message {
                way,
                connection,
                to,
                octets,
            },
        );
    }

    fn connect(&mut self, way: Way) -> Result {
        let ends = [self.end(way, 0), self.end(way, 1)];
        let down = ends.iter().any(|end| self.processes[*end].node.is_none());
        let now = self.now;
        let Some(line) = self.lines.get_mut(&way) else {
            return Ok(());
        };
        if line.connection.is_some() || down {
            return Ok(());
        }
        if line.blocked > now {
            let wait = line.blocked - now;
            self.after(wait, What::Connect(way));
            return Ok(());
        }
        line.connections += 1;
        line.connection = Some(line.connections);
        line.last = [now; 2];
        for end in ends {
            self.node(end, |node, now| node.on_link(now, way.1, true))?;
        }
        Ok(())
    }

    /// The connection ends, and what is under way is lost. `by` has ended it itself.
    fn cut(&mut self, way: Way, by: Option<usize>) {
        let line = self.lines.get_mut(&way);
        if line.and_then(|line| line.connection.take()).is_some() {
            for end in 0..2 {
                let wait = self.rng.ms(0, 100);
                if Some(self.end(way, end)) != by {
                    self.after(wait, What::Gone(way, end));
                }
            }
        }
        let wait = self.rng.ms(30, 300);
        self.after(wait, What::Connect(way));
    }

    fn make(&mut self, way: Way) -> Result {
        if self.now < self.plan.last_ask {
            self.after(self.plan.supply.1, What::Make(way));
        }
        let Some(line) = self.lines.get_mut(&way) else {
            return Ok(());
        };
        line.block += 1;
        let number = line.block;
        for end in 0..2 {
            let wait = self.rng.ms(0, 50);
            self.after(wait, What::Block(way, end, number));
        }
        Ok(())
    }

    fn block(&mut self, way: Way, end: usize, number: u64) -> Result {
        let (domain, link) = way;
        let mut bits = vec![0; self.plan.supply.0];
        let seed = self.plan.seed ^ (number << 20) ^ u64::from(link.0) << 8 ^ domain as u64;
        Rng::new(seed).fill(&mut bits);
        let block = Block {
            number,
            label: Label::Modelled,
            epsilon: 1e-10,
            excess_noise: 0.01,
        };
        let index = self.end(way, end);
        self.node(index, |node, now| node.on_block(now, link, block, &bits))
    }

    fn fault(&mut self, fault: Fault) -> Result {
        match fault {
            Fault::Break {
                domain,
                link,
                back,
                told,
            } => {
                let way = (domain, link);
                if let Some(line) = self.lines.get_mut(&way) {
                    line.blocked = line.blocked.max(back);
                    if !told {
                        line.connection = None;
                    }
                }
                self.cut(way, None);
                Ok(())
            }
            Fault::Mute {
                domain,
                link,
                until,
            } => {
                if let Some(line) = self.lines.get_mut(&(domain, link)) {
                    line.slow = until;
                }
                Ok(())
            }
            Fault::Crash { place, back } => self.crash(self.index(place), back),
            Fault::Dark { domain, back } => {
                for index in 0..self.processes.len() {
                    if self.processes[index].place.domain == domain {
                        self.crash(index, back)?;
                    }
                }
                Ok(())
            }
            Fault::Outage {
                gate,
                domain,
                replies,
                until,
            } => {
                let node = self.plan.domains[domain].gates[gate];
                let place = Place { domain, node };
                self.outages.insert((place, replies), until);
                Ok(())
            }
        }
    }

    fn crash(&mut self, index: usize, back: Duration) -> Result {
        let process = &mut self.processes[index];
        let place = process.place;
        let Some(node) = process.node.take() else {
            return Ok(());
        };
        process.machine = None;
        process.life += 1;
        process.reports.clear();
        process.waiting.clear();
        self.check.crashes.entry(place).or_default().push(self.now);
        for way in self.links(place) {
            let accounts = node.accounts(way.1).unwrap();
            ensure(accounts.close(), || format!("accounts: {accounts:?}"))?;
            let process = &mut self.processes[index];
            process.accounts.insert(way.1, accounts.after_crash());
            self.cut(way, Some(index));
        }
        let wait = back.saturating_sub(self.now);
        self.after(wait, What::Restart(index));
        Ok(())
    }

    fn restart(&mut self, index: usize) -> Result {
        let place = self.processes[index].place;
        if self.processes[index].node.is_some() {
            return Ok(());
        }
        let domain = &self.plan.domains[place.domain];
        let sites = |domain: usize| {
            let sites = self.plan.domains[domain].sites.iter();
            sites.map(move |node| Place {
                domain,
                node: *node,
            })
        };
        let ours = sites(place.domain).flat_map(|at| [(sae(at), at.node), (guest(at), at.node)]);
        let theirs = sites(1 - place.domain).map(|at| (sae(at), domain.gates.clone()));
        let process = &self.processes[index];
        let config = NodeConfig {
            node: place.node,
            nodes: domain.nodes,
            links: domain.links.clone(),
            digest: [place.domain as u8; 32],
            saes: ours.collect(),
            foreign: theirs.collect(),
            demand: domain.demand(&self.plan.pairs),
            unix_time: Duration::from_secs(1_800_000_000),
            accounts: process.accounts.iter().map(|(a, b)| (*a, *b)).collect(),
        };
        let synchronous = domain.synchronous;
        let mut entropy = Rng::new(self.rng.next());
        let entropy = Box::new(move |out: &mut [u8]| entropy.fill(out));
        let now = self.now;
        let gate = self.neighbour(place).is_some();
        let process = &mut self.processes[index];
        process.node = Some(Node::new(config, entropy).unwrap());
        if gate {
            let url = format!("https://kme-{}/ack", place.domain);
            let mut settings = Settings::new(CallbackUrl::parse(&url).unwrap());
            settings.synchronous = synchronous;
            let records = process.disk.values().cloned();
            process.machine = Some(Interworking::restore(settings, now, records));
        }
        for way in self.links(place) {
            let wait = self.rng.ms(30, 300);
            self.after(wait, What::Connect(way));
        }
        self.carry_out(index)
    }

    /// A request of the neighbour domain arrives. `call` is where its answer goes, if anybody waits
    /// for it.
    fn request(&mut self, to: usize, wire: &Wire, call: Option<(u64, CallId)>) -> Result {
        let now = self.now;
        let Process {
            node: Some(node),
            machine: Some(machine),
            ..
        } = &mut self.processes[to]
        else {
            // The connection is refused.
            self.reply(to, call, Outcome::Unknown);
            return Ok(());
        };
        let route = |sae: &kme_api::etsi020::SaeId| glue::route(node, sae);
        let reply = match wire {
            Wire::Keys(json) => machine.on_ext_keys(now, ExtKeys::from_json(json).unwrap(), route),
            Wire::Acks(json) => machine.on_ack(now, &acks_from_json(json).unwrap()),
            Wire::Void(json) => machine.on_void(now, &Void::from_json(json).unwrap()),
        };
        let life = self.processes[to].life;
        if let (Reply::Later(token), Some(call)) = (&reply, call) {
            self.processes[to].waiting.insert(token.0, call);
        }
        self.carry_out(to)?;
        if self.processes[to].life != life {
            return Ok(());
        }
        let outcome = match reply {
            Reply::Accepted => Outcome::Accepted,
            Reply::Acknowledged => Outcome::Done(Vec::new()),
            Reply::Refused(problem) => match problem.status {
                Some(400 | 401) => Outcome::Refused(problem),
                _ => Outcome::Unknown,
            },
            Reply::Later(_) => return Ok(()),
        };
        self.reply(to, call, outcome);
        Ok(())
    }

    /// The initiator of a pair wants its keys.
    fn ask(&mut self, number: usize) -> Result {
        let pair = self.plan.pairs[number].clone();
        if self.now + pair.interval <= self.plan.last_ask {
            self.after(pair.interval, What::Ask(number));
        }
        let (now, from) = (self.now, self.index(pair.from));
        let Some(node) = &mut self.processes[from].node else {
            return Ok(());
        };
        let (initiator, target) = (sae(pair.from), sae(pair.to));
        match node.enc_keys(now, &initiator, &target, pair.keys.into()) {
            Ok(keys) => {
                for key in &keys {
                    self.check.given(number, key)?;
                }
                let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
                self.snoop(&pair, &ids)?;
                let wait = self.rng.ms(0, 400);
                self.after(wait, What::Fetch(number, ids));
            }
            Err(why) if now >= self.plan.fresh => {
                return Err(format!("live: {initiator} to {target} has no keys: {why}"));
            }
            Err(_) => {}
        }
        self.carry_out(from)
    }

    /// Nobody but the target gets keys at any node, nor under another name of the initiator.
    fn snoop(&mut self, pair: &Pair, ids: &[KeyId]) -> Result {
        let now = self.now;
        let (initiator, target, guest) = (sae(pair.from), sae(pair.to), guest(pair.to));
        for process in &mut self.processes {
            let Some(node) = &mut process.node else {
                continue;
            };
            let mut others = vec![(&guest, &initiator), (&initiator, &target)];
            if process.place == pair.to {
                others.push((&target, &guest));
            } else {
                others.push((&target, &initiator));
            }
            for (caller, of) in others {
                let taken = node.dec_keys(now, caller, of, ids);
                ensure(taken.is_err(), || {
                    format!("other: {caller} gets keys of {of}")
                })?;
            }
        }
        Ok(())
    }

    /// The target of a pair fetches the keys that its peer has named.
    fn fetch(&mut self, number: usize, ids: &[KeyId]) -> Result {
        let pair = self.plan.pairs[number].clone();
        let (now, to) = (self.now, self.index(pair.to));
        let Some(node) = &mut self.processes[to].node else {
            return Ok(());
        };
        let (initiator, target) = (sae(pair.from), sae(pair.to));
        // One by one: a crash may have taken some of them.
        for id in ids {
            match node.dec_keys(now, &target, &initiator, &[*id]) {
                Ok(keys) => {
                    self.check.fetched(number, &keys[0])?;
                    let again = node.dec_keys(now, &target, &initiator, &[*id]);
                    ensure(again.is_err(), || format!("twice: {id} is fetched again"))?;
                }
                Err(_) => self.check.missed(now, &self.plan, &pair, *id)?,
            }
        }
        self.carry_out(to)
    }

    /// Both domains have ended each key alike, and the books close.
    fn finish(&mut self) -> Result {
        // Without faults of nodes and links, each origin has told what it has given up.
        let between = |(_, fault): &(Duration, Fault)| matches!(fault, Fault::Outage { .. });
        let told = self.check.crashes.is_empty() && self.plan.faults.iter().all(between);
        for process in &self.processes {
            let (place, Some(node)) = (process.place, &process.node) else {
                return Err(format!("dead: {:?}", process.place));
            };
            for way in self.links(place) {
                let accounts = node.accounts(way.1).unwrap();
                ensure(accounts.close(), || format!("accounts: {accounts:?}"))?;
            }
            let (Some(ours), Some(beyond)) = (&process.machine, self.neighbour(place)) else {
                continue;
            };
            let books = ours.books();
            for account in [books.sent, books.received] {
                ensure(account.is_closed() && account.held == 0, || {
                    format!("books: {place:?}: {account:?}")
                })?;
            }
            let theirs = self.processes[self.index(beyond)].machine.as_ref();
            let sent = process.disk.values().filter(|key| key.side == Side::Sent);
            for key in sent.map(|record| record.key_id) {
                let state = |machine: Option<&Interworking>| Some(machine?.state(key)?.1);
                let (ours, theirs) = (state(Some(ours)), state(theirs));
                let released = |state: Option<State>| state == Some(State::Released);
                // A key without any word of the neighbour ends with its life. No SAE asks for it.
                let alone = self.plan.long && !released(ours);
                ensure(released(ours) == released(theirs) || alone, || {
                    format!("ends: {key}: {ours:?} and {theirs:?}")
                })?;
                let life = self.check.keys.get(&KeyId(key.to_bytes()));
                let voided = life.is_some_and(|life| life.voided);
                ensure(!voided || !released(ours) || !told, || {
                    format!("ends: {key} was given up: {ours:?} and {theirs:?}")
                })?;
                let given = life.is_some_and(|life| life.given.is_some());
                ensure(!given || released(ours), || {
                    format!("ends: {key} was given: {ours:?} and {theirs:?}")
                })?;
            }
        }
        self.probe()
    }

    /// No target gets a key that its network has taken back.
    fn probe(&mut self) -> Result {
        for pair in self.plan.pairs.clone() {
            let to = self.index(pair.to);
            let Some(node) = &mut self.processes[to].node else {
                continue;
            };
            for (id, life) in &self.check.keys {
                if life.withdrawn[pair.to.domain] {
                    let keys = node.dec_keys(self.now, &sae(pair.to), &sae(pair.from), &[*id]);
                    ensure(keys.is_err(), || {
                        format!("withdrawn: {id} can be fetched after all")
                    })?;
                }
            }
        }
        Ok(())
    }
}

/// The way from a node to an SAE, as its KME asks.
fn reach(reaches: Option<bool>) -> Route {
    match reaches {
        Some(true) => Route::Ours,
        Some(false) => Route::Down,
        None => Route::Unknown,
    }
}
