//! The plan of a network: whether its links carry the demand, and what happens when a part fails.
//!
//! Everything follows from the topology and the link model; nothing is measured. Figures hold for
//! the hour of the day at which the links are worst.

mod reserve;
mod routes;
mod text;

use std::collections::BTreeMap;

use serde::Serialize;

pub use reserve::{DRY, Reserve};

use crate::graph::{DomainGraph, Path};
use crate::id::{LinkId, NodeId};
use crate::topology::{INTERVAL_MIN, KEY_BITS, Link, Paths, Topology};
use routes::{Failure, Routes};

/// A network with more nodes is not planned in detail, which would take minutes.
const DETAILED_NODES_MAX: usize = 100;
/// Rounds in which the routes of a network are found.
const ROUNDS: u32 = 3;

/// Assumptions of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bits of link key that authenticate one relayed key on one link; `None`: as many as the relay
    /// protocol takes.
    pub authentication_bits: Option<u32>,
    /// Seed of the simulation of block arrivals.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            authentication_bits: None,
            seed: 1,
        }
    }
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Name of the network.
    pub network: String,
    /// Digest of the topology, in hex.
    pub digest: String,
    /// Number of nodes.
    pub nodes: usize,
    /// The domains.
    pub domains: Vec<DomainPlan>,
    /// Names of the nodes that belong to two domains.
    pub interworking_nodes: Vec<String>,
    /// Time from switch to switch, in seconds.
    pub interval_s: f64,
    /// Keys that a switch of one direction uses.
    pub keys_per_switch: u32,
    /// Disjoint paths of each key.
    pub paths: u32,
    /// Bits that authenticate one relayed key on one link.
    pub authentication_bits: u32,
    /// Seed of the simulation.
    pub seed: u64,
    /// True if every pair is served and no link is overloaded.
    pub fits: bool,
    /// Pairs without a route.
    pub pairs_without_route: usize,
    /// The highest load of a link; `None` if a link without key is used.
    pub highest_load: Option<f64>,
    /// Shortest interval that fits on these routes, in seconds, and not below the least allowed.
    pub shortest_interval_s: Option<f64>,
    /// Pairs of the same mix that would fit in addition.
    pub more_pairs: Option<u64>,
    /// The links, in the order of the topology.
    pub links: Vec<LinkPlan>,
    /// The pairs, in the order of the demand.
    pub pairs: Vec<PairPlan>,
    /// Nodes whose failure parts a domain, or two domains from each other.
    pub cut_nodes: Vec<String>,
    /// False if the network is so large that only failures that part it are examined, and the room
    /// of single pairs is not.
    pub detailed: bool,
    /// Single failures.
    pub failures: Vec<FailurePlan>,
}

/// A domain in a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DomainPlan {
    /// Its name.
    pub domain: String,
    /// The digest that its nodes compare, in hex.
    pub digest: String,
}

/// A link in a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LinkPlan {
    /// One end.
    pub a: String,
    /// The other end.
    pub b: String,
    /// Its domain.
    pub domain: String,
    /// Length of the fibre.
    pub km: f64,
    /// Loss from device to device.
    pub loss_db: f64,
    /// Excess noise at the channel input at the worst hour.
    pub excess_noise_snu: f64,
    /// Failure probability of the security proof of one block.
    pub epsilon: f64,
    /// Bits of a block.
    pub block_bits: u64,
    /// Time from block to block.
    pub block_period_s: f64,
    /// Probability that a block fails.
    pub block_loss: f64,
    /// Bits per second that the link gives on average, failed blocks deducted.
    pub supply_bit_s: f64,
    /// Bits per second that relayed keys take, authentication included.
    pub used_bit_s: f64,
    /// The part of them for authentication.
    pub authentication_bit_s: f64,
    /// The share of the supply that is used; `None` without supply.
    pub load: Option<f64>,
    /// Pairs whose keys take this link.
    pub pairs: usize,
    /// True if the failure of this link parts its domain.
    pub bridge: bool,
    /// Size of the pool; `None` if it runs dry for certain.
    pub reserve: Option<Reserve>,
}

/// A pair of sites in a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairPlan {
    /// One site.
    pub a: String,
    /// The other site.
    pub b: String,
    /// The nodes of each path, ends included. Empty without a route.
    pub paths: Vec<Vec<String>>,
    /// Single failures, other than of its own sites, that were examined.
    pub failures: usize,
    /// The failures after which the pair has no route.
    pub lost_with: Vec<String>,
    /// Pairs like this one, between the same sites, that would fit on one route in addition.
    pub more: Option<u64>,
}

