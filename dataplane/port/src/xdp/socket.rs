//! One AF_XDP socket: one queue of one interface, its four rings, and the chunks that it has.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    ptr,
    rc::Rc,
};

use super::{
    pieces::{Loss, Pieces},
    ring::{Consumer, Producer, RingKind},
    umem::{Holder, Umem},
};
use crate::{Frame, Pool, limits, sys};

/// A socket on a queue.
pub(super) struct Socket {
    fill: Producer<u64>,
    completion: Consumer<u64>,
    rx: Consumer<libc::xdp_desc>,
    tx: Producer<libc::xdp_desc>,
    /// `None` only while it is dropped: closed before its chunks are taken back.
    fd: Option<OwnedFd>,
    umem: Rc<Umem>,
    pieces: Pieces,
    /// Frames may go out in several pieces.
    in_pieces: bool,
    /// Chunks that may wait in the fill ring.
    fill_most: u32,
    /// The fill ring has less, for want of chunks.
    short: bool,
    /// The device was busy: what is in the ring waits for another call.
    pending: bool,
    /// This socket, as a holder of chunks.
    holder: Holder,
}

/// How a socket is opened.
pub(super) struct Options {
    /// XDP_COPY or XDP_ZEROCOPY, or 0 for what the driver can.
    pub(super) flags: u16,
    /// Where frames of several pieces are put together. `None`: there are none.
    pub(super) pool: Option<Pool>,
    /// Frames that a call may have the driver handle at once, instead of interrupts.
    pub(super) busy_poll: Option<u32>,
}

/// What the kernel said to a call for sending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kick {
    Done,
    /// The device is busy; what is in the ring goes with the next call.
    Busy,
    LinkDown,
}

impl Socket {
    /// A socket with its rings, bound to a queue. Its fill ring is empty: see `set_fill`.
    pub(super) fn open(
        umem: &Rc<Umem>,
        index: u32,
        queue: u32,
        options: &Options,
    ) -> io::Result<Self> {
        let fd = sys::socket(libc::AF_XDP, libc::SOCK_RAW)?;
        let socket = fd.as_fd();
        sys::set_option(
            socket,
            libc::SOL_XDP,
            libc::XDP_UMEM_REG,
            &umem.registration(),
        )?;
        let count = limits::XDP_RING;
        let in_pieces = options.pool.is_some();
        let opened = Self {
            fill: Producer::new(socket, RingKind::Fill, count)?,
            completion: Consumer::new(socket, RingKind::Completion, count)?,
            rx: Consumer::new(socket, RingKind::Rx, count)?,
            tx: Producer::new(socket, RingKind::Tx, count)?,
            fd: Some(fd),
            umem: Rc::clone(umem),
            pieces: Pieces::new(options.pool.clone()),
            in_pieces,
            fill_most: 0,
            short: false,
            pending: false,
            holder: umem.next_socket(),
        };
        let several = if in_pieces { libc::XDP_USE_SG } else { 0 };
        let address = libc::sockaddr_xdp {
            sxdp_family: libc::AF_XDP as u16,
            sxdp_flags: options.flags | libc::XDP_USE_NEED_WAKEUP | several,
            sxdp_ifindex: index,
            sxdp_queue_id: queue,
            sxdp_shared_umem_fd: 0,
        };
        sys::bind(opened.fd(), &address)?;
        // Older kernels do not know it, and send 32 frames per call.
        let _ = sys::set_option(opened.fd(), libc::SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &256u32);
        if let Some(budget) = options.busy_poll {
            let set =
                |option, value: u32| sys::set_option(opened.fd(), libc::SOL_SOCKET, option, &value);
            set(libc::SO_PREFER_BUSY_POLL, 1)?;
            set(libc::SO_BUSY_POLL, limits::BUSY_POLL_US)?;
            set(libc::SO_BUSY_POLL_BUDGET, budget)?;
        }
        Ok(opened)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_ref().expect("closed only by drop").as_fd()
    }

