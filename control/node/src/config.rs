//! The settings of one node, and what the protocol needs of its topology.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use network::topology::{self, Topology};
use network::{Demand, NodeConfig, NodeId, Paths, SaeId};

use crate::map::{Map, sae_of, sites};
use crate::tls::Identity;

/// The settings of one node.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name in the topology.
    pub name: String,
    /// The topology, the same at every node.
    pub topology: Topology,
    /// Address to listen on for neighbours.
    pub listen: SocketAddr,
    /// Addresses of the neighbours. Only those of neighbours that this node connects to are used.
    pub neighbours: BTreeMap<String, SocketAddr>,
    /// Certificates for neighbours and SAEs. The certificate names this node.
    pub identity: Identity,
    /// Address to listen on for SAEs: ETSI GS QKD 014.
    pub kme_listen: SocketAddr,
    /// Blocks that each modelled link delivers at once, as if it had run before.
    pub blocks_at_start: u32,
    /// File for the ledger.
    pub ledger: Option<PathBuf>,
    /// The KME for the neighbour domain, at an interworking node.
    pub interworking: Option<Interworking>,
}

/// The KME of an interworking node that speaks ETSI GS QKD 020 to the KME of the neighbour domain.
/// Its certificate is that of the node.
#[derive(Clone, Debug)]
pub struct Interworking {
    /// PEM file of the authority that signs the certificate of the neighbour's KME.
    pub ca: PathBuf,
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Host name, or address (IPv6 in brackets), under which the neighbour reaches it.
    pub host: String,
    /// Host and port of the neighbour's KME.
    pub neighbour: String,
    /// File for the states of the keys. It holds no key.
    pub journal: PathBuf,
    /// Asks the neighbour for the synchronous mode, if it has it.
    pub synchronous: bool,
}

/// Settings that contradict the topology.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The topology has no such node.
    #[error("the topology {topology} has no node {name:?}; fix: use one of {nodes}")]
    NoSuchNode {
        /// Name of the topology.
        topology: String,
        /// Name of this node.
        name: String,
        /// Names of all nodes.
        nodes: String,
    },
    /// A neighbour has no address.
    #[error(
        "neighbour {0} has no address; fix: add the line {0:?} = \"ADDRESS:PORT\" to \
         [neighbours]"
    )]
    NoAddress(String),
    /// A node with an address is no neighbour.
    #[error("{0} is no neighbour of this node; fix: remove its line from [neighbours]")]
    NoNeighbour(String),
    /// An interworking node has no KME for the neighbour domain.
    #[error(
        "{0} is an interworking node, and its KME for {1} has no address; fix: add a section \
         [interworking] with listen, neighbour and journal"
    )]
    NoInterworking(String, String),
    /// Another node has one.
    #[error("{0} is no interworking node of its topology; fix: remove the section [interworking]")]
    NotInterworking(String),
    /// The topology and the limits of the protocol contradict each other.
    #[error("the topology cannot be used: {0}")]
    Network(String),
}

impl Settings {
    /// Checks the settings against the topology.
    pub(crate) fn map(&self) -> Result<Map, SettingsError> {
        let names = || {
            let nodes = self.topology.node_ids();
            let kmes = nodes.flat_map(|node| self.topology.kmes(node));
            kmes.collect::<Vec<_>>()
        };
        let domain = self.topology.of_node(&self.name);
        let map = domain.and_then(|domain| Map::of(domain, &self.name));
        let map = map.ok_or_else(|| SettingsError::NoSuchNode {
            topology: self.topology.name().to_owned(),
            name: self.name.clone(),
            nodes: names().join(", "),
        })?;
        match (self.topology.neighbour_kme(&self.name), &self.interworking) {
            (Some(neighbour), None) => {
                return Err(SettingsError::NoInterworking(self.name.clone(), neighbour));
            }
            (None, Some(_)) => return Err(SettingsError::NotInterworking(self.name.clone())),
            (Some(_), Some(_)) | (None, None) => {}
        }
        let mut neighbours = Vec::new();
        for (link, neighbour) in map.own_links() {
            let name = map.neighbour_name(link);
            if map.leads(neighbour) && !self.neighbours.contains_key(name) {
                return Err(SettingsError::NoAddress(name.to_owned()));
            }
            neighbours.push(name);
        }
        let mut named = self.neighbours.keys();
        match named.find(|name| !neighbours.contains(&name.as_str())) {
            Some(stranger) => Err(SettingsError::NoNeighbour(stranger.clone())),
            None => Ok(map),
        }
    }
}

/// Builds the configuration of the protocol for one node.
pub(crate) fn node_config(map: &Map) -> Result<NodeConfig, SettingsError> {
    let topology = map.topology();
    let wrong = |error: &dyn std::fmt::Display| SettingsError::Network(error.to_string());
    let sae_at = |site: &str| SaeId::parse(&sae_of(site)).map_err(|error| wrong(&error));
    let sae = |node: NodeId| sae_at(topology.node_name(node));
    let mut saes = Vec::new();
    for site in sites(topology) {
        saes.push((sae(site)?, site));
    }
    let mut foreign = Vec::new();
    for site in topology.foreign() {
        foreign.push((sae_at(&site.site)?, site.gates.clone()));
    }
    let wanted = topology.demand();
    let keys = u16::try_from(wanted.keys_per_switch).map_err(|error| wrong(&error))?;
    let mut pairs = Vec::new();
    for &(a, b) in &wanted.pairs {
        pairs.push((sae(a)?, sae(b)?));
    }
    for &(ours, theirs) in topology.crossing_pairs() {
        let (theirs, _) = foreign
            .get(theirs)
            .ok_or_else(|| wrong(&"unknown foreign site"))?;
        pairs.push((sae(ours)?, theirs.clone()));
    }
    let mut demand = Vec::new();
    for (a, b) in &pairs {
        for (initiator, target) in [(a, b), (b, a)] {
            demand.push(Demand {
                initiator: initiator.clone(),
                target: target.clone(),
                interval: wanted.interval,
                keys,
                paths: match wanted.paths {
                    topology::Paths::One => Paths::One,
                    topology::Paths::Two => Paths::Two,
                },
            });
        }
    }
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Ok(NodeConfig {
        node: map.node(),
        nodes: u16::try_from(topology.nodes().len()).map_err(|error| wrong(&error))?,
        links: topology.links().iter().map(|link| link.ends).collect(),
        digest: topology.digest().0,
        saes,
        foreign,
        demand,
        // A clock before 1970 shows as clock skew.
        unix_time: since_1970.unwrap_or(Duration::ZERO),
        accounts: Vec::new(),
    })
}

#[cfg(test)]
mod tests;
