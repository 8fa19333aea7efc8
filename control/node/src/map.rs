//! The topology as one node sees it: names of nodes and links, its own links, its SAEs.

use std::collections::BTreeMap;

use network::supply::Supply;
use network::topology::{NodeKind, Topology};
use network::{LinkId, NodeId};

/// The topology, and the place of this node in it.
pub struct Map {
    topology: Topology,
    node: NodeId,
    /// The SAE of each node that is a site.
    saes: Vec<(String, NodeId)>,
    /// The SAEs of the neighbour domain, each with its site.
    foreign: Vec<(String, String)>,
    /// The blocks of each link of this node, at the mean noise of the day.
    supplies: BTreeMap<LinkId, Supply>,
}

/// Returns the ID of the SAE at a site.
#[must_use]
pub fn sae_of(site: &str) -> String {
    format!("sae-{site}")
}

/// Returns the nodes with an SAE.
pub fn sites(topology: &Topology) -> impl Iterator<Item = NodeId> + '_ {
    let nodes = topology.node_ids().zip(topology.nodes());
    nodes.filter_map(|(id, node)| (node.kind == NodeKind::Site).then_some(id))
}

impl Map {
    /// Returns the map of the node with this name; `None` if the topology has no such node.
    #[must_use]
    pub fn of(topology: Topology, name: &str) -> Option<Self> {
        let node = topology.node(name)?;
        let saes = sites(&topology).map(|site| (sae_of(topology.node_name(site)), site));
        let foreign = topology.foreign().iter();
        let foreign = foreign.map(|foreign| (sae_of(&foreign.site), foreign.site.clone()));
        let mut map = Self {
            foreign: foreign.collect(),
            saes: saes.collect(),
            node,
            supplies: BTreeMap::new(),
            topology,
        };
        let links = map.own_links().filter_map(|(id, _)| {
            let link = map.topology.links().get(id.index())?;
            Some((id, link.source.supply()))
        });
        map.supplies = links.collect();
        Some(map)
    }

    /// The topology.
    #[must_use]
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// This node.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Name of this node.
    #[must_use]
    pub fn name(&self) -> &str {
        self.node_name(self.node)
    }

    /// The links of this node, each with the neighbour at its other end.
    pub fn own_links(&self) -> impl Iterator<Item = (LinkId, NodeId)> + '_ {
        let links = self.topology.link_ids().zip(self.topology.links());
        links.filter_map(|(id, link)| match link.ends {
            (a, b) if a == self.node => Some((id, b)),
            (a, b) if b == self.node => Some((id, a)),
            _ => None,
        })
    }

    /// The neighbour at the other end of one of our links.
    pub(crate) fn neighbour(&self, link: LinkId) -> Option<NodeId> {
        let mut links = self.own_links();
        links.find_map(|(id, neighbour)| (id == link).then_some(neighbour))
    }

    /// True if this end of the link connects to the other, and draws the blocks of a modelled link.
    pub(crate) fn leads(&self, neighbour: NodeId) -> bool {
        self.node < neighbour
    }

    /// The blocks that a link of this node delivers.
    pub(crate) fn supply(&self, link: LinkId) -> Option<Supply> {
        self.supplies.get(&link).copied()
    }

    pub(crate) fn node_name(&self, node: NodeId) -> &str {
        self.topology.node_name(node)
    }

    pub(crate) fn neighbour_name(&self, link: LinkId) -> &str {
        self.neighbour(link)
            .map_or("?", |node| self.node_name(node))
    }

    pub(crate) fn link_name(&self, link: LinkId) -> String {
        link_name(&self.topology, link)
    }

    /// The SAEs of this node.
    pub(crate) fn own_saes(&self) -> impl Iterator<Item = &str> {
        let own = self.saes.iter().filter(|(_, node)| *node == self.node);
        own.map(|(sae, _)| sae.as_str())
    }

    /// The names of all SAEs that may have keys here, those of the neighbour domain included.
    pub(crate) fn saes(&self) -> impl Iterator<Item = &str> {
        let ours = self.saes.iter().map(|(sae, _)| sae.as_str());
        ours.chain(self.foreign.iter().map(|(sae, _)| sae.as_str()))
    }

    /// The name of the node that serves this SAE.
    pub(crate) fn node_of(&self, sae: &str) -> Option<&str> {
        let foreign = || self.foreign.iter().find(|(name, _)| name == sae);
        match self.saes.iter().find(|(name, _)| name == sae) {
            Some((_, node)) => Some(self.node_name(*node)),
            None => foreign().map(|(_, site)| site.as_str()),
        }
    }

    /// Whether an SAE is in the neighbour domain.
    pub(crate) fn is_foreign(&self, sae: &str) -> bool {
        self.foreign.iter().any(|(name, _)| name == sae)
    }
}

/// Returns the name of a link: the names of its ends.
#[must_use]
pub fn link_name(topology: &Topology, link: LinkId) -> String {
    match topology.links().get(link.index()) {
        Some(found) => {
            let (a, b) = found.ends;
            format!("{}-{}", topology.node_name(a), topology.node_name(b))
        }
        None => format!("link {}", link.0),
    }
}
