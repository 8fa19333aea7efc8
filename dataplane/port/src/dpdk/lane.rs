//! Memory: pools of mbufs, and the mbufs that are frames of a thread.
//!
//! Queue *n* of every device takes its mbufs from pool *n*, so the red and the black port of a
//! worker share one pool. The ring of a device can carry mbufs to other threads and devices, and no
//! mbuf may outlive its pool. So a pool lives as long as the process, with one exception: if all
//! devices were sockets on interfaces, their rings end with them, and all pools are deleted when no
//! thread has a port or a frame. `net_af_xdp` does not return the mbufs of its rings; they go with
//! the pools.

use std::{
    cell::{Cell, RefCell},
    ffi::{CString, c_int},
    ptr::{self, NonNull},
    rc::{Rc, Weak},
    sync::{Mutex, MutexGuard, PoisonError},
};

use dpdk_sys::{Mbuf, Mempool, Room};

use super::{Eal, failed, log};
use crate::{DeviceName, Frame, PortError, frame::Keeper, limits};

/// The properties of a pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PoolKind {
    /// The queue that uses the pool.
    pub(super) queue: u16,
    /// Number of mbufs.
    pub(super) count: u32,
    /// Octets of each mbuf, DPDK's headroom included.
    pub(super) data_room: u16,
    /// NUMA node; -1: any.
    pub(super) socket: i32,
}

/// A handle to a pool of mbufs; any thread may hold it. It is valid as long as any thread has
/// [`Mbufs`], which ports and frames hold.
#[derive(Clone, Copy)]
pub(super) struct Lane(NonNull<Mempool>);

// SAFETY: many threads may use a DPDK mempool at once, and a pool is deleted only when no thread
// uses it.
#[allow(unsafe_code, reason = "a pointer that may cross threads")]
unsafe impl Send for Lane {}

/// All pools.
struct Lanes {
    made: Vec<(PoolKind, Lane)>,
    /// Threads that have [`Mbufs`].
    threads: usize,
    /// Set once there was a device that may keep mbufs after it is closed (as `net_ring` does).
    stay: bool,
}

static LANES: Mutex<Lanes> = Mutex::new(Lanes {
    made: Vec::new(),
    threads: 0,
    stay: false,
});

fn lanes() -> MutexGuard<'static, Lanes> {
    LANES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lane {
    /// The pool of this kind for `device`, found or created. The thread must have its [`Mbufs`].
    #[allow(unsafe_code, reason = "a call of DPDK")]
    pub(super) fn of(
        _started: Eal,
        device: &DeviceName,
        kind: PoolKind,
    ) -> Result<Self, PortError> {
        let mut lanes = lanes();
        lanes.stay |= !device.is_on_interface();
        if let Some((_, lane)) = lanes.made.iter().find(|(have, _)| *have == kind) {
            return Ok(*lane);
        }
        // A counter makes the name short and unique.
        let name = CString::new(format!("frames{}", lanes.made.len())).unwrap_or_default();
        let mut error: c_int = 0;
        let (count, data_room, socket) = (kind.count, kind.data_room, kind.socket);
        // SAFETY: EAL has started; the name lives during the call, and DPDK copies it.
        let pool = log::listen(|| unsafe {
            dpdk_sys::qm_pool_new(name.as_ptr(), count, data_room, socket, &raw mut error)
        });
        let Some(pool) = NonNull::new(pool) else {
            let mb = (count as usize * usize::from(data_room)) >> 20;
            let what = format!(
                "a pool of {count} mbufs of {data_room} octets: more than {mb} MiB; raise memory_mb, \
                 or lower mbufs"
            );
            return Err(failed(what, error));
        };
        lanes.made.push((kind, Self(pool)));
        Ok(Self(pool))
    }

    pub(super) fn pool(self) -> *mut Mempool {
        self.0.as_ptr()
    }

    /// The number of free mbufs.
    #[allow(unsafe_code, reason = "a call of DPDK")]
    pub(super) fn free(self) -> usize {
        // SAFETY: the pool is live.
        unsafe { dpdk_sys::qm_pool_free(self.0.as_ptr()) as usize }
    }
}

/// Takes back the mbufs of this thread's frames, of whichever pool. There is one per thread. The
/// thread is registered with DPDK as long as it lives.
pub(super) struct Mbufs {
    /// Number of mbufs that are frames now.
    held: Cell<u64>,
}

thread_local! {
    static OF_THIS_THREAD: RefCell<Weak<Mbufs>> = const { RefCell::new(Weak::new()) };
}

impl Mbufs {
    /// The `Mbufs` of this thread, found or created.
    #[allow(unsafe_code, reason = "a call of DPDK")]
    pub(super) fn of_this_thread(_started: Eal) -> Result<Rc<Self>, PortError> {
        OF_THIS_THREAD.with_borrow_mut(|mbufs| {
            if let Some(mbufs) = mbufs.upgrade() {
                return Ok(mbufs);
            }
            // SAFETY: EAL has started; a former `Mbufs` of this thread has unregistered the thread
            // when it was dropped.
            let refused = unsafe { dpdk_sys::qm_thread_register() };
            if refused != 0 {
                return Err(failed("registering a thread", refused));
            }
            lanes().threads += 1;
            let made = Rc::new(Self { held: Cell::new(0) });
            *mbufs = Rc::downgrade(&made);
            Ok(made)
        })
    }

