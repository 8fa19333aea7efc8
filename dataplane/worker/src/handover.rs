//! Hand-over between workers: a MACsec frame belongs to the worker that holds the rx SAs of its SC,
//! no matter which worker the kernel or the device delivered it to.
//!
//! ```text
//! black ─ worker 0 ─ SCI of worker 1? ─▶ line in memory ─▶ worker 1 ─ validate ─▶ red
//! ```
//! **One SC, one worker.** The replay window is part of the SA, so each SA is in exactly one
//! worker; [`owner`] says in which. A port that can steer frames delivers them to their owner. A
//! frame that arrives at another worker crosses a [`port::mem`] line between the two workers; it is
//! copied into buffers that are allocated at the start. If that line is full, the giving worker
//! drops the frame and counts it.
//!
//! Not here: the distribution of red frames. Any worker may get any red frame, since each sends on
//! its own SC.

use arrayvec::ArrayVec;
use port::mem::{Mem, MemConfig, MemPort, pair_with};
use port::{Port, PortError};
use std::os::fd::BorrowedFd;
use wire::{EthernetFrame, Sci, SecTag};

use crate::limits::{HANDOVER_FRAMES, HANDOVER_POOL, WORKERS_MAX};

/// The index of the worker that validates the frames of an SC, out of `workers`. It follows from
/// the port number of the SCI, which counts from 1 among the SCs of one peer.
#[must_use]
pub fn owner(sci: Sci, workers: usize) -> usize {
    usize::from(sci.port().wrapping_sub(1)) % workers.max(1)
}

/// A worker's place among the others, with the lines to them. It moves to the worker's thread.
pub struct Seat {
    index: usize,
    /// One line to each other worker; `None` at its own index.
    lines: Vec<Option<Mem>>,
}

/// An opened [`Seat`].
pub(crate) struct Neighbours {
    index: usize,
    lines: ArrayVec<Option<MemPort>, WORKERS_MAX>,
    /// VLAN tags that may stand in front of a SecTAG.
    clear_vlan_tags: usize,
}

/// Counts of the frames that crossed between this worker and the others.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Handed {
    /// Frames given to their owners.
    pub(crate) over: u64,
    /// Dropped: the owner's line is full, or the owner has ended.
    pub(crate) overrun: u64,
    /// Frames taken from other workers.
    pub(crate) taken: u64,
    /// Dropped when taken: there is no buffer.
    pub(crate) lost: u64,
}

impl Seat {
    /// Seats for `workers` workers, at most [`WORKERS_MAX`], whose black ports have this MTU.
    #[must_use]
    pub fn for_all(workers: usize, black_mtu: usize) -> Vec<Self> {
        let workers = workers.clamp(1, WORKERS_MAX);
        let mut seats: Vec<_> = (0..workers)
            .map(|index| Self {
                index,
                lines: (0..workers).map(|_| None).collect(),
            })
            .collect();
        for one in 0..workers {
            for other in one + 1..workers {
                let (here, there) = pair_with(MemConfig {
                    capacity: HANDOVER_FRAMES,
                    mtu: black_mtu,
                    pool_frames: HANDOVER_POOL,
                    ..MemConfig::default()
                });
                seats[one].lines[other] = Some(here);
                seats[other].lines[one] = Some(there);
            }
        }
        seats
    }

    pub(crate) fn open(self, clear_vlan_tags: u8) -> Result<Neighbours, PortError> {
        let lines = self.lines.into_iter();
        let open = |line: Option<Mem>| line.map(Mem::open).transpose();
        Ok(Neighbours {
            index: self.index,
            lines: lines.map(open).collect::<Result<_, _>>()?,
            clear_vlan_tags: clear_vlan_tags.into(),
        })
    }
}

impl Neighbours {
    /// A worker that has no other workers.
    pub(crate) fn none() -> Self {
        Self {
            index: 0,
            lines: ArrayVec::new(),
            clear_vlan_tags: 0,
        }
    }

    /// Gives a MACsec frame to its owner. Returns false if this worker must handle the frame
    /// itself: it is the owner, or the frame has no SCI.
    #[inline]
    pub(crate) fn hand_over(&mut self, frame: &[u8]) -> bool {
        if self.lines.len() < 2 {
            return false;
        }
        let Some(sci) = sci_of(frame, self.clear_vlan_tags) else {
            return false;
        };
        let owner = owner(sci, self.lines.len());
        if owner == self.index {
            return false;
        }
        if let Some(Some(line)) = self.lines.get_mut(owner) {
            line.copy_tx(frame);
        }
        true
    }

    /// The lines on which the other workers deliver our frames.
    pub(crate) fn lines(&mut self) -> impl Iterator<Item = &mut MemPort> {
        self.lines.iter_mut().flatten()
    }

    /// The descriptors to wait on.
    pub(crate) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.lines.iter().flatten().filter_map(Port::fd)
    }

    /// The counts so far.
    pub(crate) fn handed(&self) -> Handed {
        let mut handed = Handed::default();
        for line in self.lines.iter().flatten() {
            let counters = line.counters();
            handed.over += counters.tx_frames;
            handed.overrun += counters.tx_dropped();
            handed.taken += counters.rx_frames;
            handed.lost += counters.rx_dropped();
        }
        handed
    }
}

/// The SCI in the SecTAG of a frame. `None` if the SecTAG has none, or if it is no MACsec frame.
#[inline]
fn sci_of(frame: &[u8], clear_vlan_tags: usize) -> Option<Sci> {
    let frame = EthernetFrame::parse(frame)?;
    SecTag::explicit_sci(frame.after_tags(frame.vlan_tags(clear_vlan_tags)))
}