/// A single failure in a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailurePlan {
    /// The node, or the link.
    pub what: String,
    /// Pairs, without those of a failed site itself, that have no route after it.
    pub pairs_lost: usize,
    /// The highest load of a link after it; `None` if a link without key is used.
    pub highest_load: Option<f64>,
    /// The link with that load.
    pub fullest: String,
}

impl Plan {
    /// Computes the plan of a topology.
    #[must_use]
    pub fn of(topology: &Topology, options: Options) -> Self {
        Planner::new(topology, options).plan()
    }
}

/// The input of a plan.
struct Planner<'t> {
    topology: &'t Topology,
    graph: DomainGraph,
    options: Options,
    authentication_bits: u32,
    pair_bit_s: f64,
    /// Bits per second of each link at its worst hour.
    supply: Vec<f64>,
}

impl<'t> Planner<'t> {
    fn new(topology: &'t Topology, options: Options) -> Self {
        let rate = |link: &Link| link.source.worst_supply().bit_s();
        let demand = topology.demand();
        let authentication_bits = options.authentication_bits;
        let authentication_bits = authentication_bits.unwrap_or(demand.authentication_bits());
        Self {
            graph: topology.graph(),
            authentication_bits,
            pair_bit_s: demand.pair_bit_s(authentication_bits),
            supply: topology.links().iter().map(rate).collect(),
            topology,
            options,
        }
    }

    fn plan(&self) -> Plan {
        let Self {
            topology, options, ..
        } = self;
        let detailed = topology.nodes().len() <= DETAILED_NODES_MAX;
        let rounds = if detailed { ROUNDS } else { 1 };
        let routes = Routes::of(topology, &self.graph, &self.supply, self.pair_bit_s, rounds);
        let bridges = self.graph.bridges();
        let links = topology
            .link_ids()
            .map(|link| self.link(link, &routes, &bridges))
            .collect();
        let mut pairs: Vec<PairPlan> = (0..routes.paths().len())
            .map(|pair| self.pair(pair, &routes, detailed))
            .collect();
        let cut_nodes = self.graph.cut_nodes();
        let failures: Vec<Failure> = match detailed {
            true => {
                let nodes = topology.node_ids().map(Failure::Node);
                nodes
                    .chain(topology.link_ids().map(Failure::Link))
                    .collect()
            }
            false => {
                let nodes = cut_nodes.iter().copied().map(Failure::Node);
                nodes
                    .chain(bridges.iter().copied().map(Failure::Link))
                    .collect()
            }
        };
        let failures = failures
            .into_iter()
            .map(|failure| self.failure(failure, &routes.after(failure), &mut pairs))
            .collect();
        let pairs_without_route = routes
            .paths()
            .iter()
            .filter(|paths| paths.is_empty())
            .count();
        let highest = routes.fullest().map_or(0.0, |link| routes.load(link));
        let demand = topology.demand();
        let interval_s = demand.interval.as_secs_f64();
        let interworking = topology
            .nodes()
            .iter()
            .filter(|node| node.is_interworking());
        let more = (demand.pairs.len() as f64 * (1.0 / highest - 1.0)).floor();
        Plan {
            network: topology.name().to_owned(),
            digest: topology.digest().to_string(),
            nodes: topology.nodes().len(),
            domains: domains(topology),
            interworking_nodes: interworking.map(|node| node.name.clone()).collect(),
            interval_s,
            keys_per_switch: demand.keys_per_switch,
            paths: demand.paths.count(),
            authentication_bits: self.authentication_bits,
            seed: options.seed,
            fits: pairs_without_route == 0 && highest <= 1.0,
            pairs_without_route,
            highest_load: finite(highest),
            shortest_interval_s: finite(interval_s * highest)
                .map(|s| s.max(INTERVAL_MIN.as_secs_f64())),
            more_pairs: finite(more).map(|more| more.max(0.0) as u64),
            links,
            pairs,
            cut_nodes: cut_nodes.iter().map(|node| self.name(*node)).collect(),
            detailed,
            failures,
        }
    }

