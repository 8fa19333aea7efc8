use std::collections::VecDeque;
use std::time::Duration;

use super::Node;
use crate::action::{Action, Closed, Crossing, Event, Reason, Record, Refusal, Unavailable};
use crate::block::{Block, Label};
use crate::config::{Demand, NodeConfig, Paths};
use crate::id::{LinkId, NodeId};
use crate::limits;
use crate::topology;
use kme_api::etsi020::SaeId;

pub(super) fn sae(node: usize) -> SaeId {
    SaeId::parse(&format!("sae-{node}")).unwrap()
}

pub(super) fn config(
    node: u16,
    nodes: u16,
    links: &[(u16, u16)],
    demand: &[(usize, usize, Paths)],
) -> NodeConfig {
    let demand = demand.iter().map(|(from, to, paths)| Demand {
        initiator: sae(*from),
        target: sae(*to),
        interval: Duration::from_secs(3),
        keys: 1,
        paths: *paths,
    });
    NodeConfig {
        node: NodeId(node),
        nodes,
        links: links
            .iter()
            .map(|(a, b)| (NodeId(*a), NodeId(*b)))
            .collect(),
        digest: [1; 32],
        saes: (0..nodes)
            .map(|node| (sae(node.into()), NodeId(node)))
            .collect(),
        foreign: vec![],
        demand: demand.collect(),
        unix_time: Duration::from_secs(1_800_000_000),
        accounts: vec![],
    }
}

/// Nodes whose messages arrive at once.
pub(super) struct Net {
    pub(super) now: Duration,
    links: Vec<(u16, u16)>,
    pub(super) nodes: Vec<Node>,
    events: Vec<(usize, Event)>,
    pub(super) crossings: Vec<(usize, Crossing)>,
    records: Vec<(usize, Record)>,
    closed: Vec<(usize, Closed)>,
    /// Links that lose all messages.
    pub(super) mute: Vec<u16>,
}

impl Net {
    pub(super) fn new(configs: Vec<NodeConfig>) -> Self {
        let links = configs[0].links.iter().map(|(a, b)| (a.0, b.0)).collect();
        let node = |config: NodeConfig| {
            let mut state = u64::from(config.node.0) + 1;
            let entropy = Box::new(move |out: &mut [u8]| {
                for octet in out {
                    state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
                    *octet = (state >> 56) as u8;
                }
            });
            Node::new(config, entropy).unwrap()
        };
        Self {
            now: Duration::ZERO,
            links,
            nodes: configs.into_iter().map(node).collect(),
            events: vec![],
            crossings: vec![],
            records: vec![],
            closed: vec![],
            mute: vec![],
        }
    }

    /// A line or ring with connections and key on all links.
    fn started(nodes: u16, links: &[(u16, u16)], demand: &[(usize, usize, Paths)]) -> Self {
        let configs = (0..nodes).map(|node| config(node, nodes, links, demand));
        let mut net = Self::new(configs.collect());
        net.connect();
        net.blocks(1, 16_384);
        net.pass(Duration::from_millis(500));
        net
    }

    pub(super) fn connect(&mut self) {
        for (link, (a, b)) in self.links.clone().into_iter().enumerate() {
            for node in [a, b] {
                self.nodes[usize::from(node)].on_link(self.now, LinkId(link as u16), true);
            }
        }
        self.carry();
    }

    pub(super) fn blocks(&mut self, number: u64, len: usize) {
        let block = Block {
            number,
            label: Label::Modelled,
            epsilon: 1e-10,
            excess_noise: 0.01,
        };
        for (link, (a, b)) in self.links.clone().into_iter().enumerate() {
            let bits: Vec<_> = (0..len).map(|at| (at * 31 + link * 7) as u8).collect();
            for node in [a, b] {
                self.nodes[usize::from(node)].on_block(self.now, LinkId(link as u16), block, &bits);
            }
        }
        self.carry();
    }

