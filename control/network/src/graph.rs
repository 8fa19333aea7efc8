//! Paths in a graph of nodes and links: the cheapest one, and two that share no relay.

mod domains;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use petgraph::algo::articulation_points::articulation_points;
use petgraph::algo::bridges::bridges;
use petgraph::graph::{NodeIndex, UnGraph};
use petgraph::visit::EdgeRef;

pub use domains::{DomainGraph, DomainId};

use crate::id::{LinkId, NodeId};

/// The nodes and links of a topology, without their properties. Two links may join the same pair.
///
/// A cost of a link is `None` if the link is unusable. Of two paths of the same cost, the one with
/// fewer links is the cheaper.
pub struct Graph {
    inner: UnGraph<(), LinkId, u32>,
}

/// A path without loops: its nodes from end to end, and the link between each two.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// At least two nodes.
    pub nodes: Vec<NodeId>,
    /// One link fewer than nodes.
    pub links: Vec<LinkId>,
}

impl Path {
    /// Number of links.
    #[must_use]
    pub fn hops(&self) -> usize {
        self.links.len()
    }

    /// The nodes between the ends.
    #[must_use]
    pub fn relays(&self) -> &[NodeId] {
        let end = self.nodes.len().saturating_sub(1);
        self.nodes.get(1..end).unwrap_or_default()
    }

    /// The same path from its other end.
    pub(crate) fn reversed(mut self) -> Self {
        self.nodes.reverse();
        self.links.reverse();
        self
    }

    /// This path, then one that begins at its end.
    fn joined(mut self, next: Self) -> Self {
        self.nodes.extend(next.nodes.into_iter().skip(1));
        self.links.extend(next.links);
        self
    }
}

/// The cheapest paths from one node to all others.
pub struct Tree {
    reached: Vec<Option<Reached>>,
}

impl Tree {
    /// The cheapest path to `to`. `None` if there is none, or if `to` is the start itself.
    #[must_use]
    pub fn path(&self, to: NodeId) -> Option<Path> {
        let mut path = Path {
            nodes: vec![to],
            links: Vec::new(),
        };
        let mut at = to.index();
        while let Some((before, link)) = self.reached.get(at).copied().flatten()?.by {
            path.nodes.push(node(before));
            path.links.extend(link);
            at = before;
        }
        path.nodes.reverse();
        path.links.reverse();
        (path.hops() > 0).then_some(path)
    }
}

impl Graph {
    /// Creates a graph with `nodes` nodes and a link for each pair of ends.
    #[must_use]
    pub fn new(nodes: usize, ends: &[(NodeId, NodeId)]) -> Self {
        let mut inner = UnGraph::with_capacity(nodes, ends.len());
        for _ in 0..nodes {
            inner.add_node(());
        }
        for (number, &(a, b)) in (0_u16..).zip(ends) {
            inner.add_edge(index(a), index(b), LinkId(number));
        }
        Self { inner }
    }

    /// The links of a node, each with the node at its other end.
    pub fn neighbours(&self, node: NodeId) -> impl Iterator<Item = (LinkId, NodeId)> + '_ {
        self.steps(node.index())
            .map(|(link, other)| (link, self::node(other)))
    }

    /// The cheapest path.
    #[must_use]
    pub fn cheapest(
        &self,
        from: NodeId,
        to: NodeId,
        cost: impl Fn(LinkId) -> Option<u64>,
    ) -> Option<Path> {
        self.tree(from, cost).path(to)
    }

    /// The cheapest paths from one node to all others.
    #[must_use]
    pub fn tree(&self, from: NodeId, cost: impl Fn(LinkId) -> Option<u64>) -> Tree {
        let weights = self.weights(cost);
        let reached = search(self.inner.node_count(), from.index(), |at, arc| {
            for (link, other) in self.steps(at) {
                if let Some(weight) = weights[link.index()] {
                    arc(other, Some(link), weight);
                }
            }
        });
        Tree { reached }
    }

    /// Two paths that share no link and no node but their ends, of the least total cost; the
    /// cheaper one is first.
    ///
    /// This is Suurballe's algorithm. Each node is split into an entry and an exit, so that paths
    /// without common arcs have no common node.
    #[must_use]
    pub fn disjoint_pair(
        &self,
        from: NodeId,
        to: NodeId,
        cost: impl Fn(LinkId) -> Option<u64>,
    ) -> Option<[Path; 2]> {
        let weights = self.weights(cost);
        let (start, goal) = (exit(from.index()), entry(to.index()));
        let vertices = 2 * self.inner.node_count();
        let arcs = |at: usize, arc: &mut dyn FnMut(usize, Option<LinkId>, u64)| {
            if at.is_multiple_of(2) {
                return arc(at + 1, None, 0);
            }
            for (link, other) in self.steps(at / 2) {
                if let Some(weight) = weights[link.index()] {
                    arc(entry(other), Some(link), weight);
                }
            }
        };
        let first = search(vertices, start, |at, arc| arcs(at, arc));
        let chosen = way(&first, goal)?;

        // The second search may walk the first path backwards, which takes an arc back. Distances
        // of the first search make all weights positive or zero.
        let distance = |vertex: usize| first[vertex].map_or(0, |reached| reached.weight);
        let second = search(vertices, start, |at, arc| {
            arcs(at, &mut |next, link, weight| {
                if first[next].is_some() && !chosen.contains(&Step { at, link, next }) {
                    arc(next, link, weight + distance(at) - distance(next));
                }
            });
            // An arc of the first path lies on a cheapest path: backwards it weighs nothing.
            for step in chosen.iter().filter(|step| step.next == at) {
                arc(step.at, step.link, 0);
            }
        });
        let mut steps = chosen.clone();
        for step in way(&second, goal)? {
            let back = Step {
                at: step.next,
                link: step.link,
                next: step.at,
            };
            match steps.iter().position(|known| *known == back) {
                Some(known) => drop(steps.swap_remove(known)),
                None => steps.push(step),
            }
        }
        let total = |path: &Path| {
            path.links
                .iter()
                .filter_map(|l| weights[l.index()])
                .sum::<u64>()
        };
        let mut pair = two_paths(from, to, &steps)?;
        pair.sort_by_key(total);
        Some(pair)
    }

    /// The links whose failure parts the graph.
    #[must_use]
    pub fn bridges(&self) -> Vec<LinkId> {
        // petgraph takes the graph for simple: of two links between the same nodes none is a
        // bridge.
        let mut found: Vec<LinkId> = bridges(&self.inner)
            .filter(|edge| {
                self.inner
                    .edges_connecting(edge.source(), edge.target())
                    .count()
                    == 1
            })
            .map(|edge| *edge.weight())
            .collect();
        found.sort_unstable();
        found
    }

    /// The nodes whose failure parts the rest of the graph.
    #[must_use]
    pub fn cut_nodes(&self) -> Vec<NodeId> {
        let found = articulation_points(&self.inner);
        let mut found: Vec<NodeId> = found.into_iter().map(|at| node(at.index())).collect();
        found.sort_unstable();
        found
    }

    /// The nodes that `from` reaches over usable links, itself included, in order.
    #[must_use]
    pub fn reachable(&self, from: NodeId, usable: impl Fn(LinkId) -> bool) -> Vec<NodeId> {
        let tree = self.tree(from, |link| usable(link).then_some(1));
        let reached = tree
            .reached
            .iter()
            .enumerate()
            .filter(|(_, reached)| reached.is_some());
        reached.map(|(at, _)| node(at)).collect()
    }

    /// The links of the node with this index, each with the index at its other end.
    fn steps(&self, at: usize) -> impl Iterator<Item = (LinkId, usize)> + '_ {
        let edges = self.inner.edges(NodeIndex::new(at));
        edges.map(|edge| (*edge.weight(), edge.target().index()))
    }

    /// The weight of each link: its cost, and one hop as the last digit.
    fn weights(&self, cost: impl Fn(LinkId) -> Option<u64>) -> Vec<Option<u64>> {
        let weight = |link: &LinkId| Some(cost(*link)?.min(MAX_COST) * HOP_SCALE + 1);
        self.inner.edge_weights().map(weight).collect()
    }
}

