//! Routes in a network of several domains: inside one domain, or from one domain to another over
//! one interworking node.

use std::collections::{BTreeMap, BTreeSet};

use super::{Graph, MAX_COST, Path, Tree};
use crate::id::{LinkId, NodeId};

/// A domain, by its position among the domains of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainId(pub u16);

/// A graph whose nodes and links belong to domains.
///
/// A route between two sites of one domain stays inside it. A route between two domains has a leg
/// in each, and the legs meet at an interworking node of these two domains. There are no routes
/// with more legs, since a key crosses from domain to domain once.
pub struct DomainGraph {
    graph: Graph,
    /// The domain of a node, or the two of an interworking node.
    nodes: Vec<BTreeSet<DomainId>>,
    ends: Vec<(NodeId, NodeId)>,
    /// The domain of each link. `None` if an end has no domain: usable in all domains.
    links: Vec<Option<DomainId>>,
    /// The interworking nodes of each two domains, the lower number first.
    gates: BTreeMap<[DomainId; 2], Vec<NodeId>>,
}

impl DomainGraph {
    /// Creates a graph with the domains of each node and the ends of each link.
    #[must_use]
    pub fn new(nodes: Vec<BTreeSet<DomainId>>, ends: Vec<(NodeId, NodeId)>) -> Self {
        let mut gates: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (number, domains) in (0_u16..).zip(&nodes) {
            for (at, one) in domains.iter().enumerate() {
                for other in domains.iter().skip(at + 1) {
                    gates
                        .entry([*one, *other])
                        .or_default()
                        .push(NodeId(number));
                }
            }
        }
        let shared = |(a, b): &(NodeId, NodeId)| {
            let mut shared = nodes[a.index()].intersection(&nodes[b.index()]);
            shared.next().copied()
        };
        Self {
            graph: Graph::new(nodes.len(), &ends),
            links: ends.iter().map(shared).collect(),
            nodes,
            ends,
            gates,
        }
    }

    /// The domain of a site.
    #[must_use]
    pub fn home(&self, site: NodeId) -> Option<DomainId> {
        self.nodes.get(site.index())?.first().copied()
    }

    /// The domain of a link.
    #[must_use]
    pub fn domain(&self, link: LinkId) -> Option<DomainId> {
        self.links.get(link.index()).copied().flatten()
    }

    /// The interworking nodes of two domains.
    #[must_use]
    pub fn gates(&self, one: DomainId, other: DomainId) -> &[NodeId] {
        let key = [one.min(other), one.max(other)];
        self.gates.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Each two domains that are joined, with their interworking nodes.
    pub fn borders(&self) -> impl Iterator<Item = ([DomainId; 2], &[NodeId])> {
        self.gates
            .iter()
            .map(|(domains, gates)| (*domains, gates.as_slice()))
    }

    /// The links of a node, each with the node at its other end.
    pub fn neighbours(&self, node: NodeId) -> impl Iterator<Item = (LinkId, NodeId)> + '_ {
        self.graph.neighbours(node)
    }

    /// The cheapest paths from a site to all nodes of its domain.
    #[must_use]
    pub fn tree(&self, site: NodeId, cost: impl Fn(LinkId) -> Option<u64>) -> Tree {
        let domain = self.home(site);
        self.graph
            .tree(site, |link| self.inside(link, domain, &cost))
    }

    /// The nodes that `from` reaches inside a domain, itself included, in order.
    #[must_use]
    pub fn reachable(
        &self,
        from: NodeId,
        domain: Option<DomainId>,
        usable: impl Fn(LinkId) -> bool,
    ) -> Vec<NodeId> {
        let cost = |link| usable(link).then_some(1);
        self.graph
            .reachable(from, |link| self.inside(link, domain, cost).is_some())
    }

    /// The cheapest route.
    #[must_use]
    pub fn cheapest(
        &self,
        from: NodeId,
        to: NodeId,
        cost: impl Fn(LinkId) -> Option<u64>,
    ) -> Option<Path> {
        let near = self.tree(from, &cost);
        let crosses = self.home(from) != self.home(to);
        let far = crosses.then(|| self.tree(to, &cost));
        let ways = self.ways(from, to, |_, start, end| match start == from {
            true => near.path(end),
            false => far.as_ref()?.path(start).map(Path::reversed),
        });
        let paths = ways
            .into_iter()
            .filter_map(|legs| legs.into_iter().reduce(Path::joined));
        paths.min_by_key(|path| total(path, &cost))
    }

