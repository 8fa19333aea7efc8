//! The plan of a run: two domains, their demand, and the faults, all drawn from one seed.

use std::time::Duration;

use network::{Demand, LinkId, NodeId, Paths, SaeId};

use crate::rng::Rng;

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub domains: [Domain; 2],
    pub pairs: Vec<Pair>,
    /// Octets of a block, and time between two of them.
    pub supply: (usize, Duration),
    /// Most latency of a message, in milliseconds.
    pub latency_ms: u64,
    /// Chances of a request or a reply between the KMEs to be lost, and of a request to come
    /// again, in 1000.
    pub lost: u32,
    pub copied: u32,
    pub faults: Vec<(Duration, Fault)>,
    /// A process crashes after this number of its actions.
    pub crash_at: Vec<(Place, u64)>,
    /// The domains are apart for longer than the life of a key in a KME.
    pub long: bool,
    /// Faults end here.
    pub calm: Duration,
    /// From here on, all pairs have keys.
    pub fresh: Duration,
    /// From here on, no pair has keys that its target's node has lost.
    pub told: Duration,
    /// The SAEs ask for no more keys, and the links get no more.
    pub last_ask: Duration,
    pub end: Duration,
}

#[derive(Clone, Debug)]
pub struct Domain {
    pub nodes: u16,
    pub links: Vec<(NodeId, NodeId)>,
    pub sites: Vec<NodeId>,
    /// The interworking nodes. Each has its neighbour at the same position of the other domain.
    pub gates: Vec<NodeId>,
    pub paths: Paths,
    /// Its KMEs take the ends of keys from the answers.
    pub synchronous: bool,
}

/// A node of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub domain: usize,
    pub node: NodeId,
}

/// Two SAEs, the first in this domain and the other in the other one.
#[derive(Clone, Debug)]
pub struct Pair {
    pub from: Place,
    pub to: Place,
    pub interval: Duration,
    pub keys: u16,
}

#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The connection of a link breaks, and comes back after a time. `told`: its ends notice.
    Break {
        domain: usize,
        link: LinkId,
        back: Duration,
        told: bool,
    },
    /// The link delivers no messages until then, though the connection stands.
    Mute {
        domain: usize,
        link: LinkId,
        until: Duration,
    },
    Crash {
        place: Place,
        back: Duration,
    },
    /// All nodes of a domain crash at once.
    Dark {
        domain: usize,
        back: Duration,
    },
    /// Requests of an interworking node, or their replies, get lost.
    Outage {
        gate: usize,
        domain: usize,
        replies: bool,
        until: Duration,
    },
}

pub fn sae(place: Place) -> SaeId {
    SaeId::parse(&format!("sae-{}-{}", place.domain, place.node.0)).unwrap()
}

/// An SAE that no pair has.
pub fn guest(place: Place) -> SaeId {
    SaeId::parse(&format!("guest-{}-{}", place.domain, place.node.0)).unwrap()
}