/// Higher costs count as this one, so that no sum overflows.
const MAX_COST: u64 = (1 << 31) - 1;
/// More than the links of a path: a node is at most once on it.
const HOP_SCALE: u64 = 1 << 16;

/// How a search has reached a vertex.
#[derive(Clone, Copy)]
struct Reached {
    weight: u64,
    /// The vertex before it and the link between them; none at the start.
    by: Option<(usize, Option<LinkId>)>,
}

/// An arc of a path in the split graph. Between entry and exit of a node there is no link.
#[derive(Clone, PartialEq, Eq)]
struct Step {
    at: usize,
    link: Option<LinkId>,
    next: usize,
}

/// Dijkstra's algorithm. `arcs` passes each arc of a vertex on: its end, its link, its weight.
fn search(
    vertices: usize,
    start: usize,
    arcs: impl Fn(usize, &mut dyn FnMut(usize, Option<LinkId>, u64)),
) -> Vec<Option<Reached>> {
    let mut found: Vec<Option<Reached>> = vec![None; vertices];
    let mut next = BinaryHeap::new();
    if let Some(first) = found.get_mut(start) {
        *first = Some(Reached {
            weight: 0,
            by: None,
        });
        next.push(Reverse((0, start)));
    }
    while let Some(Reverse((weight, at))) = next.pop() {
        if found[at].is_some_and(|reached| reached.weight < weight) {
            continue;
        }
        arcs(at, &mut |end, link, more| {
            let weight = weight + more;
            if found[end].is_none_or(|reached| weight < reached.weight) {
                found[end] = Some(Reached {
                    weight,
                    by: Some((at, link)),
                });
                next.push(Reverse((weight, end)));
            }
        });
    }
    found
}

/// The arcs of the path that a search has found, from the goal to the start.
fn way(found: &[Option<Reached>], goal: usize) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut next = goal;
    while let Some((at, link)) = found.get(next).copied().flatten()?.by {
        steps.push(Step { at, link, next });
        next = at;
    }
    Some(steps)
}

/// Joins the arcs of two disjoint paths.
fn two_paths(from: NodeId, to: NodeId, steps: &[Step]) -> Option<[Path; 2]> {
    let mut leaving: BTreeMap<NodeId, Vec<(LinkId, NodeId)>> = BTreeMap::new();
    for step in steps {
        if let Some(link) = step.link {
            leaving
                .entry(node(step.at / 2))
                .or_default()
                .push((link, node(step.next / 2)));
        }
    }
    let mut follow = || {
        let mut path = Path {
            nodes: vec![from],
            links: Vec::new(),
        };
        let mut at = from;
        while at != to {
            let (link, next) = leaving.get_mut(&at)?.pop()?;
            path.links.push(link);
            path.nodes.push(next);
            at = next;
        }
        Some(path)
    };
    let pair = [follow()?, follow()?];
    (from != to).then_some(pair)
}

fn entry(node: usize) -> usize {
    2 * node
}

fn exit(node: usize) -> usize {
    2 * node + 1
}

fn index(node: NodeId) -> NodeIndex<u32> {
    NodeIndex::new(node.index())
}

/// The node with this index. A graph is built from nodes, so that its indices are nodes.
fn node(index: usize) -> NodeId {
    NodeId(u16::try_from(index).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests;
