//! A bell between two threads: an eventfd. Any number of rings writes it once, until the other side
//! answers.

use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// One direction: any thread may ring; one thread waits and answers.
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

    /// Signals the other side. Ring *after* the data is in place. Costs one atomic swap, and a
    /// system call only if the bell was silent.
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // Fails only if the count is at its limit, and then the descriptor is readable.
            let _ = rustix::io::write(&self.fd, &1_u64.to_ne_bytes());
        }
    }

    /// Silences the bell. Answer *before* reading the data, or a ring in between is lost.
    ///
    /// The order is: read the eventfd, then allow new writes. In the reverse order the read could
    /// consume a new ring, and `rung` would stay set for ever. In this order the worst case is one
    /// needless wake.
    pub(crate) fn answer(&self) {
        // EAGAIN: not rung, or the write is still in progress.
        let _ = rustix::io::read(&self.fd, &mut [0; 8]);
        // The swap reads the value of the ringing swap, so everything written before that ring is
        // visible.
        self.rung.swap(false, Ordering::AcqRel);
    }
}

impl AsFd for Wake {
    /// Readable while rung.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
