//! The memory of AF_XDP sockets: chunks of one size. A frame, a socket, or nobody holds each chunk.
//!
//! Red and black share one [`Umem`], so that a frame passes from one to the other as a chunk
//! number. Each socket registers the same memory with the kernel separately, with its own fill and
//! completion rings, so an interface that disappears does not affect the other. The kernel does not
//! know that it is the same memory; `holders` ensures that no two sockets hold the same chunk.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io,
    rc::{Rc, Weak},
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::net::xdp::{XdpUmemReg, XdpUmemRegFlags};

use crate::{
    Frame, PortError,
    frame::{FreeList, Keeper},
    limits,
    sys::Mapping,
};

/// The name of a memory for the ports of one thread. The first port to open creates it, the others
/// join.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    number: u64,
    chunks: usize,
    chunk_len: usize,
}

thread_local! {
    static SHARED: RefCell<HashMap<u64, Weak<Umem>>> = RefCell::default();
}

impl Share {
    /// A memory of `chunks` buffers for frames of `mtu`, the largest MTU of the ports.
    ///
    /// # Errors
    /// [`PortError::Range`]: a value is beyond the limits.
    pub fn new(chunks: usize, mtu: usize) -> Result<Self, PortError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let range = |what, have, min, max| PortError::Range {
            what,
            have,
            min,
            max,
        };
        if !(limits::MTU_MIN..=limits::MTU_MAX).contains(&mtu) {
            return Err(range("mtu", mtu, limits::MTU_MIN, limits::MTU_MAX));
        }
        if !(limits::CHUNKS_MIN..=limits::POOL_FRAMES_MAX).contains(&chunks) {
            return Err(range(
                "chunks",
                chunks,
                limits::CHUNKS_MIN,
                limits::POOL_FRAMES_MAX,
            ));
        }
        let small = limits::frame_len_max(mtu) <= limits::CHUNK_LEN_SMALL - limits::CHUNK_OVERHEAD;
        let chunk_len = if small {
            limits::CHUNK_LEN_SMALL
        } else {
            limits::CHUNK_LEN
        };
        Ok(Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            chunks,
            chunk_len,
        })
    }

    /// The memory, found or created.
    pub(super) fn umem(self) -> io::Result<Rc<Umem>> {
        SHARED.with_borrow_mut(|shared| {
            if let Some(umem) = shared.get(&self.number).and_then(Weak::upgrade) {
                return Ok(umem);
            }
            shared.retain(|_, umem| umem.strong_count() > 0);
            let umem = Rc::new(Umem::new(self.chunks, self.chunk_len)?);
            shared.insert(self.number, Rc::downgrade(&umem));
            Ok(umem)
        })
    }
}

/// The memory. It is bound to one thread.
pub(super) struct Umem {
    mapping: Mapping,
    chunk_len: usize,
    /// The holder of each chunk.
    holders: Vec<Cell<Holder>>,
    /// The free chunks.
    free: FreeList,
    /// Number of chunks that frames hold.
    held: Cell<u64>,
    exhausted: Cell<u64>,
    sockets: Cell<u32>,
}

/// The holder of a chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Holder {
    Nobody,
    Frame,
    /// The kernel, on behalf of this socket.
    Socket(u32),
}

impl Umem {
    fn new(chunks: usize, chunk_len: usize) -> io::Result<Self> {
        Ok(Self {
            mapping: Mapping::anonymous(chunks * chunk_len)?,
            chunk_len,
            holders: vec![Cell::new(Holder::Nobody); chunks],
            free: FreeList::full(chunks as u32),
            held: Cell::new(0),
            exhausted: Cell::new(0),
            sockets: Cell::new(0),
        })
    }

    pub(super) fn chunk_len(&self) -> usize {
        self.chunk_len
    }

    /// Octets of the longest frame in one chunk.
    pub(super) fn frame_len_max(&self) -> usize {
        self.chunk_len - limits::CHUNK_OVERHEAD
    }

    /// Number of free chunks.
    pub(super) fn free(&self) -> usize {
        self.free.len()
    }

    /// Number of chunks that frames hold.
    pub(super) fn held(&self) -> u64 {
        self.held.get()
    }

