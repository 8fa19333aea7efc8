//! The frames that hosts send: IPv4 packets in Ethernet, numbered and marked by their run.

use port::limits::ETHERNET_HEADER;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use wire::MACS_LEN;

use crate::size::FrameSize;

/// Directions: from A's host to B's, and back.
pub(crate) const FLOWS: usize = 2;
/// Templates, sent in turn; a whole number of mixes.
pub(crate) const TEMPLATES: usize = 48;
/// Header of the hosts' frames. They carry IPv4 packets, so that peers which know nothing else can
/// stand in the same round.
pub(crate) const ETHERNET: [u8; ETHERNET_HEADER] = [2, 0, 0, 0, 0x10, 2, 2, 0, 0, 0, 0x10, 1, 8, 0];
/// Length of an IPv4 header without options, and its protocol: for experiments (RFC 3692).
const IPV4_LEN: usize = 20;
const PROTOCOL: u8 = 253;
const NUMBER_AT: usize = ETHERNET.len() + IPV4_LEN;
const MARK_AT: usize = NUMBER_AT + 8;
/// Tells frames of the bench and their runs from others.
const MARK: u32 = 0x716d_6b79;

pub(crate) fn mark(run: u16) -> u32 {
    MARK ^ u32::from(run)
}

/// Whether a frame comes from a host of the bench, and not from another program of its network.
#[inline]
pub(crate) fn is_load(octets: &[u8]) -> bool {
    octets.starts_with(&ETHERNET)
}

/// The first octets of a host's frame that MACsec secures: EtherType and IPv4 header. The frame has
/// `len` octets without its FCS.
pub(crate) fn secured_start(len: usize) -> [u8; 16] {
    let header = ipv4(len.saturating_sub(ETHERNET.len()));
    let mut start = ETHERNET[MACS_LEN..].iter().chain(&header);
    core::array::from_fn(|_| start.next().copied().unwrap_or_default())
}

#[inline]
pub(crate) fn number(octets: &[u8], mark: u32) -> Option<u64> {
    let &[a, b, c, d, e, f, g, h, i, j, k, l] =
        octets.get(NUMBER_AT..MARK_AT + 4)?.first_chunk()?;
    let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    (u32::from_be_bytes([i, j, k, l]) == mark).then_some(number)
}

#[inline]
pub(crate) fn set_number(octets: &mut [u8], number: u64) {
    octets[NUMBER_AT..MARK_AT].copy_from_slice(&number.to_be_bytes());
}

/// Frames with this mark, to be sent in turn.
pub(crate) fn templates(size: FrameSize, mark: u32) -> Vec<Vec<u8>> {
    let mut rng = ChaCha8Rng::seed_from_u64(mark.into());
    let lens = size.lens(TEMPLATES, &mut rng);
    let template = |len| {
        let mut octets = vec![0; len];
        rng.fill_bytes(&mut octets);
        octets[..ETHERNET.len()].copy_from_slice(&ETHERNET);
        octets[ETHERNET.len()..NUMBER_AT].copy_from_slice(&ipv4(len - ETHERNET.len()));
        octets[MARK_AT..MARK_AT + 4].copy_from_slice(&mark.to_be_bytes());
        octets
    };
    lens.into_iter().map(template).collect()
}

/// Header of a packet of `len` octets, between documentation addresses (RFC 5737).
fn ipv4(len: usize) -> [u8; IPV4_LEN] {
    let [a, b] = (len as u16).to_be_bytes(); // a frame is no longer
    let mut header = [
        0x45, 0, a, b, 0, 0, 0x40, 0, 64, PROTOCOL, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
    ];
    let words = header.chunks_exact(2);
    let sum: u32 = words
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]))
        .sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    header[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    header
}

#[cfg(test)]
mod tests;
