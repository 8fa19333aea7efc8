//! Nodes, links and SAEs under a virtual clock, and what goes wrong between them.

pub mod check;
pub mod plan;
mod rng;
pub mod seeds;
mod wire;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::Duration;

use network::{
    Accounts, Action, Block, Event, KeyId, Label, LinkId, Node, NodeConfig, NodeId, Paths, Reason,
    Refusal, graph,
};

use check::Check;
use plan::{Fault, Plan};
use rng::Rng;

pub struct World {
    pub plan: Plan,
    pub check: Check,
    rng: Rng,
    now: Duration,
    nodes: Vec<Option<Node>>,
    /// Actions of each node, over all its runs.
    actions: Vec<u64>,
    carried: BTreeMap<(NodeId, LinkId), Accounts>,
    lines: Vec<Line>,
    events: BinaryHeap<Reverse<(Duration, u64, What)>>,
    scheduled: u64,
    /// Pairs that have two disjoint paths.
    disjoint: Vec<bool>,
    /// Requests for keys that were refused.
    pub missed: Vec<(Duration, usize, Refusal)>,
    pub lies: u64,
    pub replays: u64,
}

/// The way between the two ends of a link.
#[derive(Default)]
struct Line {
    connection: Option<u64>,
    connections: u64,
    /// When the last message of each direction arrives.
    last: [Duration; 2],
    blocked: Duration,
    slow: Duration,
    dry: Duration,
    block: u64,
    lens: BTreeMap<u64, usize>,
    /// Messages that each end sent and the other accepted.
    past: [VecDeque<Vec<u8>>; 2],
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Message {
        link: LinkId,
        connection: u64,
        to: usize,
        octets: Vec<u8>,
        /// Its tag is wrong, or it came before.
        forged: bool,
    },
    Connect(LinkId),
    Gone {
        link: LinkId,
        end: usize,
    },
    Make(LinkId),
    Block {
        link: LinkId,
        end: usize,
        number: u64,
    },
    Fault(usize),
    Restart(NodeId),
    Ask(usize),
    Fetch {
        pair: usize,
        ids: Vec<KeyId>,
        again: bool,
    },
    Judge,
}

type Result = std::result::Result<(), String>;

impl World {
    pub fn new(plan: Plan) -> Self {
        let two = |demand: &network::Demand| {
            let graph = graph::Graph::new(plan.nodes.into(), &plan.links);
            let place = |sae| plan.saes.iter().find(|(name, _)| name == sae).unwrap().1;
            let (from, to) = (place(&demand.initiator), place(&demand.target));
            graph.disjoint_pair(from, to, |_| Some(1)).is_some()
        };
        let mut world = Self {
            check: Check::default(),
            rng: Rng::new(plan.seed ^ 0x5EED),
            now: Duration::ZERO,
            nodes: (0..plan.nodes).map(|_| None).collect(),
            actions: vec![0; plan.nodes.into()],
            carried: BTreeMap::new(),
            lines: plan.links.iter().map(|_| Line::default()).collect(),
            events: BinaryHeap::new(),
            scheduled: 0,
            disjoint: plan.demand.iter().map(two).collect(),
            missed: Vec::new(),
            lies: 0,
            replays: 0,
            plan,
        };
        world.prepare();
        world
    }

    fn prepare(&mut self) {
        for node in 0..self.plan.nodes {
            let at = self.rng.ms(0, 200);
            self.at(at, What::Restart(NodeId(node)));
        }
        for link in 0..self.plan.links.len() {
            // The first block is lost where it comes before its node.
            let up = if self.plan.first_block.is_some() {
                200
            } else {
                0
            };
            let at = self.rng.ms(up, up + 300);
            self.at(at, What::Make(LinkId(link as u16)));
        }
        for pair in 0..self.plan.demand.len() {
            let at = self.plan.first_ask + self.rng.ms(0, 3000);
            self.at(at, What::Ask(pair));
        }
        for fault in 0..self.plan.faults.len() {
            self.at(self.plan.faults[fault].0, What::Fault(fault));
        }
        self.at(self.plan.calm + Duration::from_secs(3), What::Judge);
    }

    fn at(&mut self, at: Duration, what: What) {
        self.scheduled += 1;
        self.events
            .push(Reverse((at.max(self.now), self.scheduled, what)));
    }

