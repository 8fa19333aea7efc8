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
use crate::device::Device;
use crate::harness::cores::pin;
use crate::harness::error::Error;
use crate::harness::quiet::{Sign, Watch};
use crate::harness::row::Op;
use crate::size::FrameSize;

/// Timed passes of a device in a round, after one that warms the caches.
pub(super) const PASSES: usize = 4;
/// The most that frames and keys move: more than a way of any first-level cache.
const PADDING_MAX: usize = 32 * 1024;
/// Spins at a barrier before the core is offered to others: with more threads than cores one waits.
const SPINS: u32 = 20_000;
pub(super) const DIED: Error = Error::Died("measuring core");

/// Times of the passes of one device, ns a frame, by op.
pub(super) type Times = [[f64; PASSES]; OPS.len()];
pub(super) const OPS: [Op; 2] = [Op::Protect, Op::Validate];

/// The work that all cores of one run measure.
#[derive(Clone, Debug)]
pub(super) struct Workload {
    pub(super) sizes: Vec<FrameSize>,
    pub(super) devices: Vec<Device>,
    pub(super) engine: Engine,
    pub(super) clock: Clock,
}

type Order = Box<dyn FnOnce(&mut Core) + Send>;

/// The figures of one core in a round, in the order of the round.
pub(super) struct Answer {
    pub(super) times: Vec<Times>,
    /// Frames lost or changed, by device.
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

pub(super) struct CoreThread {
    orders: SyncSender<Order>,
    thread: JoinHandle<()>,
}

impl CoreThread {
    /// Starts the thread of `core`, with everything built.
    pub(super) fn start(core: usize, workload: Workload, seed: u64) -> Result<Self, Error> {
        let (orders, inbox) = mpsc::sync_channel::<Order>(1);
        let (ready, built) = mpsc::sync_channel(1);
        let build = move || {
            pin(core)?;
            Core::new(workload, seed)
        };
        let body = move || match build() {
            Ok(mut core) => {
                let _starter_gave_up = ready.send(Ok(()));
                inbox.into_iter().for_each(|order| order(&mut core));
            }
            Err(error) => drop(ready.send(Err(error))),
        };
        let name = format!("core-{core}");
        let thread = thread::Builder::new().name(name).spawn(body)?;
        built.recv().map_err(|_| DIED)??;
        Ok(Self { orders, thread })
    }

    pub(super) fn order<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Core) -> T + Send + 'static,
    ) -> Result<Receiver<T>, Error> {
        let (done, result) = mpsc::sync_channel(1);
        let order = move |core: &mut Core| {
            let _nobody_waits = done.send(work(core));
        };
        self.orders.send(Box::new(order)).map_err(|_| DIED)?;
        Ok(result)
    }

    pub(super) fn end(self) -> Result<(), Error> {
        drop(self.orders);
        self.thread.join().map_err(|_| DIED)
    }
}

pub(super) struct Core {
    workload: Workload,
    watch: Watch,
    testbeds: Vec<Box<dyn Testbed>>,
    frame_sets: Vec<FrameSet>,
    /// Takes up memory, so that what comes behind it lies elsewhere.
    padding: Vec<u8>,
}

impl Core {
    fn new(workload: Workload, seed: u64) -> Result<Self, Error> {
        let mut core = Self {
            watch: Watch::new(workload.clock),
            workload,
            testbeds: Vec::new(),
            frame_sets: Vec::new(),
            padding: Vec::new(),
        };
        core.build(seed)?;
        Ok(core)
    }

    /// Makes new keys and new frames, elsewhere in memory.
    pub(super) fn build(&mut self, seed: u64) -> Result<(), Error> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        self.testbeds.clear();
        self.frame_sets.clear();
        self.padding = vec![1; rng.next_u32() as usize % PADDING_MAX];
        for &device in &self.workload.devices {
            self.testbeds.push(testbed(device, self.workload.engine)?);
        }
        for &size in &self.workload.sizes {
            self.frame_sets.push(FrameSet::new(size, &mut rng)?);
        }
        Ok(())
    }

    /// Measures these devices, in this order, at one size.
    pub(super) fn round(
        &mut self,
        size: usize,
        devices: &[usize],
        barrier: &Arc<Barrier>,
    ) -> Answer {
        let frames = &mut self.frame_sets[size];
        let mut lost = Vec::with_capacity(devices.len());
        let (times, sign) = self.watch.over(|| {
            let of_device = |&device: &usize| {
                barrier.wait();
                let times = passes(&self.workload.clock, &mut *self.testbeds[device], frames);
                lost.push(frames.lost());
                if frames.lost() > 0 {
                    frames.fill();
                }
                times
            };
            devices.iter().map(of_device).collect()
        });
        Answer { times, lost, sign }
    }
}

pub(super) fn testbed(device: Device, engine: Engine) -> std::io::Result<Box<dyn Testbed>> {
    Ok(match device {
        Device::Engine => Box::new(EngineTestbed::new(engine)),
        #[cfg(feature = "wireguard")]
        Device::WireGuard => Box::new(WireGuard::new()),
        _ => Box::new(NullTestbed::new(device, engine)?),
    })
}

/// One pass that brings tables and code of this device back into the caches, then those that count.
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
