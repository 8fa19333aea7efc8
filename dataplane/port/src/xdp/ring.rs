//! The rings between the port and the kernel. One side writes entries and advances `producer`, the
//! other reads them and advances `consumer`. Both numbers wrap at 2^32.
//!
//! The kernel may access only the entries between the two numbers. We store our number with Release
//! after the entries are written or read, and load the kernel's number with Acquire.

use std::{
    io,
    marker::PhantomData,
    os::fd::BorrowedFd,
    ptr::NonNull,
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::net::sockopt;

use crate::sys::Mapping;

/// The kind of a ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RingKind {
    Rx,
    Tx,
    Fill,
    Completion,
}

impl RingKind {
    /// Sets the number of entries.
    fn set_count(self, socket: BorrowedFd<'_>, count: u32) -> io::Result<()> {
        match self {
            Self::Rx => sockopt::set_xdp_rx_ring_size(socket, count)?,
            Self::Tx => sockopt::set_xdp_tx_ring_size(socket, count)?,
            Self::Fill => sockopt::set_xdp_umem_fill_ring_size(socket, count)?,
            Self::Completion => sockopt::set_xdp_umem_completion_ring_size(socket, count)?,
        }
        Ok(())
    }

    fn page_offset(self) -> libc::off_t {
        match self {
            Self::Rx => libc::XDP_PGOFF_RX_RING,
            Self::Tx => libc::XDP_PGOFF_TX_RING,
            Self::Fill => libc::XDP_UMEM_PGOFF_FILL_RING as libc::off_t,
            Self::Completion => libc::XDP_UMEM_PGOFF_COMPLETION_RING as libc::off_t,
        }
    }
}

/// A ring in memory shared with the kernel. `T` is the type of its entries, which the kernel
/// defines.
struct Ring<T> {
    mapping: Mapping,
    producer: usize,
    consumer: usize,
    flags: usize,
    entries: usize,
    count: u32,
    entry: PhantomData<T>,
}

/// An entry of plain numbers, in the kernel's layout.
pub(super) trait Entry: Copy {}
impl Entry for u64 {}
impl Entry for libc::xdp_desc {}

/// The offsets of a ring's parts: producer, consumer, entries, flags.
fn offsets(socket: BorrowedFd<'_>, kind: RingKind) -> io::Result<[usize; 4]> {
    let all = sockopt::xdp_mmap_offsets(socket)?;
    let ring = match kind {
        RingKind::Rx => all.rx,
        RingKind::Tx => all.tx,
        RingKind::Fill => all.fr,
        RingKind::Completion => all.cr,
    };
    let flags = ring
        .flags
        .ok_or_else(|| io::Error::other("AF_XDP needs Linux 5.4 or later"))?;
    let number = |offset: u64| usize::try_from(offset).map_err(io::Error::other);
    Ok([
        number(ring.producer)?,
        number(ring.consumer)?,
        number(ring.desc)?,
        number(flags)?,
    ])
}

impl<T: Entry> Ring<T> {
    /// Creates and maps a ring of `count` entries, a power of two.
    fn new(socket: BorrowedFd<'_>, kind: RingKind, count: u32) -> io::Result<Self> {
        kind.set_count(socket, count)?;
        let [producer, consumer, entries, flags] = offsets(socket, kind)?;
        let len = entries + count as usize * size_of::<T>();
        let mapping = Mapping::new(socket, len, kind.page_offset())?;
        let words = [producer, consumer, flags]
            .into_iter()
            .all(|at| at % 4 == 0 && at + 4 <= len);
        if !words || entries % align_of::<T>() != 0 || !count.is_power_of_two() {
            return Err(io::Error::other("the kernel's ring offsets make no sense"));
        }
        Ok(Self {
            mapping,
            producer,
            consumer,
            flags,
            entries,
            count,
            entry: PhantomData,
        })
    }

