//! The control link: the few rekey frames between the line and control, by way of the worker.
//!
//! ```text
//! black ─ worker ─ WorkerEnd ══ two bounded queues, two bells ══ ControlLink ─ control
//! ```
//! Frames are copied into buffers of a fixed size inside the queues: no allocation after the link is
//! made. A full queue refuses; who refuses a frame of the line counts it. The worker rings for frames
//! alone: what else there is to know, control looks for. Neither end ever waits for the other, wherever the
//! other was interrupted: frames do not stand behind control's thread (ADR 11).
//!
//! Not here: what a rekey frame means, or whether it is genuine.

use crate::limits::{CONTROL_FRAME_LEN_MAX, CONTROL_QUEUE_FRAMES};
use crate::wake::Wake;
use core::fmt;
use rtrb::{Consumer, Producer, RingBuffer};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// A copy of one control frame, destination address to the last octet of payload.
#[derive(Clone, PartialEq, Eq)]
pub struct ControlFrame {
    len: u16,
    octets: [u8; CONTROL_FRAME_LEN_MAX],
}

/// Control's side of the link.
pub struct ControlLink {
    from_worker: Consumer<ControlFrame>,
    to_worker: Producer<ControlFrame>,
    /// The worker rings it.
    control: Arc<Wake>,
    /// We ring it.
    worker: Arc<Wake>,
}

/// The worker's side of the link.
pub struct WorkerEnd {
    to_control: Producer<ControlFrame>,
    from_control: Consumer<ControlFrame>,
    control: Arc<Wake>,
    worker: Arc<Wake>,
}

/// Why a control frame was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// Longer than a buffer of the link.
    #[error("control frame of {0} octets: the link carries at most {CONTROL_FRAME_LEN_MAX}")]
    TooLong(usize),
    /// As many frames as the queue holds wait already.
    #[error("{CONTROL_QUEUE_FRAMES} control frames wait already: the worker does not send them")]
    Full,
}

impl ControlFrame {
    /// A copy of `octets`.
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
    /// A link, both ends.
    ///
    /// # Errors
    /// When the process has no file descriptor left.
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

    /// The next frame that came from the line. When there is none the bell is silenced, so read until
    /// `None`, then wait on the descriptor: whatever comes after that rings again.
    pub fn recv(&mut self) -> Option<ControlFrame> {
        self.from_worker.pop().ok().or_else(|| {
            self.control.answer();
            self.from_worker.pop().ok()
        })
    }

    /// Sends a frame out of the black port, ahead of user frames.
    ///
    /// # Errors
    /// [`Refused`]: too long, or the queue is full.
    pub fn send(&mut self, octets: &[u8]) -> Result<(), Refused> {
        self.to_worker
            .push(ControlFrame::new(octets)?)
            .map_err(|_| Refused::Full)?;
        self.worker.ring();
        Ok(())
    }

    /// Ends the worker's sleep, if it sleeps: there is a command in its mailbox.
    pub(crate) fn ring_worker(&self) {
        self.worker.ring();
    }
}

impl AsFd for ControlLink {
    /// Readable when frames are there, or the worker has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }
}

impl Drop for ControlLink {
    /// A worker without control is to notice.
    fn drop(&mut self) {
        self.worker.ring();
    }
}

impl WorkerEnd {
    /// Hands a frame of the line to control.
    pub(crate) fn push(&mut self, octets: &[u8]) -> Result<(), Refused> {
        self.to_control
            .push(ControlFrame::new(octets)?)
            .map_err(|_| Refused::Full)?;
        self.control.ring();
        Ok(())
    }

    /// The next frame that control wants sent.
    pub(crate) fn pop(&mut self) -> Option<ControlFrame> {
        self.from_control.pop().ok()
    }

    /// What the worker waits on while it sleeps.
    pub(crate) fn wake(&self) -> &Wake {
        &self.worker
    }
}

impl Drop for WorkerEnd {
    /// The worker ends, or dies: control is to notice.
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
