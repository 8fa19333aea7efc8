//! A bell between two threads: an eventfd that is written once, however often it is rung, until the
//! other side has answered it.

use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// One direction: any thread rings, one thread waits and answers.
pub(crate) struct Wake {
    fd: OwnedFd,
    /// Rung and not yet answered: the descriptor is readable, or is about to be.
    rung: AtomicBool,
}

impl Wake {
    pub(crate) fn new() -> io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Self {
            fd,
            rung: AtomicBool::new(false),
        })
    }

    /// Tells the other side that there is something: ring *after* it is there. One atomic swap; a
    /// system call only when the bell was silent.
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // Fails only when the count is at its limit, and then it is readable.
            let _ = rustix::io::write(&self.fd, &1_u64.to_ne_bytes());
        }
    }

    /// Silences the bell: answer *before* looking at what there is, or a ring in between is lost.
    ///
    /// In this order: read, then allow new writes. The other way round the read could swallow a new
    /// ring, and `rung` would stay set for ever. As it is, the worst is to wake once for nothing.
    pub(crate) fn answer(&self) {
        // EAGAIN: not rung, or the write is still under way.
        let _ = rustix::io::read(&self.fd, &mut [0; 8]);
        // The swap reads what the ringing swap wrote, and so all that came before it is seen.
        self.rung.swap(false, Ordering::AcqRel);
    }
}

impl AsFd for Wake {
    /// Readable while rung.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
