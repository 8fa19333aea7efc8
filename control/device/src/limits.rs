//! Every limit of this crate.

use std::time::Duration;

/// Bits of a key: all keys of a block have one size.
pub const KEY_BITS: u32 = 256;
/// Octets of a key.
pub(crate) const KEY_LEN: usize = KEY_BITS as usize / 8;
/// Most keys that wait for the SAE of this end to ask for fresh ones. Beyond it the oldest are
/// voided.
pub(crate) const STOCK_KEYS_MAX: usize = 65_536;
/// Most keys that wait for the SAE of this end to ask for them by their IDs. The other end gives
/// out only its newest [`STOCK_KEYS_MAX`] keys, so a key that is voided here was given out while as
/// many newer ones arrived.
pub(crate) const HELD_KEYS_MAX: usize = 2 * STOCK_KEYS_MAX;
/// Most blocks whose key the other end has not confirmed yet. A further one voids the oldest.
pub(crate) const UNCONFIRMED_MAX: usize = 4;
/// Time in which a fresh key must be asked for.
pub(crate) const STOCK_LIFE: Duration = Duration::from_secs(3600);