    fn after(&mut self, wait: Duration, what: What) {
        self.at(self.now + wait, what);
    }

    fn calm(&self) -> bool {
        self.now >= self.plan.calm
    }

    /// Runs the plan to its end.
    pub fn run(&mut self) -> Result {
        loop {
            let timers = self.nodes.iter().enumerate().filter_map(|(index, node)| {
                let due = node.as_ref()?.next_timer()?;
                Some((due, index))
            });
            let timer = timers.min();
            let event = self.events.peek().map(|Reverse((at, ..))| *at);
            let (at, node) = match (timer, event) {
                (Some((due, index)), Some(at)) if due < at => (due, Some(index)),
                (Some((due, index)), None) => (due, Some(index)),
                (_, Some(at)) => (at, None),
                (None, None) => return Ok(()),
            };
            if at > self.plan.end {
                return Ok(());
            }
            self.now = self.now.max(at);
            let done = match node {
                Some(index) => self.on(index, Node::on_timer),
                None => match self.events.pop() {
                    Some(Reverse((_, _, what))) => self.step(what),
                    None => Ok(()),
                },
            };
            done.map_err(|complaint| format!("{:?}: {complaint}", self.now))?;
        }
    }

    fn step(&mut self, what: What) -> Result {
        match what {
            What::Message {
                link,
                connection,
                to,
                octets,
                forged,
            } => self.message(link, connection, to, &octets, forged),
            What::Connect(link) => self.connect(link),
            What::Gone { link, end } => {
                if self.lines[link.index()].connection.is_some() {
                    return Ok(());
                }
                let node = self.end(link, end);
                self.on(node, |node, now| node.on_link(now, link, false))
            }
            What::Make(link) => {
                self.make(link);
                Ok(())
            }
            What::Block { link, end, number } => self.block(link, end, number),
            What::Fault(fault) => self.fault(self.plan.faults[fault].1),
            What::Restart(node) => {
                self.restart(node);
                Ok(())
            }
            What::Ask(pair) => self.ask(pair),
            What::Fetch { pair, ids, again } => self.fetch(pair, ids, again),
            What::Judge => self.judge(),
        }
    }

    fn end(&self, link: LinkId, end: usize) -> usize {
        let (a, b) = self.plan.links[link.index()];
        [a, b][end].index()
    }

    /// Calls a node, carries out what it says, and looks at its books.
    fn on(&mut self, index: usize, call: impl FnOnce(&mut Node, Duration)) -> Result {
        let now = self.now;
        let Some(node) = &mut self.nodes[index] else {
            return Ok(());
        };
        call(node, now);
        self.carry_out(index)
    }

    fn carry_out(&mut self, index: usize) -> Result {
        let id = NodeId(index as u16);
        while let Some(node) = &mut self.nodes[index] {
            let Some(action) = node.poll_action() else {
                break;
            };
            self.actions[index] += 1;
            match action {
                Action::Send { link, octets } => self.send(index, link, octets)?,
                Action::Close { link, .. } => {
                    let end = usize::from(self.end(link, 0) == index);
                    self.cut(link, Some(end));
                }
                Action::Event(Event::LinkUp { link, neighbour }) => {
                    let strange = |node| Some(node) == self.plan.stranger;
                    if strange(id) != strange(neighbour) {
                        return Err(format!("topology: {link:?} joins two"));
                    }
                }
                Action::Event(Event::BatchVoided { batch, reason, .. }) => {
                    let calm = self.plan.faults.is_empty() && self.plan.crash_at.is_empty();
                    if calm && self.plan.liar.is_none() && reason == Reason::Timeout {
                        return Err(format!("timeout: of {batch}, without any fault"));
                    }
                }
                Action::Event(_) | Action::Crossing(_) => {}
                Action::Record(record) => self.check.record(self.now, id, &record)?,
            }
            let count = self.actions[index];
            if !self.calm() && self.plan.crash_at.contains(&(id, count)) {
                let back = self.rng.ms(50, 2000);
                self.crash(id, back);
            }
        }
        if let Some(node) = &self.nodes[index] {
            for link in 0..self.plan.links.len() {
                let link = LinkId(link as u16);
                if let Some(accounts) = node.accounts(link) {
                    self.check.accounts(id, link, &accounts)?;
                }
            }
        }
        Ok(())
    }

