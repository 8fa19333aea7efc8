//! The replay window of one rx SA, with a bitmap of the received PNs.
//!
//! The standard (802.1AE 10.6.2, 10.6.4) keeps only the lowest acceptable PN, so it accepts every
//! copy of a frame inside the window. The bitmap makes each PN acceptable once.

use wire::Pn;

use crate::guards::{self, Guard};
use crate::limits::{REPLAY_BITS, REPLAY_WINDOW_MAX};

#[cfg(test)]
mod tests;

/// The result of the replay test for a PN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Replay {
    /// Not yet received, and inside the window or ahead of it.
    Fresh,
    /// Below the lowest acceptable PN.
    Late,
    /// Received before.
    Duplicate,
}

const WORDS: usize = REPLAY_BITS / WORD_BITS as usize;
const WORD_BITS: u64 = u64::BITS as u64;

/// The lowest acceptable PN, the highest received PN, and a ring of bits for the PNs between them.
pub(crate) struct ReplayWindow {
    /// Highest PN received; initially the PN before the first acceptable one.
    highest: u64,
    /// `max(start, highest + 1 - len)`. It never decreases.
    lowest: u64,
    /// replayWindow of the standard.
    len: u64,
    /// The bit of a PN is at PN modulo the size of the ring. Words ahead of `highest` are stale; a
    /// word is cleared when `highest` enters it.
    bits: Box<[u64; WORDS]>,
}

impl ReplayWindow {
    pub(crate) fn new() -> Self {
        Self {
            highest: 0,
            lowest: 1,
            len: 0,
            bits: Box::new([0; WORDS]),
        }
    }

    /// Sets the length, limited to [`REPLAY_WINDOW_MAX`]. A shorter window is the safe side.
    pub(crate) fn set_len(&mut self, len: u32) {
        self.len = u64::from(len.min(REPLAY_WINDOW_MAX));
    }

    /// Sets the lowest acceptable PN. Called only before the first frame.
    pub(crate) fn start_at(&mut self, lowest: Pn) {
        self.lowest = lowest.value();
        self.highest = lowest.value() - 1;
    }

    /// lowestPN.
    pub(crate) fn lowest(&self) -> u64 {
        self.lowest
    }

    /// nextPN, limited to 2^64 - 1.
    pub(crate) fn next(&self) -> u64 {
        self.highest.saturating_add(1)
    }

    /// Recovers the PN of 64 bits from its low half. The high half is that of the lowest acceptable
    /// PN; it is one more if the low half of that PN is in the upper half of its range and the
    /// received low half in the lower (802.1AE 10.6.1). The next expected PN would be the wrong
    /// base for late frames at 2^31 and 2^32. Past 2^64 the result wraps to a PN that is too low
    /// for the window.
    #[inline]
    pub(crate) fn recover(&self, pn_low: u32) -> u64 {
        const TOP: u64 = 1 << 31;
        let low = u64::from(pn_low);
        let carry = u64::from(self.lowest & TOP != 0 && low & TOP == 0) << 32;
        ((self.lowest & !0xffff_ffff) | low).wrapping_add(carry)
    }

    /// Runs the replay test without marking the PN.
    #[inline]
    pub(crate) fn test(&self, pn: u64) -> Replay {
        if pn < self.lowest && guards::on(Guard::ReplayWindow) {
            Replay::Late
        } else if pn <= self.highest
            && self.bits[word(pn)] & bit(pn) != 0
            && guards::on(Guard::ReplayBitmap)
        {
            Replay::Duplicate
        } else {
            Replay::Fresh
        }
    }

    /// Runs the replay test, and marks a fresh PN as received. Only for frames whose ICV is right.
    #[inline]
    pub(crate) fn test_and_mark(&mut self, pn: u64) -> Replay {
        let replay = self.test(pn);
        if replay == Replay::Fresh {
            if pn > self.highest {
                self.advance(pn);
            }
            self.bits[word(pn)] |= bit(pn);
        }
        replay
    }

    /// Does the work of [`Self::test_and_mark`] for all PNs of a burst together. This needs
    /// consecutive PNs ahead of all received ones, which is the usual case: then each is fresh.
    /// Otherwise it returns false and changes nothing.
    #[inline]
    pub(crate) fn mark_run(&mut self, pns: &[Pn]) -> bool {
        let (Some(first), Some(last)) = (pns.first(), pns.last()) else {
            return true;
        };
        let (first, last) = (first.value(), last.value());
        let follow = (0..)
            .zip(pns)
            .all(|(n, pn)| pn.value().wrapping_sub(first) == n);
        if !follow || first <= self.highest || pns.len() > WORD_BITS as usize {
            return false;
        }
        self.advance(last);
        let from_first = u64::MAX << (first % WORD_BITS);
        let to_last = u64::MAX >> (WORD_BITS - 1 - last % WORD_BITS);
        // Up to one word of PNs spans at most two words.
        if word(first) == word(last) {
            self.bits[word(first)] |= from_first & to_last;
        } else {
            self.bits[word(first)] |= from_first;
            self.bits[word(last)] |= to_last;
        }
        true
    }

    fn advance(&mut self, pn: u64) {
        let entered = pn / WORD_BITS - self.highest / WORD_BITS;
        if entered > 0 {
            self.enter(pn, entered);
        }
        self.highest = pn;
        self.lowest = self
            .lowest
            .max(pn.saturating_sub(self.len).saturating_add(1));
    }

    /// Clears the last `count` words up to the word of `pn`, at most the whole ring.
    #[inline(never)]
    fn enter(&mut self, pn: u64, count: u64) {
        for step in 0..count.min(WORDS as u64) {
            self.bits[word(pn - step * WORD_BITS)] = 0;
        }
    }
}

/// The word of a PN. The remainder keeps it inside the ring.
fn word(pn: u64) -> usize {
    (pn / WORD_BITS % WORDS as u64) as usize
}

fn bit(pn: u64) -> u64 {
    1 << (pn % WORD_BITS)
}
