//! Passes a burst of frames through the transmit or receive side of the SecY, without copying them.

use arrayvec::ArrayVec;
use port::{BURST_MAX, Burst, Frame};
use secy::{Buffer, Discard};

/// The frames of a burst that go through the SecY, in place.
pub(crate) type Passing<'a> = ArrayVec<Pass<'a>, BURST_MAX>;

/// A frame that goes through the SecY. An empty frame marks a drop; the SecY never passes one.
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

/// Marks a frame of a burst as dropped by making it empty.
#[inline]
pub(crate) fn drop_frame(frame: &mut Frame) {
    frame.set_range(0, 0);
}

/// Removes the dropped frames from the burst, if `count` is not 0.
#[inline]
pub(crate) fn remove_dropped(burst: &mut Burst, count: usize) {
    if count > 0 {
        burst.retain(|frame| !frame.is_empty());
    }
}
