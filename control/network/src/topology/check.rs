//! Mistakes that no single entry shows: no route, no second path, demand beyond what can be
//! carried.

use std::collections::BTreeMap;
use std::time::Duration;

use super::draft::Draft;
use super::section::{Findings, Place};
use super::{HOPS_MAX, LINKS_PER_NODE_MAX, Paths};
use crate::graph::{Graph, Path, Tree};
use crate::id::{LinkId, NodeId};

/// Checks the network as a whole.
pub(super) fn network(draft: &Draft, findings: &mut Findings<'_>) {
    let network = Network::of(draft);
    network.degrees(findings);
    network.routes(findings);
    if findings.is_empty() {
        network.supply(findings);
    }
    if findings.is_empty() {
        network.cuts(findings);
    }
}

/// A draft and its graph.
struct Network<'d> {
    draft: &'d Draft,
    graph: Graph,
    /// The ends of each link of the graph.
    ends: Vec<(NodeId, NodeId)>,
    /// One more node of the graph, at which links end that name no node of the file. With it a
    /// misspelt name is not also reported as a missing route.
    unknown: NodeId,
}

impl<'d> Network<'d> {
    fn of(draft: &'d Draft) -> Self {
        let unknown = NodeId(u16::try_from(draft.nodes.len()).unwrap_or(u16::MAX));
        let ends: Vec<(NodeId, NodeId)> = draft
            .links
            .iter()
            .filter(|link| link.ends != [None; 2])
            .map(|link| link.ends.map(|end| end.unwrap_or(unknown)).into())
            .collect();
        Self {
            graph: Graph::new(draft.nodes.len() + 1, &ends),
            unknown,
            draft,
            ends,
        }
    }

