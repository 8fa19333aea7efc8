//! Orders of a node to its driver: messages to send, events, records for the ledger; and refusals.

use std::sync::Arc;

use crate::accounts::Accounts;
use crate::block::Block;
use crate::id::{LinkId, NodeId};
use crate::key::{BatchId, KeyId};
use crate::limits;
use crate::passport::Passport;
use crate::withdrawal::Withdrawal;
use kme_api::etsi020::SaeId;

/// Something for the driver to do. The order counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send a message to the neighbour at the other end of this link, whole and in order. Nothing
    /// in it is secret: keys are encrypted.
    Send {
        /// The link.
        link: LinkId,
        /// The message, at most [`limits::MESSAGE_LEN_MAX`] octets.
        octets: Vec<u8>,
    },
    /// Close the connection. The driver connects again later and reports it by `on_link`; this
    /// closing itself needs no report.
    Close {
        /// The link.
        link: LinkId,
        /// The reason.
        reason: Closed,
    },
    /// Tell the KME that speaks to the neighbour domain, at an interworking node.
    Crossing(Crossing),
    /// Log this.
    Event(Event),
    /// Write this to the node's ledger.
    Record(Record),
}

/// A report of an interworking node to its KME for the neighbour domain.
#[derive(Clone, Debug, PartialEq)]
pub enum Crossing {
    /// A batch for the neighbour domain has come: take it by [`crate::Node::hand_over`].
    Came(BatchId),
    /// The origin has given these keys up, which were handed over.
    GivenUp(Vec<KeyId>),
    /// The keys of a [`crate::Node::carry`] are at their target.
    Carried {
        /// Names of the keys.
        keys: Vec<KeyId>,
        /// Their way through this domain.
        passport: Arc<Passport>,
    },
    /// The keys of a [`crate::Node::carry`] do not come to their target, and are dropped.
    NotCarried {
        /// Names of the keys.
        keys: Vec<KeyId>,
        /// The reason.
        reason: Reason,
    },
    /// The target's node has restarted: these keys, carried before, are lost.
    Lost(Vec<KeyId>),
    /// The answer to [`crate::Node::withdraw`].
    Withdrawn(KeyId, Withdrawal),
}

/// The reason why a node closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// Nothing came for too long.
    #[error("the neighbour is silent: no message for {} ms", limits::DEAD.as_millis())]
    Silent,
    /// A message that breaks the format or the order of the protocol.
    #[error("malformed or unexpected message: both nodes need the same release")]
    Malformed,
    /// A wrong tag, or key that is not here or was used before. The message was dropped and cost no
    /// key. The two ends compare their blocks on the next connection.
    #[error("a message of the neighbour is forged or out of step")]
    Forged,
    /// Another version of this protocol.
    #[error(
        "the neighbour speaks version {theirs}, this node version {}: install one release",
        limits::VERSION
    )]
    Version {
        /// The neighbour's version.
        theirs: u16,
    },
    /// Another topology.
    #[error(
        "the neighbour has another topology (hash {:02x}{:02x}{:02x}{:02x}, ours {:02x}{:02x}{:02x}{:02x}): \
         give both nodes the same file", .theirs[0], .theirs[1], .theirs[2], .theirs[3],
        .ours[0], .ours[1], .ours[2], .ours[3]
    )]
    Topology {
        /// First octets of our hash.
        ours: [u8; 4],
        /// First octets of the neighbour's hash.
        theirs: [u8; 4],
    },
    /// Another node or link at the other end.
    #[error("node {} answers on link {}: check the addresses of the links", .node.0, .link.0)]
    Stranger {
        /// The node that it names.
        node: NodeId,
        /// The link that it names.
        link: LinkId,
    },
}

/// Something that an operator may want to know.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The link carries messages.
    LinkUp {
        /// The link.
        link: LinkId,
        /// The node at its other end.
        neighbour: NodeId,
    },
    /// The link carries no messages any more.
    LinkDown {
        /// The link.
        link: LinkId,
        /// The node at its other end.
        neighbour: NodeId,
    },
    /// The clocks of two neighbours differ too much to compare their ledgers by time. Keys do not
    /// depend on it.
    ClockSkew {
        /// The link.
        link: LinkId,
        /// The node at its other end.
        neighbour: NodeId,
        /// Its clock minus ours, in milliseconds.
        skew_ms: i64,
    },
    /// The neighbour has restarted: what was left in the pool of this link is lost.
    NeighbourRestarted {
        /// The link.
        link: LinkId,
        /// Bits lost.
        bits: u64,
    },
    /// A block was not taken: its number is not above all before it, it is shorter than
    /// [`limits::BLOCK_LEN_MIN`], or it is of a link that this node does not have.
    BlockRefused {
        /// The link.
        link: LinkId,
        /// Number of the block.
        number: u64,
    },
    /// A block was voided, because the pool of the link is full.
    PoolFull {
        /// The link.
        link: LinkId,
        /// Number of the block.
        number: u64,
    },
    /// A batch of ours was voided.
    BatchVoided {
        /// The batch.
        batch: BatchId,
        /// The reason.
        reason: Reason,
        /// The node that refused it, if one did.
        at: Option<NodeId>,
    },
    /// A pair has keys again, or has none.
    Pair {
        /// The SAE that calls `enc_keys`.
        initiator: SaeId,
        /// The SAE that calls `dec_keys`.
        target: SaeId,
        /// The reason if there are no keys.
        without_keys: Option<Unavailable>,
    },
    /// A node became reachable, or was lost.
    Reachable {
        /// The node.
        node: NodeId,
        /// Whether a path leads to it.
        reachable: bool,
    },
}

