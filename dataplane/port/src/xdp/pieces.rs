//! Reassembles frames longer than a chunk. They arrive in pieces with one descriptor each. The
//! pieces are copied, because the engines need a frame in one piece.

use crate::{Frame, Pool, limits};

/// The frame under reassembly.
pub(super) struct Pieces {
    /// The pool for whole frames. `None`: all frames of the port fit a chunk.
    pool: Option<Pool>,
    /// `None` between frames. After a failure the other pieces of the frame are skipped.
    whole: Option<Result<Frame, Loss>>,
}

/// The reason why a received frame is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Loss {
    /// A descriptor points outside the chunks of the socket, or to something that is no frame.
    Malformed,
    /// Longer than the port's MTU.
    TooLong,
    /// The pool is empty.
    NoBuffer,
}

impl Pieces {
    pub(super) fn new(pool: Option<Pool>) -> Self {
        Self { pool, whole: None }
    }

    /// Returns whether the next piece starts a frame.
    pub(super) fn is_between(&self) -> bool {
        self.whole.is_none()
    }

    /// Adds a piece. The last piece returns the frame.
    pub(super) fn add(&mut self, octets: &[u8], last: bool) -> Option<Result<Frame, Loss>> {
        let begun = self.whole.take().unwrap_or_else(|| self.begin());
        let whole = begun.and_then(|frame| grow(frame, octets));
        if last {
            return Some(whole);
        }
        self.whole = Some(whole);
        None
    }

    /// Handles an invalid piece: the frame is lost. The last piece returns the loss.
    pub(super) fn fail(&mut self, last: bool) -> Option<Result<Frame, Loss>> {
        self.whole = (!last).then_some(Err(Loss::Malformed));
        last.then_some(Err(Loss::Malformed))
    }

    fn begin(&self) -> Result<Frame, Loss> {
        self.pool
            .as_ref()
            .ok_or(Loss::TooLong)?
            .frame()
            .ok_or(Loss::NoBuffer)
    }
}

fn grow(mut frame: Frame, octets: &[u8]) -> Result<Frame, Loss> {
    let (room, start, end) = frame.room_mut();
    let longest = room.len() - limits::TAILROOM;
    let longer = end + octets.len();
    let place = room[..longest].get_mut(end..longer).ok_or(Loss::TooLong)?;
    place.copy_from_slice(octets);
    frame.set_range(start, longer);
    Ok(frame)
}

#[cfg(test)]
mod tests;
