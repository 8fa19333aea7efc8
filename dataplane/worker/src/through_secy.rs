//! A burst of frames through one half of the SecY, in the buffers where they are.

use arrayvec::ArrayVec;
use port::{BURST_MAX, Burst, Frame};
use secy::{Buffer, Discard};

/// Those frames of a burst that go through the SecY, where they are.
pub(crate) type Passing<'a> = ArrayVec<Pass<'a>, BURST_MAX>;

/// A frame that goes through the SecY. Dropped is what is empty: the SecY lets no such frame pass.
pub(crate) struct Pass<'a>(pub(crate) &'a mut Frame);

impl Buffer for Pass<'_> {
    #[inline]
    fn room_mut(&mut self) -> (&mut [u8], usize, usize) {
        self.0.room_mut()
    }

    #[inline]
    fn set_range(&mut self, start: usize, end: usize) {
        self.0.set_range(start, end);
    }

    #[inline]
    fn discard(&mut self, _counted: Discard) {
        drop_frame(self.0);
    }
}

/// Marks a frame of a burst as dropped.
#[inline]
pub(crate) fn drop_frame(frame: &mut Frame) {
    frame.set_range(0, 0);
}

/// Takes the frames so marked, if there are any, out of the burst.
#[inline]
pub(crate) fn remove_dropped(burst: &mut Burst, count: usize) {
    if count > 0 {
        burst.retain(|frame| !frame.is_empty());
    }
}
