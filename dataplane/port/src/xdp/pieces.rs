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
mod tests {
    use super::{Loss, Pieces};
    use crate::{Pool, limits::frame_len_max};

    #[test]
    fn pieces_become_a_frame() {
        let pool = Pool::new(1, 9000).unwrap();
        let mut pieces = Pieces::new(Some(pool.clone()));
        for _ in 0..3 {
            assert!(pieces.is_between());
            assert!(pieces.add(&[1; 4000], false).is_none());
            assert!(!pieces.is_between());
            assert!(pieces.add(&[2; 4000], false).is_none());
            let frame = pieces.add(&[3; 100], true).unwrap().unwrap();
            assert_eq!(
                frame.bytes(),
                [&[1; 4000][..], &[2; 4000], &[3; 100]].concat()
            );
        }
        assert_eq!(pool.free(), 1);
    }

    #[test]
    fn a_frame_that_fails_fails_once() {
        let pool = Pool::new(1, 1500).unwrap();
        let mut pieces = Pieces::new(Some(pool.clone()));
        assert!(pieces.add(&[1; 1000], false).is_none());
        assert!(pieces.add(&[1; 1000], false).is_none());
        assert_eq!(
            pieces.add(&[1; 10], true).unwrap().err(),
            Some(Loss::TooLong)
        );
        assert!(pieces.add(&[1; 10], false).is_none());
        assert!(pieces.fail(false).is_none());
        assert_eq!(
            pieces.add(&[1; 10], true).unwrap().err(),
            Some(Loss::Malformed)
        );
        assert_eq!(pieces.fail(true).unwrap().err(), Some(Loss::Malformed));
        let held = pieces
            .add(&vec![1; frame_len_max(1500)], true)
            .unwrap()
            .unwrap();
        assert_eq!(
            pieces.add(&[1; 60], true).unwrap().err(),
            Some(Loss::NoBuffer)
        );
        drop(held);
        assert!(pieces.add(&[1; 60], true).unwrap().is_ok());
        assert_eq!(
            Pieces::new(None).add(&[1; 60], true).unwrap().err(),
            Some(Loss::TooLong)
        );
    }
}
