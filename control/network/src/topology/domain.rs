//! The domains of a topology: the network of each operator, and the interworking nodes between
//! them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Demand, HOPS_MAX, Link, Node, Paths, Topology};
use crate::graph::{DomainGraph, DomainId};
use crate::id::{LinkId, NodeId};

/// A site of another domain that has demand with sites of this domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Its name.
    pub site: String,
    /// Its domain.
    pub domain: String,
    /// The interworking nodes from which a route leads to it in its domain.
    pub gates: Vec<NodeId>,
}

/// A network that is one domain of a larger one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) domain: String,
    pub(super) foreign: Vec<Foreign>,
    pub(super) crossing_pairs: Vec<(NodeId, usize)>,
}

impl Node {
    /// True if the node belongs to two domains and has a KME in each.
    #[must_use]
    pub fn is_interworking(&self) -> bool {
        self.domains.len() > 1
    }
}

impl Topology {
    /// The names of the domains, in the order of their first nodes.
    #[must_use]
    pub fn domains(&self) -> Vec<&str> {
        match &self.part {
            Some(part) => vec![&part.domain],
            None => domain_names(&self.nodes),
        }
    }

    /// The name of the domain of a link.
    #[must_use]
    pub fn link_domain(&self, link: LinkId) -> &str {
        let ends = self.links.get(link.index()).map(|link| link.ends);
        let domains = |node: NodeId| Some(&self.nodes.get(node.index())?.domains);
        let shared = ends.and_then(|(a, b)| domains(a)?.intersection(domains(b)?).next());
        shared.map_or("?", String::as_str)
    }

    /// The names of the KMEs at a node: its own name, or `NAME.DOMAIN` for each domain of an
    /// interworking node.
    #[must_use]
    pub fn kmes(&self, node: NodeId) -> Vec<String> {
        match (self.nodes.get(node.index()), &self.part) {
            (None, _) => Vec::new(),
            (Some(node), None) if node.is_interworking() => {
                let domains = node.domains.iter();
                domains.map(|domain| kme_name(&node.name, domain)).collect()
            }
            (Some(node), _) => vec![node.name.clone()],
        }
    }

    /// The network of one domain: its nodes and links in their order, and the demand inside it. An
    /// interworking node is named `NAME.DOMAIN` there. A topology of one domain is its own network.
    #[must_use]
    pub fn domain(&self, name: &str) -> Option<Self> {
        let domains = self.domains();
        let own = domains.iter().position(|domain| *domain == name)?;
        if domains.len() == 1 {
            return Some(self.clone());
        }
        let own = DomainId(u16::try_from(own).ok()?);
        let graph = self.graph();
        let inside = |(_, node): &(NodeId, &Node)| node.domains.contains(name);
        let (old, nodes): (Vec<NodeId>, Vec<&Node>) =
            self.node_ids().zip(&self.nodes).filter(inside).unzip();
        let numbers: BTreeMap<NodeId, NodeId> =
            old.into_iter().zip((0_u16..).map(NodeId)).collect();
        let pair = |(a, b): &(NodeId, NodeId)| Some((*numbers.get(a)?, *numbers.get(b)?));
        let links = self.link_ids().zip(&self.links);
        let links = links.filter(|(link, _)| graph.domain(*link) == Some(own));
        let links = links.filter_map(|(_, link)| {
            Some(Link {
                ends: pair(&link.ends)?,
                ..link.clone()
            })
        });
        let name_inside = |node: &Node| match node.is_interworking() {
            true => kme_name(&node.name, name),
            false => node.name.clone(),
        };
        let nodes = nodes.into_iter().map(|node| Node {
            name: name_inside(node),
            ..node.clone()
        });
        Some(Self {
            name: kme_name(&self.name, name),
            nodes: nodes.collect(),
            links: links.collect(),
            demand: Demand {
                pairs: self.demand.pairs.iter().filter_map(pair).collect(),
                ..self.demand.clone()
            },
            part: Some(self.part(name, &graph, &numbers)),
        })
    }

