//! The two boxes of an arm, each on a thread of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gcm::Engine;
use port::{BURST_MAX, Burst, Port, PortError};
use qmacsec::ports::Opener;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use secy::{Protection, Suite};
use worker::{Handle, Openers};

use super::Arm;
use super::data_plane::DataPlane;
use crate::keyed::{self, Direction, Protecting, sci};
use crate::pipeline::bed::forward;
use crate::rekey::Error;
use crate::rekey::cables::{Cables, MTU};
use crate::rekey::leg::merge;
use crate::rekey::load::Hosts;
use crate::rekey::pair::{Drops, port_drops};

/// Empty breaths before a box sleeps: as many as of our workers.
const SPINS: u32 = worker::limits::IDLE_SPINS;
/// How long it sleeps, at most, and where a port has nothing to wait on.
const WAIT: Duration = Duration::from_millis(10);
const BLIND_WAIT: Duration = Duration::from_micros(worker::limits::NO_DESCRIPTOR_WAIT_US as u64);

/// Moments at which a box began to send under another key.
pub(super) type Switches = Arc<Mutex<Vec<Instant>>>;

/// What stands between a red and a black port, and is polled.
pub(super) trait Forward {
    /// A burst each way; how many frames came.
    fn breathe(&mut self) -> usize;

    /// Red and black.
    fn ports(&self) -> [&dyn Port; 2];

    /// What it dropped itself.
    fn drops(&self) -> Drops {
        Drops::new()
    }
}

/// Both boxes, at work.
pub(super) enum Boxes {
    Workers(Box<[Handle; 2]>),
    DataPlane(DataPlane),
    Threads {
        stop: Arc<AtomicBool>,
        threads: [JoinHandle<Drops>; 2],
        switches: [Switches; 2],
    },
}

impl Boxes {
    /// Opens all ports, and waits until frames would pass; returns the hosts' ends, too. Stays on the
    /// network namespace of this thread.
    pub(super) fn start(
        cables: Cables,
        arm: Arm,
        interval: Option<Duration>,
    ) -> Result<(Self, Hosts<Box<dyn Port>>), Error> {
        let (cores, [a, b]) = (cables.cores, cables.encryptors);
        let ports = [cores.keep(0, a), cores.keep(1, b)];
        let boxes = match arm {
            Arm::Integrity => {
                let keys = fresh_keys(Protection::IntegrityOnly);
                Self::Workers(Box::new(keyed_workers(ports, &keys)?))
            }
            Arm::DataPlane => Self::DataPlane(DataPlane::start(ports, interval)?),
            Arm::NoOp => Self::threads(ports, |_, _| {
                |[red, black]: [Box<dyn Port>; 2]| {
                    let burst = Burst::new();
                    Ok(Forwarder { red, black, burst })
                }
            })?,
            #[cfg(feature = "wireguard")]
            Arm::WireGuard => super::wireguard::start(ports, interval)?,
        };
        let [a, b] = cables.hosts;
        Ok((boxes, Hosts::new([a()?, b()?], cores)?))
    }

    /// Each box is made on its thread, from its ports, by what `maker` gives for its number.
    pub(super) fn threads<F, M>(
        ports: [[Opener; 2]; 2],
        maker: impl Fn(usize, Switches) -> M,
    ) -> Result<Self, Error>
    where
        F: Forward,
        M: FnOnce([Box<dyn Port>; 2]) -> Result<F, PortError> + Send + 'static,
    {
        let stop = Arc::new(AtomicBool::new(false));
        let switches = [Switches::default(), Switches::default()];
        let mut threads = Vec::with_capacity(ports.len());
        let (ready, opened) = mpsc::channel();
        for (index, [red, black]) in ports.into_iter().enumerate() {
            let make = maker(index, Arc::clone(&switches[index]));
            let (ready, stop) = (ready.clone(), Arc::clone(&stop));
            let body = move || {
                let made = red().and_then(|red| make([red, black()?]));
                match made {
                    Ok(mut forward) => {
                        let _nobody_waits = ready.send(Ok(()));
                        work(&mut forward, &stop);
                        all_drops(&forward)
                    }
                    Err(error) => {
                        let _nobody_waits = ready.send(Err(error));
                        Drops::new()
                    }
                }
            };
            let named = thread::Builder::new().name(format!("box-{index}"));
            threads.push(named.spawn(body)?);
        }
        drop(ready);
        // Who does not open his ports ends; the other one is told to.
        let opened: Result<(), PortError> = opened.iter().take(threads.len()).collect();
        if let Err(error) = opened {
            stop.store(true, Ordering::Relaxed);
            return Err(error.into());
        }
        let threads = threads
            .try_into()
            .map_err(|_| Error::Ended(DIED.to_owned()))?;
        Ok(Self::Threads {
            stop,
            threads,
            switches,
        })
    }

