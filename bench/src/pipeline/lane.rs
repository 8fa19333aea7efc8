//! A lane: one core with its own workers, ports and frames, on a thread that stays there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

use gcm::Engine;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::bed::{self, Bed};
use super::stock::Stock;
use super::{Arm, Error, Op};
use crate::cpu::Clock;
use crate::crypto::stay_on;
use crate::frame_size::FrameSize;
use crate::quiet::{Sign, Watch};

/// Timed passes of an arm in a round, after one that warms the caches.
pub(super) const PASSES: usize = 4;
/// What frames and keys move by, at most, when they move: more than a way of any first-level cache.
const PADDING_MAX: usize = 32 * 1024;
/// Looks at a gate before the core is offered to others: with more lanes than cores one waits.
const SPINS: u32 = 20_000;

/// What all lanes of one run have in common.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) sizes: Vec<FrameSize>,
    pub(super) arms: Vec<Arm>,
    pub(super) engine: Engine,
    pub(super) clock: Clock,
}

/// What a lane is told.
pub(super) enum Order {
    /// All arms, in this order, at one size.
    Round {
        size: usize,
        arms: Vec<usize>,
        gate: Arc<Gate>,
    },
    /// Keys and frames to other places in memory.
    Move { seed: u64 },
}

/// What one lane measured in a round.
pub(super) struct Answer {
    /// In the order of the round: ns a frame of each pass, by op.
    pub(super) arms: Vec<[[f64; PASSES]; Op::ALL.len()]>,
    /// Frames that did not come out, or came out changed, by arm.
    pub(super) lost: Vec<u64>,
    pub(super) sign: Sign,
}

/// Where lanes wait for each other, so that they work at the same time.
pub(super) struct Gate {
    lanes: usize,
    arrived: AtomicUsize,
}

impl Gate {
    pub(super) fn new(lanes: usize) -> Arc<Self> {
        Arc::new(Self {
            lanes,
            arrived: AtomicUsize::new(0),
        })
    }

    /// Waits until all lanes have come as often as this one.
    fn pass(self: &Arc<Self>) {
        let before = self.arrived.fetch_add(1, Ordering::AcqRel);
        let all = (before / self.lanes + 1) * self.lanes;
        let mut spins = 0;
        let is_shut = || self.arrived.load(Ordering::Acquire) < all;
        while is_shut() {
            // Each lane of the round holds the gate: a dead one no more, and one that has come here for
            // the last time, but then the gate is open.
            let one_left = Arc::strong_count(self) < self.lanes;
            assert!(!(one_left && is_shut()), "another lane died");
            spins += 1;
            if spins < SPINS {
                core::hint::spin_loop();
            } else {
                thread::yield_now();
            }
        }
    }
}

/// The bench's side of a lane.
pub(super) struct Lane {
    orders: SyncSender<Order>,
    answers: Receiver<Answer>,
    thread: JoinHandle<()>,
}

impl Lane {
    /// Starts a lane on `core`, with everything built.
    pub(super) fn start(core: usize, load: Load, seed: u64) -> Result<Self, Error> {
        let (orders, inbox) = mpsc::sync_channel(1);
        let (outbox, answers) = mpsc::sync_channel(1);
        let (ready, built) = mpsc::sync_channel(1);
        let body = move || {
            let at_work = stay_on(core)
                .map_err(Error::Core)
                .and_then(|()| AtWork::new(load, seed));
            match at_work {
                Ok(mut at_work) => {
                    if ready.send(Ok(())).is_ok() {
                        at_work.serve(&inbox, &outbox);
                    }
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        };
        let thread = thread::Builder::new()
            .name(format!("lane-{core}"))
            .spawn(body)
            .map_err(Error::System)?;
        built.recv().map_err(|_| Error::LaneDied)??;
        Ok(Self {
            orders,
            answers,
            thread,
        })
    }

    pub(super) fn send(&self, order: Order) -> Result<(), Error> {
        self.orders.send(order).map_err(|_| Error::LaneDied)
    }

    pub(super) fn answer(&self) -> Result<Answer, Error> {
        self.answers.recv().map_err(|_| Error::LaneDied)
    }

    /// Ends the lane, and waits for it.
    pub(super) fn end(self) -> Result<(), Error> {
        drop(self.orders);
        self.thread.join().map_err(|_| Error::LaneDied)
    }
}

/// The lane's own side.
struct AtWork {
    load: Load,
    watch: Watch,
    beds: Vec<Box<dyn Bed>>,
    stocks: Vec<Stock>,
    /// Takes up memory, so that what comes behind it lies elsewhere.
    padding: Vec<u8>,
}

impl AtWork {
    fn new(load: Load, seed: u64) -> Result<Self, Error> {
        let mut at_work = Self {
            watch: Watch::new(load.clock),
            load,
            beds: Vec::new(),
            stocks: Vec::new(),
            padding: Vec::new(),
        };
        at_work.build(seed)?;
        Ok(at_work)
    }

    /// Fresh keys, fresh frames, elsewhere.
    fn build(&mut self, seed: u64) -> Result<(), Error> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        self.beds.clear();
        self.stocks.clear();
        self.padding = vec![1; rng.next_u32() as usize % PADDING_MAX];
        for &arm in &self.load.arms {
            let bed = bed::build(arm, self.load.engine).map_err(Error::System)?;
            self.beds.push(bed);
        }
        for &size in &self.load.sizes {
            self.stocks.push(Stock::new(size, &mut rng)?);
        }
        Ok(())
    }

    fn serve(&mut self, inbox: &Receiver<Order>, outbox: &SyncSender<Answer>) {
        for order in inbox {
            match order {
                Order::Round { size, arms, gate } => {
                    if outbox.send(self.round(size, &arms, &gate)).is_err() {
                        return;
                    }
                }
                Order::Move { seed } => self.build(seed).expect("it was built before"),
            }
        }
    }

    fn round(&mut self, size: usize, arms: &[usize], gate: &Arc<Gate>) -> Answer {
        let Self {
            load,
            watch,
            beds,
            stocks,
            ..
        } = self;
        let stock = &mut stocks[size];
        let mut lost = Vec::with_capacity(arms.len());
        let (measured, sign) = watch.over(|| {
            let of_arm = |&arm: &usize| {
                gate.pass();
                let times = passes(&load.clock, &mut *beds[arm], stock);
                lost.push(stock.spoilt());
                if stock.spoilt() > 0 {
                    stock.fill();
                }
                times
            };
            arms.iter().map(of_arm).collect()
        });
        Answer {
            arms: measured,
            lost,
            sign,
        }
    }
}

/// One pass to bring tables and code of this arm back into the caches, then those that count.
fn passes(clock: &Clock, bed: &mut dyn Bed, stock: &mut Stock) -> [[f64; PASSES]; Op::ALL.len()] {
    let count = stock.count() as f64;
    let mut times = [[0.0; PASSES]; Op::ALL.len()];
    for pass in 0..=PASSES {
        let protect = bed.protect(clock, &mut stock.frames) / count;
        let validate = bed.validate(clock, &mut stock.frames) / count;
        if let Some(pass) = pass.checked_sub(1) {
            times[0][pass] = protect;
            times[1][pass] = validate;
        }
    }
    times
}

#[cfg(test)]
mod tests;
