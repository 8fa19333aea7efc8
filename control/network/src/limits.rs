//! Every bound of the network in one place, and how they relate.

use core::time::Duration;

/// Version of the protocol between neighbours.
pub const VERSION: u16 = 2;

/// Octets of a relayed key.
pub const KEY_LEN: usize = 32;
/// Links of a topology.
pub const LINKS_MAX: usize = 4096;
/// Links of one node.
pub const LINKS_PER_NODE_MAX: usize = 256;
/// Links of one path.
pub const HOPS_MAX: usize = 16;
/// Rekey intervals of a demand.
pub const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// See [`INTERVAL_MIN`].
pub const INTERVAL_MAX: Duration = Duration::from_hours(24);
/// Keys of a demand for each switch.
pub const KEYS_PER_SWITCH_MAX: u16 = 64;

/// Octets of the shortest block of QKD key. [`SEGMENTS_MAX`] pieces of such blocks suffice for the
/// longest message.
pub const BLOCK_LEN_MIN: usize = 256;
/// Blocks in the pool of one link.
pub const BLOCKS_MAX: usize = 4096;
/// Octets in the pool of one link.
pub const POOL_LEN_MAX: usize = 32 << 20;
/// Octets of each direction that only messages without keys may use: enough for 32 tags, so that
/// ACK, NACK and VOID pass where no key can.
pub const AUTHENTICATION_RESERVE: usize = 32 * TAG_LEN;
/// Octets of a one-time MAC, of each half of its key, and of what is used up for one tag.
pub const TAG_LEN: usize = 16;
/// Octets with which the far node proves that it holds the keys of a batch: the key of one tag.
pub const CONFIRMATION_LEN: usize = 2 * TAG_LEN;

/// Keys of one batch.
pub const BATCH_KEYS_MAX: usize = 64;
/// Pieces of blocks whose key encrypts and authenticates one message.
pub const SEGMENTS_MAX: usize = 32;
/// Octets of one message between neighbours: a batch with the longest passport fits.
pub const MESSAGE_LEN_MAX: usize = 64 * 1024;
/// Octets of the neighbour domain's part of a passport.
pub const BEYOND_LEN_MAX: usize = 16 * 1024;
/// Keys that one call of `enc_keys` or `dec_keys` may ask for.
pub const KEYS_ASKED_MAX: usize = 128;

/// Time that the stock of a pair covers.
pub const STOCK_TIME: Duration = Duration::from_secs(4);
/// Least number of keys of a full stock.
pub const STOCK_MIN: usize = 8;
/// Most keys of a stock. It is filled up when less than half is left.
pub const STOCK_MAX: usize = 512;
/// A key in stock that nobody asked for is voided after this time.
pub const STOCK_AGE: Duration = Duration::from_secs(300);
/// The far node drops a key that nobody asked for after this time. From `enc_keys` to `dec_keys` it
/// is at least the difference to [`STOCK_AGE`].
pub const HELD_AGE: Duration = Duration::from_secs(600);
/// The far node drops one share without the other after this time.
pub const SHARE_AGE: Duration = Duration::from_secs(5);
/// Keys of one pair that the far node holds.
pub const HELD_MAX: usize = 8192;
/// Batches of one pair that the far node remembers, until [`HELD_AGE`].
pub const BATCHES_MAX: usize = 4096;

/// A batch without ACK is voided after this time.
pub const ACK_WAIT: Duration = Duration::from_secs(1);
/// A batch for the neighbour domain without ACK is voided after this time.
pub const CROSS_WAIT: Duration = Duration::from_secs(2);
/// An interworking node that has not brought a batch across is avoided for this time.
pub const AVOID_GATE: Duration = Duration::from_secs(5);
/// A key of the neighbour domain for which there is no route is given up after this time.
pub const CARRY_WAIT: Duration = Duration::from_secs(2);
/// Keys of the neighbour domain that wait for their batch, for each pair.
pub const CARRY_MAX: usize = 1024;
/// Questions about keys that are open at an interworking node.
pub const WITHDRAWALS_MAX: usize = 1024;
/// Pause after a voided batch. It doubles with each further one,
pub const RETRY: Duration = Duration::from_millis(100);
/// up to this.
pub const RETRY_MAX: Duration = Duration::from_secs(1);
/// A link that a relay has refused to use is avoided for this time.
pub const AVOID: Duration = Duration::from_millis(500);
/// Links avoided at a time.
pub const AVOIDED_MAX: usize = 64;

/// A pair may always use this multiple of its demand of a link.
pub const SHARE_OF_DEMAND: u64 = 3;
/// Beyond that, it may use this part of what is left.
pub const SHARE_OF_REST: usize = 4;

/// A message is sent after this time without one.
pub const KEEPALIVE: Duration = Duration::from_millis(250);
/// Silence after which a neighbour counts as dead.
pub const DEAD: Duration = Duration::from_millis(900);
/// Difference of two clocks that is reported.
pub const SKEW_MAX: Duration = Duration::from_secs(2);

/// Shortest time between two link states of one node.
pub const STATE_EVERY: Duration = Duration::from_millis(50);
/// A link state is sent again after this time without a change.
pub const STATE_REFRESH: Duration = Duration::from_secs(2);
/// A link state is dropped at this age.
pub const STATE_AGE: Duration = Duration::from_secs(8);
/// Interval of the search for entries that are too old.
pub const HOUSEKEEPING: Duration = Duration::from_secs(1);
