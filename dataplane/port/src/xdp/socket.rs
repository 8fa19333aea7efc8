//! One AF_XDP socket: one queue of one interface, its four rings, and the chunks that it has.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    ptr,
    rc::Rc,
};

use super::{
    ring::{Consumer, Producer, RingKind},
    umem::{Holder, Umem},
};
use crate::{Frame, limits, sys};

/// A socket on a queue.
pub(super) struct Socket {
    fill: Producer<u64>,
    completion: Consumer<u64>,
    rx: Consumer<libc::xdp_desc>,
    tx: Producer<libc::xdp_desc>,
    /// `None` only while it is dropped: closed before its chunks are taken back.
    fd: Option<OwnedFd>,
    umem: Rc<Umem>,
    /// This socket, as a holder of chunks.
    holder: Holder,
}

/// What a received descriptor was.
pub(super) enum Received {
    Frame(Frame),
    /// It pointed where the kernel has nothing to point to.
    Malformed,
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
    /// A socket with its rings, its fill ring full, bound to a queue.
    pub(super) fn open(umem: &Rc<Umem>, index: u32, queue: u32, flags: u16) -> io::Result<Self> {
        let fd = sys::socket(libc::AF_XDP, libc::SOCK_RAW)?;
        let socket = fd.as_fd();
        sys::set_option(
            socket,
            libc::SOL_XDP,
            libc::XDP_UMEM_REG,
            &umem.registration(),
        )?;
        let count = limits::XDP_RING;
        let mut opened = Self {
            fill: Producer::new(socket, RingKind::Fill, count)?,
            completion: Consumer::new(socket, RingKind::Completion, count)?,
            rx: Consumer::new(socket, RingKind::Rx, count)?,
            tx: Producer::new(socket, RingKind::Tx, count)?,
            fd: Some(fd),
            umem: Rc::clone(umem),
            holder: umem.next_socket(),
        };
        opened.refill();
        let address = libc::sockaddr_xdp {
            sxdp_family: libc::AF_XDP as u16,
            sxdp_flags: flags | libc::XDP_USE_NEED_WAKEUP,
            sxdp_ifindex: index,
            sxdp_queue_id: queue,
            sxdp_shared_umem_fd: 0,
        };
        sys::bind(opened.fd(), &address)?;
        // Older kernels do not know it, and send 32 frames per call.
        let _ = sys::set_option(opened.fd(), libc::SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &256u32);
        Ok(opened)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_ref().expect("closed only by drop").as_fd()
    }

    /// The next frame of the queue.
    pub(super) fn receive(&mut self) -> Option<Received> {
        let descriptor = self.rx.pop()?;
        let (chunk, start) = self.umem.place(descriptor.addr);
        let end = start + descriptor.len as usize;
        if !self.umem.pass(chunk, self.holder, Holder::Frame) {
            return Some(Received::Malformed);
        }
        // It was this socket's, so it is a chunk's number.
        let mut frame = self.umem.frame(chunk as u32);
        let fits = start >= limits::HEADROOM && end + limits::TAILROOM <= self.umem.chunk_len();
        if !fits || end - start < limits::ETHERNET_HEADER {
            return Some(Received::Malformed);
        }
        frame.set_range(start, end);
        Some(Received::Frame(frame))
    }

    /// After a burst: gives ring places and fresh chunks to the kernel.
    pub(super) fn end_of_receive(&mut self) {
        self.rx.release();
        self.refill();
        if self.fill.needs_wakeup() {
            let _ = receive_nothing(self.fd());
        }
    }

    fn refill(&mut self) {
        let places = self.fill.free();
        for _ in 0..places {
            let Some(chunk) = self.umem.take(self.holder) else {
                break;
            };
            self.fill.push(self.umem.address(chunk.into(), 0));
        }
        self.fill.publish();
    }

    /// Puts a frame into the ring, without a copy if it is of this memory. `Err`: there is no
    /// place, or no chunk for a copy.
    pub(super) fn send(&mut self, frame: Frame) -> Result<(), Frame> {
        if self.tx.free() == 0 {
            return Err(frame);
        }
        let (chunk, start, end) = match frame.into_room(&self.umem) {
            Ok(room) => room,
            Err(foreign) => {
                let Some(copy) = self.copy(foreign.bytes()) else {
                    return Err(foreign);
                };
                let Ok(room) = copy.into_room(&self.umem) else {
                    return Err(foreign);
                };
                room
            }
        };
        self.umem.pass(chunk, Holder::Frame, self.holder);
        let addr = self.umem.address(chunk, start);
        self.tx.push(libc::xdp_desc {
            addr,
            len: (end - start) as u32,
            options: 0,
        });
        Ok(())
    }

    /// A frame in a chunk of this memory.
    pub(super) fn copy(&self, octets: &[u8]) -> Option<Frame> {
        let mut frame = self.umem.frame(self.umem.take(Holder::Frame)?);
        frame
            .copy_from(limits::CHUNK_HEADROOM, octets)
            .then_some(frame)
    }

    /// Shows the kernel what was put into the ring, and calls it if it sleeps.
    pub(super) fn kick(&mut self) -> Kick {
        self.tx.publish();
        let mut tries = 0;
        while self.tx.needs_wakeup() {
            let Err(error) = send_nothing(self.fd()) else {
                break;
            };
            match error.raw_os_error() {
                // More is waiting than one call sends, or the device is busy.
                Some(libc::EAGAIN | libc::EBUSY | libc::ENOBUFS | libc::EINTR) => {
                    tries += 1;
                    if tries > limits::SEND_TRIES {
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