    /// The half of a block that `end` sends with.
    fn half(&self, link: LinkId, end: usize, number: u64) -> Vec<u8> {
        let len = self.lines[link.index()]
            .lens
            .get(&number)
            .copied()
            .unwrap_or(0);
        let mut bits = wire::bits(self.plan.seed, link, number, len);
        let other = bits.split_off(len / 2);
        if end == 0 { bits } else { other }
    }

    fn send(&mut self, index: usize, link: LinkId, octets: Vec<u8>) -> Result {
        let end = usize::from(self.end(link, 0) != index);
        if let Some(seen) = wire::read(&octets) {
            let pad = wire::pad(&seen.segments, |number| self.half(link, end, number));
            self.check.sent(link, end, &octets, &seen, &pad)?;
        }
        let lies = !self.calm() && self.plan.liar == Some(NodeId(index as u16));
        if lies && self.rng.permille(self.plan.lies) {
            self.lies += 1;
            for (octets, forged) in self.lie(link, end, octets) {
                self.post(link, end, octets, forged);
            }
        } else {
            self.post(link, end, octets, false);
        }
        Ok(())
    }

    /// The messages of a lying node instead of one message, and whether its neighbour must refuse
    /// each.
    fn lie(&mut self, link: LinkId, end: usize, mut octets: Vec<u8>) -> Vec<(Vec<u8>, bool)> {
        let past = &self.lines[link.index()].past[end];
        let again = past.get(self.rng.below(past.len())).cloned();
        let seen = wire::read(&octets);
        match (self.rng.below(7), seen) {
            (0, _) => vec![],
            (1, seen) => vec![(octets.clone(), false), (octets, seen.is_some())],
            (2, _) => {
                let again = again.map(|again| (again, true));
                [again, Some((octets, false))]
                    .into_iter()
                    .flatten()
                    .collect()
            }
            (3, Some(seen)) if !seen.payload.is_empty() => {
                let at = seen.payload.start + self.rng.below(seen.payload.len());
                octets[at] ^= 1 << self.rng.below(8);
                vec![(self.tagged(link, end, octets, &seen), false)]
            }
            (4, Some(seen)) => {
                let at = seen.clear.start + self.rng.below(seen.clear.len());
                octets[at] ^= 1 << self.rng.below(8);
                vec![(self.tagged(link, end, octets, &seen), false)]
            }
            (5, Some(seen)) => {
                let octets = self.again(link, end, &octets, &seen).unwrap_or(octets);
                vec![(octets, false)]
            }
            (_, None) if octets[0] == wire::STATE && octets.len() > 25 => {
                if self.rng.permille(500) {
                    octets[2] = self.rng.below(self.plan.nodes.into()) as u8;
                }
                octets[17] = octets[17].wrapping_add(self.rng.below(3) as u8);
                octets[18] = octets[18].wrapping_add(1);
                let last = octets.len() - 1;
                octets[last] = self.rng.below(5) as u8;
                vec![(octets, false)]
            }
            (_, seen) => {
                let at = self.rng.below(octets.len());
                octets[at] ^= 1 << self.rng.below(8);
                vec![(octets, seen.is_some())]
            }
        }
    }

    /// An old batch under the key of a new one.
    fn again(&self, link: LinkId, end: usize, octets: &[u8], seen: &wire::Seen) -> Option<Vec<u8>> {
        let half = |number| self.half(link, end, number);
        let past = self.lines[link.index()].past[end].iter();
        let mut past = past.filter_map(|old| Some((old, wire::read(old)?)));
        let fits =
            |old: &wire::Seen| old.payload.len() == seen.payload.len() && !old.payload.is_empty();
        let (old, was) = past.find(|(_, old)| fits(old))?;
        let plain = wire::xor(&old[was.payload.clone()], &wire::pad(&was.segments, half).1);
        let (key, pad) = wire::pad(&seen.segments, half);
        let mut out = octets[..seen.clear.start].to_vec();
        out.extend_from_slice(&old[was.clear]);
        out.extend_from_slice(&wire::xor(&plain, &pad));
        out.extend_from_slice(&[0; 16]);
        let tag = wire::tag(&out, &key);
        let at = out.len() - tag.len();
        out[at..].copy_from_slice(&tag);
        Some(out)
    }

