//! One long message in pieces: what the KEMs exchange does not fit one rekey frame.
//!
//! Ten pieces of 276 octets, of which the last may be padded with zeros. The sender repeats those
//! that the other end is not known to have; the receiver says what it has. A piece has one place and
//! one content, so that loss, doubling, reordering and replay change nothing (REKEY-43).

use core::time::Duration;

use crate::limits;

/// Octets of one piece.
pub(crate) const PIECE_LEN: usize = 276;
/// Pieces of one transfer.
pub(crate) const PIECES: u8 = 10;
/// Octets of one transfer, padding included.
pub(crate) const TRANSFER_LEN: usize = PIECE_LEN * PIECES as usize;
/// HELLO, OFFER, READY, a few more, and all pieces of a transfer.
const _: () = assert!(limits::BODIES_MAX >= 6 + PIECES as usize);
/// The bit of each piece.
pub(crate) const ALL: u16 = (1 << PIECES) - 1;

/// One piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece(pub(crate) Box<[u8; PIECE_LEN]>);

/// A transfer from us.
pub(crate) struct Outgoing {
    octets: Box<[u8; TRANSFER_LEN]>,
    /// The pieces that the other end has.
    have: u16,
    send_at: Duration,
    pause: Duration,
}

/// A transfer to us. Its room is all that it ever takes.
pub(crate) struct Incoming {
    octets: Box<[u8; TRANSFER_LEN]>,
    have: u16,
    report_at: Option<Duration>,
}

impl Outgoing {
    /// The parts, one behind the other; the rest is zero.
    pub(crate) fn new(now: Duration, parts: &[&[u8]]) -> Self {
        let mut octets = Box::new([0; TRANSFER_LEN]);
        let mut end = 0;
        for part in parts {
            octets[end..end + part.len()].copy_from_slice(part);
            end += part.len();
        }
        Self {
            octets,
            have: 0,
            send_at: now,
            pause: limits::PIECES_REPEAT,
        }
    }

    /// The pieces to send now: all that are missing there (REKEY-T9).
    pub(crate) fn due(
        &mut self,
        now: Duration,
        jitter: impl FnOnce(Duration) -> Duration,
    ) -> Vec<(u8, Piece)> {
        if now < self.send_at || self.have == ALL {
            return Vec::new();
        }
        self.send_at = now + jitter(self.pause);
        self.pause = (self.pause * 2).min(limits::PIECES_REPEAT_LAST);
        let missing = (0..PIECES).filter(|index| self.have & 1 << index == 0);
        missing.map(|index| (index, self.piece(index))).collect()
    }

    /// The other end says what it has. News are answered with the rest at once.
    pub(crate) fn on_have(&mut self, now: Duration, have: u16) {
        if have & !self.have & ALL != 0 {
            self.have |= have & ALL;
            self.send_at = now;
            self.pause = limits::PIECES_REPEAT;
        }
    }

    pub(crate) fn next_wake(&self) -> Option<Duration> {
        (self.have != ALL).then_some(self.send_at)
    }

    fn piece(&self, index: u8) -> Piece {
        let begin = usize::from(index) * PIECE_LEN;
        let mut piece = Box::new([0; PIECE_LEN]);
        piece.copy_from_slice(&self.octets[begin..begin + PIECE_LEN]);
        Piece(piece)
    }
}

impl Incoming {
    pub(crate) fn new() -> Self {
        Self {
            octets: Box::new([0; TRANSFER_LEN]),
            have: 0,
            report_at: None,
        }
    }

    /// Puts a piece into its place; false if one is there. `index` is below [`PIECES`], checked when
    /// the frame was parsed.
    pub(crate) fn put(&mut self, now: Duration, index: u8, piece: &Piece) -> bool {
        // Asked again for what came already: the sender has missed our report.
        self.report_at.get_or_insert(now + limits::PIECES_REPORT);
        if index >= PIECES || self.have & 1 << index != 0 {
            return false;
        }
        let begin = usize::from(index) * PIECE_LEN;
        self.octets[begin..begin + PIECE_LEN].copy_from_slice(piece.0.as_slice());
        self.have |= 1 << index;
        true
    }

    /// All of it, once the last piece is there.
    pub(crate) fn whole(&self) -> Option<&[u8; TRANSFER_LEN]> {
        (self.have == ALL).then_some(&*self.octets)
    }

    /// Returns the pieces that are here, when the report to the sender is due (REKEY-T10).
    pub(crate) fn report(&mut self, now: Duration) -> Option<u16> {
        let due = self.report_at.is_some_and(|at| now >= at);
        due.then(|| {
            self.report_at = None;
            self.have
        })
    }

    pub(crate) const fn next_wake(&self) -> Option<Duration> {
        self.report_at
    }
}

#[cfg(test)]
mod tests;
