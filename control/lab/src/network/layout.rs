//! The KMEs of a network, each a process of its own: one for each node, and two for an interworking
//! node. Each runs in the network of its domain, where nodes and links have other numbers.

use network::topology::Topology;
use network::{LinkId, NodeId};
use node::{LinkReport, NodeReport};

/// A KME, by its position in the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct KmeId(pub(super) usize);

/// Where the KMEs and the links of a network are.
pub(super) struct Layout {
    domains: Vec<Topology>,
    /// In the order of their nodes.
    kmes: Vec<Kme>,
    /// The links, in the order of their numbers in the whole topology.
    links: Vec<Link>,
}

/// One KME.
pub(super) struct Kme {
    /// Its name, which is that of its node unless the node has two.
    pub(super) name: String,
    /// Its node in the whole topology.
    pub(super) node: NodeId,
    /// Its domain, by position.
    domain: usize,
}

/// A link: its number in its domain, and the KMEs at its ends.
struct Link {
    number: LinkId,
    ends: [KmeId; 2],
}

impl Layout {
    pub(super) fn of(topology: &Topology) -> Self {
        let names = topology.domains();
        let domains = names.iter().filter_map(|name| topology.domain(name));
        let domains: Vec<Topology> = domains.collect();
        let mut kmes = Vec::new();
        for node in topology.node_ids() {
            for name in topology.kmes(node) {
                let domain = domains
                    .iter()
                    .position(|domain| domain.node(&name).is_some());
                kmes.extend(domain.map(|domain| Kme { name, node, domain }));
            }
        }
        let mut layout = Self {
            domains,
            kmes,
            links: Vec::new(),
        };
        // The links of a domain are those of the whole topology, in the same order.
        let mut next = vec![(0_u16..).map(LinkId); names.len()];
        for (link, whole) in topology.link_ids().zip(topology.links()) {
            let name = topology.link_domain(link);
            let Some(domain) = names.iter().position(|domain| *domain == name) else {
                continue;
            };
            let number = next.get_mut(domain).and_then(Iterator::next);
            let (a, b) = whole.ends;
            let ends = [a, b].map(|node| layout.kme_in(node, domain));
            if let (Some(number), [Some(a), Some(b)]) = (number, ends) {
                layout.links.push(Link {
                    number,
                    ends: [a, b],
                });
            }
        }
        layout
    }

    fn kme_in(&self, node: NodeId, domain: usize) -> Option<KmeId> {
        let mut kmes = self.kmes.iter();
        let found = kmes.position(|kme| kme.node == node && kme.domain == domain);
        found.map(KmeId)
    }

    /// All KMEs in order.
    pub(super) fn kmes(&self) -> &[Kme] {
        &self.kmes
    }

    /// The network in which a KME runs.
    pub(super) fn network(&self, kme: KmeId) -> Option<&Topology> {
        self.domains.get(self.kmes.get(kme.0)?.domain)
    }

    /// The KME of a site.
    pub(super) fn at(&self, site: NodeId) -> Option<KmeId> {
        self.kmes.iter().position(|kme| kme.node == site).map(KmeId)
    }

    /// The KMEs with this name, or at the node with this name.
    pub(super) fn named(&self, topology: &Topology, name: &str) -> Vec<KmeId> {
        let node = topology.node(name);
        let kmes = (0..).map(KmeId).zip(&self.kmes);
        let found = kmes.filter(|(_, kme)| kme.name == name || Some(kme.node) == node);
        found.map(|(id, _)| id).collect()
    }

    /// The KME with this name.
    pub(super) fn by_name(&self, name: &str) -> Option<KmeId> {
        self.kmes.iter().position(|kme| kme.name == name).map(KmeId)
    }

    /// The KME of the other domain at the same interworking node.
    pub(super) fn neighbour_domain(&self, kme: KmeId) -> Option<KmeId> {
        let name = &self.kmes.get(kme.0)?.name;
        self.by_name(&self.network(kme)?.neighbour_kme(name)?)
    }

    /// The KMEs at the ends of a link, and the number of the link in their network.
    pub(super) fn link(&self, link: LinkId) -> Option<([KmeId; 2], LinkId)> {
        let found = self.links.get(link.index())?;
        Some((found.ends, found.number))
    }

    /// The reports of both ends of a link; `None` for an end whose KME was killed.
    pub(super) fn ends<'r>(
        &self,
        reports: &'r [Option<NodeReport>],
        link: LinkId,
    ) -> [Option<&'r LinkReport>; 2] {
        let Some((ends, number)) = self.link(link) else {
            return [None, None];
        };
        ends.map(|end| {
            let report = reports.get(end.0)?.as_ref()?;
            report.links.iter().find(|report| report.link == number.0)
        })
    }
}

#[cfg(test)]
mod tests;
