//! A pool of rooms of one size on the heap, all allocated at the start.

use std::{
    alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error},
    cell::Cell,
    ptr::NonNull,
    rc::Rc,
};

use super::{Frame, FreeList, Keeper};
use crate::{PortError, limits};

/// Rooms of one size. A clone is another handle to the same pool. The memory lives until the last
/// frame and the last handle are gone.
#[derive(Clone)]
pub struct Pool {
    rooms: Rc<Rooms>,
}

struct Rooms {
    base: NonNull<u8>,
    layout: Layout,
    room_len: usize,
    count: usize,
    /// Rooms that no frame holds.
    free: FreeList,
    exhausted: Cell<u64>,
}

impl Pool {
    /// `count` rooms for frames of `mtu`, with headroom and tailroom.
    ///
    /// # Errors
    /// [`PortError::Range`] for a count or an MTU beyond the limits.
    pub fn new(count: usize, mtu: usize) -> Result<Self, PortError> {
        let range = |what, have, min, max| PortError::Range {
            what,
            have,
            min,
            max,
        };
        if !(limits::MTU_MIN..=limits::MTU_MAX).contains(&mtu) {
            return Err(range("mtu", mtu, limits::MTU_MIN, limits::MTU_MAX));
        }
        if !(1..=limits::POOL_FRAMES_MAX).contains(&count) {
            return Err(range("pool_frames", count, 1, limits::POOL_FRAMES_MAX));
        }
        let room_len = limits::room_len(mtu);
        let layout = Layout::from_size_align(room_len * count, limits::CACHE_LINE)
            .expect("at most 64 Ki rooms of less than 64 KiB");
        let base = allocate(layout);
        let free = FreeList::full(count as u32);
        let exhausted = Cell::new(0);
        Ok(Self {
            rooms: Rc::new(Rooms {
                base,
                layout,
                room_len,
                count,
                free,
                exhausted,
            }),
        })
    }

    /// An empty frame in a free room, behind [`limits::HEADROOM`]. `None` if all rooms are in use,
    /// which is counted.
    // Inlined, so that the frame is built in the burst that holds it. If it were built here field
    // by field and then moved in wide loads, each move would wait for the stores of the fields.
    #[must_use]
    #[inline(always)]
    #[allow(unsafe_code, reason = "makes a frame over a room of this pool")]
    pub fn frame(&self) -> Option<Frame> {
        let rooms = &self.rooms;
        let Some(number) = rooms.free.pop() else {
            self.count_exhausted();
            return None;
        };
        // SAFETY: numbers on the free list are below `count`, so the address is in the allocation.
        let room = unsafe { rooms.base.add(number as usize * rooms.room_len) };
        // SAFETY: the room was zeroed when allocated and lives as long as `rooms`, which the frame
        // holds. The number is off the free list until `take_back`, so no other frame has this
        // room.
        let mut frame = unsafe {
            Frame::new(
                Rc::<Rooms>::clone(rooms),
                room,
                rooms.room_len as u32,
                number.into(),
            )
        };
        frame.set_range(limits::HEADROOM, limits::HEADROOM);
        Some(frame)
    }

    #[cold]
    fn count_exhausted(&self) {
        self.rooms.exhausted.set(self.rooms.exhausted.get() + 1);
    }

    /// Number of free rooms.
    #[must_use]
    pub fn free(&self) -> usize {
        self.rooms.free.len()
    }

    /// Number of rooms that frames hold.
    #[must_use]
    pub fn held(&self) -> u64 {
        (self.count() - self.free()) as u64
    }

    /// Number of all rooms.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rooms.count
    }

    /// Octets of the longest frame that leaves its headroom and tailroom free.
    #[must_use]
    pub fn frame_len_max(&self) -> usize {
        self.rooms.room_len - limits::HEADROOM - limits::TAILROOM
    }

    /// Number of times that a room was requested and none was free.
    #[must_use]
    pub fn exhausted(&self) -> u64 {
        self.rooms.exhausted.get()
    }
}

impl Keeper for Rooms {
    fn take_back(&self, token: u64) {
        // The token is the room's number, which `Pool::frame` made from a u32.
        self.free.push(token as u32);
    }
}

impl Drop for Rooms {
    #[allow(unsafe_code, reason = "frees what `allocate` made")]
    fn drop(&mut self) {
        // SAFETY: `base` is from `allocate` with this layout. Every frame held an Rc of these
        // rooms, so no frame is left.
        unsafe { dealloc(self.base.as_ptr(), self.layout) };
    }
}

#[allow(unsafe_code, reason = "one allocation, zeroed, aligned to cache lines")]
fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: the layout is not empty: at least one room, and no room is empty.
    let base = unsafe { alloc_zeroed(layout) };
    NonNull::new(base).unwrap_or_else(|| handle_alloc_error(layout))
}
