//! One frame of a burst, inside its room.

use crate::Discard;

/// A frame inside its room. Protect and validate work in place and move `start` and `end`: the
/// headroom takes the SecTAG, the tailroom the ICV. FCS is not part of the frame.
pub struct Slot<'a> {
    pub(crate) room: &'a mut [u8],
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Why the frame is not to be sent on; its octets are then of no use. A slot that comes with
    /// a discard is left alone and not counted.
    pub discard: Option<Discard>,
}

impl<'a> Slot<'a> {
    /// The frame is `room[start..end]`. A range outside the room is cut to the room.
    #[must_use]
    pub fn new(room: &'a mut [u8], start: usize, end: usize) -> Self {
        let end = end.min(room.len());
        Self {
            start: start.min(end),
            end,
            room,
            discard: None,
        }
    }

    /// The octets of the frame.
    #[must_use]
    pub fn frame(&self) -> &[u8] {
        self.room.get(self.start..self.end).unwrap_or(&[])
    }

    /// Where the frame is in its room: start and end.
    #[must_use]
    pub fn range(&self) -> (usize, usize) {
        (self.start, self.end)
    }
}