    fn name(&self, node: NodeId) -> &'d str {
        self.draft
            .nodes
            .get(node.index())
            .map_or("?", |node| &node.name)
    }

    fn pair_name(&self, (a, b): (NodeId, NodeId)) -> String {
        format!("{} and {}", self.name(a), self.name(b))
    }

    fn degrees(&self, findings: &mut Findings<'_>) {
        for node in (0_u16..).map(NodeId).take(self.draft.nodes.len()) {
            let links = self.graph.neighbours(node).count();
            if links > LINKS_PER_NODE_MAX {
                let name = self.name(node);
                let problem = format!("{name} has {links} links, at most {LINKS_PER_NODE_MAX}");
                findings.add(0, problem, "give some of them to a further node");
            }
        }
    }

    /// Finds demanded pairs without a route, with none that is short enough, and without two
    /// disjoint ones if those are demanded. Pairs of the same place in the file are one mistake.
    fn routes(&self, findings: &mut Findings<'_>) {
        let mut apart: BTreeMap<Place, Vec<(NodeId, NodeId)>> = BTreeMap::new();
        let mut single: BTreeMap<Place, Vec<Path>> = BTreeMap::new();
        let mut long: BTreeMap<Place, Vec<Path>> = BTreeMap::new();
        let two = self.draft.demand.paths == Paths::Two
            && self.graph.neighbours(self.unknown).next().is_none();
        let mut trees: BTreeMap<NodeId, Tree> = BTreeMap::new();
        let one = |_| Some(1);
        for (&(a, b), &place) in self.draft.demand.pairs.iter().zip(&self.draft.pair_places) {
            for end in [a, b] {
                trees
                    .entry(end)
                    .or_insert_with(|| self.graph.tree(end, one));
            }
            // A misspelt name may stand for any node.
            let misspelt = || {
                [a, b]
                    .iter()
                    .any(|end| trees[end].path(self.unknown).is_some())
            };
            let Some(path) = trees[&a].path(b) else {
                if !misspelt() {
                    apart.entry(place).or_default().push((a, b));
                }
                continue;
            };
            let mut longest = path.clone();
            if two {
                match self.graph.disjoint_pair(a, b, one) {
                    Some([_, second]) => longest = second,
                    None => single.entry(place).or_default().push(path),
                }
            }
            if longest.hops() > HOPS_MAX && !misspelt() {
                long.entry(place).or_default().push(longest);
            }
        }
        for (place, pairs) in apart {
            let problem = format!(
                "no route between {}{}",
                self.pair_name(pairs[0]),
                and_more(pairs.len())
            );
            findings.add(
                place,
                problem,
                "add a link that joins them, or do not demand this pair",
            );
        }
        for (place, paths) in single {
            let problem = format!(
                "no two disjoint paths between {}{}: all pass {}",
                self.pair_name(ends(&paths[0])),
                and_more(paths.len()),
                self.bottleneck(&paths[0])
            );
            findings.add(
                place,
                problem,
                "add a link that avoids it, or set paths = 1",
            );
        }
        for (place, paths) in long {
            let problem = format!(
                "the route between {}{} has {} links, at most {HOPS_MAX}",
                self.pair_name(ends(&paths[0])),
                and_more(paths.len()),
                paths[0].hops()
            );
            findings.add(place, problem, "add a link that shortens it");
        }
    }

    /// The node or link that every path of the pair passes.
    fn bottleneck(&self, path: &Path) -> String {
        let (a, b) = ends(path);
        let passes = |node: NodeId| {
            let beside = |link: LinkId| {
                let (one, other) = self.ends[link.index()];
                one != node && other != node
            };
            self.graph.reachable(a, beside).binary_search(&b).is_err()
        };
        match path.relays().iter().find(|relay| passes(**relay)) {
            Some(relay) => format!("node {}", self.name(*relay)),
            None => "the one link between them".to_owned(),
        }
    }

    fn supply(&self, findings: &mut Findings<'_>) {
        for link in &self.draft.links {
            if let Some(model) = &link.link
                && let Some(reason) = model.source.supply().no_key
            {
                let (a, b) = model.ends;
                let problem = format!("the link of {} gives no key", self.pair_name((a, b)));
                findings.add(link.place, problem, reason);
            }
        }
    }

    /// Compares the demand of each site with what its links give, and the demand across each bridge
    /// with what the bridge gives. All links are valid here, so that they have the same numbers in
    /// the graph as in the draft.
    fn cuts(&self, findings: &mut Findings<'_>) {
        let demand = &self.draft.demand;
        let pair_bit_s = demand.pair_bit_s(demand.authentication_bits());
        let paths = f64::from(demand.paths.count());
        let given: Vec<f64> = self
            .draft
            .links
            .iter()
            .map(|link| {
                link.link
                    .as_ref()
                    .map_or(0.0, |link| link.source.supply().bit_s())
            })
            .collect();
        let mut exceeds = |place: Place, what: String, pairs: usize, given: f64| {
            let needed = pairs as f64 * pair_bit_s;
            if needed > given {
                let least = demand.interval.as_secs_f64() * needed / given;
                let problem = format!(
                    "{what} carries keys of {pairs} pairs, which need {needed:.0} bit/s, but gives \
                     {given:.0} bit/s"
                );
                let least = humantime::format_duration(rounded_up(least));
                findings.add(
                    place,
                    problem,
                    format_args!("a faster or a further link, or an interval of {least} or more"),
                );
            }
        };
        for bridge in self.graph.bridges() {
            let (a, b) = self.ends[bridge.index()];
            let side = self.graph.reachable(a, |link| link != bridge);
            let inside = |node: &NodeId| side.binary_search(node).is_ok();
            let crossing = demand
                .pairs
                .iter()
                .filter(|(a, b)| inside(a) != inside(b))
                .count();
            let what = format!("the bridge between {}", self.pair_name((a, b)));
            exceeds(
                self.draft.links[bridge.index()].place,
                what,
                crossing,
                given[bridge.index()],
            );
        }
        for node in (0_u16..).map(NodeId).take(self.draft.nodes.len()) {
            let pairs = demand
                .pairs
                .iter()
                .filter(|(a, b)| *a == node || *b == node)
                .count();
            // Each path of a key leaves its site over a link of its own.
            let links = self.graph.neighbours(node);
            let sum: f64 = links.map(|(link, _)| given[link.index()]).sum();
            let first = self.graph.neighbours(node).map(|(link, _)| link).min();
            if let Some(first) = first {
                let place = self.draft.links[first.index()].place;
                let what = format!("all links of {} together", self.name(node));
                exceeds(place, what, pairs, sum / paths);
            }
        }
    }
}

/// The sites that a path joins.
fn ends(path: &Path) -> (NodeId, NodeId) {
    (path.nodes[0], path.nodes[path.hops()])
}

fn and_more(pairs: usize) -> String {
    match pairs {
        0 | 1 => String::new(),
        several => format!(" (and {} more pairs)", several - 1),
    }
}

/// The next whole number of 10 ms.
fn rounded_up(seconds: f64) -> Duration {
    Duration::from_millis(10 * (seconds * 100.0).ceil() as u64)
}
