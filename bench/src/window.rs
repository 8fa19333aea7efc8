//! The frames of one timed window, each in a buffer of its own as a port has them.

use gcm::{ICV_LEN, Job};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// Octets before the payload that are authenticated only: destination, source, SecTAG with SCI.
pub(crate) const AAD_LEN: usize = 28;
/// The start of a frame in its buffer: 64 octets of headroom, of which the SecTAG took 16.
const START: usize = 48;
const BUFFER_LEN: usize = 2048;
const BUFFER_LEN_JUMBO: usize = 9216;
/// Buffers start at a page, as those of a real port do.
const PAGE: usize = 4096;
/// The longest payload that a buffer takes.
pub(crate) const PAYLOAD_MAX: usize = BUFFER_LEN_JUMBO - START - AAD_LEN - ICV_LEN;

/// Buffers with frames, and the plain frames.
pub(crate) struct Window {
    memory: Vec<u8>,
    first: usize,
    buffer_len: usize,
    payload_lens: Vec<usize>,
    plain: Vec<u8>,
    /// Drawn for each window: two windows under one key do not share nonces.
    sender: u32,
    next_pn: u64,
}

impl Window {
    /// Frames with payloads of these lengths and random content.
    pub(crate) fn new(payload_lens: Vec<usize>, rng: &mut ChaCha8Rng) -> Self {
        let longest = payload_lens.iter().copied().max().unwrap_or(0);
        assert!(longest <= PAYLOAD_MAX, "a payload is longer than a buffer");
        let buffer_len = if START + AAD_LEN + longest + ICV_LEN <= BUFFER_LEN {
            BUFFER_LEN
        } else {
            BUFFER_LEN_JUMBO
        };
        let memory = vec![0; buffer_len * payload_lens.len() + PAGE];
        let first = memory.as_ptr().align_offset(PAGE).min(PAGE);
        let mut plain = vec![0; AAD_LEN + longest];
        rng.fill_bytes(&mut plain);
        Self {
            memory,
            first,
            buffer_len,
            payload_lens,
            plain,
            sender: rng.next_u32(),
            next_pn: 1,
        }
    }

    pub(crate) fn reorder(&mut self, shuffle: impl FnOnce(&mut [usize])) {
        shuffle(&mut self.payload_lens);
    }

    pub(crate) fn frames(&self) -> usize {
        self.payload_lens.len()
    }

    /// Writes plaintext into every buffer; returns jobs over them with nonces never used before.
    pub(crate) fn jobs(&mut self) -> Vec<Job<'_>> {
        let pns = self.next_pn..;
        self.next_pn += self.payload_lens.len() as u64;
        let buffers = self.memory[self.first..].chunks_exact_mut(self.buffer_len);
        buffers
            .zip(&self.payload_lens)
            .zip(pns)
            .map(|((buffer, &payload_len), pn)| {
                let plain_len = AAD_LEN + payload_len;
                let frame = &mut buffer[START..START + plain_len + ICV_LEN];
                frame[..plain_len].copy_from_slice(&self.plain[..plain_len]);
                Job::new(frame, AAD_LEN, nonce(self.sender, pn))
            })
            .collect()
    }

    /// AAD and payload of a frame with that length of payload, before it was sealed.
    #[cfg(test)]
    pub(crate) fn plain(&self, payload_len: usize) -> &[u8] {
        &self.plain[..AAD_LEN + payload_len]
    }
}

/// A nonce that differs whenever `sender` or `pn` does.
pub(crate) fn nonce(sender: u32, pn: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[..4].copy_from_slice(&sender.to_be_bytes());
    nonce[4..].copy_from_slice(&pn.to_be_bytes());
    nonce
}

#[cfg(test)]
mod tests;
