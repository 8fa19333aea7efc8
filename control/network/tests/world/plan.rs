//! The plan of a run: topology, demand, supply, and faults, all drawn from one seed.

use std::time::Duration;

use network::{Demand, LinkId, NodeId, Paths, SaeId};

use super::rng::Rng;

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub nodes: u16,
    pub links: Vec<(NodeId, NodeId)>,
    pub saes: Vec<(SaeId, NodeId)>,
    pub demand: Vec<Demand>,
    /// Octets of a block, and time between two of them.
    pub supply: Vec<(usize, Duration)>,
    /// Octets of the first block of each link, if not the same.
    pub first_block: Option<usize>,
    /// Most time between the arrivals of a block at the two ends, in milliseconds.
    pub skew_ms: u64,
    /// Most latency of a message, in milliseconds.
    pub latency_ms: u64,
    pub faults: Vec<(Duration, Fault)>,
    /// A node crashes after this number of its actions.
    pub crash_at: Vec<(NodeId, u64)>,
    /// Chances of a block to be lost at one end, in 1000.
    pub block_loss: u32,
    /// Nodes that lie until calm, and what in 1000 messages.
    pub liar: Option<NodeId>,
    pub lies: u32,
    /// A node with another topology. No pair is at it.
    pub stranger: Option<NodeId>,
    /// An SAE asks for keys so often for each time of its demand.
    pub greed: Vec<(usize, u32)>,
    /// No SAE asks before this.
    pub first_ask: Duration,
    /// Faults end here; after 3 s more, all reachable pairs have keys.
    pub calm: Duration,
    pub end: Duration,
}

#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The connection breaks, and comes back after a time. `told`: its ends notice at once.
    Break {
        link: LinkId,
        back: Duration,
        told: bool,
    },
    /// The link delivers no more messages, though the connection stands.
    Mute {
        link: LinkId,
        until: Duration,
    },
    /// No blocks.
    Dry {
        link: LinkId,
        until: Duration,
    },
    Crash {
        node: NodeId,
        back: Duration,
    },
    /// All links between two parts of the network break.
    Partition {
        parts: u64,
        back: Duration,
    },
    /// A message of the past comes again.
    Replay {
        link: LinkId,
    },
}

pub fn sae(node: u16) -> SaeId {
    SaeId::parse(&format!("sae-{node}")).unwrap()
}

/// An SAE that no pair has.
pub fn guest(node: u16) -> SaeId {
    SaeId::parse(&format!("guest-{node}")).unwrap()
}

impl Plan {
    /// Draws a topology and a supply, without faults.
    pub fn calm(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let nodes = 3 + rng.below(5) as u16;
        let mut links = Vec::new();
        for node in 1..nodes {
            let other = if rng.permille(600) {
                node - 1
            } else {
                rng.below(node.into()) as u16
            };
            links.push((NodeId(other), NodeId(node)));
        }
        for _ in 0..rng.below(usize::from(nodes) + 1) {
            let (a, b) = (
                rng.below(nodes.into()) as u16,
                rng.below(nodes.into()) as u16,
            );
            if a != b {
                links.push((NodeId(a), NodeId(b)));
            }
        }
        let mut demand = Vec::new();
        for a in 0..nodes {
            for b in 0..nodes {
                if a != b && rng.permille(700) {
                    let paths = if rng.permille(300) {
                        Paths::Two
                    } else {
                        Paths::One
                    };
                    let interval = rng.ms(400, 3000);
                    let keys = 1 + rng.below(2) as u16;
                    let (initiator, target) = (sae(a), sae(b));
                    demand.push(Demand {
                        initiator,
                        target,
                        interval,
                        keys,
                        paths,
                    });
                }
            }
        }
        let supply = links
            .iter()
            .map(|_| (4096 + rng.below(8192), rng.ms(200, 500)));
        Self {
            seed,
            nodes,
            supply: supply.collect(),
            saes: (0..nodes)
                .flat_map(|node| [(sae(node), NodeId(node)), (guest(node), NodeId(node))])
                .collect(),
            demand,
            first_block: None,
            skew_ms: [0, 20, 150][rng.below(3)],
            latency_ms: [1, 10, 60][rng.below(3)],
            faults: Vec::new(),
            crash_at: Vec::new(),
            block_loss: 0,
            liar: None,
            lies: 0,
            stranger: None,
            greed: Vec::new(),
            first_ask: Duration::ZERO,
            links,
            calm: Duration::from_secs(2),
            end: Duration::from_secs(8),
        }
    }

