//! The relay protocol alone: nodes of `network` whose messages go from one to the other in memory.

use std::thread::sleep;
use std::time::{Duration, Instant};

use network::limits::{INTERVAL_MIN, KEYS_PER_SWITCH_MAX};
use network::{Action, Block, Demand, Label, LinkId, Node, NodeConfig, NodeId, Paths, SaeId};

use super::Line;
use crate::harness::error::Error;

/// Blocks of each link, and their octets: half of what a pool holds.
const BLOCKS: u64 = 32;
const BLOCK_LEN: usize = 512 << 10;
/// Time limit for the first keys, and the interval of the looks for them.
const START: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Nodes in a line. Link n joins node n and the next one.
pub(super) struct CoreLine {
    nodes: Vec<Node>,
    ends: [SaeId; 2],
    started: Instant,
}

impl CoreLine {
    /// A line with key on all links.
    pub(super) fn new(hops: usize) -> Result<Self, Error> {
        let mut line = Self {
            nodes: Vec::new(),
            ends: [sae("near")?, sae("far")?],
            started: Instant::now(),
        };
        let last = u16::try_from(hops).map_err(wrong)?;
        let links: Vec<_> = (0..last).map(|n| (NodeId(n), NodeId(n + 1))).collect();
        let [near, far] = line.ends.clone();
        for node in 0..=last {
            let config = NodeConfig {
                node: NodeId(node),
                nodes: last + 1,
                links: links.clone(),
                digest: [0; 32],
                saes: vec![(near.clone(), NodeId(0)), (far.clone(), NodeId(last))],
                foreign: Vec::new(),
                // The largest stock and the largest batches.
                demand: vec![Demand {
                    initiator: near.clone(),
                    target: far.clone(),
                    interval: INTERVAL_MIN,
                    keys: KEYS_PER_SWITCH_MAX,
                    paths: Paths::One,
                }],
                unix_time: Duration::ZERO,
                accounts: Vec::new(),
            };
            line.nodes
                .push(Node::new(config, Box::new(random)).map_err(wrong)?);
        }
        line.both_ends(last, |node, now, link| node.on_link(now, link, true));
        line.carry();
        let mut bits = vec![0; BLOCK_LEN];
        for number in 0..BLOCKS {
            let block = Block {
                number,
                label: Label::Modelled,
                epsilon: 1e-10,
                excess_noise: 0.01,
            };
            random(&mut bits);
            line.both_ends(last, |node, now, link| {
                node.on_block(now, link, block, &bits);
            });
            line.carry();
        }
        while line.nodes[0]
            .status()
            .pairs
            .iter()
            .all(|pair| pair.stock == 0)
        {
            if line.started.elapsed() > START {
                return Err(wrong(format_args!("no key within {START:?}")));
            }
            sleep(LOOK_EVERY);
            line.carry();
        }
        Ok(line)
    }

    fn both_ends(&mut self, links: u16, mut act: impl FnMut(&mut Node, Duration, LinkId)) {
        for link in 0..links {
            for end in [link, link + 1] {
                let now = self.started.elapsed();
                act(&mut self.nodes[usize::from(end)], now, LinkId(link));
            }
        }
    }

    /// Carries messages until there are none, and lets timers run.
    fn carry(&mut self) {
        let now = self.started.elapsed();
        for node in &mut self.nodes {
            if node.next_timer().is_some_and(|due| due <= now) {
                node.on_timer(now);
            }
        }
        let mut idle = 0;
        for at in (0..self.nodes.len()).cycle() {
            match self.carry_from(at) {
                0 => idle += 1,
                _ => idle = 0,
            }
            if idle == self.nodes.len() {
                return;
            }
        }
    }

    /// Carries the messages of one node to its neighbours, and returns their number.
    fn carry_from(&mut self, at: usize) -> usize {
        let mut carried = 0;
        while let Some(action) = self.nodes[at].poll_action() {
            if let Action::Send { link, octets } = action {
                let to = if link.index() == at { at + 1 } else { at - 1 };
                self.nodes[to].on_message(self.started.elapsed(), link, &octets);
                carried += 1;
            }
        }
        carried
    }
}

impl Line for CoreLine {
    fn transfer(&mut self, number: usize) -> Result<(), Error> {
        let now = self.started.elapsed();
        let [near, far] = &self.ends;
        let keys = self.nodes[0]
            .enc_keys(now, near, far, number)
            .map_err(wrong)?;
        let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
        let last = self.nodes.last_mut().expect("a line has ends");
        let fetched = last.dec_keys(now, far, near, &ids).map_err(wrong)?;
        let same = |(one, other): (&network::Key, &network::Key)| {
            one.value.expose() == other.value.expose()
        };
        if !keys.iter().zip(&fetched).all(same) {
            return Err(Error::Wrong("the ends have different keys".to_owned()));
        }
        self.carry();
        Ok(())
    }
}

fn sae(name: &str) -> Result<SaeId, Error> {
    SaeId::parse(name).map_err(wrong)
}

fn random(out: &mut [u8]) {
    getrandom::fill(out).expect("the random source of the system works after its start");
}

fn wrong(error: impl std::fmt::Display) -> Error {
    Error::Wrong(format!("the relay protocol: {error}"))
}