    pub(super) fn carry(&mut self) {
        let mut messages = VecDeque::new();
        loop {
            for (index, node) in self.nodes.iter_mut().enumerate() {
                while let Some(action) = node.poll_action() {
                    match action {
                        Action::Send { link, octets } => messages.push_back((index, link, octets)),
                        Action::Close { reason, .. } => self.closed.push((index, reason)),
                        Action::Crossing(crossing) => self.crossings.push((index, crossing)),
                        Action::Event(event) => self.events.push((index, event)),
                        Action::Record(record) => self.records.push((index, record)),
                    }
                }
            }
            let Some((from, link, octets)) = messages.pop_front() else {
                return;
            };
            if !self.mute.contains(&link.0) {
                let (a, b) = self.links[link.index()];
                let to = if usize::from(a) == from { b } else { a };
                self.nodes[usize::from(to)].on_message(self.now, link, &octets);
            }
        }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += Duration::from_millis(10);
            for node in &mut self.nodes {
                if node.next_timer().is_some_and(|due| due <= self.now) {
                    node.on_timer(self.now);
                }
            }
            self.carry();
        }
    }
}

const LINE: &[(u16, u16)] = &[(0, 1), (1, 2)];
const RING: &[(u16, u16)] = &[(0, 1), (1, 2), (2, 3), (3, 0)];

#[test]
fn a_key_passes_a_relay_with_its_passport() {
    let mut net = Net::started(3, LINE, &[(0, 2, Paths::One)]);
    let now = net.now;
    let ours = net.nodes[0].enc_keys(now, &sae(0), &sae(2), 2).unwrap();
    let ids: Vec<_> = ours.iter().map(|key| key.id).collect();
    let theirs = net.nodes[2].dec_keys(now, &sae(2), &sae(0), &ids).unwrap();
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours.value.expose(), theirs.value.expose());
        assert_eq!(ours.passport, theirs.passport);
        assert_eq!(ours.id.0[6] >> 4, 4, "a UUID of version 4");
    }
    let [path] = &ours[0].passport.paths[..] else {
        panic!("one path");
    };
    assert_eq!(path.relays(), [NodeId(1)]);
    let hops: Vec<_> = path
        .hops
        .iter()
        .map(|hop| (hop.link.0, hop.blocks[0].number))
        .collect();
    assert_eq!(hops, [(0, 1), (1, 1)]);
    assert!(ours[0].passport.readable_by(&[NodeId(1)]));
    let relayed = net
        .records
        .iter()
        .find(|(_, record)| matches!(record, Record::Relayed { .. }));
    assert_eq!(relayed.unwrap().0, 1);
    for (link, (a, b)) in LINE.iter().enumerate() {
        let ends = [a, b].map(|node| net.nodes[usize::from(*node)].accounts(LinkId(link as u16)));
        assert_eq!(ends[0], ends[1]);
        let accounts = ends[0].unwrap();
        assert!(accounts.close() && accounts.relayed == 8 * 256);
    }
}

#[test]
fn with_two_paths_no_relay_knows_a_key() {
    let mut net = Net::started(4, RING, &[(0, 2, Paths::Two)]);
    let keys = net.nodes[0].enc_keys(net.now, &sae(0), &sae(2), 1).unwrap();
    let passport = &keys[0].passport;
    assert!(!passport.readable_by(&[NodeId(1)]) && !passport.readable_by(&[NodeId(3)]));
    assert!(passport.readable_by(&[NodeId(1), NodeId(3)]));
    let ids = [keys[0].id];
    let theirs = net.nodes[2]
        .dec_keys(net.now, &sae(2), &sae(0), &ids)
        .unwrap();
    assert_eq!(theirs[0].value.expose(), keys[0].value.expose());
}

#[test]
fn without_two_paths_there_is_no_key_and_a_reason() {
    let mut net = Net::started(3, LINE, &[(0, 2, Paths::Two)]);
    let short = net.nodes[0].enc_keys(net.now, &sae(0), &sae(2), 1).err();
    assert_eq!(short, Some(Refusal::Short(Unavailable::NoTwoPaths)));
}