    /// Draws faults, too.
    pub fn drawn(seed: u64) -> Self {
        let mut plan = Self::calm(seed);
        let rng = &mut Rng::new(seed ^ 0xFA17);
        plan.calm = Duration::from_secs(9);
        plan.end = Duration::from_secs(15);
        let last = 8000;
        let link = |rng: &mut Rng, plan: &Self| LinkId(rng.below(plan.links.len()) as u16);
        for _ in 0..rng.below(12) {
            let at = rng.ms(0, last);
            let until = |rng: &mut Rng| (at + rng.ms(1, 4000)).min(plan.calm);
            let link = link(rng, &plan);
            let fault = match rng.below(8) {
                0..3 => Fault::Break {
                    link,
                    back: until(rng),
                    told: rng.permille(600),
                },
                3 => Fault::Mute {
                    link,
                    until: until(rng),
                },
                4 => Fault::Dry {
                    link,
                    until: until(rng),
                },
                5 => {
                    let node = NodeId(rng.below(plan.nodes.into()) as u16);
                    Fault::Crash {
                        node,
                        back: until(rng),
                    }
                }
                6 => Fault::Partition {
                    parts: rng.next(),
                    back: until(rng),
                },
                _ => Fault::Replay { link },
            };
            plan.faults.push((at, fault));
        }
        for _ in 0..rng.below(6) {
            let link = link(rng, &plan);
            plan.faults.push((rng.ms(0, last), Fault::Replay { link }));
        }
        for _ in 0..rng.below(4) {
            let node = NodeId(rng.below(plan.nodes.into()) as u16);
            plan.crash_at.push((node, rng.next() % 2000));
        }
        plan.block_loss = [0, 0, 50, 200][rng.below(4)];
        if rng.permille(400) {
            plan.liar = Some(NodeId(rng.below(plan.nodes.into()) as u16));
            plan.lies = [20, 100, 400][rng.below(3)];
        }
        plan
    }

    /// The last node has another topology.
    pub fn estranged(seed: u64) -> Self {
        let mut plan = Self::calm(seed);
        plan.stranger = Some(NodeId(plan.nodes - 1));
        plan.demand.clear();
        plan
    }

    /// A pair that asks for nothing until its first keys are too old.
    pub fn idle(seed: u64) -> Self {
        let mut plan = Self::calm(seed);
        plan.first_ask = Duration::from_secs(620);
        plan.calm = plan.first_ask;
        plan.end = plan.first_ask + Duration::from_secs(3);
        plan.nodes = 2;
        plan.links = vec![(NodeId(0), NodeId(1))];
        plan.saes.retain(|(_, node)| node.0 < 2);
        let interval = Duration::from_secs(1);
        let (initiator, target) = (sae(0), sae(1));
        plan.demand = vec![Demand {
            initiator,
            target,
            interval,
            keys: 1,
            paths: Paths::One,
        }];
        plan.supply = vec![(8192, Duration::from_secs(10))];
        plan
    }

    /// Twelve nodes on a ring with four chords, all pairs in both directions, links of 10 kbit/s
    /// for an interval of 3 s, and more for a shorter one.
    pub fn metro(seed: u64, interval: Duration) -> Self {
        let mut plan = Self::calm(seed);
        plan.nodes = 12;
        let ring = (0..12).map(|node| (node, (node + 1) % 12));
        let links = ring.chain([(0, 6), (3, 9), (1, 4), (7, 10)]);
        plan.links = links.map(|(a, b)| (NodeId(a), NodeId(b))).collect();
        plan.saes = (0..12)
            .flat_map(|node| [(sae(node), NodeId(node)), (guest(node), NodeId(node))])
            .collect();
        let pairs = (0..12).flat_map(|a| (0..12).filter(move |b| *b != a).map(move |b| (a, b)));
        let demand = pairs.map(|(a, b)| {
            let (initiator, target) = (sae(a), sae(b));
            Demand {
                initiator,
                target,
                interval,
                keys: 1,
                paths: Paths::One,
            }
        });
        plan.demand = demand.collect();
        let second = 3_750_000 / usize::try_from(interval.as_millis()).unwrap();
        plan.supply = vec![(second, Duration::from_secs(1)); 16];
        plan.first_block = Some(20 * second);
        (plan.latency_ms, plan.skew_ms) = (5, 20);
        plan.calm = Duration::from_secs(60);
        plan.end = Duration::from_secs(60);
        plan
    }

    /// Little key, and one SAE that wants far more than its demand.
    pub fn greedy(seed: u64) -> Self {
        let mut plan = Self::calm(seed);
        plan.calm = Duration::from_secs(6);
        plan.end = Duration::from_secs(20);
        for demand in &mut plan.demand {
            demand.paths = Paths::One;
            demand.interval = Duration::from_secs(1);
            demand.keys = 1;
        }
        plan.latency_ms = 1;
        plan.supply.fill((6144, Duration::from_millis(3000)));
        let of_greedy = |(_, demand): &(usize, &Demand)| demand.initiator == sae(0);
        let greedy = plan.demand.iter().enumerate().filter(of_greedy);
        plan.greed = greedy.map(|(pair, _)| (pair, 200)).collect();
        plan
    }
}
