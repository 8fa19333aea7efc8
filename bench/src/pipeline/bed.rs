//! What is measured, ready to run: each arm takes a stock of frames one way, and back.

use std::collections::VecDeque;

use gcm::{BurstKey, ICV_LEN, Job, RawKey};
use port::{BURST_MAX, Burst, Frame, Port};
use secy::{Protection, Suite};
use wire::{MACS_LEN, SECTAG_LEN_MAX};
use worker::Idle;

use super::Arm;
use super::shelf::{Frames, Shelf, ShelfPort};
use crate::cpu::Clock;
use crate::keyed::{Direction, Keyed, Protecting, sci};
use crate::window::nonce;

/// One arm.
pub(super) trait Bed {
    /// Protects all frames; ns of the whole stock. A frame that is not in `frames` afterwards was
    /// dropped.
    fn protect(&mut self, clock: &Clock, frames: &mut Frames) -> f64;

    /// Validates all frames, just protected.
    fn validate(&mut self, clock: &Clock, frames: &mut Frames) -> f64;
}

/// Builds an arm.
pub(super) fn build(arm: Arm, engine: gcm::Engine) -> std::io::Result<Box<dyn Bed>> {
    let protecting = |suite, protection| Protecting {
        suite,
        protection,
        engine,
    };
    let worker = |how| WorkerBed::new(how).map(|bed| Box::new(bed) as Box<dyn Bed>);
    match arm {
        Arm::NoOp => Ok(Box::new(Forwarder::new())),
        Arm::Integrity => worker(protecting(Suite::GcmAesXpn256, Protection::IntegrityOnly)),
        Arm::GcmAes256 => worker(protecting(Suite::GcmAes256, Protection::Confidentiality)),
        Arm::Xpn256 => worker(protecting(Suite::GcmAesXpn256, Protection::Confidentiality)),
        Arm::Engine => Ok(Box::new(EngineBed::new(engine))),
        #[cfg(feature = "wireguard")]
        Arm::WireGuard => Ok(Box::new(super::wireguard::WireGuard::new())),
    }
}

/// Red and black, from outside.
struct Shelves {
    red_in: Shelf,
    red_out: Shelf,
    black_in: Shelf,
    black_out: Shelf,
}

impl Shelves {
    fn new() -> (Self, [Box<dyn Port>; 2]) {
        let shelves = Self {
            red_in: Shelf::default(),
            red_out: Shelf::default(),
            black_in: Shelf::default(),
            black_out: Shelf::default(),
        };
        let red = ShelfPort::new(&shelves.red_in, &shelves.red_out);
        let black = ShelfPort::new(&shelves.black_in, &shelves.black_out);
        (shelves, [Box::new(red), Box::new(black)])
    }

    /// All frames from red to black.
    fn out(&self, clock: &Clock, frames: &mut Frames, poll: impl FnMut()) -> f64 {
        way(clock, frames, [&self.red_in, &self.black_out], poll)
    }

    /// All frames from black to red.
    fn back(&self, clock: &Clock, frames: &mut Frames, poll: impl FnMut()) -> f64 {
        way(clock, frames, [&self.black_in, &self.red_out], poll)
    }
}

/// Polls as often as there are bursts.
fn way(clock: &Clock, frames: &mut Frames, [from, to]: [&Shelf; 2], mut poll: impl FnMut()) -> f64 {
    let bursts = frames.len().div_ceil(BURST_MAX);
    // An empty shelf of the right size: nothing grows while the clock runs.
    to.put(&mut VecDeque::with_capacity(frames.len()));
    from.put(frames);
    let ns = clock.ns(|| (0..bursts).for_each(|_| poll()));
    frames.clear(); // what lay on the shelf before: nothing
    to.take(frames);
    ns
}

/// The ceiling: what comes in goes out.
struct Forwarder {
    shelves: Shelves,
    red: Box<dyn Port>,
    black: Box<dyn Port>,
    burst: Burst,
}

impl Forwarder {
    fn new() -> Self {
        let (shelves, [red, black]) = Shelves::new();
        Self {
            shelves,
            red,
            black,
            burst: Burst::new(),
        }
    }
}

