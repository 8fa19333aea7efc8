//! Cables between hosts and devices: memory, or the interfaces of a network of their own.

use std::path::Path;

use lab::encryptor::opener;
use port::fault::{Faults, Faulty};
use port::mem::{self, Mem, MemConfig};
use port::{Port, PortError};
use qmacsec::ports::{Opener, inside};
use wire::OVERHEAD_MAX;

use super::cores::Cores;
use crate::harness::error::Error;
use crate::network::{INTERFACES, Network, at_host};
use crate::ports::{PortSetup, at_tap};
use crate::vdev;

/// Frames that each cable in memory holds: some milliseconds of them, for when the scheduler takes
/// a thread off its core. The frames are usual Ethernet, with room for SecTAG and ICV.
const CABLE_FRAMES: usize = 8192;
pub(crate) const MTU: usize = 1500;
/// The interfaces that encryptors make where red is TAP.
const TAPS: [&str; 2] = ["tap-a", "tap-b"];

/// A kind of ports, the network that they need, and the cores.
pub(crate) struct Rig {
    port: PortSetup,
    cores: Cores,
    /// `None` where memory needs none, and where each run has its own.
    network: Option<Network>,
}

/// The ends of all cables, to be opened on the threads that use them.
pub(crate) struct Cables {
    pub(crate) encryptors: [[Opener; 2]; 2],
    pub(crate) hosts: HostPorts,
}

/// The ports of both hosts, to be opened when the devices are running, and the cores of all.
pub(crate) struct HostPorts {
    pub(crate) ends: [Opener; 2],
    pub(crate) cores: Cores,
}

impl Rig {
    pub(crate) fn new(port: PortSetup, cores: Cores) -> Result<Self, Error> {
        if port.vdev().is_some() {
            vdev::start()?;
        }
        let lasts = port != PortSetup::Mem && !port.needs_fresh_interfaces();
        let network = lasts.then(|| Network::build(MTU)).transpose()?;
        Ok(Self {
            port,
            cores,
            network,
        })
    }

    /// Does `work` with cables for one pair of devices, in the network namespace of the devices:
    /// threads that it starts stay there.
    pub(crate) fn run<T>(&self, work: impl FnOnce(Cables) -> Result<T, Error>) -> Result<T, Error> {
        if self.port == PortSetup::Mem {
            return work(in_memory(self.cores));
        }
        let fresh;
        let network = match &self.network {
            Some(lasting) => lasting,
            None => {
                fresh = Network::build(MTU)?;
                &fresh
            }
        };
        let middle = network.middle.path();
        inside(Path::new(&middle), || {
            Ok(self.cables(network).and_then(work))
        })?
    }

    fn cables(&self, network: &Network) -> Result<Cables, Error> {
        let is_tap = self.port == PortSetup::Tap;
        let pair = |device: usize| {
            let [red, black] = INTERFACES[device];
            let red = if is_tap { TAPS[device] } else { red };
            self.port.pair([red, black], MTU)
        };
        let ends = match is_tap {
            true => TAPS.map(|tap| Box::new(move || at_tap(tap)) as Opener),
            false => [&network.left, &network.right].map(at_host),
        };
        Ok(Cables {
            encryptors: [pair(0)?, pair(1)?],
            hosts: HostPorts {
                ends,
                cores: self.cores,
            },
        })
    }
}

impl Cables {
    /// Adds faults to both directions of the line.
    pub(crate) fn with_faults(mut self, faults: Faults) -> Self {
        let mut seeds = 1..;
        self.encryptors = self.encryptors.map(|[red, open]| {
            let seed = seeds.next().unwrap_or_default();
            let black = move || -> Result<Box<dyn Port>, PortError> {
                let none = Faults::default();
                Ok(Box::new(Faulty::new(open()?, seed, none, faults)?))
            };
            [red, Box::new(black)]
        });
        self
    }
}

pub(crate) fn cable() -> (Mem, Mem) {
    mem::pair_with(MemConfig {
        capacity: CABLE_FRAMES,
        mtu: MTU + OVERHEAD_MAX,
        ..MemConfig::default()
    })
}

pub(crate) fn in_memory(cores: Cores) -> Cables {
    let [(red_a, host_a), (red_b, host_b), (black_a, black_b)] = [(); 3].map(|()| cable());
    Cables {
        encryptors: [[red_a, black_a], [red_b, black_b]].map(|ends| ends.map(opener)),
        hosts: HostPorts {
            ends: [host_a, host_b].map(opener),
            cores,
        },
    }
}
