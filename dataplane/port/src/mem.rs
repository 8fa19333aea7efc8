//! A line in memory: two ends, each a port. For tests, simulation, and the lab where there is
//! neither a network namespace nor /dev/net/tun.
//!
//! The ends may live on two threads; frames are copied across, so each end has its own pool. The
//! line holds `capacity` frames per direction. A frame that finds it full is dropped and counted
//! by the sender (`tx_refused`). When one end is dropped, the other's link goes down.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::{AsFd, BorrowedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crossbeam_queue::ArrayQueue;

use crate::{Burst, Frame, Pool, Port, PortCounters, PortError, limits, sys};

/// One end of a line in memory, not opened yet: goes to the thread that will use it.
pub struct Mem {
    rx: Arc<Lane>,
    tx: Arc<Lane>,
    config: MemConfig,
    mac: [u8; 6],
}

/// The line's measures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemConfig {
    /// Frames that each direction holds.
    pub capacity: usize,
    /// Octets of payload; longer frames are dropped and counted.
    pub mtu: usize,
    /// Buffers of each end.
    pub pool_frames: usize,
}

impl Default for MemConfig {
    fn default() -> Self {
        Self {
            capacity: 1024,
            mtu: limits::MTU_MAX,
            pool_frames: limits::POOL_FRAMES,
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

/// A line with measures of its own.
#[must_use]
pub fn pair_with(config: MemConfig) -> (Mem, Mem) {
    let there = Lane::new(&config);
    let back = Lane::new(&config);
    let end = |rx: &Arc<Lane>, tx: &Arc<Lane>, last| Mem {
        rx: Arc::clone(rx),
        tx: Arc::clone(tx),
        config,
        // Locally administered.
        mac: [0x02, 0, 0, 0, 0, last],
    };
    (end(&back, &there, 1), end(&there, &back, 2))
}

impl Mem {
    /// Gives this end an address of its own.
    #[must_use]
    pub fn with_mac(mut self, mac: [u8; 6]) -> Self {
        self.mac = mac;
        self
    }

    /// Makes it a port of this thread.
    ///
    /// # Errors
    /// [`PortError::Range`] if the measures are beyond the limits.
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
        self.tx.closed.store(true, Ordering::Release);
        self.rx.closed.store(true, Ordering::Release);
        self.tx.signal();
    }
}

/// One end of a line in memory.
pub struct MemPort {
    end: Mem,
    pool: Pool,
    counters: PortCounters,
}

impl MemPort {
    /// The buffers of this end: for leak tests.
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
            let Some(octets) = self.end.rx.full.pop() else {
                self.end.rx.clear();
                return;
            };
            into.extend(self.receive(&octets));
            // The two queues hold `capacity` buffers together: there is a place.
            let _ = self.end.rx.spare.push(octets);
        }
    }

    fn tx_burst(&mut self, from: &mut Burst) {
        for frame in from.drain(..) {
            send(&self.end, &mut self.counters, frame.bytes());
        }
        self.end.tx.signal();
    }

    fn copy_tx(&mut self, frame: &[u8]) {
        send(&self.end, &mut self.counters, frame);
        self.end.tx.signal();
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.end.rx.wake.as_ref().map(AsFd::as_fd)
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
        let Lane { closed, dark, .. } = &*self.end.rx;
        !closed.load(Ordering::Acquire) && !dark.load(Ordering::Acquire)
    }

    fn set_link(&mut self, up: bool) -> bool {
        self.end.tx.dark.store(!up, Ordering::Release);
        true
    }

    fn kind(&self) -> &'static str {
        "mem"
    }
}

fn send(end: &Mem, counters: &mut PortCounters, octets: &[u8]) {
    if octets.len() > limits::frame_len_max(end.config.mtu) {
        counters.tx_too_long += 1;
    } else if end.tx.closed.load(Ordering::Acquire) {
        counters.tx_link_down += 1;
    } else if let Some(mut buffer) = end.tx.spare.pop() {
        buffer.clear();
        buffer.extend_from_slice(octets);
        // The two queues hold `capacity` buffers together: there is a place.
        let _ = end.tx.full.push(buffer);
        counters.count_tx(octets.len());
    } else {
        counters.tx_refused += 1;
    }
}

/// One direction. Its buffers go round: `spare` → sender → `full` → receiver → `spare`.
struct Lane {
    full: ArrayQueue<Vec<u8>>,
    spare: ArrayQueue<Vec<u8>>,
    /// Readable while `signalled`. `None` if the process has no descriptor left: then the
    /// receiver's idle wait ends by its time-out.
    wake: Option<File>,
    signalled: AtomicBool,
    closed: AtomicBool,
    /// The sender has taken its link down.
    dark: AtomicBool,
}

impl Lane {
    fn new(config: &MemConfig) -> Arc<Self> {
        let capacity = config.capacity.max(1);
        let spare = ArrayQueue::new(capacity);
        while spare
            .push(Vec::with_capacity(limits::frame_len_max(config.mtu)))
            .is_ok()
        {}
        Arc::new(Self {
            full: ArrayQueue::new(capacity),
            spare,
            wake: sys::eventfd().ok(),
            signalled: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            dark: AtomicBool::new(false),
        })
    }

    /// By the sender, after its frames: one system call, and none while the receiver is awake.
    fn signal(&self) {
        if !self.signalled.swap(true, Ordering::AcqRel) {
            let _ = self
                .wake
                .as_ref()
                .map(|mut wake| wake.write(&1u64.to_ne_bytes()));
        }
    }

    /// By the receiver, when it found the lane empty.
    fn clear(&self) {
        if !self.signalled.load(Ordering::Relaxed) {
            return;
        }
        let _ = self.wake.as_ref().map(|mut wake| wake.read(&mut [0; 8]));
        // The swap reads what the sender's swap wrote, and so sees frames that came before a
        // signal which this clearing swallows.
        self.signalled.swap(false, Ordering::AcqRel);
        if !self.full.is_empty() {
            self.signal();
        }
    }
}

#[cfg(test)]
mod tests;
