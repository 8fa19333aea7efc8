//! Paths in a graph of nodes and links: the cheapest one, and two that share no relay.

use petgraph::graph::{NodeIndex, UnGraph};
use petgraph::visit::EdgeRef;

use crate::id::{LinkId, NodeId};

/// The nodes and links of a topology, without their properties. Two links may join the same pair.
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
            let (a, b) = (NodeIndex::new(a.index()), NodeIndex::new(b.index()));
            inner.add_edge(a, b, LinkId(number));
        }
        Self { inner }
    }

    /// The links of a node, each with the node at its other end.
    pub fn neighbours(&self, node: NodeId) -> impl Iterator<Item = (LinkId, NodeId)> + '_ {
        let edges = self.inner.edges(NodeIndex::new(node.index()));
        edges.map(|edge| {
            let other = u16::try_from(edge.target().index()).unwrap_or(u16::MAX);
            (*edge.weight(), NodeId(other))
        })
    }
}
