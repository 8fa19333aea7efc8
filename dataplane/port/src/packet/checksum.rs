//! Finishes a TCP or UDP checksum that a host left to its device.
//!
//! A host behind a veth with checksum offload never computes it: the frame is meant to stay in the
//! machine. An encryptor sends it out of the machine, so it has to.

/// Where a checksum starts, and where, from there, its result goes. Octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Unfinished {
    pub start: usize,
    pub offset: usize,
}

/// Sums up from `place.start` to the end of `frame`, which has the sum of the pseudo header where
/// the result goes (RFC 1071; that is what Linux leaves there). `false`: the place is not in it.
#[must_use]
pub(super) fn finish(frame: &mut [u8], place: Unfinished) -> bool {
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
mod tests {
    use super::{Unfinished, finish, fold};

    #[test]
    fn the_sum_of_rfc_1071() {
        assert_eq!(
            fold(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]),
            0xddf2
        );
        assert_eq!(fold(&[0x12]), 0x1200);
        assert_eq!(fold(&[]), 0);
    }

    /// UDP from 10.0.0.1:1000 to 10.0.0.2:2000 with the payload "hi!", pseudo header summed up.
    fn datagram(payload: [u8; 3]) -> Vec<u8> {
        let pseudo = fold(&[10, 0, 0, 1, 10, 0, 0, 2, 0, 17, 0, 11]);
        let mut frame = vec![0xaa; 34];
        frame.extend([0x03, 0xe8, 0x07, 0xd0, 0, 11]);
        frame.extend(pseudo.to_be_bytes());
        frame.extend(payload);
        frame
    }

    #[test]
    fn a_finished_datagram_sums_up_to_all_ones() {
        let mut frame = datagram(*b"hi!");
        assert!(finish(
            &mut frame,
            Unfinished {
                start: 34,
                offset: 6
            }
        ));
        let pseudo = [10, 0, 0, 1, 10, 0, 0, 2, 0, 17, 0, 11];
        let all: Vec<u8> = pseudo.iter().chain(&frame[34..]).copied().collect();
        assert_eq!(fold(&all), 0xffff);
        assert!(frame[..34].iter().all(|&octet| octet == 0xaa));
    }

    #[test]
    fn zero_is_sent_as_all_ones() {
        // Octets that bring the sum to all ones.
        let mut frame = datagram([0, 0, 0]);
        let missing = 0xffff - fold(&frame[34..]);
        frame[42..44].copy_from_slice(&missing.to_be_bytes());
        assert!(finish(
            &mut frame,
            Unfinished {
                start: 34,
                offset: 6
            }
        ));
        assert_eq!(frame[40..42], [0xff, 0xff]);
    }

    #[test]
    fn a_place_outside_the_frame_is_refused() {
        let mut frame = [0; 60];
        for (start, offset) in [(61, 0), (60, 0), (50, 9), (usize::MAX / 2, 2), (0, 59)] {
            assert!(
                !finish(&mut frame, Unfinished { start, offset }),
                "{start} {offset}"
            );
        }
        assert!(finish(
            &mut frame,
            Unfinished {
                start: 50,
                offset: 8
            }
        ));
    }
}
