//! A frame: an owned buffer with headroom and tailroom, which returns to its pool when dropped.
//!
//! [`Frame`] is independent of heap, UMEM and mbuf: it holds a room, the range of the frame in it,
//! and the keeper that takes the room back. So a frame passes from port to port without a copy if
//! the ports share their memory, and has the same type in every case.
//!
//! It is bound to one thread: reference counts and free lists are plain, not atomic.

mod free_list;
mod pool;

use std::{fmt, ptr::NonNull, rc::Rc, slice};

pub(crate) use free_list::FreeList;
pub use pool::Pool;

/// Takes a room back: a pool of this crate, a UMEM, an mbuf pool.
pub(crate) trait Keeper {
    /// Takes back room number `token`, whose frame is gone.
    fn take_back(&self, token: u64);
}

/// An owned frame. It can be moved but not copied. Dropping it returns the buffer to its pool.
pub struct Frame {
    /// First octet of the room. All `room_len` octets are initialised and belong to this frame
    /// alone. `room_len` is 0 after the frame has given its room away.
    room: NonNull<u8>,
    room_len: u32,
    /// Always `start <= end <= room_len`.
    start: u32,
    end: u32,
    token: u64,
    /// `None` only after the frame has given its room away.
    keeper: Option<Rc<dyn Keeper>>,
}

impl Frame {
    /// A frame in a room of `keeper`.
    ///
    /// # Safety
    /// The `room_len` octets at `room` are initialised, live as long as `keeper`, and nothing else
    /// touches them until `keeper.take_back(token)`.
    #[inline(always)]
    #[allow(unsafe_code, reason = "the one place where a room becomes a frame")]
    pub(crate) unsafe fn new(
        keeper: Rc<dyn Keeper>,
        room: NonNull<u8>,
        room_len: u32,
        token: u64,
    ) -> Self {
        Self {
            room,
            room_len,
            start: 0,
            end: 0,
            token,
            keeper: Some(keeper),
        }
    }

    /// The frame's octets.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.room()[self.start as usize..self.end as usize]
    }

    /// The frame's octets, mutable.
    #[must_use]
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let (start, end) = (self.start as usize, self.end as usize);
        &mut self.room_mut().0[start..end]
    }

    /// Number of octets of the frame.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Returns whether the frame has no octets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end == self.start
    }

    /// Free octets in front of the frame.
    #[must_use]
    pub fn headroom(&self) -> usize {
        self.start as usize
    }

    /// Free octets behind the frame.
    #[must_use]
    pub fn tailroom(&self) -> usize {
        (self.room_len - self.end) as usize
    }

    /// The whole room, and the start and end of the frame in it.
    #[must_use]
    #[inline]
    #[allow(unsafe_code, reason = "the room is raw memory of a pool")]
    pub fn room_mut(&mut self) -> (&mut [u8], usize, usize) {
        // SAFETY: `Frame::new` was promised `room_len` initialised octets that belong to this frame
        // alone, and `&mut self` excludes other access for the lifetime of the slice.
        let room = unsafe { slice::from_raw_parts_mut(self.room.as_ptr(), self.room_len as usize) };
        (room, self.start as usize, self.end as usize)
    }

    /// Sets the range of the frame in its room.
    ///
    /// # Panics
    /// If `start..end` is not a range of the room.
    #[inline]
    pub fn set_range(&mut self, start: usize, end: usize) {
        assert!(
            start <= end && end <= self.room_len as usize,
            "a frame outside its room"
        );
        // Both fit: they are at most room_len, which is a u32.
        self.start = start as u32;
        self.end = end as u32;
    }

    /// Makes the frame a copy of `octets`, starting `headroom` octets into the room. Returns
    /// `false` and changes nothing if they do not fit.
    #[must_use]
    pub fn copy_from(&mut self, headroom: usize, octets: &[u8]) -> bool {
        let end = headroom + octets.len();
        let Some(place) = self.room_mut().0.get_mut(headroom..end) else {
            return false;
        };
        place.copy_from_slice(octets);
        self.set_range(headroom, end);
        true
    }

    /// Gives the room away without a copy, if it belongs to `keeper`. Returns its token, and the
    /// start and end of the frame in it. The caller owns the room then, and the keeper does not
    /// take it back.
    pub(crate) fn into_room<K: Keeper>(
        mut self,
        keeper: &Rc<K>,
    ) -> Result<(u64, usize, usize), Self> {
        self.give_room(keeper).ok_or(self)
    }

    /// The same for a borrowed frame, which is empty afterwards.
    #[inline(always)]
    pub(crate) fn give_room<K: Keeper>(&mut self, keeper: &Rc<K>) -> Option<(u64, usize, usize)> {
        let ours = Rc::as_ptr(keeper).cast::<()>();
        let theirs = Rc::as_ptr(self.keeper.as_ref()?).cast::<()>();
        if theirs != ours {
            return None;
        }
        self.keeper = None;
        let (start, end) = (self.start as usize, self.end as usize);
        (self.room_len, self.start, self.end) = (0, 0, 0);
        Some((self.token, start, end))
    }

    /// Prefetches the cache lines that will be used soon and are probably not in the cache: the
    /// octets behind the header, and those around the frame, where SecTAG and ICV go.
    #[inline]
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(
            clippy::unused_self,
            reason = "only a hint, and only where there is one"
        )
    )]
    #[allow(unsafe_code, reason = "a hint to the cache")]
    pub(crate) fn prefetch(&self) {
        #[cfg(target_arch = "x86_64")]
        {
            use crate::limits::CACHE_LINE;
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let (start, end) = (self.start as usize, self.end as usize);
            for at in [
                start.wrapping_sub(CACHE_LINE),
                start + CACHE_LINE,
                end + CACHE_LINE / 4,
            ] {
                let line = self.room.as_ptr().wrapping_add(at);
                // SAFETY: a prefetch reads nothing and takes any address.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) };
            }
        }
    }

    #[allow(unsafe_code, reason = "the room is raw memory of a pool")]
    fn room(&self) -> &[u8] {
        // SAFETY: as in `room_mut`; `&self` allows reading.
        unsafe { slice::from_raw_parts(self.room.as_ptr(), self.room_len as usize) }
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        if let Some(keeper) = &self.keeper {
            keeper.take_back(self.token);
        }
    }
}

impl fmt::Debug for Frame {
    /// Shows the frame's range but not its octets: red frames are confidential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("start", &self.start)
            .field("end", &self.end)
            .field("room_len", &self.room_len)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
