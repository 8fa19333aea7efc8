//! Arms, and devices under test: forwarders and encryptors between two ports.

use clap::ValueEnum;
use gcm::Engine;
use port::{Burst, Port, PortCounters};
use secy::{Protection, Suite};
use worker::Idle;

use crate::keyed::{Direction, Keyed, Protecting};

/// A configuration under comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Arm {
    /// A forwarder over the same ports: the ceiling
    NoOp,
    /// An encryptor, XPN-256, authenticated only
    Integrity,
    /// An encryptor, GCM-AES-256, PN of 32 bits
    #[value(name = "gcm-aes-256")]
    GcmAes256,
    /// An encryptor, GCM-AES-XPN-256: what is used
    #[value(name = "xpn-256")]
    Xpn256,
    /// The AES-GCM engine alone, without ports and worker
    Engine,
    /// WireGuard in user space: the crate boringtun
    #[cfg(feature = "wireguard")]
    #[value(name = "wireguard")]
    WireGuard,
    /// DPDK's testpmd as both forwarders, if it is installed
    Testpmd,
}

impl Arm {
    /// How it protects, if it is an encryptor.
    pub(crate) fn protecting(self, engine: Engine) -> Option<Protecting> {
        let (suite, protection) = match self {
            Self::Integrity => (Suite::GcmAesXpn256, Protection::IntegrityOnly),
            Self::GcmAes256 => (Suite::GcmAes256, Protection::Confidentiality),
            Self::Xpn256 => (Suite::GcmAesXpn256, Protection::Confidentiality),
            _ => return None,
        };
        Some(Protecting {
            suite,
            protection,
            engine,
        })
    }
}

/// A device between its two ports.
pub(crate) enum Connected {
    Forwarder(Box<Forwarder>),
    Encryptor(Box<Keyed>),
}

/// A device that only forwards.
pub(crate) struct Forwarder {
    red: Box<dyn Port>,
    black: Box<dyn Port>,
    burst: Burst,
}

impl Forwarder {
    /// Forwards one burst each way.
    #[inline]
    pub(crate) fn poll(&mut self) {
        forward(&mut *self.red, &mut *self.black, &mut self.burst);
    }
}

/// Forwards one burst each way, in the order of a worker.
#[inline]
pub(crate) fn forward(red: &mut dyn Port, black: &mut dyn Port, burst: &mut Burst) -> usize {
    red.rx_burst(burst);
    let mut came = burst.len();
    if came > 0 {
        black.tx_burst(burst);
    }
    black.rx_burst(burst);
    came += burst.len();
    if !burst.is_empty() {
        red.tx_burst(burst);
    }
    came
}

impl Connected {
    /// An encryptor that sends and receives under these keys, or a forwarder without any.
    pub(crate) fn new(
        [red, black]: [Box<dyn Port>; 2],
        keys: Option<[&Direction; 2]>,
    ) -> std::io::Result<Self> {
        Ok(match keys {
            None => Self::Forwarder(Box::new(Forwarder {
                red,
                black,
                burst: Burst::new(),
            })),
            Some([send, receive]) => {
                let keyed = Keyed::new(red, black, send, receive, Idle::Busy)?;
                Self::Encryptor(Box::new(keyed))
            }
        })
    }

    /// One burst each way.
    #[inline]
    pub(crate) fn poll(&mut self) {
        match self {
            Self::Forwarder(forwarder) => forwarder.poll(),
            Self::Encryptor(keyed) => {
                keyed.worker.poll();
            }
        }
    }

    /// Frames dropped so far, by the names of the counters; zeroes left out.
    pub(crate) fn dropped(&mut self) -> Vec<(String, u64)> {
        let by_port = |side: &str, counters: &PortCounters| {
            let drops = counters.drops();
            drops
                .map(|(name, frames)| (format!("{side} {name}"), frames))
                .collect::<Vec<_>>()
        };
        let mut dropped = match self {
            Self::Forwarder(forwarder) => {
                let Forwarder { red, black, .. } = &**forwarder;
                [
                    by_port("red", &red.counters()),
                    by_port("black", &black.counters()),
                ]
                .concat()
            }
            Self::Encryptor(keyed) => {
                keyed.worker.publish();
                let numbers = keyed.stats.snapshot();
                let own = numbers
                    .drops()
                    .map(|(name, frames)| (name.to_owned(), frames));
                let own = own.collect();
                [
                    by_port("red", &numbers.red),
                    by_port("black", &numbers.black),
                    own,
                ]
                .concat()
            }
        };
        dropped.retain(|(_, frames)| *frames > 0);
        dropped
    }
}
