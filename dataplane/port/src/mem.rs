//! A line in memory with two ends, each a port. For tests, simulation, and the lab on a machine
//! without network namespaces and /dev/net/tun.
//!
//! The ends may be on two threads. Frames are copied across, so each end has its own pool. The line
//! holds `capacity` frames per direction. If it is full, the sender drops the frame and counts it
//! (`tx_refused`). When one end is dropped, the link of the other goes down. Neither end ever waits
//! for the other, wherever the other was interrupted (ADR 11).

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::{AsFd, BorrowedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rtrb::{Consumer, Producer, RingBuffer};

use crate::{Burst, Frame, Pool, Port, PortCounters, PortError, limits, sys};

/// One end of a line in memory, not opened yet. It can be sent to the thread that will use it.
pub struct Mem {
    rx: Receiver,
    tx: Sender,
    config: MemConfig,
    mac: [u8; 6],
}

/// The parameters of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemConfig {
    /// Frames that each direction holds.
    pub capacity: usize,
    /// MTU in octets; longer frames are dropped and counted.
    pub mtu: usize,
    /// Number of buffers of each end.
    pub pool_frames: usize,
    /// A descriptor tells the receiver that frames wait. Ports that are polled by hand need none,
    /// and save its system calls.
    pub bell: bool,
}

impl Default for MemConfig {
    fn default() -> Self {
        Self {
            capacity: 1024,
            mtu: limits::MTU_MAX,
            pool_frames: limits::POOL_FRAMES,
            bell: true,
        }
    }
}

/// A line of `capacity` frames per direction, for any MTU up to [`limits::MTU_MAX`].
#[must_use]
pub fn pair(capacity: usize) -> (Mem, Mem) {
    pair_with(MemConfig {
        capacity,
        ..MemConfig::default()
    })
}

/// A line with other parameters.
#[must_use]
pub fn pair_with(config: MemConfig) -> (Mem, Mem) {
    let (there, from_here) = direction(&config);
    let (back, from_there) = direction(&config);
    let end = |rx, tx, last| Mem {
        rx,
        tx,
        config,
        // Locally administered.
        mac: [0x02, 0, 0, 0, 0, last],
    };
    (end(from_there, there, 1), end(from_here, back, 2))
}

impl Mem {
    /// Sets the MAC address of this end.
    #[must_use]
    pub fn with_mac(mut self, mac: [u8; 6]) -> Self {
        self.mac = mac;
        self
    }

    /// Opens this end as a port of this thread.
    ///
    /// # Errors
    /// [`PortError::Range`] if a parameter is beyond the limits.
    pub fn open(self) -> Result<MemPort, PortError> {
        let pool = Pool::new(self.config.pool_frames, self.config.mtu)?;
        Ok(MemPort {
            end: self,
            pool,
            counters: PortCounters::default(),
        })
    }
}

impl Drop for Mem {
    fn drop(&mut self) {
        self.tx.lane.closed.store(true, Ordering::Release);
        self.rx.lane.closed.store(true, Ordering::Release);
        self.tx.lane.signal();
    }
}

/// An open end of a line in memory.
pub struct MemPort {
    end: Mem,
    pool: Pool,
    counters: PortCounters,
}

impl MemPort {
    /// The pool of buffers of this end, for leak tests.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    fn receive(&mut self, octets: &[u8]) -> Option<Frame> {
        let Some(mut frame) = self.pool.frame() else {
            self.counters.rx_no_buffer += 1;
            return None;
        };
        if !frame.copy_from(limits::HEADROOM, octets) {
            self.counters.rx_too_long += 1;
            return None;
        }
        self.counters.count_rx(octets.len());
        Some(frame)
    }
}

impl Port for MemPort {
    fn rx_burst(&mut self, into: &mut Burst) {
        while !into.is_full() {
            let Ok(octets) = self.end.rx.full.pop() else {
                self.end.rx.clear();
                return;
            };
            into.extend(self.receive(&octets));
            // The two queues hold `capacity` buffers together, so there is a place.
            let _ = self.end.rx.spare.push(octets);
        }
    }

    fn tx_burst(&mut self, from: &mut Burst) {
        for frame in from.drain(..) {
            send(&mut self.end, &mut self.counters, frame.bytes());
        }
        self.end.tx.lane.signal();
    }

