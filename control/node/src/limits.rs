//! Every limit of this crate.

use std::time::Duration;

/// Time limit for a TCP connection and its TLS handshake.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(3);
/// Time limit for the opening of a connection, after its handshake.
pub(crate) const OPENING: Duration = Duration::from_secs(2);
/// Most connections in their handshake. Further ones wait in the queue of the system.
pub(crate) const HANDSHAKES_MAX: usize = 64;
/// First and longest wait before the next attempt to connect. The real wait is a random part of
/// it, at least a half.
pub(crate) const RETRY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];
/// Life of a connection after which its end counts as a fresh trouble, not as a failed attempt.
pub(crate) const LASTING: Duration = Duration::from_secs(5);
/// Most octets that wait for a neighbour. A neighbour that reads more slowly loses its connection.
pub(crate) const OUTGOING_LEN_MAX: usize = 4 << 20;
/// Time limit to send what waits for a neighbour. After it the connection is closed.
pub(crate) const SEND: Duration = Duration::from_secs(3);
/// Most octets of key that a modelled quantum channel hands over at once. To copy and wipe more
/// would hold up the messages.
pub(crate) const BLOCK_LEN_MAX: usize = 512 << 10;
/// Time limit for the neighbour to confirm a block.
pub(crate) const CONFIRMATION: Duration = Duration::from_secs(10);
/// Longest pause between two signs of life on a quantum channel.
pub(crate) const QUANTUM_PING: Duration = Duration::from_millis(500);
/// Silence after which a quantum channel is closed.
pub(crate) const QUANTUM_SILENCE: Duration = Duration::from_secs(3);
/// Most reports about keys between the domains that wait for the KME. One that finds no room is
/// dropped, as if its message was lost.
pub(crate) const CROSSINGS_MAX: usize = 4096;
/// Time limit for one request to the KME of the neighbour domain.
pub(crate) const NEIGHBOUR_REQUEST: Duration = Duration::from_secs(5);
