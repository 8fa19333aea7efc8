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

/// Most octets of a message on the classical channel.
pub(crate) const MESSAGE_LEN_MAX: usize = 4 << 20;
/// Messages that wait to be sent. Bob's protocol waits for room, and so slows the source. Alice's
/// never waits, or both could wait for each other: without room her connection ends. Her answers to
/// all frames on the way are far fewer.
pub(crate) const OUTGOING_MAX: usize = 256;
/// Frames and messages that wait for the protocol. Beyond it the connections are not read, and the
/// source waits.
pub(crate) const INCOMING_MAX: usize = 8;
/// Quantum frames between a connection and the thread that makes or measures them.
pub(crate) const FRAMES_AHEAD: usize = 2;
/// Time limit for a TCP connection and its opening.
pub(crate) const OPENING: Duration = Duration::from_secs(3);
/// Silence after which a connection counts as lost. The slowest source sends a frame in a fraction
/// of this.
pub(crate) const SILENCE: Duration = Duration::from_secs(10);
/// First and longest wait before the next attempt to connect. The real wait is a random part of it,
/// at least a half.
pub(crate) const RETRY: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];
/// Life of a session after which its end counts as a fresh trouble, not as a failed attempt.
pub(crate) const LASTING: Duration = Duration::from_secs(5);
/// Nice value of the threads that compute, as of the control of an encryptor: frames come first.
pub(crate) const NICE: i32 = 10;
/// Lag behind the symbol rate that a source catches up. A longer one is given up and counted.
pub(crate) const CATCH_UP: Duration = Duration::from_millis(500);
/// Lowest symbol rate: a frame takes a quarter of [`SILENCE`].
pub(crate) const SYMBOL_RATE_MIN_BAUD: f64 = 1e5;
/// Most frames of a block, about 1e9 symbols.
pub(crate) const BLOCK_FRAMES_MAX: u64 = 4096;
/// Frames that wait at Bob's end for their block, or for Alice's decoder. Beyond it the quantum
/// channel is not read. They bridge the hashing of a block.
pub(crate) const FRAMES_WAITING_MAX: usize = 64;
/// Share of the frames that may fail to decode without an alarm.
pub(crate) const FRAME_ERROR_RATE: f64 = 0.05;
/// Octets of the pre-shared secret of a link: bits that each block after a start uses once.
pub const SECRET_LEN: usize = 64 << 10;