    fn tagged(&self, link: LinkId, end: usize, mut octets: Vec<u8>, seen: &wire::Seen) -> Vec<u8> {
        let (key, _) = wire::pad(&seen.segments, |number| self.half(link, end, number));
        let tag = wire::tag(&octets, &key);
        let at = octets.len() - tag.len();
        octets[at..].copy_from_slice(&tag);
        octets
    }

    fn post(&mut self, link: LinkId, end: usize, octets: Vec<u8>, forged: bool) {
        let latency = self.rng.ms(0, self.plan.latency_ms);
        let line = &mut self.lines[link.index()];
        let Some(connection) = line.connection else {
            return;
        };
        let at = (self.now + latency).max(line.last[end]).max(line.slow);
        line.last[end] = at;
        self.at(
            at,
            What::Message {
                link,
                connection,
                to: 1 - end,
                octets,
                forged,
            },
        );
    }

    fn message(
        &mut self,
        link: LinkId,
        connection: u64,
        to: usize,
        octets: &[u8],
        forged: bool,
    ) -> Result {
        if self.lines[link.index()].connection != Some(connection) {
            return Ok(());
        }
        let index = self.end(link, to);
        let (before, used) = (self.link(index, link), self.used(index, link));
        self.on(index, |node, now| node.on_message(now, link, octets))?;
        let after = self.link(index, link);
        let taken = before
            .zip(after)
            .is_some_and(|((was, _), (is, _))| was && is);
        if forged && taken {
            return Err(format!("forged: a message is taken on {link:?}"));
        }
        let refused = before
            .zip(after)
            .is_some_and(|((_, was), (_, is))| is > was);
        if refused && self.plan.liar.is_none() {
            return Err(format!("step: a right message is refused on {link:?}"));
        }
        if octets[0] == wire::SEALED && !forged && self.used(index, link) > used {
            let past = &mut self.lines[link.index()].past[1 - to];
            past.push_back(octets.to_vec());
            if past.len() > 16 {
                past.pop_front();
            }
        }
        Ok(())
    }

    /// Whether a link end is up, and the messages that it has refused.
    fn link(&self, index: usize, link: LinkId) -> Option<(bool, u64)> {
        let links = self.nodes[index].as_ref()?.status().links;
        let status = links.into_iter().find(|status| status.link == link)?;
        Some((status.up, status.forged))
    }

    /// Bits that authenticated something, at this end.
    fn used(&self, index: usize, link: LinkId) -> Option<u64> {
        Some(self.nodes[index].as_ref()?.accounts(link)?.authentication)
    }

    fn connect(&mut self, link: LinkId) -> Result {
        let line = &mut self.lines[link.index()];
        if line.connection.is_some() {
            return Ok(());
        }
        if line.blocked > self.now {
            let at = line.blocked;
            self.at(at, What::Connect(link));
            return Ok(());
        }
        let ends = [self.end(link, 0), self.end(link, 1)];
        if ends.iter().any(|end| self.nodes[*end].is_none()) {
            return Ok(());
        }
        let line = &mut self.lines[link.index()];
        line.connections += 1;
        line.connection = Some(line.connections);
        line.last = [self.now; 2];
        for end in ends {
            self.on(end, |node, now| node.on_link(now, link, true))?;
        }
        Ok(())
    }

    /// The connection ends, and what is under way is lost. `by` has ended it itself.
    fn cut(&mut self, link: LinkId, by: Option<usize>) {
        let line = &mut self.lines[link.index()];
        if line.connection.take().is_some() {
            for end in (0..2).filter(|end| Some(*end) != by) {
                let wait = self.rng.ms(0, 100);
                self.after(wait, What::Gone { link, end });
            }
        }
        let wait = self.rng.ms(30, 300);
        self.after(wait, What::Connect(link));
    }

    fn make(&mut self, link: LinkId) {
        let (len, period) = self.plan.supply[link.index()];
        self.after(period, What::Make(link));
        let line = &mut self.lines[link.index()];
        if line.dry > self.now {
            return;
        }
        line.block += 1;
        let number = line.block;
        let first = self.plan.first_block.filter(|_| number == 1);
        let len = first.unwrap_or(len);
        line.lens.insert(number, len);
        for end in 0..2 {
            let wait = self.rng.ms(0, self.plan.skew_ms);
            if self.calm() || !self.rng.permille(self.plan.block_loss) {
                self.after(wait, What::Block { link, end, number });
            }
        }
    }

