//! One AF_XDP socket: one queue of one interface, its four rings, and the chunks that it holds.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    rc::Rc,
};

use rustix::net::{
    self, AddressFamily, RecvFlags, SendFlags, SocketType, sockopt,
    xdp::{SocketAddrXdp, SocketAddrXdpFlags, XdpOptionsFlags},
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
    /// `None` only during drop, because the socket is closed before its chunks are taken back.
    fd: Option<OwnedFd>,
    umem: Rc<Umem>,
    pieces: Pieces,
    /// Frames may be sent in several pieces.
    in_pieces: bool,
    /// Maximum number of chunks in the fill ring.
    fill_most: u32,
    /// The fill ring has fewer chunks, because none are free.
    short: bool,
    /// The device was busy: the entries in the ring wait for another call.
    pending: bool,
    /// The identity of this socket as a holder of chunks.
    holder: Holder,
}

/// Options for opening a socket.
pub(super) struct Options {
    /// XDP_COPY, XDP_ZEROCOPY, or none for the best that the driver supports.
    pub(super) flags: SocketAddrXdpFlags,
    /// The pool for frames of several pieces. `None`: there are no such frames.
    pub(super) pool: Option<Pool>,
    /// Number of frames that the driver may handle in a call, instead of interrupts.
    pub(super) busy_poll: Option<u32>,
}

/// The kernel's result of a send call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kick {
    Done,
    /// The device is busy; the entries in the ring are sent by the next call.
    Busy,
    LinkDown,
}

impl Socket {
    /// Opens a socket with its rings and binds it to a queue. Its fill ring is empty: see
    /// `set_fill`.
    pub(super) fn open(
        umem: &Rc<Umem>,
        index: u32,
        queue: u32,
        options: &Options,
    ) -> io::Result<Self> {
        let fd = sys::socket(AddressFamily::XDP, SocketType::RAW)?;
        let socket = fd.as_fd();
        sockopt::set_xdp_umem_reg(socket, umem.registration())?;
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
        let mut flags = options.flags | SocketAddrXdpFlags::XDP_USE_NEED_WAKEUP;
        flags.set(SocketAddrXdpFlags::XDP_USE_SG, in_pieces);
        net::bind(opened.fd(), &SocketAddrXdp::new(flags, index, queue))?;
        // Older kernels do not have this option and send 32 frames per call.
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

    /// The next frame of the queue, or the reason of its loss. Inlined for the reason in
    /// `Pool::frame`.
    #[inline(always)]
    pub(super) fn receive(&mut self) -> Option<Result<Frame, Loss>> {
        loop {
            let descriptor = self.rx.pop()?;
            let last = descriptor.options & libc::XDP_PKT_CONTD == 0;
            let whole = match piece(&self.umem, self.holder, &descriptor) {
                None => self.pieces.fail(last),
                Some(piece) => {
                    // The usual case: one piece with tailroom, without a copy.
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

    /// Ends a burst: gives ring places and fresh chunks to the kernel. If the ring was empty it
    /// writes nothing, so that the cache lines that the kernel writes stay with the kernel.
    pub(super) fn end_of_burst(&mut self) {
        if self.rx.release() || self.short {
            self.refill();
        }
        if self.fill.needs_wakeup() {
            let _ = receive_nothing(self.fd());
        }
    }

    /// Sets the maximum number of chunks in the fill ring, because all sockets share the memory.
    pub(super) fn set_fill(&mut self, chunks: u32) {
        self.fill_most = chunks.min(limits::XDP_RING);
        self.refill();
    }

    /// Fills the fill ring up to its limit, as long as there are free chunks.
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

    /// Puts a frame into the ring, without a copy if it is of this memory. Returns `false` if there
    /// is no place, or no chunk for a copy.
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
            // There is a chunk (counted above), and a piece fits into it.
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

    /// Puts a chunk that no frame holds any more into the tx ring.
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

    /// Returns whether the device was busy at the last call.
    pub(super) fn is_pending(&self) -> bool {
        self.pending
    }

    /// Publishes the entries of the tx ring, and calls the kernel if it sleeps.
    pub(super) fn kick(&mut self) -> Kick {
        self.tx.publish();
        let mut tries = 0;
        self.pending = false;
        while self.tx.needs_wakeup() {
            let Err(error) = send_nothing(self.fd()) else {
                break;
            };
            match error.raw_os_error() {
                // More entries wait than one call sends, or the device is busy.
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

    /// Takes back the chunks of sent frames.
    pub(super) fn complete(&mut self) {
        while let Some(address) = self.completion.pop() {
            self.umem
                .pass(self.umem.place(address).0, self.holder, Holder::Nobody);
        }
        self.completion.release();
    }

    /// XDP_STATISTICS: frames that found no chunk or only too short a chunk, and frames that found
    /// the ring full.
    pub(super) fn dropped(&self) -> (u64, u64) {
        sockopt::xdp_statistics(self.fd()).map_or((0, 0), |counts| {
            (counts.rx_dropped, counts.rx_ring_full.unwrap_or_default())
        })
    }

    /// Returns whether the device reads and writes the chunks itself.
    pub(super) fn zero_copy(&self) -> bool {
        sockopt::xdp_options(self.fd())
            .is_ok_and(|options| options.contains(XdpOptionsFlags::XDP_OPTIONS_ZEROCOPY))
    }

    /// Clears the error that the kernel left; returns whether there was one: the interface is gone.
    pub(super) fn failed(&self) -> bool {
        sys::had_error(self.fd())
    }
}

/// The piece of a received descriptor, if it lies in a chunk that the kernel held for this socket.
/// Such a chunk returns to us even if the descriptor is invalid.
#[inline(always)]
pub(super) fn piece(umem: &Rc<Umem>, socket: Holder, descriptor: &libc::xdp_desc) -> Option<Frame> {
    let (chunk, start) = umem.place(descriptor.addr);
    let end = start + descriptor.len as usize;
    if !umem.pass(chunk, socket, Holder::Frame) {
        return None;
    }
    // The chunk belongs to this socket, so its number is a valid u32.
    let mut piece = umem.frame(chunk as u32);
    if start < limits::HEADROOM || end > umem.chunk_len() {
        return None;
    }
    piece.set_range(start, end);
    Some(piece)
}

impl Drop for Socket {
    fn drop(&mut self) {
        // The kernel releases the chunks when the socket is closed, not earlier.
        self.fd = None;
        self.umem.reclaim(self.holder);
    }
}

const XDP_MAX_TX_SKB_BUDGET: libc::c_int = 9;

fn send_nothing(socket: BorrowedFd<'_>) -> io::Result<()> {
    net::send(socket, &[], SendFlags::DONTWAIT)?;
    Ok(())
}

fn receive_nothing(socket: BorrowedFd<'_>) -> io::Result<()> {
    net::recv(socket, &mut [0; 0], RecvFlags::DONTWAIT)?;
    Ok(())
}
