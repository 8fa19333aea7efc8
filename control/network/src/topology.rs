//! The topology of a network: its nodes, its links, and the pairs of sites that need keys.
//!
//! It is read from a file in TOML. A value of [`Topology`] has no mistake: [`Topology::parse`]
//! finds all mistakes of a file at once.

mod built_in;
mod check;
mod digest;
mod domain;
mod draft;
mod link;
mod section;

use std::collections::BTreeSet;
use std::time::Duration;

pub use built_in::BUILT_IN;
pub use digest::Digest;
pub use domain::Foreign;
pub use link::{CONNECTOR_DB, Link, LinkSpec, PATCH_PANEL_DB, SPLICE_DB, Wdm};

use crate::id::{LinkId, NodeId};
use crate::limits;
use crate::mistake::Mistakes;
use crate::pool::Purpose;
use crate::stock;

pub use crate::limits::{HOPS_MAX, INTERVAL_MAX, INTERVAL_MIN, LINKS_PER_NODE_MAX};

/// Most octets of a topology file.
pub const TEXT_MAX: usize = 2 << 20;
/// Most nodes of a topology.
pub const NODES_MAX: usize = 1000;
/// Most links of a topology.
pub const LINKS_MAX: usize = 3000;
/// Most pairs of sites that need keys.
pub const PAIRS_MAX: usize = 20_000;

/// A network without mistakes.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    name: String,
    nodes: Vec<Node>,
    links: Vec<Link>,
    demand: Demand,
    /// For the network of one domain of several.
    part: Option<domain::Part>,
}

/// A place with KMEs.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its name: letters, digits, `-` and `_`. In the network of one domain, that of an
    /// interworking node is `NAME.DOMAIN`.
    pub name: String,
    /// Distance to the east of the origin of the map.
    pub x_km: f64,
    /// Distance to the north of the origin of the map.
    pub y_km: f64,
    /// Site or relay.
    pub kind: NodeKind,
    /// Its domain. An interworking node belongs to two, and has a KME in each.
    pub domains: BTreeSet<String>,
}

/// The purpose of a node. Both kinds relay keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    /// It has encryptors, which need keys.
    Site,
    /// It only relays.
    Relay,
}

/// Keys that the sites need.
#[derive(Clone, Debug, PartialEq)]
pub struct Demand {
    /// Pairs of different sites, each once, the lower number first.
    pub pairs: Vec<(NodeId, NodeId)>,
    /// Time from one switch of keys to the next. Each direction of a pair switches.
    pub interval: Duration,
    /// Keys that a switch of one direction uses.
    pub keys_per_switch: u32,
    /// Disjoint paths of each key.
    pub paths: Paths,
}

/// The number of paths that a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Paths {
    /// One path: each relay on it knows the key.
    One,
    /// Two node-disjoint paths, each with one half: no single relay knows the key.
    Two,
}

impl Paths {
    /// The number.
    #[must_use]
    pub fn count(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

impl Demand {
    /// Bits of link key that authenticate one relayed key on one link: its share of a batch and of
    /// the ACK of the batch, rounded up.
    #[must_use]
    pub fn authentication_bits(&self) -> u32 {
        let keys = stock::batch(self.keys_per_switch.max(1) as usize, self.interval);
        let octets = Purpose::batch(keys).authentication + Purpose::TAG.authentication;
        (8 * octets).div_ceil(keys) as u32
    }

    /// Bits per second that one pair takes from each link of one path: both directions, with
    /// `overhead_bits` for each key and link.
    #[must_use]
    pub fn pair_bit_s(&self, overhead_bits: u32) -> f64 {
        let bits = f64::from(KEY_BITS) + f64::from(overhead_bits);
        2.0 * f64::from(self.keys_per_switch) * bits / self.interval.as_secs_f64()
    }
}

/// Bits of a key.
pub const KEY_BITS: u32 = 8 * limits::KEY_LEN as u32;

impl Topology {
    /// Reads a topology. `file` is the name of the file in messages.
    ///
    /// # Errors
    /// All mistakes of the file.
    pub fn parse(text: &str, file: &str) -> Result<Self, Mistakes> {
        let mut findings = section::Findings::new(file, text);
        let draft = draft::read(text, &mut findings);
        check::network(&draft, &mut findings);
        match findings.is_empty() {
            true => Ok(draft.finish()),
            false => Err(findings.into_mistakes()),
        }
    }

    /// A built-in topology, if there is one of this name.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Self> {
        let text = built_in::text(name)?;
        Some(Self::parse(text, name).expect("a test reads each built-in topology"))
    }

    /// The same network with another time between switches: the nearest allowed one.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.demand.interval = interval.clamp(INTERVAL_MIN, INTERVAL_MAX);
        self
    }

    /// The same network with another number of paths for each key. A pair may have too few.
    #[must_use]
    pub fn with_paths(mut self, paths: Paths) -> Self {
        self.demand.paths = paths;
        self
    }

    /// The name of the network.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The nodes. A [`NodeId`] is a position in this list.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The links. A [`LinkId`] is a position in this list.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The keys that the sites need.
    #[must_use]
    pub fn demand(&self) -> &Demand {
        &self.demand
    }

    /// The node with this name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<NodeId> {
        let at = self.nodes.iter().position(|node| node.name == name)?;
        u16::try_from(at).ok().map(NodeId)
    }

    /// All nodes by number.
    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0_u16..).take(self.nodes.len()).map(NodeId)
    }

    /// All links by number.
    pub fn link_ids(&self) -> impl Iterator<Item = LinkId> + use<> {
        (0_u16..).take(self.links.len()).map(LinkId)
    }

    /// The name of a node.
    #[must_use]
    pub fn node_name(&self, node: NodeId) -> &str {
        self.nodes.get(node.index()).map_or("?", |node| &node.name)
    }

    /// The hash that nodes compare: equal if and only if their topologies are.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self)
    }
}

#[cfg(test)]
mod tests;
