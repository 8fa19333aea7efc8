//! A hash of all events: two runs of one seed must have the same hash.

use std::time::Duration;

/// FNV-1a over times, kinds and octets.
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
        self.eat(&now.as_nanos().to_le_bytes());
        self.eat(&[kind, u8::from(side != 0)]);
        self.eat(octets);
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

    fn eat(&mut self, octets: &[u8]) {
        for octet in octets {
            self.hash = (self.hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01B3);
        }
    }
}
