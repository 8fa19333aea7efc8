//! Authenticated messages, read and forged without the crate's own code: the format is what the
//! module `message` documents.

use std::ops::Range;

use network::{KeyId, LinkId};
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit;

use super::rng::Rng;

pub const STATE: u8 = 3;
pub const SEALED: u8 = 4;
pub const RELAY: u8 = 0;

/// The bits of a block.
pub fn bits(seed: u64, link: LinkId, number: u64, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    Rng::new(seed ^ (u64::from(link.0) << 48) ^ (number << 8)).fill(&mut out);
    out
}

/// A piece of the key of one direction.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    pub block: u64,
    pub at: u32,
    pub len: u32,
}

/// The visible content of an authenticated message.
pub struct Seen {
    pub segments: Vec<Segment>,
    /// Number of the share of a batch: 0 for the whole.
    pub share: u8,
    pub ids: Vec<KeyId>,
    /// Where course and body are.
    pub clear: Range<usize>,
    /// Where the encrypted keys are.
    pub payload: Range<usize>,
}

struct Cursor<'a>(&'a [u8], usize);

impl Cursor<'_> {
    fn take(&mut self, len: usize) -> u64 {
        let octets = &self.0[self.1..self.1 + len];
        self.1 += len;
        octets
            .iter()
            .fold(0, |sum, octet| sum << 8 | u64::from(*octet))
    }

    fn count(&mut self) -> usize {
        self.take(2) as usize
    }
}

/// Reads an authenticated message that a node has made.
pub fn read(octets: &[u8]) -> Option<Seen> {
    let mut at = Cursor(octets, 0);
    if at.take(1) != u64::from(SEALED) {
        return None;
    }
    let segments = (0..at.count()).map(|_| Segment {
        block: at.take(8),
        at: at.take(4) as u32,
        len: at.take(4) as u32,
    });
    let segments = segments.collect();
    let clear = at.1;
    at.1 += 2 + 8 + 8;
    let share = at.take(1) as u8;
    at.1 += 2 * at.count();
    at.1 += 2 * at.count();
    at.1 += 1;
    let kind = at.take(1) as u8;
    let mut ids = Vec::new();
    if kind == RELAY {
        at.1 += at.take(1) as usize;
        at.1 += at.take(1) as usize;
        for _ in 0..at.count() {
            ids.push(KeyId(octets[at.1..at.1 + 16].try_into().unwrap()));
            at.1 += 16;
        }
    }
    let payload = if kind == RELAY {
        32 * (ids.len() + 1)
    } else {
        0
    };
    let end = octets.len() - 16;
    let payload = end - payload..end;
    Some(Seen {
        segments,
        share,
        ids,
        clear: clear..payload.start,
        payload,
    })
}

/// The key of a message: that of its hash, the pad of its tag, and the pad of its payload. `half`
/// gives the direction's half of a block.
pub fn pad(segments: &[Segment], half: impl Fn(u64) -> Vec<u8>) -> ([u8; 32], Vec<u8>) {
    let mut key = [0; 32];
    key[..16].copy_from_slice(&half(segments[0].block)[..16]);
    let mut pad = Vec::new();
    for segment in segments {
        let at = 16 + segment.at as usize;
        pad.extend_from_slice(&half(segment.block)[at..at + segment.len as usize]);
    }
    let payload = pad.split_off(16);
    key[16..].copy_from_slice(&pad);
    (key, payload)
}

/// The tag that a message must have.
pub fn tag(octets: &[u8], key: &[u8; 32]) -> [u8; 16] {
    let covered = &octets[..octets.len() - 16];
    Poly1305::new(key.into()).compute_unpadded(covered).into()
}

/// Encrypts or decrypts.
pub fn xor(octets: &[u8], pad: &[u8]) -> Vec<u8> {
    octets
        .iter()
        .zip(pad)
        .map(|(octet, pad)| octet ^ pad)
        .collect()
}
