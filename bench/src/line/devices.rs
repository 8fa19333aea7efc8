//! The two devices under test, on one thread that polls one after the other: no scheduler stands
//! between them, and the measurement is what a frame costs in both together.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use gcm::Engine;
use lab::patience::waited;
use nix::unistd::gettid;
use port::limits::CHUNKS;
use port::packet::{Packet, PacketConfig};
use port::xdp::{Share, Xdp, XdpConfig, XdpMode};
use port::{Port, PortError};
use wire::OVERHEAD_MAX;

use super::PortKind;
use super::testpmd::{self, Testpmd};
use super::topology::{INTERFACES, Topology};
use crate::device::{Arm, Connected};
use crate::harness::cores::{core_time, stay_on};
use crate::harness::error::Error;
use crate::keyed::{Direction, sci};
use crate::vdev::Vdev;

/// How long the kernel may take to report the carrier of a new cable.
const CARRIER: Duration = Duration::from_secs(10);
/// Polls between two looks at whether to end.
const POLLS: usize = 64;

/// The setup of both devices.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    pub(super) arm: Arm,
    pub(super) port: PortKind,
    pub(super) engine: Engine,
    /// The core of the devices, and of the host that sends.
    pub(super) cores: [usize; 2],
}

/// Both devices, at work.
pub(super) struct Running {
    who: Who,
    /// The system's account of their thread.
    schedstat: PathBuf,
}

enum Who {
    Ours {
        stop: Arc<AtomicBool>,
        ended: Receiver<Dropped>,
    },
    Testpmd(Testpmd),
}

/// Frames that the devices dropped, by the names of the counters.
pub(super) type Dropped = Vec<(String, u64)>;

impl Running {
    /// Opens the ports and starts.
    pub(super) fn start(topology: &Topology, setup: Setup) -> Result<Self, Error> {
        if let (Arm::Testpmd, Some(driver)) = (setup.arm, testpmd::driver(setup.port)) {
            let testpmd = Testpmd::start(topology, driver, setup.cores)?;
            return Ok(Self {
                schedstat: testpmd.schedstat.clone(),
                who: Who::Testpmd(testpmd),
            });
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, is_ready) = mpsc::sync_channel(1);
        let (end, ended) = mpsc::sync_channel(1);
        let (asked, red_mtu) = (Arc::clone(&stop), topology.red_mtu);
        let open = move || stay_on(setup.cores[0]).and_then(|()| open(setup, red_mtu));
        let body = move || match open() {
            Ok(mut devices) => {
                if ready.send(Ok(gettid().as_raw())).is_ok() {
                    let dropped = work(&mut devices, &asked);
                    drop(devices); // the next arm opens the same interfaces
                    let _nobody_waits = end.send(dropped);
                }
            }
            Err(error) => drop(ready.send(Err(error))),
        };
        // A thread of its own in that namespace: the namespace's thread goes on to take orders.
        let spawn = move || {
            std::thread::Builder::new()
                .name("devices".to_owned())
                .spawn(body)
        };
        topology.middle.run(spawn)??;
        let thread = is_ready.recv().map_err(|_| Error::Died("devices"))??;
        Ok(Self {
            who: Who::Ours { stop, ended },
            schedstat: format!("/proc/self/task/{thread}/schedstat").into(),
        })
    }

    /// Time that the devices' thread has had its core.
    pub(super) fn core_time(&self) -> io::Result<Duration> {
        core_time(&self.schedstat)
    }

    /// Stops them; the frames that they dropped, as far as they say.
    pub(super) fn end(self) -> Result<Dropped, Error> {
        match self.who {
            Who::Ours { stop, ended } => {
                stop.store(true, Ordering::Relaxed);
                ended.recv().map_err(|_| Error::Died("devices"))
            }
            Who::Testpmd(testpmd) => {
                testpmd.end()?;
                Ok(Dropped::new())
            }
        }
    }
}

fn open(setup: Setup, red_mtu: usize) -> Result<[Connected; 2], Error> {
    let how = setup.arm.protecting(setup.engine);
    let directions = how.map(|how| [1, 2].map(|end| Direction::fresh(sci(end), how)));
    let one = |index: usize| -> Result<Connected, Error> {
        let ports = ports(setup.port, INTERFACES[index], red_mtu)?;
        let keys = directions
            .as_ref()
            .map(|both| [&both[index], &both[1 - index]]);
        Ok(Connected::new(plugged_in(ports, CARRIER)?, keys)?)
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

/// Red and black; AF_XDP ports share their memory, as in the program.
fn ports(
    kind: PortKind,
    [red, black]: [&str; 2],
    red_mtu: usize,
) -> Result<[Box<dyn Port>; 2], PortError> {
    let mtu = [red_mtu, red_mtu + OVERHEAD_MAX];
    let packet = |ifname: &str, mtu_min| -> Result<Box<dyn Port>, PortError> {
        Ok(Box::new(Packet::open(PacketConfig {
            ifname: ifname.to_owned(),
            mtu_min,
            ..PacketConfig::default()
        })?))
    };
    let xdp = |mode, share, ifname: &str, mtu_min| -> Result<Box<dyn Port>, PortError> {
        Ok(Box::new(Xdp::open(XdpConfig {
            ifname: ifname.to_owned(),
            mtu_min,
            mode,
            share: Some(share),
            tags_in_frames: true,
            ..XdpConfig::default()
        })?))
    };
    let vdevs = |driver: Vdev| Ok([driver.open(red, mtu[0])?, driver.open(black, mtu[1])?]);
    let mode = match kind {
        PortKind::Packet => return Ok([packet(red, mtu[0])?, packet(black, mtu[1])?]),
        PortKind::Xdp => XdpMode::Auto,
        PortKind::XdpNative => XdpMode::Native,
        PortKind::XdpSkb => XdpMode::Skb,
        PortKind::DpdkAfXdp => return vdevs(Vdev::AfXdp),
        PortKind::DpdkAfPacket => return vdevs(Vdev::AfPacket),
    };
    let share = Share::new(CHUNKS, mtu[1])?;
    Ok([
        xdp(mode, share, red, mtu[0])?,
        xdp(mode, share, black, mtu[1])?,
    ])
}

fn work(devices: &mut [Connected; 2], stop: &AtomicBool) -> Dropped {
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..POLLS {
            devices.iter_mut().for_each(Connected::poll);
        }
    }
    devices.iter_mut().flat_map(Connected::dropped).collect()
}

#[cfg(test)]
mod tests;
