//! The state of a device: carrier and its own counters. It is read at intervals, because a NIC may
//! take long to answer.

use std::{cell::Cell, time::Instant};

use dpdk_sys::Look;

use super::claim::Claim;
use crate::{LinkState, iface::Interface, limits};

/// The state last read.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    at: Instant,
    pub(super) link: LinkState,
    /// Number of times that the carrier was lost.
    pub(super) losses: u64,
    pub(super) device: Look,
}

/// Reads the state of a device, and of its interface if it works on one.
pub(super) struct Watch {
    interface: Option<Interface>,
    /// Index of the interface when the device was opened. An interface that is created again has
    /// another index, and the device is not bound to it.
    index: u32,
    seen: Cell<Seen>,
}

impl Watch {
    pub(super) fn new(interface: Option<Interface>, claim: &Claim) -> Self {
        let index = interface.as_ref().map(Interface::index);
        let seen = Seen {
            at: Instant::now(),
            link: LinkState::Gone,
            losses: 0,
            device: claim.look(),
        };
        let watch = Self {
            index: index.and_then(Result::ok).unwrap_or(0),
            interface,
            seen: Cell::new(seen),
        };
        let link = watch.link_of(&seen.device);
        watch.seen.set(Seen { link, ..seen });
        watch
    }

    /// Takes the link up or down: of the interface if there is one, else of the device.
    pub(super) fn set_link(&self, up: bool, claim: &Claim) -> bool {
        match &self.interface {
            Some(interface) if up => interface.take_up().is_ok(),
            Some(interface) => interface.hold_down().is_ok(),
            None => claim.set_link(up),
        }
    }

    /// The carrier as last read.
    #[inline]
    pub(super) fn last_link(&self) -> LinkState {
        self.seen.get().link
    }

    /// The state, not older than [`limits::DPDK_LOOK_EVERY`].
    pub(super) fn look(&self, claim: &Claim) -> Seen {
        let before = self.seen.get();
        let now = Instant::now();
        if now.duration_since(before.at) < limits::DPDK_LOOK_EVERY {
            return before;
        }
        let device = claim.look_if_free().unwrap_or(before.device);
        let link = self.link_of(&device);
        let lost = before.link == LinkState::Up && link != LinkState::Up;
        let seen = Seen {
            at: now,
            link,
            losses: before.losses + u64::from(lost),
            device,
        };
        self.seen.set(seen);
        seen
    }

    /// The link state. A virtual device on an interface always reports "up", so the interface is
    /// read too.
    fn link_of(&self, device: &Look) -> LinkState {
        match &self.interface {
            _ if device.is_removed != 0 => LinkState::Gone,
            _ if device.is_up == 0 => LinkState::Down,
            None => LinkState::Up,
            Some(interface) if interface.index().ok() == Some(self.index) => interface.link_state(),
            Some(_) => LinkState::Gone,
        }
    }
}
