//! One frame of a burst, inside its room.

use crate::Discard;

/// A frame inside its room, whoever lends that. Protect and validate work in place and move where
/// the frame starts and ends: the headroom takes the SecTAG, the tailroom the ICV. FCS is not part
/// of the frame.
pub trait Buffer {
    /// The whole room, and where the frame starts and ends in it: `start <= end <= room.len()`.
    fn room_mut(&mut self) -> (&mut [u8], usize, usize);

    /// The frame starts and ends there now, inside its room.
    fn set_range(&mut self, start: usize, end: usize);

    /// The frame is not to be sent on, and counted; its octets are of no use.
    fn discard(&mut self, reason: Discard);
}

/// The octets of the frame.
#[inline]
pub(crate) fn frame_of(buffer: &mut impl Buffer) -> &mut [u8] {
    let (room, start, end) = buffer.room_mut();
    room.get_mut(start..end).unwrap_or_default()
}

/// A buffer over any octets.
pub struct Slot<'a> {
    room: &'a mut [u8],
    start: usize,
    end: usize,
    /// Why the frame is not to be sent on.
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

impl Buffer for Slot<'_> {
    #[inline]
    fn room_mut(&mut self) -> (&mut [u8], usize, usize) {
        (self.room, self.start, self.end)
    }

    #[inline]
    fn set_range(&mut self, start: usize, end: usize) {
        (self.start, self.end) = (start, end);
    }

    #[inline]
    fn discard(&mut self, reason: Discard) {
        self.discard = Some(reason);
    }
}
