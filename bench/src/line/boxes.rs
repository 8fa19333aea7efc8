//! The two boxes between the hosts, on one thread that polls one after the other: no scheduler
//! stands between them, and what a frame costs in both together is what is measured.

use std::io;
use std::path::{Path, PathBuf};
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
use port::{Burst, Port, PortCounters, PortError};
use secy::{Protection, Suite};
use wire::OVERHEAD_MAX;
use worker::Idle;

use super::testpmd::{self, Testpmd};
use super::topology::{BOXES, Topology};
use super::{Arm, Error, PortKind};
use crate::crypto::stay_on;
use crate::keyed::{Direction, Keyed, Protecting, sci};
use crate::pipeline::bed::forward;
use crate::vdev::Vdev;

/// How long a cable that was plugged in just now may take to come up: the kernel tells of it by work that others may
/// hold up.
const CARRIER: Duration = Duration::from_secs(10);
/// Polls between two looks at whether to end.
const POLLS: usize = 64;

/// What both boxes are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    pub(super) arm: Arm,
    pub(super) port: PortKind,
    pub(super) engine: Engine,
    /// Of the boxes, and of the host that sends.
    pub(super) cores: [usize; 2],
}

/// Both boxes, at work.
pub(super) struct Boxes {
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

/// Frames that the boxes dropped, by the names of the counters; zeroes left out.
pub(super) type Dropped = Vec<(String, u64)>;

/// Time that a thread has had its core, by its schedstat.
pub(super) fn core_time(schedstat: &Path) -> io::Result<Duration> {
    let text = std::fs::read_to_string(schedstat)?;
    let ns = text
        .split_whitespace()
        .next()
        .and_then(|ns| ns.parse().ok());
    let unknown = || io::Error::other(format!("{} has no time in it", schedstat.display()));
    Ok(Duration::from_nanos(ns.ok_or_else(unknown)?))
}

impl Boxes {
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
        let body = move || {
            let opened = stay_on(setup.cores[0])
                .map_err(Error::Core)
                .and_then(|()| open(setup, red_mtu));
            match opened {
                Ok(mut boxes) => {
                    if ready.send(Ok(gettid().as_raw())).is_ok() {
                        let dropped = work(&mut boxes, &asked);
                        drop(boxes); // the next arm opens the same interfaces
                        let _nobody_waits = end.send(dropped);
                    }
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        };
        // A thread of its own in that namespace: the namespace's thread goes on to take orders.
        let spawn = move || {
            std::thread::Builder::new()
                .name("boxes".to_owned())
                .spawn(body)
        };
        topology.middle.run(spawn)??;
        let thread = is_ready.recv().map_err(|_| Error::Died("boxes"))??;
        Ok(Self {
            who: Who::Ours { stop, ended },
            schedstat: format!("/proc/self/task/{thread}/schedstat").into(),
        })
    }

    /// Time that the boxes' thread has had its core.
    pub(super) fn core_time(&self) -> io::Result<Duration> {
        core_time(&self.schedstat)
    }

    /// Stops them; what they dropped, as far as they tell.
    pub(super) fn end(self) -> Result<Dropped, Error> {
        match self.who {
            Who::Ours { stop, ended } => {
                stop.store(true, Ordering::Relaxed);
                ended.recv().map_err(|_| Error::Died("boxes"))
            }
            Who::Testpmd(testpmd) => {
                testpmd.end()?;
                Ok(Dropped::new())
            }
        }
    }
}

/// One box, between its two ports.
enum OneBox {
    Forwarder {
        red: Box<dyn Port>,
        black: Box<dyn Port>,
        burst: Box<Burst>,
    },
    Encryptor(Box<Keyed>),
}

fn open(setup: Setup, red_mtu: usize) -> Result<[OneBox; 2], Error> {
    let protecting = |suite, protection| {
        Some(Protecting {
            suite,
            protection,
            engine: setup.engine,
        })
    };
    let how = match setup.arm {
        Arm::NoOp | Arm::Testpmd => None,
        Arm::Integrity => protecting(Suite::GcmAesXpn256, Protection::IntegrityOnly),
        Arm::GcmAes256 => protecting(Suite::GcmAes256, Protection::Confidentiality),
        Arm::Xpn256 => protecting(Suite::GcmAesXpn256, Protection::Confidentiality),
    };
    let directions = how.map(|how| [1, 2].map(|end| Direction::fresh(sci(end), how)));
    let one_box = |index: usize| -> Result<OneBox, Error> {
        let [red, black] = plugged_in(ports(setup.port, BOXES[index], red_mtu)?, CARRIER)?;
        Ok(match &directions {
            None => OneBox::Forwarder {
                red,
                black,
                burst: Box::default(),
            },
            Some(directions) => {
                let (send, receive) = (&directions[index], &directions[1 - index]);
                let keyed = Keyed::new(red, black, send, receive, Idle::Busy)?;
                OneBox::Encryptor(Box::new(keyed))
            }
        })
    };
    Ok([one_box(0)?, one_box(1)?])
}

/// The same, when both have a carrier: without one a port sends nothing, and DPDK's look for it only now and then.
fn plugged_in(ports: [Box<dyn Port>; 2], limit: Duration) -> Result<[Box<dyn Port>; 2], Error> {
    let carriers = || ports.iter().all(|port| port.link_up());
    match waited(limit, carriers) {
        Some(_) => Ok(ports),
        None => Err(Error::NoCarrier(limit)),
    }
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

impl OneBox {
    #[inline]
    fn poll(&mut self) {
        match self {
            Self::Forwarder { red, black, burst } => {
                forward(&mut **red, &mut **black, burst);
            }
            Self::Encryptor(keyed) => {
                keyed.worker.poll();
            }
        }
    }

    fn dropped(&mut self, into: &mut Dropped) {
        match self {
            Self::Forwarder { red, black, .. } => {
                count(into, "red", &red.counters());
                count(into, "black", &black.counters());
            }
            Self::Encryptor(keyed) => {
                keyed.worker.publish();
                let numbers = keyed.stats.snapshot();
                count(into, "red", &numbers.red);
                count(into, "black", &numbers.black);
                for (name, frames) in numbers.drops().filter(|(_, frames)| *frames > 0) {
                    into.push((name.to_owned(), frames));
                }
            }
        }
    }
}

fn count(into: &mut Dropped, side: &str, counters: &PortCounters) {
    let drops = counters.drops().filter(|(_, frames)| *frames > 0);
    into.extend(drops.map(|(name, frames)| (format!("{side} {name}"), frames)));
}

fn work(boxes: &mut [OneBox; 2], stop: &AtomicBool) -> Dropped {
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..POLLS {
            boxes.iter_mut().for_each(OneBox::poll);
        }
    }
    let mut dropped = Dropped::new();
    boxes.iter_mut().for_each(|one| one.dropped(&mut dropped));
    dropped
}

#[cfg(test)]
mod tests;