#[test]
fn every_refusal_has_its_reason() {
    let mut net = Net::started(3, LINE, &[(0, 2, Paths::One)]);
    let now = net.now;
    let node = &mut net.nodes[0];
    let enc =
        |node: &mut Node, from, to, number| node.enc_keys(now, &sae(from), &sae(to), number).err();
    assert_eq!(enc(node, 1, 2, 1), Some(Refusal::NotHere));
    assert_eq!(enc(node, 0, 1, 1), Some(Refusal::NoDemand));
    assert_eq!(enc(node, 0, 2, 0), Some(Refusal::Number));
    assert_eq!(enc(node, 0, 2, 1000), Some(Refusal::Number));
    assert_eq!(
        enc(node, 0, 2, 100),
        Some(Refusal::Short(Unavailable::Waiting))
    );
    let mut alone = Net::new(vec![config(0, 2, &[(0, 1)], &[(0, 1, Paths::One)])]);
    alone.nodes[0].on_timer(Duration::ZERO);
    let short = alone.nodes[0]
        .enc_keys(Duration::ZERO, &sae(0), &sae(1), 1)
        .err();
    assert_eq!(short, Some(Refusal::Short(Unavailable::NoRoute)));
}

#[test]
fn a_node_with_another_topology_is_refused_by_its_hash() {
    let mut other = config(1, 2, &[(0, 1)], &[]);
    other.digest = [2; 32];
    let mut net = Net::new(vec![config(0, 2, &[(0, 1)], &[]), other]);
    net.connect();
    let reason = Closed::Topology {
        ours: [1; 4],
        theirs: [2; 4],
    };
    assert!(net.closed.contains(&(0, reason)), "{:?}", net.closed);
    assert!(reason.to_string().contains("01010101") && reason.to_string().contains("same file"));
}

#[test]
fn another_version_is_named() {
    let mut net = Net::new(vec![config(0, 2, &[(0, 1)], &[])]);
    net.nodes[0].on_link(net.now, LinkId(0), true);
    net.nodes[0].on_message(net.now, LinkId(0), &[0, 0, 9, 1, 2]);
    let sent = std::iter::from_fn(|| net.nodes[0].poll_action());
    let reason = Closed::Version { theirs: 9 };
    let close = Action::Close {
        link: LinkId(0),
        reason,
    };
    assert!(sent.into_iter().any(|action| action == close));
}

#[test]
fn clocks_apart_are_reported_and_keys_pass() {
    let mut late = config(1, 2, &[(0, 1)], &[(0, 1, Paths::One)]);
    late.unix_time -= Duration::from_secs(60);
    let mut net = Net::new(vec![config(0, 2, &[(0, 1)], &[(0, 1, Paths::One)]), late]);
    net.connect();
    net.blocks(1, 4096);
    net.pass(Duration::from_millis(500));
    let (link, neighbour) = (LinkId(0), NodeId(1));
    let skew = Event::ClockSkew {
        link,
        neighbour,
        skew_ms: -60_000,
    };
    assert!(net.events.contains(&(0, skew)));
    assert!(net.nodes[0].enc_keys(net.now, &sae(0), &sae(1), 1).is_ok());
}

#[test]
fn a_silent_neighbour_is_seen_within_a_second_and_routes_lead_around() {
    let mut net = Net::started(4, RING, &[(0, 2, Paths::One)]);
    let before = net.nodes[0].status().pairs[0].paths[0].clone();
    let relay = before[1].0;
    net.mute = vec![if relay == 1 { 0 } else { 3 }];
    net.pass(Duration::from_secs(1));
    assert!(net.closed.contains(&(0, Closed::Silent)));
    for _ in 0..4 {
        net.nodes[0].enc_keys(net.now, &sae(0), &sae(2), 2).unwrap();
        net.pass(Duration::from_millis(500));
    }
    let after = &net.nodes[0].status().pairs[0].paths[0];
    assert_eq!(after.len(), 3);
    assert_ne!(after[1].0, relay);
}

