//! Witnesses: a thread on each core of the frames that has priority over all others there.
//!
//! A witness sleeps a fraction of a millisecond at a time (`SCHED_FIFO`). It records how late it
//! woke and how long a fixed computation then took. A program on that core makes it neither late
//! nor slow, because it is interrupted, and the computation uses registers only.
//! [`super::standstill`] interprets the record.

use core::hint::black_box;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::standstill::{Standstill, Wake, standstills};
use crate::harness::cores::pin;
use crate::rekey::rig::cores;

/// A witness sleeps this long at a time.
pub(super) const NAP: Duration = Duration::from_micros(250);
/// Rounds of the computation: about two microseconds.
const ROUNDS: u64 = 1_500;

/// The witnesses of some cores. They end when this is dropped.
pub(super) struct Witnesses {
    orders: Arc<Orders>,
    witnesses: Vec<Witness>,
}

#[derive(Default)]
struct Orders {
    /// Record each wake-up: a run is on.
    record: AtomicBool,
    end: AtomicBool,
}

struct Witness {
    wakes: Receiver<Wake>,
    thread: JoinHandle<()>,
}

impl Witnesses {
    /// Starts one on each of these cores; `None` where the system does not permit one.
    pub(super) fn start(cores: &[usize]) -> Option<Self> {
        let witnesses = Self {
            orders: Arc::default(),
            witnesses: Vec::new(),
        };
        cores.iter().try_fold(witnesses, |mut all, &core| {
            let witness = Witness::start(core, Arc::clone(&all.orders)).ok()?;
            all.witnesses.push(witness);
            Some(all)
        })
    }

    pub(super) fn record(&self) {
        for witness in &self.witnesses {
            let _before_the_run = witness.wakes.try_iter().count();
        }
        self.orders.record.store(true, Ordering::Relaxed);
    }

    /// Ends the record. Returns the standstills of all cores.
    pub(super) fn take(&self) -> Vec<Standstill> {
        self.orders.record.store(false, Ordering::Relaxed);
        let of = |one: &Witness| standstills(&one.wakes.try_iter().collect::<Vec<_>>());
        self.witnesses.iter().flat_map(of).collect()
    }
}

impl Witness {
    fn start(core: usize, orders: Arc<Orders>) -> io::Result<Self> {
        let (write, wakes) = channel();
        let (ready, started) = sync_channel(1);
        let body = move || {
            let placed = pin(core).and_then(|()| cores::realtime(cores::OF_WITNESSES));
            let permitted = placed.is_ok();
            let _starter_is_gone = ready.send(placed);
            if permitted {
                watch(&orders, &write);
            }
        };
        let thread = thread::Builder::new()
            .name("witness".to_owned())
            .spawn(body)?;
        started.recv().map_err(io::Error::other)??;
        Ok(Self { wakes, thread })
    }
}

impl Drop for Witnesses {
    fn drop(&mut self) {
        self.orders.end.store(true, Ordering::Relaxed);
        for witness in self.witnesses.drain(..) {
            let _has_no_result = witness.thread.join();
        }
    }
}

fn watch(orders: &Orders, write: &Sender<Wake>) {
    let mut asleep = Instant::now();
    while !orders.end.load(Ordering::Relaxed) {
        thread::sleep(NAP);
        let woke = Instant::now();
        compute();
        let at = Instant::now();
        let wake = Wake {
            at,
            late: (woke - asleep).saturating_sub(NAP),
            computed: at - woke,
        };
        asleep = at;
        if orders.record.load(Ordering::Relaxed) && write.send(wake).is_err() {
            return;
        }
    }
}

/// The same computation each time, in registers: caches and memory do not change its time.
#[inline(never)]
fn compute() {
    let mut chains = black_box([1_u64, 2, 3, 4]);
    for round in 0..ROUNDS {
        for chain in &mut chains {
            *chain = chain.wrapping_add(round) ^ (*chain >> 3);
        }
    }
    black_box(chains);
}

#[cfg(test)]
mod tests;
