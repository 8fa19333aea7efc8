//! A core of the measurement, with workers, ports and frames of its own, on a thread pinned to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

use gcm::Engine;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::frame_set::FrameSet;
use super::testbed::{EngineTestbed, NullTestbed, Testbed};
#[cfg(feature = "wireguard")]
use super::wireguard::WireGuard;
use crate::cpu::Clock;
use crate::device::Arm;
use crate::harness::cores::stay_on;
use crate::harness::error::Error;
use crate::harness::quiet::{Sign, Watch};
use crate::harness::row::Op;
use crate::size::FrameSize;

/// Timed passes of a arm in a round, after one that warms the caches.
pub(super) const PASSES: usize = 4;
/// The most that frames and keys move: more than a way of any first-level cache.
const PADDING_MAX: usize = 32 * 1024;
/// Spins at a barrier before the core is offered to others: with more threads than cores one waits.
const SPINS: u32 = 20_000;
const WHO: &str = "measuring core";

/// Times of the passes of one arm, ns a frame, by op.
pub(super) type Times = [[f64; PASSES]; OPS.len()];
/// The ops that are timed.
pub(super) const OPS: [Op; 2] = [Op::Protect, Op::Validate];

/// The work that all cores of one run measure.
#[derive(Clone, Debug)]
pub(super) struct Workload {
    pub(super) sizes: Vec<FrameSize>,
    pub(super) arms: Vec<Arm>,
    pub(super) engine: Engine,
    pub(super) clock: Clock,
}

/// An order to a core.
pub(super) enum Order {
    /// Measure all arms, in this order, at one size.
    Round {
        size: usize,
        arms: Vec<usize>,
        barrier: Arc<Barrier>,
    },
    /// Move keys and frames to other places in memory.
    Relocate { seed: u64 },
}

/// The figures of one core in a round, in the order of the round.
pub(super) struct Answer {
    pub(super) times: Vec<Times>,
    /// Frames lost or changed, by arm.
    pub(super) lost: Vec<u64>,
    pub(super) sign: Sign,
}

/// Cores wait for each other here, so that they work at the same time.
pub(super) struct Barrier {
    cores: usize,
    arrived: AtomicUsize,
}

impl Barrier {
    pub(super) fn new(cores: usize) -> Arc<Self> {
        let arrived = AtomicUsize::new(0);
        Arc::new(Self { cores, arrived })
    }

    /// Waits until all cores have come as often as this one.
    fn wait(self: &Arc<Self>) {
        let before = self.arrived.fetch_add(1, Ordering::AcqRel);
        let all = (before / self.cores + 1) * self.cores;
        let mut spins = 0;
        let is_closed = || self.arrived.load(Ordering::Acquire) < all;
        while is_closed() {
            // Each core of the round holds the barrier until it dies or has passed it for the last
            // time; in the second case the barrier is open.
            let one_is_gone = Arc::strong_count(self) < self.cores;
            assert!(!(one_is_gone && is_closed()), "another core died");
            spins += 1;
            if spins < SPINS {
                core::hint::spin_loop();
            } else {
                thread::yield_now();
            }
        }
    }
}

/// A core, as the bench sees it.
pub(super) struct CoreThread {
    orders: SyncSender<Order>,
    answers: Receiver<Answer>,
    thread: JoinHandle<()>,
}

impl CoreThread {
    /// Starts the thread of `core`, with everything built.
    pub(super) fn start(core: usize, workload: Workload, seed: u64) -> Result<Self, Error> {
        let (orders, inbox) = mpsc::sync_channel(1);
        let (outbox, answers) = mpsc::sync_channel(1);
        let (ready, built) = mpsc::sync_channel(1);
        let body = move || match stay_on(core).and_then(|()| AtWork::new(workload, seed)) {
            Ok(mut at_work) => {
                if ready.send(Ok(())).is_ok() {
                    at_work.serve(&inbox, &outbox);
                }
            }
            Err(error) => drop(ready.send(Err(error))),
        };
        let name = format!("core-{core}");
        let thread = thread::Builder::new().name(name).spawn(body)?;
        built.recv().map_err(|_| Error::Died(WHO))??;
        Ok(Self {
            orders,
            answers,
            thread,
        })
    }