#[test]
fn a_batch_without_answer_is_voided_as_a_whole() {
    let mut net = Net::started(3, LINE, &[(0, 2, Paths::One)]);
    net.nodes[2].on_link(net.now, LinkId(1), false);
    net.nodes[0].enc_keys(net.now, &sae(0), &sae(2), 8).unwrap();
    net.pass(limits::ACK_WAIT + Duration::from_millis(20));
    let voided = net.records.iter().find_map(|(node, record)| match record {
        Record::Voided { keys, reason, .. } if *node == 0 => Some((keys.len(), *reason)),
        _ => None,
    });
    let (keys, reason) = voided.unwrap();
    assert!(
        keys > 0 && matches!(reason, Reason::Timeout | Reason::LinkDown),
        "{reason:?}"
    );
}

#[test]
fn mistakes_of_a_configuration_are_named() {
    let complaint = |change: fn(&mut NodeConfig)| {
        let mut config = config(0, 3, LINE, &[(0, 2, Paths::One)]);
        change(&mut config);
        let entropy = Box::new(|_: &mut [u8]| {});
        Node::new(config, entropy).err().unwrap().to_string()
    };
    assert_eq!(
        complaint(|c| c.node = NodeId(7)),
        "node 7 does not exist: the topology has 3 nodes"
    );
    assert!(complaint(|c| c.links[0] = (NodeId(1), NodeId(1))).contains("to itself"));
    let many = complaint(|c| c.links = vec![(NodeId(0), NodeId(1)); 257]);
    assert_eq!(many, "node 0 has 257 links: at most 256 are possible");
    assert!(complaint(|c| c.saes.push((sae(0), NodeId(1)))).contains("sae-0 is at two nodes"));
    assert!(complaint(|c| c.demand[0].target = sae(9)).contains("sae-9 is at no node"));
    assert!(complaint(|c| c.demand.push(c.demand[0].clone())).contains("twice"));
    assert!(complaint(|c| c.demand[0].keys = 0).contains("out of range"));
    assert!(complaint(|c| c.saes[2].1 = NodeId(0)).contains("same node"));
}

#[test]
fn a_plan_counts_the_bits_that_the_relays_use() {
    for (interval_ms, keys) in [(3000, 1), (1000, 3), (100, 1), (100, 64)] {
        let interval = Duration::from_millis(interval_ms);
        let both = [(0, 2, Paths::One), (2, 0, Paths::One)];
        let mut configs: Vec<_> = (0..3).map(|node| config(node, 3, LINE, &both)).collect();
        for demand in configs.iter_mut().flat_map(|config| &mut config.demand) {
            (demand.interval, demand.keys) = (interval, keys);
        }
        let mut net = Net::new(configs);
        net.connect();
        net.blocks(1, 1 << 20);
        net.pass(Duration::from_secs(1));
        let used = |net: &Net, link: u16| {
            let accounts = net.nodes[1].accounts(LinkId(link)).unwrap();
            (accounts.relayed + accounts.authentication) as f64
        };
        let before = [0, 1].map(|link| used(&net, link));
        let switches = 40;
        for _ in 0..switches {
            net.pass(interval);
            for (from, to) in [(0, 2), (2, 0)] {
                let now = net.now;
                let keys = net.nodes[from].enc_keys(now, &sae(from), &sae(to), keys.into());
                keys.expect("keys in time");
            }
        }
        net.pass(Duration::from_millis(10));
        let demand = topology::Demand {
            pairs: vec![(NodeId(0), NodeId(2))],
            interval,
            keys_per_switch: keys.into(),
            paths: topology::Paths::One,
        };
        let bit_s = demand.pair_bit_s(demand.authentication_bits());
        let planned = bit_s * (interval * switches).as_secs_f64();
        for (link, before) in before.into_iter().enumerate() {
            let used = used(&net, link as u16) - before;
            assert!(
                (used / planned - 1.0).abs() < 0.02,
                "{interval_ms} ms: {used} {planned}"
            );
        }
    }
}
