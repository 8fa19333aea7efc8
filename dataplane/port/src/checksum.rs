//! Finishes a TCP or UDP checksum that a host left to its device.
//!
//! A host behind a veth with checksum offload never computes the checksum, because the frame is
//! expected to stay in the machine. An encryptor sends the frame out of the machine, so it must
//! compute the checksum.

/// The start of the checksummed data, and the offset of the result from there, in octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Unfinished {
    pub start: usize,
    pub offset: usize,
}

/// Computes the checksum (RFC 1071) from `place.start` to the end of `frame`. The field of the
/// result must hold the sum of the pseudo header, which is what Linux leaves there. Returns `false`
/// if the place is outside the frame.
#[must_use]
pub(crate) fn finish(frame: &mut [u8], place: Unfinished) -> bool {
    let Some(covered) = frame.get_mut(place.start..) else {
        return false;
    };
    let sum = fold(covered);
    let Some(result) = covered.get_mut(place.offset..place.offset + 2) else {
        return false;
    };
    // In UDP 0 means "no checksum", so 0xffff is sent instead. TCP accepts it too.
    let sum = if sum == 0xffff { sum } else { !sum };
    result.copy_from_slice(&sum.to_be_bytes());
    true
}

/// Finishes the TCP or UDP checksum of an IPv4 or IPv6 frame if the field holds only the sum of the
/// pseudo header, as a host with checksum offload leaves it. Returns whether it did. A finished
/// checksum can have that value by chance (one in 65536); finishing it again gives the same value.
pub(crate) fn finish_if_open(frame: &mut [u8]) -> bool {
    let Some((place, pseudo)) = transport(frame) else {
        return false;
    };
    let at = place.start + place.offset;
    if frame.get(at..at + 2) != Some(&pseudo.to_be_bytes()) {
        return false;
    }
    finish(frame, place) && frame[at..at + 2] != pseudo.to_be_bytes()
}

/// The place of the TCP or UDP checksum, and the sum of its pseudo header.
fn transport(frame: &[u8]) -> Option<(Unfinished, u16)> {
    const TCP: u8 = 6;
    const UDP: u8 = 17;
    let mut at = 12;
    while let [0x81, 0x00] | [0x88, 0xa8] = frame.get(at..at + 2)? {
        at += 4;
    }
    let ip = at + 2;
    let header = frame.get(ip..)?;
    let word = |at: usize| {
        Some(usize::from(u16::from_be_bytes([
            *header.get(at)?,
            *header.get(at + 1)?,
        ])))
    };
    let (protocol, addresses, start, len) = match frame.get(at..at + 2)? {
        [0x08, 0x00] => {
            let header_len = usize::from(header.first()? & 0xf) * 4;
            // A later fragment has no transport header, and a first fragment has no whole segment.
            if word(6)? & 0x3fff != 0 {
                return None;
            }
            (
                *header.get(9)?,
                header.get(12..20)?,
                header_len,
                word(2)?.checked_sub(header_len)?,
            )
        }
        // No extension headers: hosts that send them finish their checksums.
        [0x86, 0xdd] => (*header.get(6)?, header.get(8..40)?, 40, word(4)?),
        _ => return None,
    };
    let offset = match protocol {
        TCP => 16,
        UDP => 6,
        _ => return None,
    };
    // The padding of a short frame must be zeros, because it would change the sum. The length of
    // the segment must fit the frame.
    let end = (ip + start).checked_add(len)?;
    if frame.get(end..)?.iter().any(|&octet| octet != 0) {
        return None;
    }
    let sum = u32::from(fold(addresses)) + u32::from(protocol) + len as u32;
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = ((sum & 0xffff) + (sum >> 16)) as u16;
    Some((
        Unfinished {
            start: ip + start,
            offset,
        },
        sum,
    ))
}

/// The 16-bit one's complement sum.
fn fold(octets: &[u8]) -> u16 {
    let mut words = octets.chunks_exact(2);
    let mut sum: u64 = words
        .by_ref()
        .map(|word| u64::from(u16::from_be_bytes([word[0], word[1]])))
        .sum();
    if let [last] = words.remainder() {
        sum += u64::from(*last) << 8;
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests;
