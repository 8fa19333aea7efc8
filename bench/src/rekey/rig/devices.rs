//! Devices between the hosts that are no encryptors of ours with their protocol: peers under the
//! same load, over the same ports, in the same rounds.
//!
//! ```text
//! host a ═ [device a] ═══ line ═══ [device b] ═ host b
//! ```
//! Each device has a thread and idles as our workers do.

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

use super::cabling::{Cables, HostPorts, MTU};
use super::drops::{Drops, merge, port_drops};
use crate::device::forward;
use crate::keyed::{self, Direction, Protecting, sci};
use crate::rekey::Error;
use data_plane::DataPlane;

mod data_plane;
#[cfg(feature = "wireguard")]
mod wireguard;

/// The shortest interval of keys where no protocol has to keep up.
const SHORTEST: Duration = Duration::from_millis(10);
/// Empty polls before a device sleeps: as many as of our workers.
const SPINS: u32 = worker::limits::IDLE_SPINS;
/// A device sleeps this long at most, and this long where a port has no file descriptor.
const WAIT: Duration = Duration::from_millis(10);
const BLIND_WAIT: Duration = Duration::from_micros(worker::limits::NO_DESCRIPTOR_WAIT_US as u64);
const DIED: &str = "a device died: a bug";

/// A device under test that stands between the hosts instead of our encryptors.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Device {
    /// Forwarders: the cost of ports and hosts alone
    NoOp,
    /// XPN-256, authenticated only, under one key
    Integrity,
    /// Our workers under keys of the bench, without protocol and KMEs; also at 0.01 s
    DataPlane,
    /// WireGuard in user space (boringtun); a handshake at each interval instead of every 120 s
    #[cfg(feature = "wireguard")]
    #[value(name = "wireguard")]
    WireGuard,
}

impl Device {
    /// All devices of this build.
    pub(crate) fn all() -> Vec<Self> {
        <Self as clap::ValueEnum>::value_variants().to_vec()
    }

    /// The name in tables and JSON.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NoOp => "no-op",
            Self::Integrity => "integrity",
            Self::DataPlane => "data-plane",
            #[cfg(feature = "wireguard")]
            Self::WireGuard => "wireguard",
        }
    }

    /// The intervals at which it is measured: each of these where it changes keys, or none.
    pub(crate) fn intervals(self, intervals: &[Duration]) -> Vec<Option<Duration>> {
        let shorter: &[Duration] = match self {
            Self::NoOp | Self::Integrity => return vec![None],
            Self::DataPlane => &[SHORTEST],
            #[cfg(feature = "wireguard")]
            Self::WireGuard => &[],
        };
        intervals.iter().chain(shorter).copied().map(Some).collect()
    }

    /// Whether its no-drop rate differs from that of another device. The data plane has the same
    /// workers as our encryptors.
    pub(crate) fn has_own_rate(self) -> bool {
        self != Self::DataPlane
    }
}

/// The moments at which a device began to send under another key.
pub(super) type Switches = Arc<Mutex<Vec<Instant>>>;

/// A polled device that forwards between a red and a black port.
pub(super) trait Forward {
    /// Forwards a burst each way. Returns the number of frames received.
    fn poll_once(&mut self) -> usize;

    /// Red and black.
    fn ports(&self) -> [&dyn Port; 2];

    /// Frames that it dropped itself.
    fn drops(&self) -> Drops {
        Drops::new()
    }
}

/// Both devices, running.
pub(crate) enum Devices {
    Workers(Box<[Handle; 2]>),
    DataPlane(DataPlane),
    Threads {
        stop: Arc<AtomicBool>,
        threads: [JoinHandle<Drops>; 2],
        switches: [Switches; 2],
    },
}

impl Devices {
    /// Opens the ports of both devices, and waits until frames would pass. Returns the hosts'
    /// ports, too. The threads stay in the network namespace of this thread.
    pub(crate) fn start(
        cables: Cables,
        device: Device,
        interval: Option<Duration>,
    ) -> Result<(Self, HostPorts), Error> {
        let (cores, [a, b]) = (cables.cores, cables.encryptors);
        let ports = [cores.keep(0, a), cores.keep(1, b)];
        let devices = match device {
            Device::Integrity => {
                let keys = fresh_keys(Protection::IntegrityOnly);
                Self::Workers(Box::new(keyed_workers(ports, &keys)?))
            }
            Device::DataPlane => Self::DataPlane(DataPlane::start(ports, interval)?),
            Device::NoOp => Self::threads(ports, |_, _| {
                |[red, black]: [Box<dyn Port>; 2]| {
                    let burst = Burst::new();
                    Ok(Forwarder { red, black, burst })
                }
            })?,
            #[cfg(feature = "wireguard")]
            Device::WireGuard => wireguard::start(ports, interval)?,
        };
        let ends = cables.hosts;
        Ok((devices, HostPorts { ends, cores }))
    }

