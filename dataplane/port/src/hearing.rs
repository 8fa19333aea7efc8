//! Whether a port can hear its interface: the figures of the kernel, compared with what the port has
//! asked for.
//!
//! A port may be open, counting and silent: the NIC filters addresses, the driver has opened more
//! receive queues than the port reads, the interface is gone. A [`Watch`] tells; control asks it
//! about once a second. It costs some system calls on the asker's thread, and nothing on the thread
//! that moves frames.

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

/// Why a port cannot hear its interface, or not all of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deaf {
    /// The interface is not there (any more).
    Gone,
    /// The interface is there with this name, but it was made again: the port has not found it yet.
    Replaced,
    /// The interface is taken down, or has no carrier.
    LinkDown,
    /// The interface is not in promiscuous mode: the NIC filters addresses.
    NotPromiscuous,
    /// The driver spreads frames over queues that no worker reads.
    QueuesBeyondOurs {
        /// Receive queues in use.
        queues: u32,
        /// Those that workers read.
        heard: u32,
    },
}

impl Deaf {
    /// One word for scripts: `gone`, `replaced`, `link_down`, `not_promiscuous`, `queues_unread`.
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

/// The reason in words, and what to do: follows the name of a port.
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

/// What was seen of an interface, and what it means for its port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    /// The figures of the kernel. `None`: there are none to be had.
    pub figures: Option<Figures>,
    /// Why the port cannot hear. `None`: nothing speaks against it.
    pub deaf: Option<Deaf>,
}

/// Looks at the interface of one port. Made by the port as it opens, in its network namespace; any
/// thread may use it after that.
pub struct Watch {
    desk: Desk,
    hearing: Arc<Hearing>,
    needs: Needs,
}

/// What a port must have from its interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Needs {
    /// Frames for every address (AF_PACKET).
    Addresses,
    /// Frames for every address, and of every queue (AF_XDP).
    AddressesAndQueues,
    /// Nothing: the port is the other end of the interface (TAP). It may have been moved to another
    /// network namespace, where it cannot be seen.
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

    /// Looks at the interface, and has the port bind queues that are new. Some system calls.
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
            // The kernel does not answer: nothing is known.
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

/// What the ports on one interface hear of it: written when they open and come back, read by a
/// [`Watch`]. The workers on an interface share one.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    /// Index of the interface.
    index: AtomicU32,
    /// A bit for each queue that has a socket.
    queues: AtomicU64,
    /// How often the ports were asked to look for queues without a socket.
    asked: AtomicU32,
}

impl Hearing {
    /// A port has bound this interface, and these queues of it, a bit each.
    pub(crate) fn bound(&self, index: u32, queues: u64) {
        self.index.store(index, Ordering::Relaxed);
        self.queues.fetch_or(queues, Ordering::Relaxed);
    }

    /// A port has let go of these queues.
    pub(crate) fn unbound(&self, queues: u64) {
        self.queues.fetch_and(!queues, Ordering::Relaxed);
    }

    fn index(&self) -> u32 {
        self.index.load(Ordering::Relaxed)
    }

    fn queues(&self) -> u64 {
        self.queues.load(Ordering::Relaxed)
    }

    /// Asks every port to look for new queues, once.
    pub(crate) fn ask_for_queues(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes with each [`Hearing::ask_for_queues`]. Rarely written: a look costs nothing.
    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

const _: () = assert!(crate::limits::QUEUES_MAX == u64::BITS as usize);

#[cfg(test)]
mod tests;
