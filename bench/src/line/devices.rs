//! The two devices under test, on one thread that polls one after the other: no scheduler stands
//! between them, and the measurement is what a frame costs in both together.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gcm::Engine;
use lab::patience::waited;
use nix::unistd::gettid;
use port::Port;

use super::testpmd::{self, Testpmd};
use crate::device::{Connected, Device};
use crate::drops::Drops;
use crate::harness::cores::{core_time, pin};
use crate::harness::error::Error;
use crate::keyed::{Direction, sci};
use crate::network::{INTERFACES, Network};
use crate::ports::PortSetup;

/// How long the kernel may take to report the carrier of a new cable.
const CARRIER: Duration = Duration::from_secs(10);
/// Polls between two checks whether to end.
const POLLS: usize = 64;

#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    pub(super) device: Device,
    pub(super) port: PortSetup,
    pub(super) engine: Engine,
    pub(super) cores: [usize; 2],
}

pub(super) struct Running {
    devices: Devices,
    /// The system's account of their thread.
    schedstat: PathBuf,
}

enum Devices {
    Ours {
        stop: Arc<AtomicBool>,
        thread: JoinHandle<Drops>,
    },
    Testpmd(Testpmd),
}

impl Running {
    pub(super) fn start(network: &Network, setup: Setup) -> Result<Self, Error> {
        if let (Device::Testpmd, Some(driver)) = (setup.device, testpmd::driver(setup.port)) {
            let testpmd = Testpmd::start(network, driver, setup.cores)?;
            return Ok(Self {
                schedstat: testpmd.schedstat.clone(),
                devices: Devices::Testpmd(testpmd),
            });
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, is_ready) = mpsc::sync_channel(1);
        let (stopped, red_mtu) = (Arc::clone(&stop), network.red_mtu);
        let open = move || {
            pin(setup.cores[0])
                .map_err(Error::from)
                .and_then(|()| open(setup, red_mtu))
        };
        let body = move || match open() {
            Ok(mut devices) => {
                let _starter_gave_up = ready.send(Ok(gettid().as_raw()));
                while !stopped.load(Ordering::Relaxed) {
                    for _ in 0..POLLS {
                        for device in &mut devices {
                            device.poll();
                        }
                    }
                }
                let mut drops = Drops::new();
                for device in &mut devices {
                    crate::drops::merge(&mut drops, &device.drops());
                }
                drops
            }
            Err(error) => {
                let _starter_gave_up = ready.send(Err(error));
                Drops::new()
            }
        };
        let named = thread::Builder::new().name("devices".to_owned());
        let thread = network.middle.run(move || named.spawn(body))??;
        let id = is_ready.recv().map_err(|_| Error::Died("devices"))??;
        Ok(Self {
            devices: Devices::Ours { stop, thread },
            schedstat: format!("/proc/self/task/{id}/schedstat").into(),
        })
    }

    pub(super) fn core_time(&self) -> io::Result<Duration> {
        core_time(&self.schedstat)
    }

    /// Stops them. Returns the frames that they dropped; testpmd reports none.
    pub(super) fn end(self) -> Result<Drops, Error> {
        match self.devices {
            Devices::Ours { stop, thread } => {
                stop.store(true, Ordering::Relaxed);
                thread.join().map_err(|_| Error::Died("devices"))
            }
            Devices::Testpmd(testpmd) => {
                testpmd.end();
                Ok(Drops::new())
            }
        }
    }
}

fn open(setup: Setup, red_mtu: usize) -> Result<[Connected; 2], Error> {
    let how = setup.device.protecting(setup.engine);
    let directions = how.map(|how| [1, 2].map(|end| Direction::fresh(sci(end), how)));
    let one = |index: usize| -> Result<Connected, Error> {
        let [red, black] = setup.port.pair(INTERFACES[index], red_mtu)?;
        let keys = directions
            .as_ref()
            .map(|both| [&both[index], &both[1 - index]]);
        Ok(Connected::new(
            plugged_in([red()?, black()?], CARRIER)?,
            keys,
        )?)
    };
    Ok([one(0)?, one(1)?])
}

/// Returns the ports when both have a carrier: without one a port sends nothing, and DPDK's ports
/// look for it only now and then.
fn plugged_in(ports: [Box<dyn Port>; 2], limit: Duration) -> Result<[Box<dyn Port>; 2], Error> {
    let carriers = || ports.iter().all(|port| port.link_up());
    waited(limit, carriers).ok_or(Error::NoCarrier(limit))?;
    Ok(ports)
}

#[cfg(test)]
mod tests;