    /// The demand between sites of a domain and of others. `numbers` has the nodes of the domain.
    fn part(&self, name: &str, graph: &DomainGraph, numbers: &BTreeMap<NodeId, NodeId>) -> Part {
        let crossing = self.demand.pairs.iter().filter_map(|&(a, b)| {
            match (numbers.get(&a), numbers.get(&b)) {
                (Some(own), None) => Some((*own, a, b)),
                (None, Some(own)) => Some((*own, b, a)),
                _ => None,
            }
        });
        let crossing: Vec<_> = crossing.collect();
        let sites: BTreeMap<NodeId, NodeId> = crossing
            .iter()
            .map(|(_, own, other)| (*other, *own))
            .collect();
        let foreign = sites.iter().map(|(site, own)| {
            let gates = self.gates(graph, *own, *site);
            let gates = gates
                .into_iter()
                .filter_map(|gate| numbers.get(&gate).copied());
            let domains = self.nodes.get(site.index()).map(|node| &node.domains);
            Foreign {
                site: self.node_name(*site).to_owned(),
                domain: domains
                    .and_then(BTreeSet::first)
                    .cloned()
                    .unwrap_or_default(),
                gates: gates.collect(),
            }
        });
        let foreign = foreign.collect();
        let order: BTreeMap<NodeId, usize> = sites.into_keys().zip(0..).collect();
        let pairs = crossing.iter().map(|(own, _, other)| (*own, order[other]));
        Part {
            domain: name.to_owned(),
            foreign,
            crossing_pairs: pairs.collect(),
        }
    }

    /// The interworking nodes of the domains of two sites from which routes lead to `to`, as many
    /// and as short as the demand wants them.
    fn gates(&self, graph: &DomainGraph, from: NodeId, to: NodeId) -> Vec<NodeId> {
        let (Some(near), Some(far)) = (graph.home(from), graph.home(to)) else {
            return Vec::new();
        };
        let tree = graph.tree(to, |_| Some(1));
        let leads = |gate: &&NodeId| {
            let longest = match self.demand.paths {
                Paths::One => tree.path(**gate).map(|path| path.hops()),
                Paths::Two => graph
                    .disjoint_legs(far, **gate, to, |_| Some(1))
                    .map(|[_, second]| second.hops()),
            };
            longest.is_some_and(|hops| hops <= HOPS_MAX)
        };
        let gates = graph.gates(near, far).iter();
        gates.filter(leads).copied().collect()
    }

    /// The network in which the KME with this name runs.
    #[must_use]
    pub fn of_node(&self, kme: &str) -> Option<Self> {
        let number = self
            .node_ids()
            .find(|node| self.kmes(*node).iter().any(|name| name == kme))?;
        let node = self.nodes.get(number.index())?;
        match (kme.split_once('.'), &self.part) {
            (_, Some(_)) => Some(self.clone()),
            (Some((_, domain)), None) => self.domain(domain),
            (None, None) => self.domain(node.domains.first()?),
        }
    }

    /// The other KME of the same interworking node: `gate.west` for `gate.east`.
    #[must_use]
    pub fn neighbour_kme(&self, kme: &str) -> Option<String> {
        let (name, own) = kme.split_once('.')?;
        let mut nodes = self.nodes.iter().filter(|node| node.is_interworking());
        let node = nodes.find(|node| node.name == name || node.name == kme)?;
        let mut others = node.domains.iter().filter(|domain| *domain != own);
        let other = node.domains.contains(own).then(|| others.next())??;
        Some(kme_name(name, other))
    }

    /// The sites of other domains that have demand with sites of this network, if it is a domain
    /// of a larger one.
    #[must_use]
    pub fn foreign(&self) -> &[Foreign] {
        self.part.as_ref().map_or(&[], |part| &part.foreign)
    }

    /// The demand across domains, if this network is a domain of a larger one: the own site, and
    /// the position of the other in [`foreign`](Self::foreign).
    #[must_use]
    pub fn crossing_pairs(&self) -> &[(NodeId, usize)] {
        self.part.as_ref().map_or(&[], |part| &part.crossing_pairs)
    }

    /// The nodes and links without their properties.
    #[must_use]
    pub fn graph(&self) -> DomainGraph {
        let ends = self.links.iter().map(|link| link.ends).collect();
        DomainGraph::new(domains_of(&self.nodes, &self.domains()), ends)
    }
}

/// The names of all domains, in the order of their first nodes.
pub(super) fn domain_names(nodes: &[Node]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for domain in nodes.iter().flat_map(|node| &node.domains) {
        if !names.contains(&domain.as_str()) {
            names.push(domain);
        }
    }
    names
}

/// The domains of each node, as numbers of these names.
pub(super) fn domains_of(nodes: &[Node], names: &[&str]) -> Vec<BTreeSet<DomainId>> {
    let numbers: BTreeMap<&str, DomainId> =
        names.iter().copied().zip((0_u16..).map(DomainId)).collect();
    let of_one = |node: &Node| {
        let domains = node.domains.iter();
        domains
            .filter_map(|domain| numbers.get(domain.as_str()).copied())
            .collect()
    };
    nodes.iter().map(of_one).collect()
}

/// The name of the KME of an interworking node in one domain. No name in a file has a dot.
pub(super) fn kme_name(node: &str, domain: &str) -> String {
    format!("{node}.{domain}")
}

#[cfg(test)]
mod tests;