    /// The next frame of the queue, or why it is none. Inlined for the reason of `Pool::frame`.
    #[inline(always)]
    pub(super) fn receive(&mut self) -> Option<Result<Frame, Loss>> {
        loop {
            let descriptor = self.rx.pop()?;
            let last = descriptor.options & libc::XDP_PKT_CONTD == 0;
            let whole = match piece(&self.umem, self.holder, &descriptor) {
                None => self.pieces.fail(last),
                Some(piece) => {
                    // The common case: one piece, with its tailroom; no copy.
                    if last && self.pieces.is_between() && piece.tailroom() >= limits::TAILROOM {
                        Some(Ok(piece))
                    } else {
                        self.pieces.add(piece.bytes(), last)
                    }
                }
            };
            match whole {
                None => {}
                Some(Ok(frame)) if frame.len() < limits::ETHERNET_HEADER => {
                    return Some(Err(Loss::Malformed));
                }
                Some(whole) => return Some(whole),
            }
        }
    }

    /// After a burst: gives ring places and fresh chunks to the kernel. A look at an empty ring
    /// writes nothing, so that the kernel keeps the cache lines that it writes.
    pub(super) fn end_of_burst(&mut self) {
        if self.rx.release() || self.short {
            self.refill();
        }
        if self.fill.needs_wakeup() {
            let _ = receive_nothing(self.fd());
        }
    }

    /// How many chunks may wait for frames at once: the memory is shared by all sockets.
    pub(super) fn set_fill(&mut self, chunks: u32) {
        self.fill_most = chunks.min(limits::XDP_RING);
        self.refill();
    }

    /// Fills the fill ring, as far as it may be filled and there are chunks.
    fn refill(&mut self) {
        let waiting = limits::XDP_RING - self.fill.free();
        let mut places = self.fill_most.saturating_sub(waiting);
        while places > 0
            && let Some(chunk) = self.umem.take(self.holder)
        {
            self.fill.push(self.umem.address(chunk.into(), 0));
            places -= 1;
        }
        self.fill.publish();
        self.short = places > 0;
    }

    /// Puts a frame into the ring, without a copy if it is of this memory. `false`: there is no
    /// place, or no chunk for a copy.
    #[must_use]
    pub(super) fn send(&mut self, frame: Frame) -> bool {
        if self.tx.free() == 0 {
            return false;
        }
        match frame.into_room(&self.umem) {
            Ok((chunk, start, end)) => {
                self.push(chunk, start, end - start, true);
                true
            }
            Err(foreign) => self.send_copy(foreign.bytes()),
        }
    }

    /// Puts a copy of a frame into the ring, in several pieces if it is longer than a chunk.
    #[must_use]
    pub(super) fn send_copy(&mut self, octets: &[u8]) -> bool {
        let longest = self.umem.chunk_len() - limits::CHUNK_HEADROOM;
        let count = octets.len().div_ceil(longest);
        let most = if self.in_pieces {
            limits::PIECES_MAX
        } else {
            1
        };
        let places = self.tx.free() as usize;
        if !(1..=most).contains(&count) || count > places || count > self.umem.free() {
            return false;
        }
        let mut pieces = octets.chunks(longest).peekable();
        while let Some(piece) = pieces.next() {
            // There is a chunk (counted above), and a piece fits it.
            let Some(chunk) = self.umem.take(Holder::Frame) else {
                return false;
            };
            let mut copy = self.umem.frame(chunk);
            let fits = copy.copy_from(limits::CHUNK_HEADROOM, piece);
            debug_assert!(fits, "pieces are cut to fit");
            let Ok((chunk, start, end)) = copy.into_room(&self.umem) else {
                return false;
            };
            self.push(chunk, start, end - start, pieces.peek().is_none());
        }
        true
    }

    /// A chunk that no frame has goes to the kernel.
    fn push(&mut self, chunk: u64, start: usize, len: usize, last: bool) {
        self.umem.pass(chunk, Holder::Frame, self.holder);
        let addr = self.umem.address(chunk, start);
        let options = if last { 0 } else { libc::XDP_PKT_CONTD };
        self.tx.push(libc::xdp_desc {
            addr,
            len: len as u32,
            options,
        });
    }

    /// The device was busy when it was last called.
    pub(super) fn is_pending(&self) -> bool {
        self.pending
    }

