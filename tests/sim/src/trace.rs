//! A hash of all events: two runs of one seed must have the same hash.

use std::time::Duration;

/// A hash of times, kinds and octets, in words of 8 octets.
pub(crate) struct Trace {
    hash: u64,
    print: bool,
}

impl Trace {
    /// `print`: writes the events to standard error, too.
    pub(crate) const fn new(print: bool) -> Self {
        Self {
            hash: 0xCBF2_9CE4_8422_2325,
            print,
        }
    }

    /// Adds an event with octets: a frame.
    pub(crate) fn octets(&mut self, now: Duration, kind: u8, side: usize, octets: &[u8]) {
        let (words, rest) = octets.as_chunks();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.eat(now.as_nanos() as u64);
        self.eat(u64::from(kind) << 32 | (side as u64) << 24 | rest.len() as u64);
        words
            .iter()
            .for_each(|word| self.eat(u64::from_le_bytes(*word)));
        self.eat(u64::from_le_bytes(last));
    }

    /// Adds an event with a text.
    pub(crate) fn text(&mut self, now: Duration, side: usize, text: impl FnOnce() -> String) {
        let text = text();
        if self.print {
            eprintln!("{now:>14.6?} end {side}: {text}");
        }
        self.octets(now, b't', side, text.as_bytes());
    }

    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    const fn eat(&mut self, word: u64) {
        // The product carries bits up only; the rotation brings them down.
        self.hash = (self.hash ^ word)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(29);
    }
}
