//! Ports: sources and destinations of frames.
//!
//! A worker uses two of them, red and black, through one trait, [`Port`]. Its back ends and
//! wrappers:
//!
//! | module     | what it is                                                              |
//! |------------|-------------------------------------------------------------------------|
//! | [`mem`]    | two ends of a line in memory: tests, simulation, fallback of the lab     |
//! | [`null`]   | generates and discards frames: benches                                   |
//! | [`tap`]    | a TAP interface: the kernel's own stack is the host                      |
//! | [`packet`] | an interface of the machine, by an AF_PACKET ring                        |
//! | [`xdp`]    | the same, by AF_XDP sockets: faster, with more requirements              |
//! | `dpdk`     | a device by DPDK; only with the cargo feature `dpdk`                     |
//! | [`pcap`]   | a wrapper that records the frames, as pcapng                             |
//! | [`fault`]  | a wrapper that loses, duplicates, swaps, delays and corrupts: tests      |
//!
//! **Ownership.** A [`Frame`] is a buffer of a pool. `rx_burst` gives it to the worker, `tx_burst`
//! takes it, and dropping it returns it to its pool. Ports and frames stay on the thread that
//! opened the port.
//!
//! **Format.** A frame extends from the destination address to the last octet of payload, without
//! preamble and FCS. It contains its VLAN tags, and the checksums of the upper layers are finished.
//! At least [`HEADROOM`] and [`TAILROOM`] free octets surround it.
//!
//! **Watch.** A [`Watch`] of the port compares the kernel's figures for the interface ([`figures`])
//! with what the port needs ([`hearing`]). Each port is the only one on its interface on this
//! machine.
//!
//! A port does not interpret frames. It handles Ethernet addresses, VLAN tags (the kernel strips
//! them) and checksum offload (the kernel leaves checksums unfinished), but not MACsec.

#![deny(unsafe_code)]

mod checksum;
mod counters;
mod device_name;
#[cfg(feature = "dpdk")]
pub mod dpdk;
mod error;
pub mod fault;
pub mod figures;
mod forward;
pub mod frame;
pub mod hearing;
pub mod iface;
pub mod limits;
pub mod mem;
pub mod null;
pub mod offload;
pub mod packet;
pub mod pcap;
mod promiscuous;
mod revival;
mod sole;
mod sys;
pub mod tap;
pub mod xdp;

use std::os::fd::BorrowedFd;

use arrayvec::ArrayVec;

pub use counters::PortCounters;
pub use device_name::DeviceName;
pub use error::PortError;
pub use frame::{Frame, Pool};
pub use hearing::{Deaf, Watch};
pub use limits::{BURST_MAX, HEADROOM, TAILROOM};

/// Up to [`BURST_MAX`] frames, which pass each stage together.
pub type Burst = ArrayVec<Frame, BURST_MAX>;

/// A source and destination of frames. It never blocks, never panics, and never waits for a peer.
pub trait Port {
    /// Appends the received frames, up to the free places of `into`.
    fn rx_burst(&mut self, into: &mut Burst);

    /// Takes all frames. A frame that the device refuses is dropped and counted; the port does not
    /// wait.
    fn tx_burst(&mut self, from: &mut Burst);

    /// Sends a copy of `frame`. For the few control frames that come from no port.
    fn copy_tx(&mut self, frame: &[u8]);

    /// A descriptor for the idle wait: readable when `rx_burst` may find frames. `None`: there is
    /// none now. It may change after each `rx_burst` (an interface came back), so ask each time.
    fn fd(&self) -> Option<BorrowedFd<'_>>;

    /// Octets of the longest payload that the device takes, without the Ethernet header.
    fn mtu(&self) -> usize;

    /// The MAC address of the port.
    fn mac(&self) -> [u8; 6];

    /// The counts since the port was opened.
    fn counters(&self) -> PortCounters;

    /// Returns whether the device has a carrier. May cost a system call: call it once a second, not
    /// per burst.
    fn link_up(&self) -> bool;

    /// The name of the back end in the config: `tap`, `packet`, …
    fn kind(&self) -> &'static str;

    /// The same as [`Port::link_up`], with the reason.
    fn link_state(&self) -> LinkState {
        if self.link_up() {
            LinkState::Up
        } else {
            LinkState::Down
        }
    }

    /// Takes the link of this device down, so that its peer sees no carrier, or lets it come up
    /// again. The link also comes up when the port is closed. Returns whether it was done.
    fn set_link(&mut self, up: bool) -> bool {
        let _ = up;
        false
    }

    /// The interface's name; empty if there is no interface.
    fn name(&self) -> &str {
        ""
    }

    /// The check whether the port receives all frames of its interface. Control runs it about once
    /// a second. It can be taken once; `None` after that, and for a port without an interface.
    fn take_watch(&mut self) -> Option<Watch> {
        None
    }
}

impl<P: Port + ?Sized> Port for Box<P> {
    fn rx_burst(&mut self, into: &mut Burst) {
        (**self).rx_burst(into);
    }
    fn tx_burst(&mut self, from: &mut Burst) {
        (**self).tx_burst(from);
    }
    fn copy_tx(&mut self, frame: &[u8]) {
        (**self).copy_tx(frame);
    }
    crate::forward!(self => (**self));
}

/// The state of a port's link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkState {
    /// Frames can pass.
    Up,
    /// The interface exists, but has no carrier or was taken down.
    Down,
    /// The interface does not exist (any more). The port looks for it and recovers by itself.
    Gone,
}

impl LinkState {
    /// The name in the status: `up`, `down`, `gone`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Gone => "gone",
        }
    }
}