    /// Shows the kernel what was put into the ring, and calls it if it sleeps.
    pub(super) fn kick(&mut self) -> Kick {
        self.tx.publish();
        let mut tries = 0;
        self.pending = false;
        while self.tx.needs_wakeup() {
            let Err(error) = send_nothing(self.fd()) else {
                break;
            };
            match error.raw_os_error() {
                // More is waiting than one call sends, or the device is busy.
                Some(libc::EAGAIN | libc::EBUSY | libc::ENOBUFS | libc::EINTR) => {
                    tries += 1;
                    if tries > limits::SEND_TRIES {
                        self.pending = true;
                        return Kick::Busy;
                    }
                }
                _ => return Kick::LinkDown,
            }
        }
        Kick::Done
    }

    /// Takes back the chunks of frames that were sent.
    pub(super) fn complete(&mut self) {
        while let Some(address) = self.completion.pop() {
            self.umem
                .pass(self.umem.place(address).0, self.holder, Holder::Nobody);
        }
        self.completion.release();
    }

    /// XDP_STATISTICS: frames that found no chunk or none long enough, and no place in the ring.
    pub(super) fn dropped(&self) -> (u64, u64) {
        // rx_dropped, rx_invalid_descs, tx_invalid_descs, rx_ring_full, …: 64 bits each.
        let halves = sys::option::<12>(self.fd(), libc::SOL_XDP, libc::XDP_STATISTICS);
        let halves = halves.unwrap_or_default();
        let number = |at: usize| {
            let (a, b) = (u64::from(halves[2 * at]), u64::from(halves[2 * at + 1]));
            if cfg!(target_endian = "little") {
                b << 32 | a
            } else {
                a << 32 | b
            }
        };
        (number(0), number(3))
    }

    /// Whether the driver reads and writes the chunks itself.
    pub(super) fn zero_copy(&self) -> bool {
        sys::option::<1>(self.fd(), libc::SOL_XDP, libc::XDP_OPTIONS)
            .is_ok_and(|[options]| options & libc::XDP_OPTIONS_ZEROCOPY != 0)
    }

    /// The error that the kernel left, which is then cleared: the interface is gone.
    pub(super) fn failed(&self) -> bool {
        let error = sys::option::<1>(self.fd(), libc::SOL_SOCKET, libc::SO_ERROR);
        !error.is_ok_and(|[code]| code == 0)
    }
}

/// What a received descriptor points to, as far as it points into a chunk that the kernel had from
/// this socket. A chunk that it had is ours again in any case.
#[inline(always)]
pub(super) fn piece(umem: &Rc<Umem>, socket: Holder, descriptor: &libc::xdp_desc) -> Option<Frame> {
    let (chunk, start) = umem.place(descriptor.addr);
    let end = start + descriptor.len as usize;
    if !umem.pass(chunk, socket, Holder::Frame) {
        return None;
    }
    // A chunk of this socket's: its number is one.
    let mut piece = umem.frame(chunk as u32);
    if start < limits::HEADROOM || end > umem.chunk_len() {
        return None;
    }
    piece.set_range(start, end);
    Some(piece)
}

impl Drop for Socket {
    fn drop(&mut self) {
        // The kernel lets go of the chunks when the socket is closed, and not before.
        self.fd = None;
        self.umem.reclaim(self.holder);
    }
}

const XDP_MAX_TX_SKB_BUDGET: libc::c_int = 9;

#[allow(unsafe_code, reason = "sendto(2)")]
fn send_nothing(socket: BorrowedFd<'_>) -> io::Result<()> {
    let fd = socket.as_raw_fd();
    // SAFETY: no octets and no address are pointed to.
    let sent = unsafe { libc::sendto(fd, ptr::null(), 0, libc::MSG_DONTWAIT, ptr::null(), 0) };
    sys::checked(sent as libc::c_int).map(drop)
}

#[allow(unsafe_code, reason = "recvfrom(2)")]
fn receive_nothing(socket: BorrowedFd<'_>) -> io::Result<()> {
    let (fd, none) = (socket.as_raw_fd(), ptr::null_mut());
    // SAFETY: no octets and no address are pointed to.
    let received = unsafe {
        libc::recvfrom(
            fd,
            none,
            0,
            libc::MSG_DONTWAIT,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    sys::checked(received as libc::c_int).map(drop)
}
