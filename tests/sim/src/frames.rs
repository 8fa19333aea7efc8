//! User frames. Each is built from its sender and number alone, so a receiver can build it again
//! and compare.

use crate::limits::PAYLOAD;
use crate::rng::Rng;

/// Part of the clear text of every user frame. It must not appear on the line.
pub(crate) const MARK: [u8; 8] = *b"PLAINTXT";
const HEADER: usize = 14;
/// Mark, side, worker, number.
const NAME: usize = MARK.len() + 2 + 8;

/// The sender of a frame, and its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Name {
    pub(crate) side: usize,
    pub(crate) worker: usize,
    pub(crate) number: u64,
}

impl Name {
    /// Builds the frame in a buffer. Some frames have an EtherType that has a meaning for an
    /// encryptor but not for a LAN.
    pub(crate) fn build(self, frame: &mut Vec<u8>) {
        let seed = (self.number << 8) ^ (self.worker as u64 * 2 + self.side as u64);
        let mut rng = Rng::new(seed);
        let len = HEADER + NAME + rng.below(PAYLOAD - NAME);
        frame.resize(len, 0); // every octet is written below
        let ethertype: u16 = match rng.below(40) {
            0 => 0x88E5,
            1 => 0x88B5,
            2 => 0x8100,
            3 => 0x0026,
            _ => 0x0800,
        };
        frame[..6].copy_from_slice(&[2, 0, 0, 0, 1, 1]);
        frame[6..12].copy_from_slice(&[2, 0, 0, 0, 1, 2]);
        frame[12..14].copy_from_slice(&ethertype.to_be_bytes());
        frame[14..22].copy_from_slice(&MARK);
        let small = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
        frame[22] = small(self.side);
        frame[23] = small(self.worker);
        frame[24..32].copy_from_slice(&self.number.to_be_bytes());
        rng.fill(&mut frame[HEADER + NAME..]);
    }

    /// Returns the sender that a frame claims.
    pub(crate) fn of(frame: &[u8]) -> Option<Self> {
        let name = frame.get(HEADER..HEADER + NAME)?;
        let (mark, name) = name.split_first_chunk::<8>()?;
        let ([side, worker], number) = name.split_first_chunk::<2>()?;
        (*mark == MARK).then_some(Self {
            side: usize::from(*side),
            worker: usize::from(*worker),
            number: u64::from_be_bytes(number.try_into().ok()?),
        })
    }
}

/// True if the mark is anywhere in these octets.
pub(crate) fn is_marked(octets: &[u8]) -> bool {
    memchr::memmem::find(octets, &MARK).is_some()
}
