//! The state of a node as JSON, for the status socket. It holds no key.

use std::time::Duration;

use network::interworking::{Account, Books};
use network::{Accounts, LinkStatus, PairStatus, Status};
use serde::{Deserialize, Serialize};

use crate::core::Core;
use crate::map::Map;

/// A node at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeReport {
    /// Name of the node.
    pub node: String,
    /// Name of the topology.
    pub topology: String,
    /// Its hash, in hex.
    pub digest: String,
    /// Random at each start, in hex.
    pub run: String,
    /// Time since the start.
    pub uptime_s: f64,
    /// Its links.
    pub links: Vec<LinkReport>,
    /// The ordered pairs whose keys it draws.
    pub pairs: Vec<PairReport>,
    /// Keys that wait here for their target SAEs.
    pub keys_held: usize,
    /// Names of the nodes that a path leads to.
    pub reachable: Vec<String>,
    /// Requests of SAEs that this node has fulfilled.
    pub requests: u64,
    /// Keys between the domains, at an interworking node whose journal can be written.
    pub interworking: Option<InterworkingReport>,
}

/// Keys between the domain of a node and the neighbour domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterworkingReport {
    /// Keys that this domain handed over.
    pub sent: AccountReport,
    /// Keys that the neighbour domain handed over.
    pub received: AccountReport,
}

/// Keys of one direction: `taken = released + voided + failed + held`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountReport {
    /// Keys taken over.
    pub taken: u64,
    /// Keys that SAEs of both domains may have.
    pub released: u64,
    /// Keys that were voided.
    pub voided: u64,
    /// Keys that were refused or could not be carried.
    pub failed: u64,
    /// Keys whose end is not known yet.
    pub held: u64,
}

impl From<Books> for InterworkingReport {
    fn from(books: Books) -> Self {
        let account = |account: &Account| AccountReport {
            taken: account.taken,
            released: account.released,
            voided: account.voided,
            failed: account.failed,
            held: account.held,
        };
        Self {
            sent: account(&books.sent),
            received: account(&books.received),
        }
    }
}

/// One link of the node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LinkReport {
    /// Number of the link in the topology.
    pub link: u16,
    /// Name of the link: its ends.
    pub name: String,
    /// Name of the node at its other end.
    pub neighbour: String,
    /// `up`, `down`, or `cut` by order.
    pub state: String,
    /// Mean rate of the modelled channel.
    pub rate_bit_s: f64,
    /// Bits that this node can still use for keys to the neighbour.
    pub usable_bits: u64,
    /// Messages dropped for a wrong tag.
    pub forged: u64,
    /// Where the link's bits have gone.
    pub accounts: Accounts,
}

/// One ordered pair.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PairReport {
    /// The SAE that calls `enc_keys`.
    pub initiator: String,
    /// The SAE that calls `dec_keys`.
    pub target: String,
    /// Name of the target's node.
    pub to: String,
    /// Keys ready.
    pub stock: usize,
    /// Keys delivered by `enc_keys`.
    pub delivered: u64,
    /// Keys voided.
    pub voided: u64,
    /// Names of the nodes of the last path, or of the last two.
    pub paths: Vec<Vec<String>>,
    /// Time from the last batch to its ACK.
    pub latency_ms: Option<f64>,
    /// The reason if the stock is empty.
    pub without_keys: Option<String>,
}

/// Builds the report of a node.
pub(crate) fn report(map: &Map, core: &Core, uptime: Duration, requests: u64) -> NodeReport {
    let status: Status = core.with(|node, _| node.status());
    let names = |nodes: &[network::NodeId]| -> Vec<String> {
        nodes
            .iter()
            .map(|node| map.node_name(*node).to_owned())
            .collect()
    };
    let link = |link: &LinkStatus| LinkReport {
        link: link.link.0,
        name: map.link_name(link.link),
        neighbour: map.node_name(link.neighbour).to_owned(),
        state: match (core.is_cut(link.link), link.up) {
            (true, _) => "cut",
            (false, true) => "up",
            (false, false) => "down",
        }
        .to_owned(),
        rate_bit_s: map.supply(link.link).map_or(0.0, |supply| supply.bit_s()),
        usable_bits: link.usable_bits,
        forged: link.forged,
        accounts: link.accounts,
    };
    let pair = |pair: &PairStatus| PairReport {
        initiator: pair.initiator.to_string(),
        target: pair.target.to_string(),
        to: map.node_of(pair.target.as_str()).unwrap_or("?").to_owned(),
        stock: pair.stock,
        delivered: pair.delivered,
        voided: pair.voided,
        paths: pair.paths.iter().map(|path| names(path)).collect(),
        latency_ms: pair.latency.map(|latency| latency.as_secs_f64() * 1e3),
        without_keys: pair.without_keys.map(|reason| reason.to_string()),
    };
    NodeReport {
        node: map.name().to_owned(),
        topology: map.topology().name().to_owned(),
        digest: map.topology().digest().to_string(),
        run: format!("{:016x}", status.run),
        uptime_s: uptime.as_secs_f64(),
        links: status.links.iter().map(link).collect(),
        pairs: status.pairs.iter().map(pair).collect(),
        keys_held: status.keys_held,
        reachable: names(&status.reachable),
        requests,
        interworking: None,
    }
}