/// The reason why a batch is refused or voided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Reason {
    /// A link on the route has too little key.
    #[error("a link on the route has too little key")]
    NoKey,
    /// The pair has used more of a link than its share.
    #[error("the pair has used more than its share of a link")]
    OverShare,
    /// A link on the route is down.
    #[error("a link on the route is down")]
    LinkDown,
    /// No ACK in time.
    #[error("no acknowledgement in time")]
    Timeout,
    /// The far node does not know this pair, or it is at another node.
    #[error("unknown pair of SAEs")]
    UnknownPair,
    /// The far node holds as many keys of the pair as it may.
    #[error("the far node holds too many keys that nobody fetches")]
    Full,
    /// The batch was voided before, its number is too old, or its two shares do not match.
    #[error("the batch is not fresh")]
    NotFresh,
    /// The far node has other bits: a relay on the route has changed them.
    #[error("the far node holds other bits: a relay has changed them")]
    Corrupt,
    /// The far node has restarted and lost its keys.
    #[error("the far node has restarted")]
    FarRestarted,
    /// Nobody asked for the keys in time.
    #[error("the keys are too old")]
    Expired,
    /// The neighbour domain has not taken all keys of the batch.
    #[error("the neighbour domain does not take the keys")]
    NotCrossed,
    /// The neighbour domain has voided the keys.
    #[error("the neighbour domain has voided the keys")]
    Withdrawn,
}

/// A line of the node's ledger.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A block was taken in.
    BlockIn {
        /// The link.
        link: LinkId,
        /// The block.
        block: Block,
        /// Its bits.
        bits: u64,
    },
    /// This node relayed a batch, and saw its keys, or one share of them, in clear.
    Relayed {
        /// The batch.
        batch: BatchId,
        /// 1 of 1, 1 of 2 or 2 of 2.
        share: (u8, u8),
        /// The link on which it came.
        from: LinkId,
        /// The link on which it went.
        to: LinkId,
        /// Names of the keys.
        keys: Vec<KeyId>,
    },
    /// The far node holds the batch: its keys are in the stock of this node.
    Stocked {
        /// The batch.
        batch: BatchId,
        /// The SAE that calls `enc_keys`.
        initiator: SaeId,
        /// The SAE that calls `dec_keys`.
        target: SaeId,
        /// Names of the keys.
        keys: Vec<KeyId>,
        /// Blocks and nodes.
        passport: Arc<Passport>,
    },
    /// The batch came from afar: its keys wait here for their target.
    Held {
        /// The batch.
        batch: BatchId,
        /// The SAE that calls `enc_keys`.
        initiator: SaeId,
        /// The SAE that calls `dec_keys`.
        target: SaeId,
        /// Names of the keys.
        keys: Vec<KeyId>,
        /// Blocks and nodes.
        passport: Arc<Passport>,
    },
    /// The batch came for the neighbour domain: this node saw its keys in clear.
    HandedOver {
        /// The batch.
        batch: BatchId,
        /// The SAE that calls `enc_keys`.
        initiator: SaeId,
        /// The SAE that calls `dec_keys`, in the neighbour domain.
        target: SaeId,
        /// Names of the keys.
        keys: Vec<KeyId>,
        /// Blocks and nodes.
        passport: Arc<Passport>,
    },
    /// Keys of the neighbour domain are at their target: this node saw them in clear.
    Carried {
        /// The batch.
        batch: BatchId,
        /// The SAE that calls `enc_keys`, in the neighbour domain.
        initiator: SaeId,
        /// The SAE that calls `dec_keys`.
        target: SaeId,
        /// Names of the keys.
        keys: Vec<KeyId>,
        /// Blocks and nodes.
        passport: Arc<Passport>,
    },
    /// Keys left the node, to an SAE.
    Delivered {
        /// The SAE that got them.
        to: SaeId,
        /// The SAE at the other end.
        peer: SaeId,
        /// Names of the keys.
        keys: Vec<KeyId>,
    },
    /// Keys that no SAE of this node gets any more.
    Voided {
        /// The batch.
        batch: BatchId,
        /// Names of the keys.
        keys: Vec<KeyId>,
        /// The reason.
        reason: Reason,
    },
    /// Accounts of a link, after each loss of its pool.
    Accounts {
        /// The link.
        link: LinkId,
        /// The accounts.
        accounts: Accounts,
    },
}

impl Record {
    /// The record of a batch that came, at the interworking node before the neighbour domain.
    pub(crate) fn handed_over(self) -> Self {
        match self {
            Self::Held {
                batch,
                initiator,
                target,
                keys,
                passport,
            } => Self::HandedOver {
                batch,
                initiator,
                target,
                keys,
                passport,
            },
            other => other,
        }
    }
}

/// `enc_keys` or `dec_keys` gives no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The SAE that asks is not at this node (401 in 014).
    #[error("this SAE is not at this node")]
    NotHere,
    /// There is no demand for this pair (400).
    #[error("no demand for this pair of SAEs: add it to the topology")]
    NoDemand,
    /// No or too many keys asked for at once (400).
    #[error("ask for 1 to {} keys at once", limits::KEYS_ASKED_MAX)]
    Number,
    /// At least one of the keys is not held for this pair (400). None is given.
    #[error("no such key for this pair of SAEs")]
    UnknownKey,
    /// Too few keys now (503).
    #[error("too few keys in stock: {0}")]
    Short(Unavailable),
}

/// The reason why a pair has no or too few keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unavailable {
    /// Keys are on their way: ask again soon.
    #[error("keys are on their way")]
    Waiting,
    /// No path leads to the target's node.
    #[error("no path leads to the target's node")]
    NoRoute,
    /// Two node-disjoint paths are demanded, and there are none.
    #[error("there are no two paths without a common relay")]
    NoTwoPaths,
    /// The last batch was voided.
    #[error("the last attempt failed: {0}")]
    Failed(Reason),
}