    /// When each box changed its key since the last call.
    pub(super) fn take_switches(&self) -> [Vec<Instant>; 2] {
        let take = |switches: &Switches| {
            let switches = switches.lock();
            switches.map_or(Vec::new(), |mut switches| core::mem::take(&mut *switches))
        };
        match self {
            Self::Workers(_) => [Vec::new(), Vec::new()],
            Self::DataPlane(boxes) => boxes.take_switches(),
            Self::Threads { switches, .. } => [take(&switches[0]), take(&switches[1])],
        }
    }

    /// Ends both; what they dropped, by name.
    pub(super) fn end(self) -> Result<Drops, Error> {
        let died = |_| Error::Ended(DIED.to_owned());
        let mut drops = Drops::new();
        match self {
            Self::Workers(handles) => end_workers(*handles, &mut drops)?,
            Self::DataPlane(boxes) => {
                let (handles, wrong) = boxes.end()?;
                end_workers(handles, &mut drops)?;
                merge(&mut drops, &wrong);
            }
            Self::Threads { stop, threads, .. } => {
                stop.store(true, Ordering::Relaxed);
                for thread in threads {
                    merge(&mut drops, &thread.join().map_err(died)?);
                }
            }
        }
        Ok(drops)
    }
}

const DIED: &str = "a box died: a bug";

/// What they dropped, by name.
fn end_workers(handles: [Handle; 2], drops: &mut Drops) -> Result<(), Error> {
    for handle in handles {
        let stats = Arc::clone(&handle.stats);
        handle
            .join()
            .map_err(|death| Error::Ended(death.to_string()))?;
        let numbers = stats.snapshot();
        merge(drops, &port_drops("red", &numbers.red));
        merge(drops, &port_drops("black", &numbers.black));
        let own = numbers.drops();
        let own = own.map(|(name, frames)| (name.to_owned(), frames));
        merge(drops, &own.collect());
    }
    Ok(())
}

/// Keys of both directions, XPN-256.
pub(super) fn fresh_keys(protection: Protection) -> [Direction; 2] {
    let how = Protecting {
        suite: Suite::GcmAesXpn256,
        protection,
        engine: Engine::best(),
    };
    [1, 2].map(|end| Direction::fresh(sci(end), how))
}

/// Two workers, each sending under its key.
pub(super) fn keyed_workers(
    [a, b]: [[Opener; 2]; 2],
    [from_a, from_b]: &[Direction; 2],
) -> Result<[Handle; 2], Error> {
    let spawn = |[red, black]: [Opener; 2], send, receive| {
        let openers = Openers {
            red: worker::Opener::new(red),
            black: worker::Opener::new(black),
        };
        let spawned = keyed::spawn(openers, MTU, send, receive);
        spawned.map_err(|error| Error::Ended(error.to_string()))
    };
    Ok([spawn(a, from_a, from_b)?, spawn(b, from_b, from_a)?])
}

/// The ceiling: what comes in goes out.
struct Forwarder {
    red: Box<dyn Port>,
    black: Box<dyn Port>,
    burst: Burst,
}

impl Forward for Forwarder {
    fn breathe(&mut self) -> usize {
        forward(&mut *self.red, &mut *self.black, &mut self.burst)
    }

    fn ports(&self) -> [&dyn Port; 2] {
        [&*self.red, &*self.black]
    }
}

/// The loop of an adaptive worker: lets go of the core whenever it has taken all there is, and sleeps on both
/// ports after some breaths for nothing.
fn work(forward: &mut impl Forward, stop: &AtomicBool) {
    let mut empty = 0;
    while !stop.load(Ordering::Relaxed) {
        let moved = forward.breathe();
        empty = if moved > 0 { 0 } else { empty + 1 };
        if empty >= SPINS {
            sleep(forward.ports());
            empty = 0;
        } else if moved < BURST_MAX {
            thread::yield_now();
        }
    }
}

fn sleep(ports: [&dyn Port; 2]) {
    let [Some(red), Some(black)] = ports.map(|port| port.fd()) else {
        return thread::sleep(BLIND_WAIT);
    };
    let mut fds = [red, black].map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    let timeout = Timespec::try_from(WAIT).ok();
    let _looks_again_either_way = poll(&mut fds, timeout.as_ref());
}

fn all_drops(forward: &impl Forward) -> Drops {
    let mut drops = forward.drops();
    let [red, black] = forward.ports();
    merge(&mut drops, &port_drops("red", &red.counters()));
    merge(&mut drops, &port_drops("black", &black.counters()));
    drops
}
