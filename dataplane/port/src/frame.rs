//! A frame: an owned buffer with headroom and tailroom, which goes back to its pool when dropped.
//!
//! [`Frame`] knows neither heap nor UMEM nor mbuf: it holds a room, the range of the frame in it,
//! and the keeper that takes the room back. So a frame passes from port to port without a copy
//! whenever the ports share their memory, and with one type in any case.
//!
//! Bound to one thread: reference counts and free lists are plain, not atomic.

mod free_list;
mod pool;

use std::{fmt, ptr::NonNull, rc::Rc, slice};

pub(crate) use free_list::FreeList;
pub use pool::Pool;

/// Takes a room back: a pool of this crate, a UMEM, a mempool.
pub(crate) trait Keeper {
    /// The frame that held room number `token` is gone.
    fn take_back(&self, token: u64);
}

/// An owned frame. Move-only; dropping it gives the buffer back to its pool.
pub struct Frame {
    /// First octet of the room. All `room_len` octets are initialised and of this frame alone; 0 of
    /// a frame that has given its room away.
    room: NonNull<u8>,
    room_len: u32,
    /// `start <= end <= room_len`, always.
    start: u32,
    end: u32,
    token: u64,
    /// `None` only in a frame that has given its room away.
    keeper: Option<Rc<dyn Keeper>>,
}

impl Frame {
    /// A frame over a room that `keeper` lends out.
    ///
    /// # Safety
    /// The `room_len` octets at `room` are initialised, live as long as `keeper`, and nobody else
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

    /// The frame's octets, to change.
    #[must_use]
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let (start, end) = (self.start as usize, self.end as usize);
        &mut self.room_mut().0[start..end]
    }

    /// Octets of the frame.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether there is not one octet.
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

    /// The whole room, and where the frame starts and ends in it.
    #[must_use]
    #[inline]
    #[allow(unsafe_code, reason = "the room is raw memory of a pool")]
    pub fn room_mut(&mut self) -> (&mut [u8], usize, usize) {
        // SAFETY: `Frame::new` was promised `room_len` initialised octets of this frame's own, and
        // `&mut self` keeps others of this thread from them for the lifetime of the slice.
        let room = unsafe { slice::from_raw_parts_mut(self.room.as_ptr(), self.room_len as usize) };
        (room, self.start as usize, self.end as usize)
    }

    /// Says where in the room the frame is now.
    ///
    /// # Panics
    /// If `start..end` is no range of the room.
    #[inline]
    pub fn set_range(&mut self, start: usize, end: usize) {
        assert!(
            start <= end && end <= self.room_len as usize,
            "a frame outside its room"
        );
        // Both fit: they are not above room_len, which is a u32.
        self.start = start as u32;
        self.end = end as u32;
    }

    /// Makes the frame a copy of `octets`, starting `headroom` octets into the room. `false`, and
    /// nothing done, where they do not fit.
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

    /// Gives the room away without a copy, if it is one of `keeper`'s: its token, and where the
    /// frame starts and ends in it. The room is then the caller's, and not taken back.
    pub(crate) fn into_room<K: Keeper>(
        mut self,
        keeper: &Rc<K>,
    ) -> Result<(u64, usize, usize), Self> {
        self.give_room(keeper).ok_or(self)
    }

    /// The same of a frame that stays where it is; it is empty afterwards.
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

    /// Has the core fetch what is soon touched, and was not lately: the octets behind the header, and those
    /// around the frame, where SecTAG and ICV go.
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
                // SAFETY: reads nothing, and takes any address.
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
    /// Where it is, not what is in it: red frames are nobody's business.
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
