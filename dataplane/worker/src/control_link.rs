//! The control link: rekey frames between the line and control, through the worker.
//!
//! ```text
//! black ─ worker ─ WorkerEnd ══ two bounded queues, two bells ══ ControlLink ─ control
//! ```
//! Frames are copied into buffers of fixed size inside the queues: no allocation after the link is
//! set up. A full queue refuses a frame; if the frame came from the line, the worker counts it. The
//! worker rings only for frames and when it ends; control polls for everything else. Neither end
//! waits for the other, even if the other is preempted, so control's thread cannot hold up frames
//! (ADR 11).
//!
//! Not here: the meaning of a rekey frame, or the check that it is authentic.

use crate::limits::{CONTROL_FRAME_LEN_MAX, CONTROL_QUEUE_FRAMES};
use crate::wake::Wake;
use core::fmt;
use rtrb::{Consumer, Producer, RingBuffer};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// A copy of one control frame, from the destination address to the last octet of payload.
#[derive(Clone, PartialEq, Eq)]
pub struct ControlFrame {
    len: u16,
    octets: [u8; CONTROL_FRAME_LEN_MAX],
}

/// Control's side of the link.
pub struct ControlLink {
    from_worker: Consumer<ControlFrame>,
    to_worker: Producer<ControlFrame>,
    /// The bell that the worker rings.
    control: Arc<Wake>,
    /// The bell that control rings.
    worker: Arc<Wake>,
}

/// The worker's side of the link.
pub struct WorkerEnd {
    to_control: Producer<ControlFrame>,
    from_control: Consumer<ControlFrame>,
    control: Arc<Wake>,
    worker: Arc<Wake>,
}

/// The reasons why a control frame is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// Longer than a buffer of the link.
    #[error("control frame of {0} octets: the link carries at most {CONTROL_FRAME_LEN_MAX}")]
    TooLong(usize),
    /// The queue is full.
    #[error("{CONTROL_QUEUE_FRAMES} control frames wait already: the worker does not send them")]
    Full,
}

impl ControlFrame {
    /// Copies `octets`.
    ///
    /// # Errors
    /// [`Refused::TooLong`].
    pub fn new(octets: &[u8]) -> Result<Self, Refused> {
        let mut copy = [0; CONTROL_FRAME_LEN_MAX];
        let place = copy
            .get_mut(..octets.len())
            .ok_or(Refused::TooLong(octets.len()))?;
        place.copy_from_slice(octets);
        let len = u16::try_from(octets.len()).map_err(|_| Refused::TooLong(octets.len()))?;
        Ok(Self { len, octets: copy })
    }

    /// The frame.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }
}

impl ControlLink {
    /// Makes both ends of a link.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn pair() -> io::Result<(Self, WorkerEnd)> {
        let (to_control, from_worker) = RingBuffer::new(CONTROL_QUEUE_FRAMES);
        let (to_worker, from_control) = RingBuffer::new(CONTROL_QUEUE_FRAMES);
        let (control, worker) = (Arc::new(Wake::new()?), Arc::new(Wake::new()?));
        let end = WorkerEnd {
            to_control,
            from_control,
            control: Arc::clone(&control),
            worker: Arc::clone(&worker),
        };
        Ok((
            Self {
                from_worker,
                to_worker,
                control,
                worker,
            },
            end,
        ))
    }

    /// Returns the next frame that came from the line. If there is none, it silences the bell. So
    /// read until `None`, then wait on the descriptor: the next frame rings again.
    pub fn recv(&mut self) -> Option<ControlFrame> {
        self.from_worker.pop().ok().or_else(|| {
            self.control.answer();
            self.from_worker.pop().ok()
        })
    }

    /// Sends a frame out of the black port, ahead of user frames.
    ///
    /// # Errors
    /// [`Refused`]: the frame is too long, or the queue is full.
    pub fn send(&mut self, octets: &[u8]) -> Result<(), Refused> {
        self.to_worker
            .push(ControlFrame::new(octets)?)
            .map_err(|_| Refused::Full)?;
        self.worker.ring();
        Ok(())
    }

    /// Wakes the worker if it sleeps: there is a command in its mailbox.
    pub(crate) fn ring_worker(&self) {
        self.worker.ring();
    }
}

impl AsFd for ControlLink {
    /// Readable when there are frames, or when the worker has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }
}

impl Drop for ControlLink {
    /// Wakes the worker, so that it notices that control has gone.
    fn drop(&mut self) {
        self.worker.ring();
    }
}

impl WorkerEnd {
    /// Hands a frame from the line to control.
    pub(crate) fn push(&mut self, octets: &[u8]) -> Result<(), Refused> {
        self.to_control
            .push(ControlFrame::new(octets)?)
            .map_err(|_| Refused::Full)?;
        self.control.ring();
        Ok(())
    }

    /// Returns the next frame from control to the line.
    pub(crate) fn pop(&mut self) -> Option<ControlFrame> {
        self.from_control.pop().ok()
    }

    /// The bell that ends the worker's sleep.
    pub(crate) fn wake(&self) -> &Wake {
        &self.worker
    }
}

impl Drop for WorkerEnd {
    /// The worker ends or panics: the ring makes control notice.
    fn drop(&mut self) {
        self.control.ring();
    }
}

impl fmt::Debug for ControlFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ControlFrame({} octets)", self.len)
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests;
