//! A bad line with repeatable faults: it loses, duplicates, swaps, delays and corrupts frames, or
//! is cut. For tests and simulation.
//!
//! Two runs with the same seed and the same frames give the same result. Each direction has its own
//! faults and its own random numbers, so that traffic in one direction does not change the faults
//! of the other.
//!
//! Delay is counted in frames, because a port has no clock: a frame is held until a number of other
//! frames have passed. An empty burst counts as one frame; otherwise the last frames of a test
//! would never arrive.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use crate::{Burst, Frame, Pool, Port, PortError, limits};

/// The faults of one direction. Each chance is between 0.0 and 1.0 and independent of the others.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Faults {
    /// Chance that a frame is lost.
    pub loss: f64,
    /// Chance that one bit of the frame is flipped.
    pub corruption: f64,
    /// Chance that the frame arrives twice.
    pub duplication: f64,
    /// Chance that the frame changes places with the next.
    pub reorder: f64,
    /// Chance that the frame is delayed by `delay_frames`.
    pub delay: f64,
    /// Number of frames that overtake a delayed frame.
    pub delay_frames: u64,
}

/// A port behind a bad line.
pub struct Faulty<P> {
    port: P,
    rx: Lane,
    tx: Lane,
    switch: Switch,
    /// Buffers for second copies.
    pool: Pool,
    /// Frames on their way between the port and the lane.
    between: Burst,
}

/// Switch and counters of the line, for a thread that does not own the port.
#[derive(Clone, Default)]
pub struct Switch {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    is_cut: AtomicBool,
    lost: AtomicU64,
    corrupted: AtomicU64,
    duplicated: AtomicU64,
    reordered: AtomicU64,
    delayed: AtomicU64,
    cut: AtomicU64,
}

/// Number of frames that met each fault, both directions together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FaultCounts {
    /// Lost by chance.
    pub lost: u64,
    /// With a flipped bit.
    pub corrupted: u64,
    /// Sent on twice.
    pub duplicated: u64,
    /// Swapped with the next.
    pub reordered: u64,
    /// Held back.
    pub delayed: u64,
    /// Lost while the line was cut.
    pub cut: u64,
}

impl Switch {
    /// Cuts the line: no frame passes.
    pub fn cut(&self) {
        self.shared.is_cut.store(true, Ordering::Release);
    }

    /// Restores the line: frames pass again.
    pub fn fix(&self) {
        self.shared.is_cut.store(false, Ordering::Release);
    }

    /// The counts until now.
    #[must_use]
    pub fn counts(&self) -> FaultCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        FaultCounts {
            lost: read(&self.shared.lost),
            corrupted: read(&self.shared.corrupted),
            duplicated: read(&self.shared.duplicated),
            reordered: read(&self.shared.reordered),
            delayed: read(&self.shared.delayed),
            cut: read(&self.shared.cut),
        }
    }
}

impl<P: Port> Faulty<P> {
    /// Puts `port` behind a line with these faults in each direction, as seen from the port.
    ///
    /// # Errors
    /// [`PortError::Range`]: the port's MTU is beyond the limits.
    pub fn new(port: P, seed: u64, rx: Faults, tx: Faults) -> Result<Self, PortError> {
        let mtu = port.mtu().clamp(limits::MTU_MIN, limits::MTU_MAX);
        Ok(Self {
            rx: Lane::new(seed, rx),
            tx: Lane::new(!seed, tx),
            switch: Switch::default(),
            pool: Pool::new(limits::POOL_FRAMES, mtu)?,
            between: Burst::new(),
            port,
        })
    }

    /// The line's switch.
    #[must_use]
    pub fn switch(&self) -> Switch {
        self.switch.clone()
    }

    /// Changes the faults during a run.
    pub fn set_faults(&mut self, rx: Faults, tx: Faults) {
        self.rx.faults = rx;
        self.tx.faults = tx;
    }

    /// The wrapped port.
    pub fn inner(&mut self) -> &mut P {
        &mut self.port
    }

    /// Sends the frames of the tx lane that are due.
    fn flush_tx(&mut self) {
        while let Some(frame) = self.tx.ready.pop_front() {
            self.between.push(frame);
            if self.between.is_full() || self.tx.ready.is_empty() {
                self.port.tx_burst(&mut self.between);
            }
        }
    }
}

