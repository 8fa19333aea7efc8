//! A network of QKD nodes: keys for every pair of sites, carried hop by hop over trusted relays.
//!
//! No IO, no clock and no randomness of its own: the caller passes the time and a source of random
//! octets, and carries out the actions.
//!
//! ```text
//!      QKD blocks, connections, messages, time          014: enc_keys, dec_keys
//!                      │ on_*(now, …)                            │
//!                      ▼                                         ▼
//!   ┌──────────────────────────── Node ─────────────────────────────────┐
//!   │ link    pool of one link end: pads, one-time MAC, accounts         │
//!   │ states  link states of all nodes, flooded; routes from them        │
//!   │ origin  batches that this node sends, the stock of each pair       │──▶ poll_action()
//!   │ held    keys that wait here for their target SAE                   │
//!   └────────────────────────────────────────────────────────────────────┘
//! ```
//! **One hop.** A batch of fresh keys is XORed with octets of the link's key. A one-time MAC
//! (Wegman and Carter, by Poly1305) authenticates the whole message, with key from the same pool.
//! Each octet is used once, in one direction, and wiped at once.
//!
//! **A batch.** The origin draws the keys, sends them along a source route, and waits for the far
//! node's ACK, which comes back hop by hop and proves that the far node holds the same bits. Only
//! then may `enc_keys` hand them out. A batch that is refused, lost or late is voided as a whole:
//! its keys are never used, and the next attempt has new keys, new `key_ID`s and new pads.
//!
//! **Two domains.** At an interworking node a batch for the neighbour domain goes to the KME that
//! speaks ETSI 020 ([`Crossing`]). The ACK to its origin waits until all its keys are at their
//! target. Keys of the neighbour domain go on as batches, under the names that they have.
//!
//! **Trust.** Each relay on the path of a key sees it in clear. HELLO, HAVE, STATE and PING are
//! authenticated by the connection (TLS) alone: whoever breaks it can stop keys and draw routes
//! towards a node that it owns, but it reads and forges no key.
//!
//! **A node that lies** can stop keys: it can lose or refuse batches, void them, announce false
//! link states, and waste the key of its own links. Besides that:
//! - One path: if the path passes the node, it knows the key, and can give the two ends different
//!   bits with a proof that fits. The check value of the rekey protocol shows that. A change without
//!   a proof that fits, such as a defect, is found here, and the batch is voided.
//! - Two paths: it knows nothing of the key, and whatever it changes voids the batch.
//! - A path that does not pass the node: it learns and changes nothing.
//! - It can make keys up and hand them to a far node. The initiator's node never names them.
#![forbid(unsafe_code)]

#[cfg(all(feature = "guards", not(debug_assertions)))]
compile_error!("the feature `guards` is for the simulation only: no release can have it");

pub mod graph;
#[cfg(feature = "guards")]
pub mod guards;
pub mod id;
pub mod interworking;
pub mod limits;
pub mod map;
pub mod mistake;
pub mod plan;
pub mod supply;
pub mod topology;

mod accounts;
mod action;
mod block;
mod carried;
mod config;
#[cfg(not(feature = "guards"))]
#[expect(
    unreachable_pub,
    reason = "public for the simulation, by the feature `guards`"
)]
mod guards;
mod held;
mod key;
mod keys;
mod link;
mod mac;
mod message;
mod node;
mod octets;
mod origin;
mod passport;
mod pool;
mod shares;
mod sites;
mod states;
mod status;
mod stock;
mod withdrawal;

pub use kme_api::etsi020::SaeId;

pub use accounts::Accounts;
pub use action::{Action, Closed, Crossing, Event, Reason, Record, Refusal, Unavailable};
pub use block::{Block, Label};
pub use config::{ConfigError, Demand, NodeConfig, Paths};
pub use id::{LinkId, NodeId};
pub use key::{BatchId, Key, KeyId, KeyValue};
pub use node::{Carry, Entropy, HandedOver, Node};
pub use octets::Malformed;
pub use passport::{Beyond, Hop, Passport, PathPassport};
pub use status::{LinkStatus, PairStatus, Status};
pub use topology::Topology;
pub use withdrawal::Withdrawal;