    fn link(&self, link: LinkId, routes: &Routes<'_>, bridges: &[LinkId]) -> LinkPlan {
        let entry = &self.topology.links()[link.index()];
        let supply = entry.source.worst_supply();
        let used_bit_s = routes.used(link);
        let authentication = f64::from(self.authentication_bits);
        let period_s = supply.block_period.as_secs_f64();
        let drain = used_bit_s * period_s / supply.block_bits as f64;
        let load = finite(used_bit_s / self.supply[link.index()]);
        let seed = self.options.seed.wrapping_add(u64::from(link.0));
        LinkPlan {
            a: self.name(entry.ends.0),
            b: self.name(entry.ends.1),
            domain: self.topology.link_domain(link).to_owned(),
            km: entry.spec.km,
            loss_db: entry.spec.loss_db(),
            excess_noise_snu: supply.excess_noise_snu,
            epsilon: supply.epsilon,
            block_bits: supply.block_bits,
            block_period_s: period_s,
            block_loss: supply.block_loss,
            supply_bit_s: self.supply[link.index()],
            used_bit_s,
            authentication_bit_s: used_bit_s * authentication
                / (authentication + f64::from(KEY_BITS)),
            load,
            pairs: (used_bit_s / self.pair_bit_s).round() as usize,
            bridge: bridges.binary_search(&link).is_ok(),
            reserve: load.and_then(|_| Reserve::of(drain, supply.block_loss, seed)),
        }
    }

    fn pair(&self, pair: usize, routes: &Routes<'_>, detailed: bool) -> PairPlan {
        let (a, b) = self.topology.demand().pairs[pair];
        let names = |path: &Path| path.nodes.iter().map(|node| self.name(*node)).collect();
        PairPlan {
            a: self.name(a),
            b: self.name(b),
            paths: routes.paths()[pair].iter().map(names).collect(),
            failures: 0,
            lost_with: Vec::new(),
            more: detailed.then(|| self.more(a, b, routes)),
        }
    }

    /// The number of pairs between two sites that fit on one route in addition: the most for which
    /// the links with that much room still join them.
    fn more(&self, a: NodeId, b: NodeId, routes: &Routes<'_>) -> u64 {
        let room = |link: LinkId| {
            let left = self.supply[link.index()] - routes.used(link);
            (left / self.pair_bit_s).floor().max(0.0) as u64
        };
        let fits = |more: u64| {
            let cost = |link: LinkId| (room(link) >= more).then_some(1);
            match self.topology.demand().paths {
                Paths::One => self.graph.cheapest(a, b, cost).is_some(),
                Paths::Two => self.graph.disjoint_pair(a, b, cost).is_some(),
            }
        };
        let mut rooms: Vec<u64> = self.topology.link_ids().map(room).collect();
        rooms.sort_unstable();
        let enough = rooms.partition_point(|more| fits(*more));
        enough.checked_sub(1).map_or(0, |last| rooms[last])
    }

    /// Evaluates a failure, and notes for each pair whether it survives.
    fn failure(&self, failure: Failure, after: &Routes<'_>, pairs: &mut [PairPlan]) -> FailurePlan {
        let what = match failure {
            Failure::Node(node) => {
                let interworking = self.topology.nodes()[node.index()].is_interworking();
                let kind = if interworking {
                    "interworking node"
                } else {
                    "node"
                };
                format!("{kind} {}", self.name(node))
            }
            Failure::Link(link) => format!("link {}", self.link_name(link)),
        };
        let ends = &self.topology.demand().pairs;
        let mut pairs_lost = 0;
        for ((pair, (a, b)), paths) in pairs.iter_mut().zip(ends).zip(after.paths()) {
            if failure.is(*a) || failure.is(*b) {
                continue;
            }
            pair.failures += 1;
            if paths.is_empty() {
                pairs_lost += 1;
                pair.lost_with.push(what.clone());
            }
        }
        let fullest = after.fullest();
        FailurePlan {
            what,
            pairs_lost,
            highest_load: finite(fullest.map_or(0.0, |link| after.load(link))),
            fullest: fullest.map_or_else(String::new, |link| self.link_name(link)),
        }
    }

    fn name(&self, node: NodeId) -> String {
        self.topology.node_name(node).to_owned()
    }

    fn link_name(&self, link: LinkId) -> String {
        let (a, b) = self.topology.links()[link.index()].ends;
        format!("{} - {}", self.name(a), self.name(b))
    }
}

/// The domains of a topology with the digests of their networks.
#[must_use]
pub fn domains(topology: &Topology) -> Vec<DomainPlan> {
    let names = topology.domains().into_iter();
    let plan = |name: &str| {
        Some(DomainPlan {
            domain: name.to_owned(),
            digest: topology.domain(name)?.digest().to_string(),
        })
    };
    names.filter_map(plan).collect()
}

/// JSON has no infinite numbers.
fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}

impl Plan {
    /// Pairs by the failures that they do not survive.
    fn pairs_by_loss(&self) -> BTreeMap<&[String], Vec<&PairPlan>> {
        let mut groups: BTreeMap<&[String], Vec<&PairPlan>> = BTreeMap::new();
        for pair in &self.pairs {
            groups.entry(&pair.lost_with).or_default().push(pair);
        }
        groups
    }
}

#[cfg(test)]
mod tests;
