//! Frames longer than a chunk come in pieces, one descriptor each. They are put together here, by
//! copies: the engines want a frame in one piece.

use crate::{Frame, Pool, limits};

/// The frame that is being put together.
pub(super) struct Pieces {
    /// Where whole frames go. `None`: the port's frames all fit a chunk.
    pool: Option<Pool>,
    /// `None` between frames. Once a frame has failed, its other pieces are skipped.
    whole: Option<Result<Frame, Loss>>,
}

/// Why a received frame is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Loss {
    /// A descriptor pointed where the kernel has nothing to point to, or to no frame.
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

    /// Whether the next piece starts a frame.
    pub(super) fn is_between(&self) -> bool {
        self.whole.is_none()
    }

    /// Adds a piece; the last one gives the frame.
    pub(super) fn add(&mut self, octets: &[u8], last: bool) -> Option<Result<Frame, Loss>> {
        let begun = self.whole.take().unwrap_or_else(|| self.begin());
        let whole = begun.and_then(|frame| grow(frame, octets));
        if last {
            return Some(whole);
        }
        self.whole = Some(whole);
        None
    }

    /// A piece that is none: the frame is lost. The last one says so.
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