    pub(super) fn send(&self, order: Order) -> Result<(), Error> {
        self.orders.send(order).map_err(|_| Error::Died(WHO))
    }

    pub(super) fn answer(&self) -> Result<Answer, Error> {
        self.answers.recv().map_err(|_| Error::Died(WHO))
    }

    /// Ends the thread, and waits for it.
    pub(super) fn end(self) -> Result<(), Error> {
        drop(self.orders);
        self.thread.join().map_err(|_| Error::Died(WHO))
    }
}

/// A core, on its own thread.
struct AtWork {
    workload: Workload,
    watch: Watch,
    testbeds: Vec<Box<dyn Testbed>>,
    frame_sets: Vec<FrameSet>,
    /// Takes up memory, so that what comes behind it lies elsewhere.
    padding: Vec<u8>,
}

impl AtWork {
    fn new(workload: Workload, seed: u64) -> Result<Self, Error> {
        let mut at_work = Self {
            watch: Watch::new(workload.clock),
            workload,
            testbeds: Vec::new(),
            frame_sets: Vec::new(),
            padding: Vec::new(),
        };
        at_work.build(seed)?;
        Ok(at_work)
    }

    /// Makes new keys and new frames, elsewhere in memory.
    fn build(&mut self, seed: u64) -> Result<(), Error> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        self.testbeds.clear();
        self.frame_sets.clear();
        self.padding = vec![1; rng.next_u32() as usize % PADDING_MAX];
        for &arm in &self.workload.arms {
            self.testbeds.push(testbed(arm, self.workload.engine)?);
        }
        for &size in &self.workload.sizes {
            self.frame_sets.push(FrameSet::new(size, &mut rng)?);
        }
        Ok(())
    }

    fn serve(&mut self, inbox: &Receiver<Order>, outbox: &SyncSender<Answer>) {
        for order in inbox {
            match order {
                Order::Round {
                    size,
                    arms,
                    barrier,
                } => {
                    if outbox.send(self.round(size, &arms, &barrier)).is_err() {
                        return;
                    }
                }
                Order::Relocate { seed } => self.build(seed).expect("it was built before"),
            }
        }
    }

    fn round(&mut self, size: usize, arms: &[usize], barrier: &Arc<Barrier>) -> Answer {
        let Self {
            workload,
            watch,
            testbeds,
            frame_sets,
            ..
        } = self;
        let frames = &mut frame_sets[size];
        let mut lost = Vec::with_capacity(arms.len());
        let (times, sign) = watch.over(|| {
            let of_arm = |&arm: &usize| {
                barrier.wait();
                let times = passes(&workload.clock, &mut *testbeds[arm], frames);
                lost.push(frames.lost());
                if frames.lost() > 0 {
                    frames.fill();
                }
                times
            };
            arms.iter().map(of_arm).collect()
        });
        Answer { times, lost, sign }
    }
}

/// A testbed for a arm.
pub(super) fn testbed(arm: Arm, engine: Engine) -> std::io::Result<Box<dyn Testbed>> {
    Ok(match arm {
        Arm::Engine => Box::new(EngineTestbed::new(engine)),
        #[cfg(feature = "wireguard")]
        Arm::WireGuard => Box::new(WireGuard::new()),
        _ => Box::new(NullTestbed::new(arm, engine)?),
    })
}

/// One pass that brings tables and code of this arm back into the caches, then those that count.
fn passes(clock: &Clock, testbed: &mut dyn Testbed, set: &mut FrameSet) -> Times {
    let count = set.count() as f64;
    let mut times = [[0.0; PASSES]; OPS.len()];
    for pass in 0..=PASSES {
        let [protect, validate] = OPS.map(|op| testbed.pass(op, clock, &mut set.frames) / count);
        if let Some(pass) = pass.checked_sub(1) {
            times[0][pass] = protect;
            times[1][pass] = validate;
        }
    }
    times
}

#[cfg(test)]
mod tests;
