//! The topology as one node needs it: who is where, and which pairs get keys.

use std::collections::BTreeMap;

use crate::config::{Demand, NodeConfig};
use crate::graph::Graph;
use crate::id::{LinkId, NodeId};
use crate::stock;
use kme_api::etsi020::SaeId;

/// Position of a pair in the demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PairId(pub(crate) usize);

/// Where an SAE is.
enum Place {
    At(NodeId),
    /// In the neighbour domain, beyond one of these interworking nodes.
    Beyond(Vec<NodeId>),
}

impl Place {
    /// The nodes of this domain at which keys for this SAE end or begin.
    fn nodes(&self) -> &[NodeId] {
        match self {
            Self::At(node) => std::slice::from_ref(node),
            Self::Beyond(gates) => gates,
        }
    }
}

/// The topology, seen from one node.
pub(crate) struct Sites {
    pub(crate) here: NodeId,
    pub(crate) nodes: u16,
    pub(crate) graph: Graph,
    pub(crate) links: Vec<(NodeId, NodeId)>,
    /// The node of each SAE of ours, and the interworking nodes before each foreign one.
    places: BTreeMap<SaeId, Place>,
    demand: Vec<Demand>,
    pairs: BTreeMap<(SaeId, SaeId), PairId>,
}

impl Sites {
    /// Takes over a configuration that has been checked.
    pub(crate) fn new(config: &NodeConfig) -> Self {
        let pair = |(number, demand): (usize, &Demand)| {
            (
                (demand.initiator.clone(), demand.target.clone()),
                PairId(number),
            )
        };
        let ours = config.saes.iter().cloned();
        let ours = ours.map(|(sae, node)| (sae, Place::At(node)));
        let foreign = config.foreign.iter().cloned();
        let foreign = foreign.map(|(sae, gates)| (sae, Place::Beyond(gates)));
        Self {
            here: config.node,
            nodes: config.nodes,
            graph: Graph::new(usize::from(config.nodes), &config.links),
            links: config.links.clone(),
            places: ours.chain(foreign).collect(),
            demand: config.demand.clone(),
            pairs: config.demand.iter().enumerate().map(pair).collect(),
        }
    }

    /// Whether an SAE is at this node.
    pub(crate) fn is_here(&self, sae: &SaeId) -> bool {
        self.node_of(sae) == Some(self.here)
    }

    /// The node of an SAE of this domain.
    pub(crate) fn node_of(&self, sae: &SaeId) -> Option<NodeId> {
        match self.places.get(sae)? {
            Place::At(node) => Some(*node),
            Place::Beyond(_) => None,
        }
    }

    /// Whether a node is an interworking node that leads to this SAE.
    pub(crate) fn is_gate(&self, sae: &SaeId, node: NodeId) -> bool {
        self.is_foreign(sae) && self.nodes_of(sae).contains(&node)
    }

    /// Whether an SAE is in the neighbour domain.
    pub(crate) fn is_foreign(&self, sae: &SaeId) -> bool {
        matches!(self.places.get(sae), Some(Place::Beyond(_)))
    }

    fn nodes_of(&self, sae: &SaeId) -> &[NodeId] {
        self.places.get(sae).map_or(&[], Place::nodes)
    }

    /// The pair of these SAEs.
    pub(crate) fn pair(&self, initiator: &SaeId, target: &SaeId) -> Option<PairId> {
        self.pairs
            .get(&(initiator.clone(), target.clone()))
            .copied()
    }

    pub(crate) fn demand(&self, pair: PairId) -> &Demand {
        &self.demand[pair.0]
    }

    /// The nodes at which the keys of a pair begin: one, or several interworking nodes.
    pub(crate) fn origins(&self, pair: PairId) -> &[NodeId] {
        self.nodes_of(&self.demand(pair).initiator)
    }

    /// The nodes at which the keys of a pair end: one, or several interworking nodes.
    pub(crate) fn fars(&self, pair: PairId) -> &[NodeId] {
        self.nodes_of(&self.demand(pair).target)
    }

    /// All pairs.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = PairId> + use<> {
        (0..self.demand.len()).map(PairId)
    }

    /// Whether a link joins these two nodes.
    pub(crate) fn joins(&self, link: LinkId, a: NodeId, b: NodeId) -> bool {
        let ends = self.links.get(link.index());
        ends.is_some_and(|ends| *ends == (a, b) || *ends == (b, a))
    }
}

impl Demand {
    /// Keys in a full stock.
    pub(crate) fn stock(&self) -> usize {
        stock::full(self.keys.into(), self.interval)
    }
}