    /// Starts a thread for each device, which makes it from its ports by `maker(index, switches)`.
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
                let (made, outcome) = match made {
                    Ok(made) => (Some(made), Ok(())),
                    Err(error) => (None, Err(error)),
                };
                let _starter_gave_up = ready.send(outcome);
                made.map_or(Drops::new(), |mut forward| run(&mut forward, &stop))
            };
            let named = thread::Builder::new().name(format!("device-{index}"));
            threads.push(named.spawn(body)?);
        }
        drop(ready);
        // A device that cannot open its ports ends; the other one is stopped.
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

    /// The moments at which each device changed its key since the last call.
    pub(crate) fn take_switches(&self) -> [Vec<Instant>; 2] {
        match self {
            Self::Workers(_) => [Vec::new(), Vec::new()],
            Self::DataPlane(devices) => devices.take_switches(),
            Self::Threads { switches, .. } => switches.each_ref().map(|switches| {
                let switches = switches.lock();
                switches.map_or(Vec::new(), |mut switches| core::mem::take(&mut *switches))
            }),
        }
    }

    /// Ends both devices. Returns the frames that they dropped.
    pub(crate) fn end(self) -> Result<Drops, Error> {
        let mut drops = Drops::new();
        match self {
            Self::Workers(handles) => end_workers(*handles, &mut drops)?,
            Self::DataPlane(devices) => {
                let (handles, violations) = devices.end()?;
                end_workers(handles, &mut drops)?;
                merge(&mut drops, &violations);
            }
            Self::Threads { stop, threads, .. } => {
                stop.store(true, Ordering::Relaxed);
                for thread in threads {
                    let dropped = thread.join();
                    merge(
                        &mut drops,
                        &dropped.map_err(|_| Error::Ended(DIED.to_owned()))?,
                    );
                }
            }
        }
        Ok(drops)
    }
}

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

/// Fresh XPN-256 keys of both directions.
pub(super) fn fresh_keys(protection: Protection) -> [Direction; 2] {
    let how = Protecting {
        suite: Suite::GcmAesXpn256,
        protection,
        engine: Engine::best(),
    };
    [1, 2].map(|end| Direction::fresh(sci(end), how))
}

/// Starts two workers, each of which sends under its key.
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

/// Sends what it receives, unchanged: the upper bound of any device.
struct Forwarder {
    red: Box<dyn Port>,
    black: Box<dyn Port>,
    burst: Burst,
}

impl Forward for Forwarder {
    fn poll_once(&mut self) -> usize {
        forward(&mut *self.red, &mut *self.black, &mut self.burst)
    }

    fn ports(&self) -> [&dyn Port; 2] {
        [&*self.red, &*self.black]
    }
}

/// The loop of an adaptive worker: yields the core when it has taken all frames, and sleeps on both
/// ports after some empty polls. Returns the frames that were dropped.
fn run(forward: &mut impl Forward, stop: &AtomicBool) -> Drops {
    let mut empty = 0;
    while !stop.load(Ordering::Relaxed) {
        let frames = forward.poll_once();
        empty = if frames > 0 { 0 } else { empty + 1 };
        if empty >= SPINS {
            sleep(forward.ports());
            empty = 0;
        } else if frames < BURST_MAX {
            thread::yield_now();
        }
    }
    let mut drops = forward.drops();
    let [red, black] = forward.ports();
    merge(&mut drops, &port_drops("red", &red.counters()));
    merge(&mut drops, &port_drops("black", &black.counters()));
    drops
}

fn sleep(ports: [&dyn Port; 2]) {
    let [Some(red), Some(black)] = ports.map(|port| port.fd()) else {
        return thread::sleep(BLIND_WAIT);
    };
    let mut fds = [red, black].map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    let timeout = Timespec::try_from(WAIT).ok();
    let _polls_again_in_any_case = poll(&mut fds, timeout.as_ref());
}