    fn block(&mut self, link: LinkId, end: usize, number: u64) -> Result {
        let index = self.end(link, end);
        if self.nodes[index].is_none() {
            return Ok(());
        }
        let len = self.lines[link.index()].lens[&number];
        let bits = wire::bits(self.plan.seed, link, number, len);
        let block = Block {
            number,
            label: Label::Modelled,
            epsilon: 1e-10,
            excess_noise: 0.01,
        };
        self.check.took(NodeId(index as u16), link, len);
        self.on(index, |node, now| node.on_block(now, link, block, &bits))
    }

    fn fault(&mut self, fault: Fault) -> Result {
        match fault {
            Fault::Break { link, back, told } => {
                let line = &mut self.lines[link.index()];
                line.blocked = line.blocked.max(back);
                if told {
                    self.cut(link, None);
                } else {
                    line.connection = None;
                    self.at(back, What::Connect(link));
                }
            }
            Fault::Mute { link, until } => self.lines[link.index()].slow = until,
            Fault::Dry { link, until } => self.lines[link.index()].dry = until,
            Fault::Crash { node, back } => self.crash(node, back.saturating_sub(self.now)),
            Fault::Partition { parts, back } => {
                for link in 0..self.plan.links.len() {
                    let (a, b) = self.plan.links[link];
                    if parts >> a.0 & 1 != parts >> b.0 & 1 {
                        self.lines[link].blocked = back;
                        self.cut(LinkId(link as u16), None);
                    }
                }
            }
            Fault::Replay { link } => return self.replay(link),
        }
        Ok(())
    }

    /// A message that was accepted once comes again. It is counted as forged, and that is all.
    fn replay(&mut self, link: LinkId) -> Result {
        for to in 0..2 {
            let past = &self.lines[link.index()].past[1 - to];
            let Some(octets) = past.get(self.rng.below(past.len())).cloned() else {
                continue;
            };
            let index = self.end(link, to);
            let before = self.link(index, link);
            self.on(index, |node, now| node.on_message(now, link, &octets))?;
            if let (Some((true, before)), Some((up, after))) = (before, self.link(index, link)) {
                self.replays += 1;
                if up || after != before + 1 {
                    return Err(format!("forged: a message is taken again on {link:?}"));
                }
            }
        }
        Ok(())
    }

    fn crash(&mut self, id: NodeId, back: Duration) {
        let Some(node) = self.nodes[id.index()].take() else {
            return;
        };
        self.check.crashes.entry(id).or_default().push(self.now);
        for link in 0..self.plan.links.len() {
            let link = LinkId(link as u16);
            let Some(accounts) = node.accounts(link) else {
                continue;
            };
            self.carried.insert((id, link), accounts.after_crash());
            let line = &mut self.lines[link.index()];
            if line.connection.take().is_some() && self.rng.permille(700) {
                let end = usize::from(self.end(link, 0) == id.index());
                let wait = self.rng.ms(0, 100);
                self.after(wait, What::Gone { link, end });
            }
        }
        self.after(back, What::Restart(id));
    }

    fn restart(&mut self, id: NodeId) {
        if self.nodes[id.index()].is_some() {
            return;
        }
        let carried = self.carried.iter().filter(|((node, _), _)| *node == id);
        let config = NodeConfig {
            node: id,
            nodes: self.plan.nodes,
            links: self.plan.links.clone(),
            digest: [u8::from(self.plan.stranger == Some(id)); 32],
            saes: self.plan.saes.clone(),
            foreign: vec![],
            demand: self.plan.demand.clone(),
            unix_time: Duration::from_secs(1_800_000_000),
            accounts: carried
                .map(|((_, link), accounts)| (*link, *accounts))
                .collect(),
        };
        let mut entropy = Rng::new(self.rng.next());
        let entropy = Box::new(move |out: &mut [u8]| entropy.fill(out));
        self.nodes[id.index()] = Some(Node::new(config, entropy).unwrap());
        for link in 0..self.plan.links.len() {
            let (a, b) = self.plan.links[link];
            if a == id || b == id {
                let wait = self.rng.ms(30, 300);
                self.after(wait, What::Connect(LinkId(link as u16)));
            }
        }
    }