impl Domain {
    fn draw(rng: &mut Rng, gates: usize) -> Self {
        type Shape = (&'static [(u16, u16)], &'static [u16], &'static [u16]);
        const ONE: [Shape; 4] = [
            (&[(0, 1)], &[0], &[1]),
            (&[(0, 1), (1, 2)], &[0], &[2]),
            (&[(0, 2), (1, 2), (0, 1)], &[0, 1], &[2]),
            (&[(0, 1), (0, 2), (1, 3), (2, 3)], &[0], &[3]),
        ];
        const TWO: [Shape; 3] = [
            (&[(0, 1), (0, 2)], &[0], &[1, 2]),
            (&[(0, 1), (1, 2), (1, 3)], &[0], &[2, 3]),
            (&[(0, 2), (0, 3), (1, 2), (1, 3)], &[0, 1], &[2, 3]),
        ];
        let shapes: &[Shape] = if gates == 1 { &ONE } else { &TWO };
        let (links, sites, gates) = shapes[rng.below(shapes.len())];
        let ends = links.iter().map(|(a, b)| (NodeId(*a), NodeId(*b)));
        let last = links.iter().map(|(_, b)| b).max();
        let ring = links.len() == 4 && sites.len() == 1;
        Self {
            nodes: last.unwrap() + 1,
            links: ends.collect(),
            sites: sites.iter().copied().map(NodeId).collect(),
            gates: gates.iter().copied().map(NodeId).collect(),
            paths: if ring && rng.permille(600) {
                Paths::Two
            } else {
                Paths::One
            },
            synchronous: rng.permille(300),
        }
    }

    /// The demand of all pairs, as the nodes of this domain know it.
    pub fn demand(&self, pairs: &[Pair]) -> Vec<Demand> {
        let demand = |pair: &Pair| Demand {
            initiator: sae(pair.from),
            target: sae(pair.to),
            interval: pair.interval,
            keys: pair.keys,
            paths: self.paths,
        };
        pairs.iter().map(demand).collect()
    }
}

impl Plan {
    /// Draws two domains without faults.
    pub fn calm(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let gates = 1 + rng.below(2);
        let domains = [(); 2].map(|()| Domain::draw(&mut rng, gates));
        let mut pairs = Vec::new();
        for &a in &domains[0].sites {
            for &b in &domains[1].sites {
                let places = [(0, a), (1, b)].map(|(domain, node)| Place { domain, node });
                for (from, to) in [(places[0], places[1]), (places[1], places[0])] {
                    if pairs.is_empty() || rng.permille(700) {
                        pairs.push(Pair {
                            from,
                            to,
                            interval: rng.ms(400, 3000),
                            keys: 1 + rng.below(2) as u16,
                        });
                    }
                }
            }
        }
        Self {
            seed,
            domains,
            pairs,
            supply: (3072 + rng.below(3072), rng.ms(400, 800)),
            latency_ms: [1, 10, 40][rng.below(3)],
            lost: 0,
            copied: 0,
            faults: Vec::new(),
            crash_at: Vec::new(),
            long: false,
            calm: Duration::from_secs(2),
            fresh: Duration::from_secs(2),
            told: Duration::from_secs(2),
            last_ask: Duration::from_secs(7),
            end: Duration::from_secs(9),
        }
    }

    /// Draws faults, too.
    pub fn drawn(seed: u64) -> Self {
        let mut plan = Self::calm(seed);
        let rng = &mut Rng::new(seed ^ 0xFA17);
        plan.settle(Duration::from_secs(9));
        plan.lost = [0, 20, 150][rng.below(3)];
        plan.copied = [0, 100][rng.below(2)];
        for _ in 0..rng.below(8) {
            let at = rng.ms(500, 8000);
            let back = (at + rng.ms(1, 5000)).min(plan.calm);
            let domain = rng.below(2);
            let link = LinkId(rng.below(plan.domains[domain].links.len()) as u16);
            let fault = match rng.below(9) {
                0..2 => Fault::Break {
                    domain,
                    link,
                    back,
                    told: rng.permille(600),
                },
                8 => Fault::Mute {
                    domain,
                    link,
                    until: back,
                },
                2..5 => Fault::Crash {
                    place: plan.place(rng, domain),
                    back,
                },
                5 => Fault::Dark { domain, back },
                _ => Fault::Outage {
                    gate: rng.below(plan.domains[0].gates.len()),
                    domain,
                    replies: rng.permille(500),
                    until: back,
                },
            };
            plan.faults.push((at, fault));
        }
        for _ in 0..rng.below(4) {
            let domain = rng.below(2);
            let place = plan.place(rng, domain);
            plan.crash_at.push((place, rng.next() % 1500));
        }
        plan
    }

