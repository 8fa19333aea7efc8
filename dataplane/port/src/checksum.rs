//! Finishes a TCP or UDP checksum that a host left to its device.
//!
//! A host behind a veth with checksum offload never computes it: the frame is meant to stay in the
//! machine. An encryptor sends it out of the machine, so it has to.

/// Where a checksum starts, and where, from there, its result goes. Octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Unfinished {
    pub start: usize,
    pub offset: usize,
}

/// Sums up from `place.start` to the end of `frame`, which has the sum of the pseudo header where
/// the result goes (RFC 1071; that is what Linux leaves there). `false`: the place is not in it.
#[must_use]
pub(crate) fn finish(frame: &mut [u8], place: Unfinished) -> bool {
    let Some(covered) = frame.get_mut(place.start..) else {
        return false;
    };
    let sum = fold(covered);
    let Some(result) = covered.get_mut(place.offset..place.offset + 2) else {
        return false;
    };
    // UDP's 0 means "none"; its other form is right for TCP as well.
    let sum = if sum == 0xffff { sum } else { !sum };
    result.copy_from_slice(&sum.to_be_bytes());
    true
}

/// Finishes the TCP or UDP checksum of an IPv4 or IPv6 frame if nothing but the pseudo header is
/// summed up in it, which is how a host leaves it. Says whether it did. A finished checksum that
/// happens to look so (one in 65536) is left as it is: finishing it gives the same.
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

/// Where TCP or UDP has its checksum, and the sum of its pseudo header.
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
            // A later fragment has no transport header, a first one no whole segment.
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
        // Without extension headers: who sends those finishes its checksums.
        [0x86, 0xdd] => (*header.get(6)?, header.get(8..40)?, 40, word(4)?),
        _ => return None,
    };
    let offset = match protocol {
        TCP => 16,
        UDP => 6,
        _ => return None,
    };
    // Padding of short frames is zeros, or finishing would go wrong; only a whole segment counts.
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
