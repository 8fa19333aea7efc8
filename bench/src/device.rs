//! Devices under test: forwarders and encryptors between two ports.

use clap::ValueEnum;
use gcm::Engine;
use port::{Burst, Port};
use secy::{Protection, Suite};
use worker::Idle;

use crate::drops::{Drops, port_drops, worker_drops};
use crate::keyed::{Direction, Keyed, Protecting};

/// A device under comparison. Each bench has some of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Device {
    /// A forwarder over the same ports: the ceiling
    NoOp,
    /// An encryptor, XPN-256, authenticated only, under one key
    Integrity,
    /// An encryptor, GCM-AES-256, PN of 32 bits
    #[value(name = "gcm-aes-256")]
    GcmAes256,
    /// An encryptor, GCM-AES-XPN-256: what is used
    #[value(name = "xpn-256")]
    Xpn256,
    /// The AES-GCM engine alone, without ports and worker
    Engine,
    /// Our workers under keys of the bench, without protocol and KMEs; also at 0.01 s
    DataPlane,
    /// WireGuard in user space (boringtun); in `rekey` with a handshake at each interval
    #[cfg(feature = "wireguard")]
    #[value(name = "wireguard")]
    WireGuard,
    /// DPDK's testpmd as both forwarders, if it is installed
    Testpmd,
}

impl Device {
    /// How it protects frames; `None` if it is no encryptor.
    pub(crate) fn protecting(self, engine: Engine) -> Option<Protecting> {
        let (suite, protection) = match self {
            Self::Integrity => (Suite::GcmAesXpn256, Protection::IntegrityOnly),
            Self::GcmAes256 => (Suite::GcmAes256, Protection::Confidentiality),
            Self::Xpn256 | Self::DataPlane => (Suite::GcmAesXpn256, Protection::Confidentiality),
            _ => return None,
        };
        Some(Protecting {
            suite,
            protection,
            engine,
        })
    }
}

pub(crate) enum Connected {
    Forwarder(Box<Forwarder>),
    Encryptor(Box<Keyed>),
}

/// A device that only forwards.
pub(crate) struct Forwarder {
    ports: [Box<dyn Port>; 2],
    burst: Burst,
}

impl Forwarder {
    pub(crate) fn new(ports: [Box<dyn Port>; 2]) -> Self {
        let burst = Burst::new();
        Self { ports, burst }
    }

    /// Forwards one burst each way, in the order of a worker. Returns the number of frames.
    #[inline]
    pub(crate) fn poll(&mut self) -> usize {
        let Self {
            ports: [red, black],
            burst,
        } = self;
        forward(&mut **red, &mut **black, burst) + forward(&mut **black, &mut **red, burst)
    }

    pub(crate) fn ports(&self) -> [&dyn Port; 2] {
        self.ports.each_ref().map(|port| &**port)
    }
}

#[inline]
fn forward(from: &mut dyn Port, to: &mut dyn Port, burst: &mut Burst) -> usize {
    from.rx_burst(burst);
    let count = burst.len();
    if count > 0 {
        to.tx_burst(burst);
    }
    count
}

impl Connected {
    /// An encryptor that sends and receives under these keys, or a forwarder without any.
    pub(crate) fn new(
        [red, black]: [Box<dyn Port>; 2],
        keys: Option<[&Direction; 2]>,
    ) -> std::io::Result<Self> {
        Ok(match keys {
            None => Self::Forwarder(Box::new(Forwarder::new([red, black]))),
            Some([send, receive]) => {
                let keyed = Keyed::new(red, black, send, receive, Idle::Busy)?;
                Self::Encryptor(Box::new(keyed))
            }
        })
    }

    /// One burst each way. Returns the number of frames received.
    #[inline]
    pub(crate) fn poll(&mut self) -> usize {
        match self {
            Self::Forwarder(forwarder) => forwarder.poll(),
            Self::Encryptor(keyed) => keyed.worker.poll(),
        }
    }

    pub(crate) fn drops(&mut self) -> Drops {
        match self {
            Self::Forwarder(forwarder) => ports_drops(forwarder.ports()),
            Self::Encryptor(keyed) => {
                keyed.worker.publish();
                worker_drops(&keyed.stats.snapshot())
            }
        }
    }
}

pub(crate) fn ports_drops([red, black]: [&dyn Port; 2]) -> Drops {
    let mut drops = port_drops("red", &red.counters());
    drops.extend(port_drops("black", &black.counters()));
    drops
}