impl<P: Port> Port for Faulty<P> {
    fn rx_burst(&mut self, into: &mut Burst) {
        // Sent frames age also when nothing more is sent.
        self.tx.tick();
        self.flush_tx();
        self.port.rx_burst(&mut self.between);
        if self.between.is_empty() {
            self.rx.tick();
        }
        for frame in self.between.drain(..) {
            self.rx.pass(frame, &self.pool, &self.switch.shared);
        }
        while !into.is_full() {
            let Some(frame) = self.rx.ready.pop_front() else {
                return;
            };
            into.push(frame);
        }
    }

    fn tx_burst(&mut self, from: &mut Burst) {
        for frame in from.drain(..) {
            self.tx.pass(frame, &self.pool, &self.switch.shared);
        }
        self.flush_tx();
    }

    fn copy_tx(&mut self, frame: &[u8]) {
        let Some(mut copy) = self.pool.frame() else {
            return self.port.copy_tx(frame);
        };
        if copy.copy_from(limits::HEADROOM, frame) {
            self.tx.pass(copy, &self.pool, &self.switch.shared);
            self.flush_tx();
        }
    }

    crate::forward!(self => self.port);
}

/// One direction.
struct Lane {
    faults: Faults,
    random: u64,
    /// Number of frames and empty bursts that passed.
    passed: u64,
    /// Frames held back, each with the count at which it is due.
    held: VecDeque<(u64, Frame)>,
    /// Frames that passed and were not taken yet.
    ready: VecDeque<Frame>,
}

impl Lane {
    fn new(seed: u64, faults: Faults) -> Self {
        let (held, ready) = (VecDeque::new(), VecDeque::new());
        Self {
            faults,
            random: seed,
            passed: 0,
            held,
            ready,
        }
    }

    fn pass(&mut self, mut frame: Frame, pool: &Pool, counts: &Shared) {
        let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        // All random numbers are drawn for each frame, so that switching a fault off leaves the
        // others unchanged.
        let lost = self.happens(self.faults.loss);
        let corrupted = self.happens(self.faults.corruption);
        let duplicated = self.happens(self.faults.duplication);
        let reordered = self.happens(self.faults.reorder);
        let delayed = self.happens(self.faults.delay);
        let bit = self.next_random();
        if counts.is_cut.load(Ordering::Acquire) {
            count(&counts.cut);
        } else if lost {
            count(&counts.lost);
        } else {
            if corrupted && !frame.is_empty() {
                count(&counts.corrupted);
                let bit = (bit % (frame.len() as u64 * 8)) as usize;
                frame.bytes_mut()[bit / 8] ^= 1 << (bit % 8);
            }
            if duplicated && let Some(twin) = copy(&frame, pool) {
                count(&counts.duplicated);
                self.ready.push_back(twin);
            }
            if delayed {
                count(&counts.delayed);
                self.held
                    .push_back((self.passed + 1 + self.faults.delay_frames, frame));
            } else if reordered {
                count(&counts.reordered);
                self.held.push_back((self.passed + 2, frame));
            } else {
                self.ready.push_back(frame);
            }
        }
        self.tick();
    }

    /// Counts one frame or one empty burst.
    fn tick(&mut self) {
        self.passed += 1;
        let mut waiting = self.held.len();
        while waiting > 0 {
            waiting -= 1;
            let Some((due, frame)) = self.held.pop_front() else {
                return;
            };
            if due <= self.passed {
                self.ready.push_back(frame);
            } else {
                self.held.push_back((due, frame));
            }
        }
    }

    fn happens(&mut self, chance: f64) -> bool {
        // 53 bits give a number from 0 to below 1.
        ((self.next_random() >> 11) as f64) / ((1u64 << 53) as f64) < chance
    }

    /// SplitMix64 (Steele, Lea, Flood 2014). Any seed is valid.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn copy(frame: &Frame, pool: &Pool) -> Option<Frame> {
    let mut copy = pool.frame()?;
    copy.copy_from(limits::HEADROOM, frame.bytes())
        .then_some(copy)
}

#[cfg(test)]
mod tests;