    /// Makes a frame of an mbuf. The room's memory becomes the frame's.
    ///
    /// # Safety
    /// The caller owns the mbuf, it has one segment, and `start <= end <= len` in its room.
    // Inlined, so that the frame is built in the burst that holds it: see `Pool::frame`.
    #[inline(always)]
    #[allow(unsafe_code, reason = "makes a frame over an mbuf")]
    pub(super) unsafe fn frame(self: &Rc<Self>, room: &Room, base: NonNull<u8>) -> Frame {
        let token = room.mbuf.expose_provenance() as u64;
        let keeper = Rc::<Self>::clone(self);
        self.held.set(self.held.get() + 1);
        // SAFETY: the caller's promise; a pool's memory comes from the kernel, so it is
        // initialised, and it lives as long as the frame's keeper. The caller owns the mbuf and it
        // is in no ring, so nothing else touches it until it is sent or freed.
        let mut frame = unsafe { Frame::new(keeper, base, room.len.into(), token) };
        frame.set_range(room.start.into(), room.end.into());
        frame
    }

    /// Moves a frame of this thread's mbufs into `room` for sending, without a copy. Returns
    /// `false` and changes nothing if the frame is of another kind.
    #[inline(always)]
    pub(super) fn give(self: &Rc<Self>, frame: &mut Frame, room: &mut Room) -> bool {
        let Some((token, start, end)) = frame.give_room(self) else {
            return false;
        };
        self.held.set(self.held.get() - 1);
        room.mbuf = mbuf_of(token);
        // A frame lies within its mbuf's memory, whose length is a u16.
        (room.start, room.end) = (start as u16, end as u16);
        true
    }

    /// Copies `octets` into a fresh mbuf of `lane` and puts it into `room` for sending. Returns
    /// `false` if no mbuf is free or the octets do not fit.
    #[allow(unsafe_code, reason = "a call of DPDK, and a frame over an mbuf")]
    pub(super) fn copy(self: &Rc<Self>, octets: &[u8], lane: Lane, room: &mut Room) -> bool {
        // SAFETY: the pool is live, and `room` lives during the call.
        if unsafe { dpdk_sys::qm_mbuf_new(lane.pool(), &raw mut *room) } != 0 {
            return false;
        }
        let Some(base) = NonNull::new(room.base) else {
            return false;
        };
        // SAFETY: the mbuf is fresh from the pool, has one segment, and is empty behind its
        // headroom.
        let mut frame = unsafe { self.frame(room, base) };
        frame.copy_from(room.start.into(), octets) && self.give(&mut frame, room)
    }

    /// Frees a received mbuf that holds no valid frame.
    ///
    /// # Safety
    /// The caller owns the mbuf and does not use it again.
    #[cold]
    #[allow(unsafe_code, reason = "a call of DPDK")]
    pub(super) unsafe fn free(room: &Room) {
        // SAFETY: the caller's promise.
        unsafe { dpdk_sys::qm_mbuf_free(room.mbuf) };
    }

    /// Number of mbufs that are frames of this thread now.
    pub(super) fn held(&self) -> u64 {
        self.held.get()
    }
}

impl Keeper for Mbufs {
    #[allow(unsafe_code, reason = "a call of DPDK")]
    fn take_back(&self, token: u64) {
        self.held.set(self.held.get() - 1);
        // SAFETY: the token of a frame is its mbuf, which belonged to the frame alone.
        unsafe { dpdk_sys::qm_mbuf_free(mbuf_of(token)) };
    }
}

impl Drop for Mbufs {
    #[allow(unsafe_code, reason = "a call of DPDK")]
    fn drop(&mut self) {
        // SAFETY: this thread was registered when this value was made, and an Rc stays on its
        // thread.
        unsafe { dpdk_sys::qm_thread_unregister() };
        let mut lanes = lanes();
        lanes.threads -= 1;
        if lanes.threads == 0 && !lanes.stay {
            for (_, lane) in lanes.made.drain(..) {
                // SAFETY: ports and frames hold an `Mbufs`, and none is left: no device runs, no
                // mbuf is a frame, and a thread that opens a port waits for the lock. No former
                // device has kept mbufs.
                unsafe { dpdk_sys::qm_pool_delete(lane.0.as_ptr()) };
            }
        }
    }
}

/// An empty room.
pub(super) const EMPTY: Room = Room {
    mbuf: ptr::null_mut(),
    base: ptr::null_mut(),
    len: 0,
    start: 0,
    end: 0,
    is_whole: 0,
};

/// The mbuf of a token.
fn mbuf_of(token: u64) -> *mut Mbuf {
    ptr::with_exposed_provenance_mut(token as usize)
}

const _: () = assert!(size_of::<usize>() == 8 && limits::MTU_MAX < u16::MAX as usize);