    /// Two routes, the cheaper one first, of the least total cost. Inside each domain they share
    /// no link and no node but the ends of their legs.
    #[must_use]
    pub fn disjoint_pair(
        &self,
        from: NodeId,
        to: NodeId,
        cost: impl Fn(LinkId) -> Option<u64>,
    ) -> Option<[Path; 2]> {
        let ways = self.ways(from, to, |domain, start, end| {
            self.disjoint_legs(domain, start, end, &cost)
        });
        let joined = |[a, b]: [Path; 2], [c, d]: [Path; 2]| [a.joined(c), b.joined(d)];
        let pairs = ways
            .into_iter()
            .filter_map(|legs| legs.into_iter().reduce(joined));
        pairs.min_by_key(|[one, other]| {
            let ((a, x), (b, y)) = (total(one, &cost), total(other, &cost));
            (a + b, x + y)
        })
    }

    /// Two disjoint paths inside a domain.
    pub(crate) fn disjoint_legs(
        &self,
        domain: DomainId,
        from: NodeId,
        to: NodeId,
        cost: impl Fn(LinkId) -> Option<u64>,
    ) -> Option<[Path; 2]> {
        self.graph
            .disjoint_pair(from, to, |link| self.inside(link, Some(domain), &cost))
    }

    /// All ways between two sites, each as its legs: one leg inside their domain, or two legs over
    /// an interworking node of both domains. `leg` finds a leg inside a domain.
    pub(crate) fn ways<L>(
        &self,
        from: NodeId,
        to: NodeId,
        leg: impl Fn(DomainId, NodeId, NodeId) -> Option<L>,
    ) -> Vec<Vec<L>> {
        let (Some(near), Some(far)) = (self.home(from), self.home(to)) else {
            return Vec::new();
        };
        if near == far {
            return leg(near, from, to)
                .into_iter()
                .map(|leg| vec![leg])
                .collect();
        }
        let over = |gate: &NodeId| Some(vec![leg(near, from, *gate)?, leg(far, *gate, to)?]);
        self.gates(near, far).iter().filter_map(over).collect()
    }

    /// The links whose failure parts their domain.
    #[must_use]
    pub fn bridges(&self) -> Vec<LinkId> {
        let all = self.domains().into_iter().flat_map(|domain| {
            let (graph, links) = self.part(domain);
            let found = graph.bridges().into_iter();
            found.filter_map(move |link| links.get(link.index()).copied())
        });
        let mut found: Vec<LinkId> = all.collect();
        found.sort_unstable();
        found
    }

    /// The nodes whose failure parts the rest of a domain, or two domains from each other.
    #[must_use]
    pub fn cut_nodes(&self) -> Vec<NodeId> {
        let domains = self.domains().into_iter();
        let mut found: Vec<NodeId> = domains
            .flat_map(|domain| self.part(domain).0.cut_nodes())
            .collect();
        let only = self.gates.values().filter(|gates| gates.len() == 1);
        found.extend(only.flatten());
        found.sort_unstable();
        found.dedup();
        found
    }

    fn domains(&self) -> BTreeSet<DomainId> {
        self.nodes.iter().flatten().copied().collect()
    }

    /// The graph of one domain, and the links that its links stand for.
    fn part(&self, domain: DomainId) -> (Graph, Vec<LinkId>) {
        let all = (0_u16..).map(LinkId).zip(&self.ends);
        let (links, ends): (Vec<_>, Vec<_>) = all
            .filter(|(link, _)| self.domain(*link) == Some(domain))
            .unzip();
        (Graph::new(self.nodes.len(), &ends), links)
    }

    /// The cost of a link for a leg inside a domain.
    fn inside(
        &self,
        link: LinkId,
        domain: Option<DomainId>,
        cost: impl Fn(LinkId) -> Option<u64>,
    ) -> Option<u64> {
        let own = self.domain(link);
        match own.is_none() || own == domain {
            true => cost(link),
            false => None,
        }
    }
}

/// The cost of a path, then its links.
fn total(path: &Path, cost: impl Fn(LinkId) -> Option<u64>) -> (u64, usize) {
    let costs = path.links.iter().filter_map(|link| cost(*link));
    (costs.map(|cost| cost.min(MAX_COST)).sum(), path.hops())
}

#[cfg(test)]
mod tests;