    /// Two ways in each domain, of which one is slow now and then. A neighbour that restarts then
    /// takes back keys that are under way on it.
    pub fn overtaken(seed: u64) -> Self {
        let mut plan = Self::calm(seed);
        let ring = [(0, 1), (0, 2), (1, 3), (2, 3)].map(|(a, b)| (NodeId(a), NodeId(b)));
        for (domain, of) in plan.domains.iter_mut().enumerate() {
            of.links = ring.to_vec();
            (of.nodes, of.paths) = (4, Paths::One);
            (of.sites, of.gates) = (vec![NodeId(0)], vec![NodeId(3)]);
            let second = LinkId(1 + (seed % 2) as u16);
            for at in (1500..8000).step_by(1300) {
                let at = Duration::from_millis(at + 700 * domain as u64);
                let until = at + Duration::from_millis(800);
                let mute = Fault::Mute {
                    domain,
                    link: second,
                    until,
                };
                let place = Place {
                    domain: 1 - domain,
                    node: NodeId(3),
                };
                let crash = at + Duration::from_millis(300);
                let back = crash + Duration::from_millis(50);
                plan.faults.push((at, mute));
                plan.faults.push((crash, Fault::Crash { place, back }));
            }
        }
        let places = [0, 1].map(|domain| Place {
            domain,
            node: NodeId(0),
        });
        let pair = |(from, to)| Pair {
            from,
            to,
            interval: Duration::from_millis(400),
            keys: 2,
        };
        let ways = [(places[0], places[1]), (places[1], places[0])];
        plan.pairs = ways.map(pair).to_vec();
        plan.settle(Duration::from_secs(9));
        plan
    }

    /// The interworking nodes of one domain are down, or their neighbours do not hear them, for
    /// longer than a key waits for its end.
    pub fn long(seed: u64) -> Self {
        let mut plan = Self::calm(seed);
        plan.long = true;
        let rng = &mut Rng::new(seed ^ 0x1046);
        let (domain, at) = (rng.below(2), rng.ms(2000, 4000));
        let back = at + rng.ms(50_000, 90_000);
        for (gate, node) in plan.domains[domain].gates.iter().enumerate() {
            let place = Place {
                domain,
                node: *node,
            };
            if seed.is_multiple_of(3) {
                plan.faults.push((at, Fault::Crash { place, back }));
            }
            for replies in [false, true] {
                let until = back;
                let outage = Fault::Outage {
                    gate,
                    domain,
                    replies,
                    until,
                };
                if seed % 3 == 1 || replies == seed.is_multiple_of(2) {
                    plan.faults.push((at, outage));
                }
            }
        }
        for pair in &mut plan.pairs {
            pair.interval *= 2;
        }
        plan.settle(back);
        // What waits for a neighbour that has ended a key alone waits for the key's life.
        plan.end += Duration::from_secs(60);
        plan
    }

    /// The faults end then.
    fn settle(&mut self, calm: Duration) {
        self.calm = calm;
        self.fresh = calm + FRESH_WITHIN;
        self.told = calm + TOLD_WITHIN;
        self.last_ask = self.fresh + Duration::from_secs(2);
        self.end = calm + SETTLED_WITHIN;
    }

    fn place(&self, rng: &mut Rng, domain: usize) -> Place {
        let node = NodeId(rng.below(self.domains[domain].nodes.into()) as u16);
        Place { domain, node }
    }
}

/// After the last fault, pairs have keys within this time: requests that were lost have reached
/// their time limit (5 s; until then they can take all places for requests), a batch that waited
/// for them is over (`CROSS_WAIT`), and 3 s as in one domain.
const FRESH_WITHIN: Duration = Duration::from_secs(10);
/// After the last fault, no pair gives keys that its target's node has lost, after this time: a
/// question that was lost is asked again (`retry_max` of the KME), and 3 s.
const TOLD_WITHIN: Duration = Duration::from_secs(8);
/// After the last fault, all keys have their end within this time.
const SETTLED_WITHIN: Duration = Duration::from_secs(22);
