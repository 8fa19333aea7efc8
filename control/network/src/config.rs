//! The configuration of a node: its place in the topology, and the demand of all pairs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::accounts::Accounts;
use crate::id::{LinkId, NodeId};
use crate::limits;
use kme_api::etsi020::SaeId;

/// All that a node knows at its start. All but `node`, `unix_time` and `accounts` is the same at
/// every node of a topology; HELLO compares `digest`.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// This node.
    pub node: NodeId,
    /// Number of nodes in the topology.
    pub nodes: u16,
    /// The ends of each link.
    pub links: Vec<(NodeId, NodeId)>,
    /// Hash of the topology.
    pub digest: [u8; 32],
    /// The node at which each SAE is.
    pub saes: Vec<(SaeId, NodeId)>,
    /// SAEs of the neighbour domain, each with the interworking nodes of this domain that lead to
    /// it (ETSI 020).
    pub foreign: Vec<(SaeId, Vec<NodeId>)>,
    /// The ordered pairs of SAEs that get keys. At least one SAE of each is at a node of ours.
    pub demand: Vec<Demand>,
    /// Unix time at `now` = 0, so that neighbours can compare their clocks.
    pub unix_time: Duration,
    /// Accounts to carry on from before a restart, each by [`Accounts::after_crash`].
    pub accounts: Vec<(LinkId, Accounts)>,
}

/// The keys that one SAE wants for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The SAE that calls `enc_keys`.
    pub initiator: SaeId,
    /// The SAE that calls `dec_keys`.
    pub target: SaeId,
    /// Time between two switches.
    pub interval: Duration,
    /// Keys for each switch.
    pub keys: u16,
    /// Paths of each key.
    pub paths: Paths,
}

/// Number of node-disjoint paths of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Paths {
    /// Each relay on the path sees the key.
    One,
    /// No single relay knows the key: it is the XOR of two shares.
    Two,
}

/// A configuration that no node can start with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A number of a node that the topology does not have.
    #[error("node {} does not exist: the topology has {nodes} nodes", .node.0)]
    UnknownNode {
        /// The node.
        node: NodeId,
        /// Nodes of the topology.
        nodes: u16,
    },
    /// Both ends of a link are the same node.
    #[error("link {} joins node {} to itself: name two nodes", .0.0, .1.0)]
    Loop(LinkId, NodeId),
    /// More links than a node can number.
    #[error("the topology has {0} links: at most {max} are possible", max = crate::limits::LINKS_MAX)]
    TooManyLinks(usize),
    /// More links at one node than its link state can name.
    #[error(
        "node {} has {links} links: at most {} are possible",
        .node.0, limits::LINKS_PER_NODE_MAX
    )]
    TooManyLinksOfNode {
        /// The node.
        node: NodeId,
        /// Its links.
        links: usize,
    },
    /// An SAE stands at two nodes.
    #[error("SAE {0} is at two nodes: remove one of them")]
    SaeTwice(SaeId),
    /// A pair with an SAE that has no node.
    #[error("SAE {0} is at no node: add it to a node, or remove its demand")]
    UnknownSae(SaeId),
    /// An SAE of the neighbour domain that no interworking node leads to.
    #[error("no interworking node leads to SAE {0}: name one, or remove the SAE")]
    NoWay(SaeId),
    /// An SAE at an interworking node.
    #[error("SAE {0} is at an interworking node: put it at a site beside it")]
    AtGate(SaeId),
    /// Both SAEs of a pair are in the neighbour domain.
    #[error("{0} and {1} are both in the neighbour domain: remove their demand here")]
    BothForeign(SaeId, SaeId),
    /// The same ordered pair twice.
    #[error("the demand from {0} to {1} is there twice: remove one of them")]
    DemandTwice(SaeId, SaeId),
    /// Both SAEs are at the same node.
    #[error(
        "{0} and {1} are at the same node: keys between them need no network, remove the demand"
    )]
    SameNode(SaeId, SaeId),
    /// An interval or a number of keys out of range.
    #[error(
        "the demand from {0} to {1} is out of range: 1 to 64 keys every 0.1 s to 24 h are possible"
    )]
    DemandRange(SaeId, SaeId),
    /// Accounts that do not close, or that still have bits in a pool.
    #[error("the accounts of link {} do not close: pass those of its last record after the crash", .0.0)]
    Accounts(LinkId),
}