/// One breath of a forwarder that only forwards, shaped as a worker's.
#[inline]
pub(crate) fn forward(red: &mut dyn Port, black: &mut dyn Port, burst: &mut Burst) -> usize {
    red.rx_burst(burst);
    let mut came = burst.len();
    if came > 0 {
        black.tx_burst(burst);
    }
    black.rx_burst(burst);
    came += burst.len();
    if !burst.is_empty() {
        red.tx_burst(burst);
    }
    came
}

impl Bed for Forwarder {
    fn protect(&mut self, clock: &Clock, frames: &mut Frames) -> f64 {
        let Self {
            shelves,
            red,
            black,
            burst,
        } = self;
        shelves.out(clock, frames, || {
            forward(&mut **red, &mut **black, burst);
        })
    }

    fn validate(&mut self, clock: &Clock, frames: &mut Frames) -> f64 {
        let Self {
            shelves,
            red,
            black,
            burst,
        } = self;
        shelves.back(clock, frames, || {
            forward(&mut **red, &mut **black, burst);
        })
    }
}

/// A worker, its line a loop: what it sent to black comes back from black.
struct WorkerBed {
    shelves: Shelves,
    keyed: Keyed,
}

impl WorkerBed {
    fn new(how: Protecting) -> std::io::Result<Self> {
        let (shelves, [red, black]) = Shelves::new();
        let direction = Direction::fresh(sci(1), how);
        let keyed = Keyed::new(red, black, &direction, &direction, Idle::Busy)?;
        Ok(Self { shelves, keyed })
    }
}

impl Bed for WorkerBed {
    fn protect(&mut self, clock: &Clock, frames: &mut Frames) -> f64 {
        let worker = &mut self.keyed.worker;
        self.shelves.out(clock, frames, || {
            worker.poll();
        })
    }

    fn validate(&mut self, clock: &Clock, frames: &mut Frames) -> f64 {
        let worker = &mut self.keyed.worker;
        self.shelves.back(clock, frames, || {
            worker.poll();
        })
    }
}

/// The engine alone, over the same rooms: the share of the crypto in the time of the pipeline.
struct EngineBed {
    key: Box<dyn BurstKey>,
    next_pn: u64,
}

impl EngineBed {
    fn new(engine: gcm::Engine) -> Self {
        Self {
            key: engine.expand(RawKey::Aes256(b"the engine alone, of no secret.!")),
            next_pn: 1,
        }
    }

    /// The jobs that protect or validate would make of frames that lie where plain ones do.
    fn jobs(frames: &mut Frames, first_pn: u64) -> Vec<Job<'_>> {
        fn job((frame, pn): (&mut Frame, u64)) -> Job<'_> {
            let (room, start, end) = frame.room_mut();
            let frame = &mut room[start - SECTAG_LEN_MAX..end + ICV_LEN];
            Job::new(frame, MACS_LEN + SECTAG_LEN_MAX, nonce(1, pn))
        }
        frames.iter_mut().zip(first_pn..).map(job).collect()
    }
}

impl Bed for EngineBed {
    fn protect(&mut self, clock: &Clock, frames: &mut Frames) -> f64 {
        let Self { key, next_pn } = self;
        let mut jobs = Self::jobs(frames, *next_pn);
        clock.ns(|| jobs.chunks_mut(BURST_MAX).for_each(|burst| key.seal(burst)))
    }

    fn validate(&mut self, clock: &Clock, frames: &mut Frames) -> f64 {
        let Self { key, next_pn } = self;
        let mut jobs = Self::jobs(frames, *next_pn);
        *next_pn += jobs.len() as u64;
        let ns = clock.ns(|| jobs.chunks_mut(BURST_MAX).for_each(|burst| key.open(burst)));
        let authentic: Vec<bool> = jobs.iter().map(|job| job.authentic).collect();
        let mut authentic = authentic.into_iter();
        frames.retain(|_| authentic.next() == Some(true));
        ns
    }
}
