//! A network of QKD nodes: keys for every pair of sites, carried hop by hop over trusted relays.
//!
//! No IO, no clock and no randomness of its own: the caller passes the time and a source of random
//! octets, and carries out the actions.
#![forbid(unsafe_code)]

pub mod graph;
pub mod id;
pub mod map;
pub mod mistake;
pub mod plan;
pub mod supply;
pub mod topology;

pub use id::{LinkId, NodeId};
pub use topology::Topology;