    #[allow(unsafe_code, reason = "an atomic in memory shared with the kernel")]
    fn word(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: `new` checked that the offset is aligned and in the mapping.
        let word = unsafe { self.mapping.base().add(offset) };
        // SAFETY: as above; the mapping lives as long as `self`; both sides treat it as atomic.
        unsafe { AtomicU32::from_ptr(word.cast().as_ptr()) }
    }

    /// The place of entry number `index`, which wraps.
    #[allow(unsafe_code, reason = "points into memory shared with the kernel")]
    fn entry(&self, index: u32) -> NonNull<T> {
        let offset = self.entries + (index & (self.count - 1)) as usize * size_of::<T>();
        // SAFETY: the mask keeps the index below `count`, and the mapping has `count` entries.
        unsafe { self.mapping.base().add(offset) }.cast()
    }
}

/// A ring that we fill: fill or tx.
pub(super) struct Producer<T> {
    ring: Ring<T>,
    next: u32,
}

impl<T: Entry> Producer<T> {
    pub(super) fn new(socket: BorrowedFd<'_>, kind: RingKind, count: u32) -> io::Result<Self> {
        Ok(Self {
            ring: Ring::new(socket, kind, count)?,
            next: 0,
        })
    }

    /// Number of free places.
    pub(super) fn free(&self) -> u32 {
        let consumed = self.ring.word(self.ring.consumer).load(Ordering::Acquire);
        self.ring
            .count
            .saturating_sub(self.next.wrapping_sub(consumed))
    }

    /// Writes an entry. A place must be free (`free`).
    #[allow(unsafe_code, reason = "writes to memory shared with the kernel")]
    pub(super) fn push(&mut self, value: T) {
        let entry = self.ring.entry(self.next);
        // SAFETY: in the mapping and aligned; not published, so the kernel does not read it.
        unsafe { entry.write(value) };
        self.next = self.next.wrapping_add(1);
    }

    /// Publishes the written entries to the kernel.
    pub(super) fn publish(&self) {
        self.ring
            .word(self.ring.producer)
            .store(self.next, Ordering::Release);
    }

    /// Returns whether the kernel sleeps on this ring and needs a call.
    pub(super) fn needs_wakeup(&self) -> bool {
        let flags = self.ring.word(self.ring.flags).load(Ordering::Relaxed);
        flags & libc::XDP_RING_NEED_WAKEUP != 0
    }
}

/// A ring that the kernel fills: rx or completion.
pub(super) struct Consumer<T> {
    ring: Ring<T>,
    next: u32,
    /// The kernel's producer number as last read.
    filled: u32,
    /// The number up to which we have returned places.
    released: u32,
}

impl<T: Entry> Consumer<T> {
    pub(super) fn new(socket: BorrowedFd<'_>, kind: RingKind, count: u32) -> io::Result<Self> {
        Ok(Self {
            ring: Ring::new(socket, kind, count)?,
            next: 0,
            filled: 0,
            released: 0,
        })
    }

    /// Reads the next entry.
    #[allow(unsafe_code, reason = "reads memory shared with the kernel")]
    pub(super) fn pop(&mut self) -> Option<T> {
        if self.next == self.filled {
            self.filled = self.ring.word(self.ring.producer).load(Ordering::Acquire);
            if self.next == self.filled {
                return None;
            }
        }
        let entry = self.ring.entry(self.next);
        // SAFETY: in the mapping and aligned; plain numbers; the kernel published it, and does not
        // write there again before `release`.
        let value = unsafe { entry.read() };
        self.next = self.next.wrapping_add(1);
        Some(value)
    }

    /// Returns the places of the read entries to the kernel. Returns whether there were any.
    pub(super) fn release(&mut self) -> bool {
        let any = self.released != self.next;
        if any {
            self.released = self.next;
            self.ring
                .word(self.ring.consumer)
                .store(self.next, Ordering::Release);
        }
        any
    }
}
