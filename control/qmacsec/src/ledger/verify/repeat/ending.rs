//! Compares two frames up to their end, where taps append octets: the FCS, a time.
//!
//! Two copies of a frame may differ in their length and after the end of the MACsec frame, which
//! only a short length (SL) gives. The ICV decides: a second use of a packet number with another
//! content has another ICV. Its first octets are the same by chance once in 4 billion.

use sha2::{Digest, Sha256};
use wire::ICV_LEN;

use super::HASH_LEN;

/// Octets by which taps lengthen a frame at most.
pub(super) const TRAILER_MAX: usize = 32;
/// Octets at the end of the shorter frame that may differ: the ICV without its first 4.
const UNSURE: usize = ICV_LEN - 4;
/// Octets between two prefixes with a hash.
const STEP: usize = TRAILER_MAX;
/// Limit of octets after the first of both prefixes.
const REST_MAX: usize = 2 * STEP + ICV_LEN;

/// The end of a frame that was captured whole: hashes of two prefixes, and the octets after the
/// first.
#[derive(Clone, Copy)]
pub(super) struct Ending {
    before: [u8; HASH_LEN],
    at: [u8; HASH_LEN],
    rest: [u8; REST_MAX],
}

/// Length of the longer prefix. It ends before the ICV.
fn prefix(len: usize) -> usize {
    len.saturating_sub(ICV_LEN) / STEP * STEP
}

impl Ending {
    /// Appends the end of a frame to an item, unless the frame is too short.
    pub(super) fn put(item: &mut Vec<u8>, frame: &[u8]) {
        let at = prefix(frame.len());
        let Some(before) = at.checked_sub(STEP) else {
            return;
        };
        let mut hash = Sha256::new();
        hash.update(&frame[..before]);
        item.extend_from_slice(&hash.clone().finalize()[..HASH_LEN]);
        hash.update(&frame[before..at]);
        item.extend_from_slice(&hash.finalize()[..HASH_LEN]);
        item.extend_from_slice(&frame[before..]);
    }

    /// Reads what `put` has written.
    pub(super) fn of(octets: &[u8]) -> Option<Self> {
        let (before, octets) = octets.split_first_chunk()?;
        let (at, octets) = octets.split_first_chunk()?;
        let mut rest = [0; REST_MAX];
        rest.get_mut(..octets.len())?.copy_from_slice(octets);
        Some(Self {
            before: *before,
            at: *at,
            rest,
        })
    }

    /// True if two frames with these lengths are the same up to their end.
    pub(super) fn same(one: (&Self, usize), other: (&Self, usize)) -> bool {
        let (shorter, longer) = match one.1 <= other.1 {
            true => (one, other),
            false => (other, one),
        };
        if longer.1 - shorter.1 > TRAILER_MAX {
            return false;
        }
        // Frames of one length have the same content if they are the same up to the ICV.
        let unsure = match shorter.1 == longer.1 {
            true => ICV_LEN,
            false => UNSURE,
        };
        let at = prefix(shorter.1);
        let (hash, rest) = match prefix(longer.1) == at {
            true => (&longer.0.at, &longer.0.rest[STEP..]),
            false => (&longer.0.before, &longer.0.rest[..]),
        };
        let sure = shorter.1.saturating_sub(at + unsure);
        let rests = (shorter.0.rest[STEP..].get(..sure), rest.get(..sure));
        shorter.0.at == *hash && rests.0 == rests.1
    }
}
