//! Every bound of the network in one place, and how they relate.

use core::time::Duration;

/// Version of the protocol between neighbours.
pub const VERSION: u16 = 1;

/// Octets of a relayed key.
pub const KEY_LEN: usize = 32;
/// Characters of the name of an SAE (ETSI 020).
pub const SAE_ID_LEN_MAX: usize = 64;
/// Links of a topology.
pub const LINKS_MAX: usize = 4096;
/// Links of one path.
pub const HOPS_MAX: usize = 16;
/// Keys of one batch.
pub const BATCH_KEYS_MAX: usize = 64;
/// Keys that one call of `enc_keys` or `dec_keys` may ask for.
pub const KEYS_ASKED_MAX: usize = 128;
/// Octets of one message between neighbours.
pub const MESSAGE_LEN_MAX: usize = 64 * 1024;

/// Pieces of blocks whose key encrypts and authenticates one message.
pub const SEGMENTS_MAX: usize = 16;
/// Octets of the shortest block of QKD key.
pub const BLOCK_LEN_MIN: usize = 64;
/// Silence after which a neighbour counts as dead.
pub const DEAD: Duration = Duration::from_millis(900);

/// Rekey intervals of a demand.
pub const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// See [`INTERVAL_MIN`].
pub const INTERVAL_MAX: Duration = Duration::from_hours(24);
/// Keys of a demand for each switch.
pub const KEYS_PER_SWITCH_MAX: u16 = 64;
