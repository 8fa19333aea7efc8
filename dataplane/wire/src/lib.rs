//! The formats on the line: views of frames and SecTAGs, and the identifiers inside them. Also the
//! macro for structs of [`counters!`], which all layers share.
//!
//! No dependencies, no allocation on the frame path, no `unsafe`, no I/O. A view checks its input
//! once (`parse`); accessors of a parsed view never panic. This crate handles no keys.
#![forbid(unsafe_code)]

mod counters;
mod ethernet;
mod ids;
mod key_id;
mod mac_pattern;
mod sectag;

pub use ethernet::{
    ETHERNET_LEN_MIN, ETHERTYPE_C_TAG, ETHERTYPE_S_TAG, EthernetFrame, VLAN_TAG_LEN, ethertype,
};
pub use ids::{An, MacAddr, ParseMacAddrError, Pn, Sci, Ssci};
pub use key_id::{KeyId, KeyIdError};
pub use mac_pattern::{MacPattern, ParseMacPatternError};
pub use sectag::{Channel, SHORT_LEN_BOUND, SecTag, SecTagError, short_len};

/// EtherType of a MACsec frame (IEEE 802.1AE).
pub const ETHERTYPE_MACSEC: u16 = 0x88E5;
/// EtherType of our rekey frames: IEEE 802 local experimental 1. The config can change it.
pub const ETHERTYPE_REKEY: u16 = 0x88B5;
/// Octets of destination and source address, in front of the SecTAG.
pub const MACS_LEN: usize = 12;
/// Octets of a SecTAG without SCI, EtherType included.
pub const SECTAG_LEN_MIN: usize = 8;
/// Octets of a SecTAG with explicit SCI, EtherType included.
pub const SECTAG_LEN_MAX: usize = 16;
/// Octets of the integrity check value.
pub const ICV_LEN: usize = 16;
/// Upper limit for the octets that protection adds: SecTAG with SCI, and ICV. Line MTU = red MTU +
/// this.
pub const OVERHEAD_MAX: usize = SECTAG_LEN_MAX + ICV_LEN;