    /// Number of all chunks.
    pub(super) fn count(&self) -> usize {
        self.holders.len()
    }

    /// The argument of XDP_UMEM_REG.
    pub(super) fn registration(&self) -> XdpUmemReg {
        XdpUmemReg {
            addr: self.mapping.base().as_ptr() as u64,
            len: self.mapping.len() as u64,
            chunk_size: self.chunk_len as u32,
            // The kernel always leaves 256 octets: XDP_PACKET_HEADROOM.
            headroom: 0,
            flags: XdpUmemRegFlags::empty(),
            tx_metadata_len: 0,
        }
    }

    /// The identity of a new socket.
    pub(super) fn next_socket(&self) -> Holder {
        self.sockets.set(self.sockets.get() + 1);
        Holder::Socket(self.sockets.get())
    }

    /// Takes a free chunk for `holder`.
    pub(super) fn take(&self, holder: Holder) -> Option<u32> {
        let Some(chunk) = self.free.pop() else {
            self.exhausted.set(self.exhausted.get() + 1);
            return None;
        };
        self.change_holder(&self.holders[chunk as usize], holder);
        Some(chunk)
    }

    /// Passes a chunk from one holder to another. Returns `false` if `from` does not hold such a
    /// chunk.
    pub(super) fn pass(&self, chunk: u64, from: Holder, to: Holder) -> bool {
        let holder = usize::try_from(chunk)
            .ok()
            .and_then(|chunk| self.holders.get(chunk));
        let Some(holder) = holder.filter(|holder| holder.get() == from) else {
            return false;
        };
        self.change_holder(holder, to);
        if to == Holder::Nobody {
            // Below `count`, which is a u32.
            self.free.push(chunk as u32);
        }
        true
    }

    fn change_holder(&self, chunk: &Cell<Holder>, to: Holder) {
        let of_frame = |holder| u64::from(holder == Holder::Frame);
        let before = chunk.replace(to);
        self.held
            .set(self.held.get() + of_frame(to) - of_frame(before));
    }

    /// Takes back all chunks of a closed socket.
    pub(super) fn reclaim(&self, socket: Holder) {
        for chunk in 0..self.holders.len() as u64 {
            self.pass(chunk, socket, Holder::Nobody);
        }
    }

    /// Splits an address from the kernel into chunk and offset.
    pub(super) fn place(&self, address: u64) -> (u64, usize) {
        let len = self.chunk_len as u64;
        (address / len, (address % len) as usize)
    }

    /// The inverse of [`Umem::place`].
    pub(super) fn address(&self, chunk: u64, offset: usize) -> u64 {
        chunk * self.chunk_len as u64 + offset as u64
    }

    /// A frame in a chunk that the caller has just passed to [`Holder::Frame`].
    #[inline(always)]
    #[allow(unsafe_code, reason = "makes a frame over a chunk of this memory")]
    pub(super) fn frame(self: &Rc<Self>, chunk: u32) -> Frame {
        let holder = &self.holders[chunk as usize];
        assert!(
            holder.get() == Holder::Frame,
            "a chunk that is not a frame's"
        );
        // SAFETY: the index into `holders` above was checked, and the mapping has as many chunks.
        let room = unsafe { self.mapping.base().add(chunk as usize * self.chunk_len) };
        let keeper = Rc::<Self>::clone(self);
        // SAFETY: zeroed by mmap, and lives as long as this memory, which the frame holds. A chunk
        // of a frame is in no ring, so the kernel does not touch it. Only one frame has it, because
        // its holder became `Frame` when it left the free list or a ring.
        unsafe { Frame::new(keeper, room, self.chunk_len as u32, chunk.into()) }
    }

    #[cfg(test)]
    pub(super) fn new_for_tests(chunks: usize) -> Rc<Self> {
        Rc::new(Self::new(chunks, limits::CHUNK_LEN_SMALL).unwrap())
    }

    #[cfg(test)]
    pub(super) fn base(&self) -> std::ptr::NonNull<u8> {
        self.mapping.base()
    }
}

impl Keeper for Umem {
    fn take_back(&self, token: u64) {
        self.pass(token, Holder::Frame, Holder::Nobody);
    }
}