impl NodeConfig {
    /// Refuses a configuration that contradicts itself.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.exists(self.node)?;
        if self.links.len() > limits::LINKS_MAX {
            return Err(ConfigError::TooManyLinks(self.links.len()));
        }
        for (number, &(a, b)) in (0..).zip(&self.links) {
            self.exists(a)?;
            self.exists(b)?;
            if a == b {
                return Err(ConfigError::Loop(LinkId(number), a));
            }
        }
        let mut links = vec![0; usize::from(self.nodes)];
        for (a, b) in &self.links {
            links[a.index()] += 1;
            links[b.index()] += 1;
        }
        for (node, links) in (0..).map(NodeId).zip(links) {
            if links > limits::LINKS_PER_NODE_MAX {
                return Err(ConfigError::TooManyLinksOfNode { node, links });
            }
        }
        for (link, accounts) in &self.accounts {
            if link.index() >= self.links.len() || accounts.left != 0 || !accounts.close() {
                return Err(ConfigError::Accounts(*link));
            }
        }
        self.check_demand()
    }

    fn exists(&self, node: NodeId) -> Result<(), ConfigError> {
        let nodes = self.nodes;
        let unknown = ConfigError::UnknownNode { node, nodes };
        (node.0 < nodes).then_some(()).ok_or(unknown)
    }

    fn check_demand(&self) -> Result<(), ConfigError> {
        let mut places = BTreeMap::new();
        for (sae, node) in &self.saes {
            self.exists(*node)?;
            if places.insert(sae, *node).is_some() {
                return Err(ConfigError::SaeTwice(sae.clone()));
            }
        }
        let mut foreign = BTreeMap::new();
        for (sae, gates) in &self.foreign {
            for gate in gates {
                self.exists(*gate)?;
            }
            if gates.is_empty() {
                return Err(ConfigError::NoWay(sae.clone()));
            }
            if places.contains_key(sae) || foreign.insert(sae, gates).is_some() {
                return Err(ConfigError::SaeTwice(sae.clone()));
            }
        }
        let mut pairs = BTreeSet::new();
        for demand in &self.demand {
            let (initiator, target) = (&demand.initiator, &demand.target);
            let place = |sae: &SaeId| match places.get(sae) {
                None if !foreign.contains_key(sae) => Err(ConfigError::UnknownSae(sae.clone())),
                place => Ok(place.copied()),
            };
            let at_gate = |sae, node| {
                let gates = foreign.get(sae);
                gates.is_some_and(|gates| gates.contains(&node))
            };
            match (place(initiator)?, place(target)?) {
                (None, None) => {
                    return Err(ConfigError::BothForeign(initiator.clone(), target.clone()));
                }
                (Some(node), None) if at_gate(target, node) => {
                    return Err(ConfigError::AtGate(initiator.clone()));
                }
                (None, Some(node)) if at_gate(initiator, node) => {
                    return Err(ConfigError::AtGate(target.clone()));
                }
                (one, other) if one == other => {
                    return Err(ConfigError::SameNode(initiator.clone(), target.clone()));
                }
                _ => {}
            }
            if !(limits::INTERVAL_MIN..=limits::INTERVAL_MAX).contains(&demand.interval)
                || !(1..=limits::KEYS_PER_SWITCH_MAX).contains(&demand.keys)
            {
                return Err(ConfigError::DemandRange(initiator.clone(), target.clone()));
            }
            if !pairs.insert((initiator, target)) {
                return Err(ConfigError::DemandTwice(initiator.clone(), target.clone()));
            }
        }
        Ok(())
    }
}
