//! The topology as one node needs it: who is where, and which pairs get keys.

use std::collections::BTreeMap;

use crate::config::{Demand, NodeConfig};
use crate::graph::Graph;
use crate::id::{LinkId, NodeId};
use crate::sae::SaeId;
use crate::stock;

/// Position of a pair in the demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PairId(pub(crate) usize);

/// The topology, seen from one node.
pub(crate) struct Sites {
    pub(crate) here: NodeId,
    pub(crate) nodes: u16,
    pub(crate) graph: Graph,
    pub(crate) links: Vec<(NodeId, NodeId)>,
    places: BTreeMap<SaeId, NodeId>,
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
        Self {
            here: config.node,
            nodes: config.nodes,
            graph: Graph::new(usize::from(config.nodes), &config.links),
            links: config.links.clone(),
            places: config.saes.iter().cloned().collect(),
            demand: config.demand.clone(),
            pairs: config.demand.iter().enumerate().map(pair).collect(),
        }
    }

    /// The node at which an SAE is.
    pub(crate) fn place(&self, sae: &SaeId) -> Option<NodeId> {
        self.places.get(sae).copied()
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

    /// The nodes of a pair: the initiator's, and the target's.
    pub(crate) fn ends(&self, pair: PairId) -> (NodeId, NodeId) {
        let demand = self.demand(pair);
        let place = |sae| self.place(sae).unwrap_or(self.here);
        (place(&demand.initiator), place(&demand.target))
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
