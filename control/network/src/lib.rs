//! A network of QKD nodes: keys for every pair of sites, carried hop by hop over trusted relays.
//!
//! No IO, no clock and no randomness of its own: the caller passes the time and a source of random
//! octets, and carries out the actions.
#![forbid(unsafe_code)]

pub mod graph;
pub mod id;
pub mod interworking;

pub use id::{LinkId, NodeId};