    /// The accounts of all link ends together.
    pub fn accounts(&self) -> Vec<Accounts> {
        let nodes = self.nodes.iter().flatten();
        let links = nodes.flat_map(|node| node.status().links);
        links.map(|link| link.accounts).collect()
    }

    pub fn place(&self, sae: &network::SaeId) -> NodeId {
        self.plan
            .saes
            .iter()
            .find(|(name, _)| name == sae)
            .unwrap()
            .1
    }

    /// The initiator of a pair wants its keys.
    fn ask(&mut self, pair: usize) -> Result {
        let demand = self.plan.demand[pair].clone();
        let greed = self
            .plan
            .greed
            .iter()
            .find(|(greedy, _)| *greedy == pair)
            .copied();
        let interval = greed.map_or(demand.interval, |(_, times)| demand.interval / times);
        self.after(interval, What::Ask(pair));
        let (from, to) = (self.place(&demand.initiator), self.place(&demand.target));
        let now = self.now;
        let Some(node) = &mut self.nodes[from.index()] else {
            return Ok(());
        };
        let keys = node.enc_keys(now, &demand.initiator, &demand.target, demand.keys.into());
        match keys {
            Ok(keys) => {
                for key in &keys {
                    self.check.given(&demand, key)?;
                }
                let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
                self.snoop(pair, to, &ids)?;
                let wait = self.rng.ms(0, 400);
                self.after(
                    wait,
                    What::Fetch {
                        pair,
                        ids,
                        again: false,
                    },
                );
            }
            Err(why) if self.expected(pair) && greed.is_none() => {
                return Err(format!("live: {from:?} to {to:?} has no keys: {why}"));
            }
            Err(why) => self.missed.push((now, pair, why)),
        }
        self.carry_out(from.index())
    }

    /// Whether the pair has to have keys now.
    fn expected(&self, pair: usize) -> bool {
        let possible = self.plan.demand[pair].paths == Paths::One || self.disjoint[pair];
        possible && self.now >= self.plan.calm + Duration::from_secs(3)
    }

    /// Somebody else at the target's node asks for the keys.
    fn snoop(&mut self, pair: usize, to: NodeId, ids: &[KeyId]) -> Result {
        let demand = &self.plan.demand[pair];
        let (now, guest) = (self.now, plan::guest(to.0));
        let Some(node) = &mut self.nodes[to.index()] else {
            return Ok(());
        };
        let others = [
            (&guest, &demand.initiator),
            (&demand.target, &guest),
            (&demand.initiator, &demand.target),
        ];
        for (caller, initiator) in others {
            if node.dec_keys(now, caller, initiator, ids).is_ok() {
                return Err(format!("other: {caller} gets keys of {}", demand.target));
            }
        }
        Ok(())
    }

    /// The target of a pair fetches the keys that its peer has named, and some time later again.
    fn fetch(&mut self, pair: usize, ids: Vec<KeyId>, again: bool) -> Result {
        let demand = self.plan.demand[pair].clone();
        let to = self.place(&demand.target);
        let now = self.now;
        let Some(node) = &mut self.nodes[to.index()] else {
            return Ok(());
        };
        match node.dec_keys(now, &demand.target, &demand.initiator, &ids) {
            Ok(_) if again => return Err("twice: keys are fetched again".to_owned()),
            Ok(keys) => {
                for key in &keys {
                    self.check.fetched(&demand.target, &demand.initiator, key)?;
                }
                let wait = self.rng.ms(0, 2000);
                self.after(
                    wait,
                    What::Fetch {
                        pair,
                        ids,
                        again: true,
                    },
                );
            }
            Err(_) if again => {}
            Err(_) => self.check.missed(now, &self.plan, to, ids[0])?,
        }
        self.carry_out(to.index())
    }

    /// All is calm for 3 s: each pair has keys.
    fn judge(&mut self) -> Result {
        for node in self.nodes.iter().flatten() {
            for status in node.status().pairs {
                let pair = self.plan.demand.iter().position(|demand| {
                    demand.initiator == status.initiator && demand.target == status.target
                });
                let greedy = self
                    .plan
                    .greed
                    .iter()
                    .any(|(greedy, _)| Some(*greedy) == pair);
                if pair.is_some_and(|pair| self.expected(pair)) && status.stock == 0 && !greedy {
                    return Err(format!("live: {status:?}"));
                }
            }
        }
        Ok(())
    }
}