    fn copy_tx(&mut self, frame: &[u8]) {
        send(&mut self.end, &mut self.counters, frame);
        self.end.tx.lane.signal();
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.end.rx.lane.wake.as_ref().map(AsFd::as_fd)
    }

    fn mtu(&self) -> usize {
        self.end.config.mtu
    }

    fn mac(&self) -> [u8; 6] {
        self.end.mac
    }

    fn counters(&self) -> PortCounters {
        PortCounters {
            buffers_held: self.pool.held(),
            ..self.counters
        }
    }

    fn link_up(&self) -> bool {
        let Lane { closed, dark, .. } = &*self.end.rx.lane;
        !closed.load(Ordering::Acquire) && !dark.load(Ordering::Acquire)
    }

    fn set_link(&mut self, up: bool) -> bool {
        self.end.tx.lane.dark.store(!up, Ordering::Release);
        true
    }

    fn kind(&self) -> &'static str {
        "mem"
    }
}

fn send(end: &mut Mem, counters: &mut PortCounters, octets: &[u8]) {
    if octets.len() > limits::frame_len_max(end.config.mtu) {
        counters.tx_too_long += 1;
    } else if end.tx.lane.closed.load(Ordering::Acquire) {
        counters.tx_link_down += 1;
    } else if let Ok(mut buffer) = end.tx.spare.pop() {
        buffer.clear();
        buffer.extend_from_slice(octets);
        // The two queues hold `capacity` buffers together, so there is a place.
        let _ = end.tx.full.push(buffer);
        counters.count_tx(octets.len());
    } else {
        counters.tx_refused += 1;
    }
}

/// The sending end of one direction. Buffers circulate: `spare` → sender → `full` → receiver →
/// `spare`.
struct Sender {
    full: Producer<Vec<u8>>,
    spare: Consumer<Vec<u8>>,
    lane: Arc<Lane>,
}

/// The receiving end of one direction.
struct Receiver {
    full: Consumer<Vec<u8>>,
    spare: Producer<Vec<u8>>,
    lane: Arc<Lane>,
}

/// The shared state of one direction.
struct Lane {
    /// Readable while `signalled`. `None` without a bell, or if the process has no descriptor left;
    /// the receiver's idle wait then ends by its time-out.
    wake: Option<File>,
    signalled: AtomicBool,
    closed: AtomicBool,
    /// The sender has taken its link down.
    dark: AtomicBool,
}

fn direction(config: &MemConfig) -> (Sender, Receiver) {
    let capacity = config.capacity.max(1);
    let (full, filled) = RingBuffer::new(capacity);
    let (mut spent, spare) = RingBuffer::new(capacity);
    while spent
        .push(Vec::with_capacity(limits::frame_len_max(config.mtu)))
        .is_ok()
    {}
    let lane = Arc::new(Lane {
        wake: config.bell.then(|| sys::eventfd().ok()).flatten(),
        signalled: AtomicBool::new(false),
        closed: AtomicBool::new(false),
        dark: AtomicBool::new(false),
    });
    let sender = Sender {
        full,
        spare,
        lane: Arc::clone(&lane),
    };
    let receiver = Receiver {
        full: filled,
        spare: spent,
        lane,
    };
    (sender, receiver)
}

impl Receiver {
    /// Clears the signal, when the receiver has found the direction empty.
    fn clear(&self) {
        let Lane {
            wake, signalled, ..
        } = &*self.lane;
        if !signalled.load(Ordering::Relaxed) {
            return;
        }
        let _ = wake.as_ref().map(|mut wake| wake.read(&mut [0; 8]));
        // The swap synchronises with the sender's swap. So the check below sees the frames whose
        // signal was cleared here.
        signalled.swap(false, Ordering::AcqRel);
        if !self.full.is_empty() {
            self.lane.signal();
        }
    }
}

impl Lane {
    /// Called by the sender after its frames: one system call, or none while the receiver is awake.
    fn signal(&self) {
        if !self.signalled.swap(true, Ordering::AcqRel) {
            let _ = self
                .wake
                .as_ref()
                .map(|mut wake| wake.write(&1u64.to_ne_bytes()));
        }
    }
}

#[cfg(test)]
mod tests;
