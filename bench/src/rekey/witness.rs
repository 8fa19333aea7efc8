//! Witnesses: a thread on each core of the frames that goes before all others there.
//!
//! It sleeps a fraction of a millisecond at a time (`SCHED_FIFO`), and writes down how late it woke and how long a
//! fixed computation then took. What a program does on that core, ours too, makes it neither late nor slow:
//! it is interrupted, and the computation needs nothing but registers. What is told by that is
//! [`super::standstill`]'s matter.

use core::hint::black_box;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::cores;
use super::standstill::{Standstill, Wake, seen_by};

/// A witness sleeps so long at a time.
pub(super) const NAP: Duration = Duration::from_micros(250);
/// Rounds of the computation: some two microseconds.
const ROUNDS: u64 = 1_500;

/// The witnesses of the cores of some runs; dropped, they leave.
pub(super) struct Witnesses {
    duty: Arc<Duty>,
    seats: Vec<Seat>,
}

/// What witnesses are told.
#[derive(Default)]
struct Duty {
    /// A run is on: each wake-up is written down. They are no more than the run is long.
    watch: AtomicBool,
    end: AtomicBool,
}

/// One of them.
struct Seat {
    wakes: Receiver<Wake>,
    thread: JoinHandle<()>,
}

impl Witnesses {
    /// One on each of these cores; none of all, where one is not permitted.
    pub(super) fn start(cores: &[usize]) -> Option<Self> {
        let witnesses = Self {
            duty: Arc::default(),
            seats: Vec::new(),
        };
        cores.iter().try_fold(witnesses, |mut witnesses, &core| {
            let seat = witnesses.sit(core).ok()?;
            witnesses.seats.push(seat);
            Some(witnesses)
        })
    }

    /// A run begins.
    pub(super) fn watch(&self) {
        for seat in &self.seats {
            let _of_no_run = seat.wakes.try_iter().count();
        }
        self.duty.watch.store(true, Ordering::Relaxed);
    }

    /// It is over: what was seen on any of the cores.
    pub(super) fn take(&self) -> Vec<Standstill> {
        self.duty.watch.store(false, Ordering::Relaxed);
        let seen = |seat: &Seat| seen_by(&seat.wakes.try_iter().collect::<Vec<_>>());
        self.seats.iter().flat_map(seen).collect()
    }

    fn sit(&self, core: usize) -> io::Result<Seat> {
        let duty = Arc::clone(&self.duty);
        let (write, wakes) = channel();
        let (tell, told) = sync_channel(1);
        let watch = move || {
            let placed = cores::pin(core).and_then(|()| cores::realtime(cores::OF_WITNESSES));
            let placed_well = placed.is_ok();
            let _nobody_asks = tell.send(placed);
            if placed_well {
                watch(&duty, &write);
            }
        };
        let thread = thread::Builder::new()
            .name("witness".to_owned())
            .spawn(watch)?;
        told.recv().map_err(io::Error::other)??;
        Ok(Seat { wakes, thread })
    }
}

impl Drop for Witnesses {
    fn drop(&mut self) {
        self.duty.end.store(true, Ordering::Relaxed);
        for seat in self.seats.drain(..) {
            let _saw_it_all = seat.thread.join();
        }
    }
}

fn watch(duty: &Duty, write: &Sender<Wake>) {
    let mut asleep = Instant::now();
    while !duty.end.load(Ordering::Relaxed) {
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
        if duty.watch.load(Ordering::Relaxed) && write.send(wake).is_err() {
            return;
        }
    }
}

/// The same each time, in registers alone: neither caches nor memory have to do with how long it takes.
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
