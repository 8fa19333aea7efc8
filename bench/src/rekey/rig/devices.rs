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
use port::{BURST_MAX, Port, PortError};
use qmacsec::ports::Opener;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::cabling::{Cables, HostPorts};
use crate::device::{Device, Forwarder, ports_drops};
use crate::drops::{Drops, merge};
use crate::harness::error::Error;
use keyed_workers::KeyedWorkers;

mod keyed_workers;
#[cfg(feature = "wireguard")]
mod wireguard;

pub(crate) const DEVICES: &[Device] = &[
    Device::NoOp,
    Device::Integrity,
    Device::DataPlane,
    #[cfg(feature = "wireguard")]
    Device::WireGuard,
];
/// The shortest interval of keys where no protocol has to keep up.
const SHORTEST: Duration = Duration::from_millis(10);
/// Empty polls before a device sleeps: as many as of our workers.
const SPINS: u32 = worker::limits::IDLE_SPINS;
/// A device sleeps this long at most, and this long where a port has no file descriptor.
const WAIT: Duration = Duration::from_millis(10);
const BLIND_WAIT: Duration = Duration::from_micros(worker::limits::NO_DESCRIPTOR_WAIT_US as u64);
const DIED: &str = "a device died: a bug";

/// The intervals at which a device is measured: each of these where it changes keys, or none.
pub(crate) fn intervals(device: Device, intervals: &[Duration]) -> Vec<Option<Duration>> {
    let shorter: &[Duration] = match device {
        Device::DataPlane => &[SHORTEST],
        #[cfg(feature = "wireguard")]
        Device::WireGuard => &[],
        _ => return vec![None],
    };
    intervals.iter().chain(shorter).copied().map(Some).collect()
}

/// The moments at which a device began to send under another key.
type Switches = Arc<Mutex<Vec<Instant>>>;

/// A polled device that forwards between a red and a black port.
trait Forward {
    /// Forwards a burst each way. Returns the number of frames received.
    fn poll_once(&mut self) -> usize;

    fn ports(&self) -> [&dyn Port; 2];

    fn drops(&self) -> Drops {
        Drops::new()
    }
}

impl Forward for Forwarder {
    fn poll_once(&mut self) -> usize {
        self.poll()
    }

    fn ports(&self) -> [&dyn Port; 2] {
        self.ports()
    }
}

pub(crate) enum Devices {
    Workers(KeyedWorkers),
    Threads {
        stop: Arc<AtomicBool>,
        threads: Vec<JoinHandle<Drops>>,
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
        let (cores, [a, b]) = (cables.hosts.cores, cables.encryptors);
        let ports = [cores.keep(0, a), cores.keep(1, b)];
        let devices = match (device, device.protecting(Engine::best())) {
            (_, Some(how)) => Self::Workers(KeyedWorkers::start(ports, how, interval)?),
            #[cfg(feature = "wireguard")]
            (Device::WireGuard, _) => wireguard::start(ports, interval)?,
            _ => Self::threads(ports, |_, _| |ports| Ok(Forwarder::new(ports)))?,
        };
        Ok((devices, cables.hosts))
    }

    /// Starts a thread for each device, which makes it from its ports by `maker(index, switches)`.
    fn threads<F, M>(
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
            let body = move || match red().and_then(|red| make([red, black()?])) {
                Ok(mut forward) => {
                    let _starter_gave_up = ready.send(Ok(()));
                    run(&mut forward, &stop)
                }
                Err(error) => {
                    let _starter_gave_up = ready.send(Err(error));
                    Drops::new()
                }
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
        Ok(Self::Threads {
            stop,
            threads,
            switches,
        })
    }

    /// The moments at which each device changed its key since the last call.
    pub(crate) fn take_switches(&self) -> [Vec<Instant>; 2] {
        match self {
            Self::Workers(workers) => workers.take_switches(),
            Self::Threads { switches, .. } => switches.each_ref().map(|switches| {
                let switches = switches.lock();
                switches.map_or(Vec::new(), |mut switches| core::mem::take(&mut *switches))
            }),
        }
    }

    /// Ends both devices. Returns the frames that they dropped.
    pub(crate) fn end(self) -> Result<Drops, Error> {
        let (stop, threads) = match self {
            Self::Workers(workers) => return workers.end(),
            Self::Threads { stop, threads, .. } => (stop, threads),
        };
        stop.store(true, Ordering::Relaxed);
        let mut drops = Drops::new();
        for thread in threads {
            let dropped = thread.join().map_err(|_| Error::Ended(DIED.to_owned()))?;
            merge(&mut drops, &dropped);
        }
        Ok(drops)
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
    drops.extend(ports_drops(forward.ports()));
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
