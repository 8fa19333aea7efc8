//! The frames of one timed window, each in a room of its own as a port would have them.

use gcm::{ICV_LEN, Job};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// Octets in front of the payload that are authenticated only: destination, source, SecTAG with SCI.
pub const AAD_LEN: usize = 28;
/// Where a frame starts in its room: 64 octets of headroom, of which the SecTAG took 16.
const START: usize = 48;
/// Octets of a room for frames up to 1500 octets and somewhat more.
const ROOM_LEN: usize = 2048;
/// Octets of a room for jumbo frames.
const ROOM_LEN_JUMBO: usize = 9216;
/// Rooms start at a page, as those of a real port do.
const PAGE: usize = 4096;
/// Longest payload that a room takes.
pub const PAYLOAD_MAX: usize = ROOM_LEN_JUMBO - START - AAD_LEN - ICV_LEN;

/// Rooms with frames, and what the frames are before they are sealed.
pub struct Window {
    memory: Vec<u8>,
    /// First octet of the first room in `memory`.
    first: usize,
    room_len: usize,
    payload_lens: Vec<usize>,
    plain: Vec<u8>,
    /// As drawn for this window: two windows under one key do not share nonces.
    sender: u32,
    next_pn: u64,
}

impl Window {
    /// Frames with payloads of these lengths and random content.
    ///
    /// # Panics
    ///
    /// When a payload is longer than [`PAYLOAD_MAX`].
    #[must_use]
    pub fn new(payload_lens: Vec<usize>, rng: &mut ChaCha8Rng) -> Self {
        let longest = payload_lens.iter().copied().max().unwrap_or(0);
        assert!(longest <= PAYLOAD_MAX, "a payload is longer than a room");
        let room_len = if START + AAD_LEN + longest + ICV_LEN <= ROOM_LEN {
            ROOM_LEN
        } else {
            ROOM_LEN_JUMBO
        };
        let memory = vec![0; room_len * payload_lens.len() + PAGE];
        let first = memory.as_ptr().align_offset(PAGE).min(PAGE);
        let mut plain = vec![0; AAD_LEN + longest];
        rng.fill_bytes(&mut plain);
        Self {
            memory,
            first,
            room_len,
            payload_lens,
            plain,
            sender: rng.next_u32(),
            next_pn: 1,
        }
    }

    /// The same rooms with frames in another order.
    pub fn reorder(&mut self, shuffle: impl FnOnce(&mut [usize])) {
        shuffle(&mut self.payload_lens);
    }

    /// Frames in the window.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.payload_lens.len()
    }

    /// Plaintext into every room, and jobs over them with nonces never used before.
    pub fn jobs(&mut self) -> Vec<Job<'_>> {
        let pns = self.next_pn..;
        self.next_pn += self.payload_lens.len() as u64;
        let rooms = self.memory[self.first..].chunks_exact_mut(self.room_len);
        rooms
            .zip(&self.payload_lens)
            .zip(pns)
            .map(|((room, &payload_len), pn)| {
                let plain_len = AAD_LEN + payload_len;
                let frame = &mut room[START..START + plain_len + ICV_LEN];
                frame[..plain_len].copy_from_slice(&self.plain[..plain_len]);
                Job::new(frame, AAD_LEN, nonce(self.sender, pn))
            })
            .collect()
    }

    /// AAD and payload of a frame with that length of payload, before it was sealed.
    #[must_use]
    pub fn plain(&self, payload_len: usize) -> &[u8] {
        &self.plain[..AAD_LEN + payload_len]
    }
}

/// A nonce that differs whenever `sender` or `pn` does.
#[must_use]
pub fn nonce(sender: u32, pn: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[..4].copy_from_slice(&sender.to_be_bytes());
    nonce[4..].copy_from_slice(&pn.to_be_bytes());
    nonce
}

#[cfg(test)]
mod tests;
