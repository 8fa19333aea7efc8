//! The interface to a frame in its buffer.

use crate::Discard;

/// A frame inside its buffer, the room. Protect and validate work in place and move the start and
/// the end of the frame: the headroom takes the SecTAG, the tailroom the ICV. The FCS is not part
/// of the frame.
pub trait Buffer {
    /// The whole room, and the start and end of the frame in it: `start <= end <= room.len()`.
    fn room_mut(&mut self) -> (&mut [u8], usize, usize);

    /// Sets the start and end of the frame, inside its room.
    fn set_range(&mut self, start: usize, end: usize);

    /// Marks the frame as discarded for this reason. Its octets are no longer valid.
    fn discard(&mut self, reason: Discard);
}

/// The octets of the frame.
#[inline]
pub(crate) fn frame_of(buffer: &mut impl Buffer) -> &mut [u8] {
    let (room, start, end) = buffer.room_mut();
    room.get_mut(start..end).unwrap_or_default()
}

/// A [`Buffer`] in a borrowed slice.
pub struct Slot<'a> {
    room: &'a mut [u8],
    start: usize,
    end: usize,
    /// The reason why the frame is not passed on.
    pub discard: Option<Discard>,
}

impl<'a> Slot<'a> {
    /// A frame at `room[start..end]`. A range outside the room is cut to the room.
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

    /// The start and end of the frame in its room.
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
