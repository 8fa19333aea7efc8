//! Routes for all demanded pairs, such that no link is loaded more than it must be.

use crate::graph::{DomainGraph, Path};
use crate::id::{LinkId, NodeId};
use crate::topology::{Paths, Topology};

/// A hop costs this much; a link whose whole supply is used costs `FULL` more.
const HOP: f64 = 1000.0;
const FULL: f64 = 4000.0;
/// A link costs this much more for each time that its supply is exceeded.
const OVERLOADED: f64 = 100_000.0;

/// The routes of all pairs, and the load that follows.
#[derive(Clone)]
pub(super) struct Routes<'t> {
    topology: &'t Topology,
    graph: &'t DomainGraph,
    /// Bits per second that each link gives.
    supply: &'t [f64],
    /// Bits per second that a pair takes from each link of a path.
    pair_bit_s: f64,
    /// For each pair its paths: one or two, as demanded, or none.
    paths: Vec<Vec<Path>>,
    /// Bits per second that are taken from each link.
    used: Vec<f64>,
}

impl<'t> Routes<'t> {
    /// Finds the routes. Each round finds all of them again, with the load of all others known.
    pub(super) fn of(
        topology: &'t Topology,
        graph: &'t DomainGraph,
        supply: &'t [f64],
        pair_bit_s: f64,
        rounds: u32,
    ) -> Self {
        let mut routes = Self {
            topology,
            graph,
            supply,
            pair_bit_s,
            paths: vec![Vec::new(); topology.demand().pairs.len()],
            used: vec![0.0; topology.links().len()],
        };
        for _ in 0..rounds {
            for pair in 0..routes.paths.len() {
                routes.remove(pair);
                routes.add(pair, |_| true);
            }
        }
        routes
    }

    /// The routes after a failure: only those that it breaks are found again.
    pub(super) fn after(&self, failure: Failure) -> Self {
        let usable = |link: LinkId| {
            let (a, b) = self.topology.links()[link.index()].ends;
            match failure {
                Failure::Node(node) => a != node && b != node,
                Failure::Link(failed) => link != failed,
            }
        };
        let mut routes = self.clone();
        let broken = |paths: &Vec<Path>| {
            paths
                .iter()
                .any(|path| !path.links.iter().all(|link| usable(*link)))
        };
        let all: Vec<usize> = (0..self.paths.len())
            .filter(|at| broken(&self.paths[*at]))
            .collect();
        for pair in &all {
            routes.remove(*pair);
        }
        for pair in &all {
            routes.add(*pair, usable);
        }
        routes
    }

    /// The paths of each pair, in the order of the demand.
    pub(super) fn paths(&self) -> &[Vec<Path>] {
        &self.paths
    }

    /// Bits per second that are taken from a link.
    pub(super) fn used(&self, link: LinkId) -> f64 {
        self.used[link.index()]
    }

    /// The share of a link's supply that is taken.
    pub(super) fn load(&self, link: LinkId) -> f64 {
        self.load_of(link, self.used(link))
    }

    /// The link with the highest load.
    pub(super) fn fullest(&self) -> Option<LinkId> {
        let load = |link: &LinkId| self.load(*link);
        self.topology
            .link_ids()
            .max_by(|a, b| load(a).total_cmp(&load(b)))
    }

    fn load_of(&self, link: LinkId, used: f64) -> f64 {
        let supply = self.supply[link.index()];
        match used > 0.0 {
            true => used / supply,
            false => 0.0,
        }
    }

    fn remove(&mut self, pair: usize) {
        for path in std::mem::take(&mut self.paths[pair]) {
            for link in path.links {
                let left = self.used[link.index()] - self.pair_bit_s;
                // The rest of a sum of fractions may not be exactly zero.
                self.used[link.index()] = if left < self.pair_bit_s / 2.0 {
                    0.0
                } else {
                    left
                };
            }
        }
    }

    fn add(&mut self, pair: usize, usable: impl Fn(LinkId) -> bool) {
        let (a, b) = self.topology.demand().pairs[pair];
        let cost = |link: LinkId| {
            let load = self.load_of(link, self.used(link) + self.pair_bit_s);
            let beyond = (load - 1.0).clamp(0.0, 100.0);
            let cost = HOP + FULL * load.min(1.0) + OVERLOADED * beyond;
            usable(link).then_some(cost as u64)
        };
        let paths = match self.topology.demand().paths {
            Paths::One => self.graph.cheapest(a, b, cost).into_iter().collect(),
            Paths::Two => self
                .graph
                .disjoint_pair(a, b, cost)
                .map_or_else(Vec::new, Vec::from),
        };
        for link in paths.iter().flat_map(|path| &path.links) {
            self.used[link.index()] += self.pair_bit_s;
        }
        self.paths[pair] = paths;
    }
}

/// The failure of one node or of one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Node(NodeId),
    Link(LinkId),
}

impl Failure {
    /// True if this node itself has failed.
    pub(super) fn is(self, node: NodeId) -> bool {
        self == Self::Node(node)
    }
}
