//! The replay window of one rx SA, with a bitmap of the PNs received.
//!
//! The standard (802.1AE 10.6.2, 10.6.4) keeps the lowest acceptable PN only, and so takes a frame
//! inside the window as often as it comes. The bitmap makes each PN acceptable once.

use wire::Pn;

use crate::guards::{self, Guard};
use crate::limits::{REPLAY_BITS, REPLAY_WINDOW_MAX};

#[cfg(test)]
mod tests;

/// What the replay test says of a PN.
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

/// Lowest acceptable PN, highest received, and a ring of bits for those between.
pub(crate) struct ReplayWindow {
    /// Highest PN received; to begin with, the one before the first acceptable.
    highest: u64,
    /// `max(start, highest + 1 - len)`. Never falls.
    lowest: u64,
    /// replayWindow of the standard.
    len: u64,
    /// The bit of a PN is at PN modulo the size. Words ahead of `highest` are stale; they are
    /// cleared as `highest` enters them.
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

    /// At most [`REPLAY_WINDOW_MAX`]; more is cut to that, which is the safe side.
    pub(crate) fn set_len(&mut self, len: u32) {
        self.len = u64::from(len.min(REPLAY_WINDOW_MAX));
    }

    /// Before the first frame only.
    pub(crate) fn start_at(&mut self, lowest: Pn) {
        self.lowest = lowest.value();
        self.highest = lowest.value() - 1;
    }

    /// lowestPN.
    pub(crate) fn lowest(&self) -> u64 {
        self.lowest
    }

    /// nextPN; 2^64 - 1 when that one is received, too.
    pub(crate) fn next(&self) -> u64 {
        self.highest.saturating_add(1)
    }

    /// The PN of 64 bits from its low half: the high half of the lowest acceptable PN, or one more
    /// if the low half is in its upper half of range and the received one in the lower (802.1AE
    /// 10.6.1). Starting from the next expected PN instead would spoil late frames at 2^31 and
    /// 2^32. Past 2^64 it wraps to a PN that is too low for the window.
    #[inline]
    pub(crate) fn recover(&self, pn_low: u32) -> u64 {
        const TOP: u64 = 1 << 31;
        let low = u64::from(pn_low);
        let carry = u64::from(self.lowest & TOP != 0 && low & TOP == 0) << 32;
        ((self.lowest & !0xffff_ffff) | low).wrapping_add(carry)
    }

    /// The replay test.
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

    /// The replay test, and if the PN is fresh it is received from now on. Only for frames whose
    /// ICV was right.
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

    /// What [`Self::test_and_mark`] does one by one, for all PNs of a burst at once: if they follow
    /// each other ahead of all received, as most do, each is fresh. `false`, and nothing is done, if
    /// not.
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
        // No more than a word's PNs are in two words at most.
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

    /// Clears the last `count` words up to that of `pn`; they are all the ring's at most.
    #[inline(never)]
    fn enter(&mut self, pn: u64, count: u64) {
        for step in 0..count.min(WORDS as u64) {
            self.bits[word(pn - step * WORD_BITS)] = 0;
        }
    }
}

/// Masked, so always inside the ring.
fn word(pn: u64) -> usize {
    (pn / WORD_BITS % WORDS as u64) as usize
}

fn bit(pn: u64) -> u64 {
    1 << (pn % WORD_BITS)
}
