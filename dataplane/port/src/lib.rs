//! Ports: where frames come from and go to.
//!
//! A worker sees two of them, red and black, through one trait, [`Port`]. Behind it:
//!
//! | module     | what it is                                                              |
//! |------------|-------------------------------------------------------------------------|
//! | [`mem`]    | two ends of a line in memory: tests, simulation, fallback of the lab     |
//! | [`null`]   | frames out of nothing, frames into nothing: benches                      |
//! | [`tap`]    | a TAP interface: the kernel's own stack is the host                      |
//! | [`packet`] | an interface of the machine, by an AF_PACKET ring                        |
//! | [`xdp`]    | the same, by AF_XDP sockets: faster, more particular                     |
//! | `dpdk`     | a device by DPDK; only with the cargo feature `dpdk`                     |
//! | [`pcap`]   | a wrapper that keeps what passes, as pcapng                              |
//! | [`fault`]  | a wrapper that loses, doubles, swaps, delays and corrupts: tests         |
//!
//! **Who owns a frame.** A [`Frame`] is a buffer of some pool. `rx_burst` gives it to the worker,
//! `tx_burst` takes it, and whoever drops it gives it back to its pool. Ports and frames stay on
//! the thread that opened the port.
//!
//! **What a frame is.** Destination address to the last octet of payload; no preamble, no FCS. VLAN
//! tags are in it, checksums of the layers above are finished. Around it are at least [`HEADROOM`]
//! and [`TAILROOM`] octets of its own.
//!
//! **Can it hear?** A [`Watch`] of the port compares the kernel's figures for the interface
//! ([`figures`]) with what the port needs ([`hearing`]). Each port is the only one on its interface
//! on this machine.
//!
//! Not here: what frames mean. A port knows Ethernet addresses, VLAN tags (the kernel strips them)
//! and checksum offload (the kernel leaves it unfinished), nothing of MACsec.

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

/// Up to [`BURST_MAX`] frames that go through each stage together.
pub type Burst = ArrayVec<Frame, BURST_MAX>;

/// A place where frames come from and go to. Never blocks, never panics, never waits for a peer.
pub trait Port {
    /// Appends the frames that are there, up to the free places of `into`.
    fn rx_burst(&mut self, into: &mut Burst);

    /// Takes all frames. What the device refuses is dropped and counted, never waited for.
    fn tx_burst(&mut self, from: &mut Burst);

    /// Sends a copy of `frame`: for the few control frames that come from no port.
    fn copy_tx(&mut self, frame: &[u8]);

    /// Readable when `rx_burst` may find frames: for the idle wait. `None`: there is nothing to
    /// wait on, now. It may change after each `rx_burst` (an interface came back): ask each time.
    fn fd(&self) -> Option<BorrowedFd<'_>>;

    /// Octets of the longest payload that the device takes, without the Ethernet header.
    fn mtu(&self) -> usize;

    /// The port's own address.
    fn mac(&self) -> [u8; 6];

    /// What was counted since the port was opened.
    fn counters(&self) -> PortCounters;

    /// Whether the device has a carrier. May cost a system call: ask once a second, not per burst.
    fn link_up(&self) -> bool;

    /// The back end's name, as in the config: `tap`, `packet`, …
    fn kind(&self) -> &'static str;

    /// The same as [`Port::link_up`], with the reason.
    fn link_state(&self) -> LinkState {
        if self.link_up() {
            LinkState::Up
        } else {
            LinkState::Down
        }
    }

    /// Takes the link of this device down, so that whoever is at its other end sees no carrier, or
    /// lets it come up again; it comes up, too, when the port is closed. Says whether it was done.
    fn set_link(&mut self, up: bool) -> bool {
        let _ = up;
        false
    }

    /// The interface's name; empty where there is none.
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

/// What a port knows of its line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkState {
    /// Frames can pass.
    Up,
    /// The interface is there, without a carrier or taken down.
    Down,
    /// The interface is not there (any more). The port looks for it and comes back by itself.
    Gone,
}

impl LinkState {
    /// As shown in status: `up`, `down`, `gone`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Gone => "gone",
        }
    }
}
