//! Checks whether a port receives all frames of its interface: compares the kernel's figures with
//! what the port needs.
//!
//! A port may be open, with counters that add up, and still receive nothing: the NIC filters
//! addresses, the driver has opened more receive queues than the port reads, or the interface is
//! gone. A [`Watch`] reports this. Control asks it about once a second. The cost is some system
//! calls on the thread that asks, and none on the thread that forwards frames.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

use crate::{
    LinkState, PortError,
    figures::{Desk, Figures},
    iface::Interface,
};

/// The reason why a port does not receive all frames of its interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deaf {
    /// The interface does not exist, or no longer exists.
    Gone,
    /// An interface with this name exists, but it was created again and the port has not bound it
    /// yet.
    Replaced,
    /// The interface is down, or has no carrier.
    LinkDown,
    /// The interface is not in promiscuous mode: the NIC filters addresses.
    NotPromiscuous,
    /// The driver spreads frames over queues that no worker reads.
    QueuesBeyondOurs {
        /// Receive queues in use.
        queues: u32,
        /// Receive queues that workers read.
        heard: u32,
    },
}

impl Deaf {
    /// A short name for scripts: `gone`, `replaced`, `link_down`, `not_promiscuous`,
    /// `queues_unread`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Replaced => "replaced",
            Self::LinkDown => "link_down",
            Self::NotPromiscuous => "not_promiscuous",
            Self::QueuesBeyondOurs { .. } => "queues_unread",
        }
    }
}

/// The reason and the fix, as text that follows the name of a port.
impl fmt::Display for Deaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the interface is gone; the port comes back with it"),
            Self::Replaced => {
                f.write_str("the interface was made again; the port is about to come back")
            }
            Self::LinkDown => f.write_str("the interface is down or has no carrier"),
            Self::NotPromiscuous => f.write_str(
                "the interface is not in promiscuous mode, so the NIC keeps frames for other \
                 stations back; restart the encryptor",
            ),
            Self::QueuesBeyondOurs { queues, heard } => write!(
                f,
                "the interface has {queues} receive queues and the workers read {heard} of them, so \
                 some flows are lost; fewer channels (`ethtool -L`), or restart the encryptor"
            ),
        }
    }
}

/// The figures of an interface, and the result for its port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    /// The kernel's figures. `None`: they are not available.
    pub figures: Option<Figures>,
    /// The reason why the port does not receive all frames. `None`: no fault was found.
    pub deaf: Option<Deaf>,
}

/// Checks the interface of one port. The port creates it when it opens, in its network namespace.
/// Any thread may use it after that.
pub struct Watch {
    desk: Desk,
    hearing: Arc<Hearing>,
    needs: Needs,
}

/// The requirements of a port on its interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Needs {
    /// Frames for every address (AF_PACKET).
    Addresses,
    /// Frames for every address, and of every queue (AF_XDP).
    AddressesAndQueues,
    /// No requirement: the port is the other end of the interface (TAP). The interface may have
    /// moved to another network namespace, where it cannot be seen.
    Nothing,
}

impl Watch {
    pub(crate) fn new(
        interface: &Interface,
        hearing: Arc<Hearing>,
        needs: Needs,
    ) -> Result<Self, PortError> {
        Ok(Self {
            desk: Desk::new(interface)?,
            hearing,
            needs,
        })
    }

    /// The interface's name.
    #[must_use]
    pub fn interface(&self) -> &str {
        self.desk.interface().name()
    }

    /// Checks the interface, and makes the port bind new queues. Some system calls.
    pub fn look(&mut self) -> Look {
        match self.desk.ask() {
            Ok(figures) => {
                let deaf = self.judge(&figures);
                if let Some(Deaf::QueuesBeyondOurs { .. }) = deaf {
                    self.hearing.ask_for_queues();
                }
                Look {
                    figures: Some(figures),
                    deaf,
                }
            }
            Err(PortError::NoInterface { .. }) => Look {
                figures: None,
                deaf: (self.needs != Needs::Nothing).then_some(Deaf::Gone),
            },
            // The kernel does not answer, so the state is unknown.
            Err(_) => Look {
                figures: None,
                deaf: None,
            },
        }
    }

    fn judge(&self, figures: &Figures) -> Option<Deaf> {
        let heard = self.hearing.queues();
        let unread = |queues: u32| (0..queues.min(u64::BITS)).any(|queue| heard >> queue & 1 == 0);
        match figures.rx_queues {
            _ if self.needs == Needs::Nothing => {
                (figures.link() != LinkState::Up).then_some(Deaf::LinkDown)
            }
            _ if figures.index != self.hearing.index() => Some(Deaf::Replaced),
            _ if figures.link() != LinkState::Up => Some(Deaf::LinkDown),
            _ if figures.promiscuity == 0 => Some(Deaf::NotPromiscuous),
            Some(queues)
                if self.needs == Needs::AddressesAndQueues
                    && (unread(queues) || queues > u64::BITS) =>
            {
                Some(Deaf::QueuesBeyondOurs {
                    queues,
                    heard: heard.count_ones(),
                })
            }
            _ => None,
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("interface", &self.interface())
            .field("needs", &self.needs)
            .finish_non_exhaustive()
    }
}

/// The bound interface and queues of the ports on one interface. The ports write it when they open
/// and when they reopen; a [`Watch`] reads it. The workers on an interface share one.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    /// Index of the interface.
    index: AtomicU32,
    /// A bit for each queue that has a socket.
    queues: AtomicU64,
    /// The number of requests to look for queues without a socket.
    asked: AtomicU32,
}

impl Hearing {
    /// Records that a port has bound this interface, and these queues, one bit each.
    pub(crate) fn bound(&self, index: u32, queues: u64) {
        self.index.store(index, Ordering::Relaxed);
        self.queues.fetch_or(queues, Ordering::Relaxed);
    }

    /// Records that a port has released these queues.
    pub(crate) fn unbound(&self, queues: u64) {
        self.queues.fetch_and(!queues, Ordering::Relaxed);
    }

    fn index(&self) -> u32 {
        self.index.load(Ordering::Relaxed)
    }

    fn queues(&self) -> u64 {
        self.queues.load(Ordering::Relaxed)
    }

    /// Requests that every port looks for new queues once.
    pub(crate) fn ask_for_queues(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes with each [`Hearing::ask_for_queues`]. It is rarely written, so that reading it is
    /// cheap.
    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

const _: () = assert!(crate::limits::QUEUES_MAX == u64::BITS as usize);

#[cfg(test)]
mod tests;
