//! Idle policies: how a worker waits when it has no frames.
//!
//! *Busy* polls again at once and uses its core fully: for appliances with cores to spare.
//! *Adaptive* shares the core. After a partial burst the worker yields the core and polls again.
//! After a number of empty rounds it sleeps on the descriptors of the ports and on the bell of its
//! control link.
//!
//! A port that vanishes at run time may leave a descriptor that is always ready (POLLERR, POLLHUP)
//! but delivers no frame. The worker leaves such a descriptor out of some waits. So it neither
//! spins on the descriptor nor ignores it for good.

use crate::limits::{
    DISTRUST_WAIT_MS, FALSE_WAKES_MAX, IDLE_SPINS, IDLE_WAIT_MS, NO_DESCRIPTOR_WAIT_US, WORKERS_MAX,
};
use crate::wake::Wake;
use arrayvec::ArrayVec;
use port::{LinkState, Port};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::Duration;

/// The idle policy of a worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Idle {
    /// Never sleeps.
    Busy,
    /// Sleeps after a number of empty rounds.
    Adaptive {
        /// Empty rounds before it sleeps.
        spins: u32,
    },
}

/// Busy workers leave no core to the rest of the system. On a fully loaded machine, busy polling
/// starves the programs whose frames the workers forward.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "idle = busy with {pollers} workers on {cores} cores: busy workers need a core more than there \
     are workers; use idle = adaptive, or fewer workers"
)]
pub struct TooFewCores {
    /// Workers that poll on this machine.
    pub pollers: usize,
    /// Cores that this process may use.
    pub cores: usize,
}

impl Default for Idle {
    fn default() -> Self {
        Self::Adaptive { spins: IDLE_SPINS }
    }
}

impl Idle {
    /// Checks that this number of workers may idle like this on this number of cores.
    ///
    /// # Errors
    /// Busy workers leave no core for the rest of the system.
    pub fn check(self, pollers: usize, cores: usize) -> Result<(), TooFewCores> {
        match self {
            Self::Busy if pollers + 1 > cores => Err(TooFewCores { pollers, cores }),
            Self::Busy | Self::Adaptive { .. } => Ok(()),
        }
    }
}

/// Both ports, the other workers, the bell.
const FDS_MAX: usize = 2 + WORKERS_MAX + 1;

/// The result of a wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waited {
    /// A descriptor is ready.
    Woken,
    /// No descriptor became ready.
    TimedOut,
}

/// The sleep of one worker. It remembers the ports that woke it without a frame. Index 0 is red,
/// index 1 is black.
#[derive(Default)]
pub(crate) struct Sleep {
    /// Frames received by the end of the last wait.
    received: [u64; 2],
    /// True if the port's descriptor ended the last wait.
    woke: [bool; 2],
    /// The number of consecutive wakes without a frame.
    false_wakes: [u32; 2],
}

impl Sleep {
    /// Sleeps until a port or another worker may have frames, the bell rings, or the time is up.
    /// `received` is the number of frames that each port has delivered so far. `others` are the
    /// lines to the other workers, at most [`WORKERS_MAX`].
    pub(crate) fn wait<'a>(
        &mut self,
        ports: [&dyn Port; 2],
        received: [u64; 2],
        others: impl Iterator<Item = BorrowedFd<'a>>,
        bell: &Wake,
    ) -> Waited {
        let mut fds = ArrayVec::<PollFd<'_>, FDS_MAX>::new();
        let mut of_port = [None; 2];
        let mut wait = Duration::from_millis(IDLE_WAIT_MS.into());
        for side in 0..2 {
            match ports[side].fd() {
                Some(_) if self.distrusts(side, received[side]) => {
                    wait = wait.min(Duration::from_millis(DISTRUST_WAIT_MS.into()));
                }
                Some(fd) => {
                    of_port[side] = Some(fds.len());
                    fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
                }
                // The port comes back by itself; the next round notices it.
                None if ports[side].link_state() == LinkState::Gone => {}
                None => wait = wait.min(Duration::from_micros(NO_DESCRIPTOR_WAIT_US.into())),
            }
        }
        fds.extend(
            others
                .take(WORKERS_MAX)
                .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)),
        );
        let bell_at = fds.len();
        fds.push(PollFd::from_borrowed_fd(bell.as_fd(), PollFlags::IN));
        self.received = received;
        let ready = poll_within(&mut fds, wait);
        let is_ready = |index: usize| !fds[index].revents().is_empty();
        self.woke = of_port.map(|index| ready && index.is_some_and(is_ready));
        if ready && is_ready(bell_at) {
            bell.answer(); // before the next round reads mailbox and queue
        }
        if ready {
            Waited::Woken
        } else {
            Waited::TimedOut
        }
    }

    /// Counts wakes without a frame. At the limit the port is left out of this wait, and is
    /// included again in the next one.
    fn distrusts(&mut self, side: usize, received: u64) -> bool {
        if received != self.received[side] {
            self.false_wakes[side] = 0;
        } else if self.woke[side] {
            self.false_wakes[side] += 1;
        }
        let distrusted = self.false_wakes[side] >= FALSE_WAKES_MAX;
        if distrusted {
            self.false_wakes[side] = FALSE_WAKES_MAX - 1;
        }
        distrusted
    }
}

/// True if a descriptor became ready.
fn poll_within(fds: &mut [PollFd<'_>], wait: Duration) -> bool {
    let Ok(timeout) = Timespec::try_from(wait) else {
        return false;
    };
    match poll(fds, Some(&timeout)) {
        Ok(count) => count > 0,
        Err(Errno::INTR) => false,
        // Out of kernel memory, or a descriptor limit below 3. Sleep, so that the loop does not
        // spin.
        Err(_) => {
            thread::sleep(wait);
            false
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests;
