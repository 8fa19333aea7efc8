//! Reports of a node: numbers, no secrets.

use std::time::Duration;

use crate::accounts::Accounts;
use crate::action::Unavailable;
use crate::id::{LinkId, NodeId};
use kme_api::etsi020::SaeId;

/// A node at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// This node.
    pub node: NodeId,
    /// Its run: random at each start.
    pub run: u64,
    /// Its links.
    pub links: Vec<LinkStatus>,
    /// The pairs whose initiator is here.
    pub pairs: Vec<PairStatus>,
    /// Keys that wait here for their target SAEs.
    pub keys_held: usize,
    /// Nodes that a path leads to.
    pub reachable: Vec<NodeId>,
}

/// One link of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkStatus {
    /// The link.
    pub link: LinkId,
    /// The node at its other end.
    pub neighbour: NodeId,
    /// Whether messages pass.
    pub up: bool,
    /// Bits that this node can still use for keys to this neighbour, above the reserve.
    pub usable_bits: u64,
    /// Its accounts.
    pub accounts: Accounts,
    /// Messages dropped for a wrong tag or for key used before.
    pub forged: u64,
}

/// One ordered pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairStatus {
    /// The SAE that calls `enc_keys`.
    pub initiator: SaeId,
    /// The SAE that calls `dec_keys`.
    pub target: SaeId,
    /// Keys ready for `enc_keys`.
    pub stock: usize,
    /// Keys delivered by `enc_keys`.
    pub delivered: u64,
    /// Keys voided.
    pub voided: u64,
    /// Nodes of the path or the two paths of the last batch.
    pub paths: Vec<Vec<NodeId>>,
    /// Time from sending the last batch to its ACK.
    pub latency: Option<Duration>,
    /// The reason if the stock is empty.
    pub without_keys: Option<Unavailable>,
}
