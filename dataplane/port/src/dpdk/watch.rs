//! How the device is: carrier and the counters that it keeps itself. Asked now and then, because a
//! NIC may take long to answer.

use std::{cell::Cell, time::Instant};

use dpdk_sys::Look;

use super::claim::Claim;
use crate::{LinkState, iface::Interface, limits};

/// What was seen last.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    at: Instant,
    pub(super) link: LinkState,
    /// How often the carrier was lost.
    pub(super) losses: u64,
    pub(super) device: Look,
}

/// Looks at a device, and at the interface that it works on, if it does.
pub(super) struct Watch {
    interface: Option<Interface>,
    /// The interface's number when the device was opened: one that was made anew has another, and the
    /// device does not know it.
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

    /// Takes the link up or down: that of the interface, or of the device.
    pub(super) fn set_link(&self, up: bool, claim: &Claim) -> bool {
        match &self.interface {
            Some(interface) if up => interface.take_up().is_ok(),
            Some(interface) => interface.hold_down().is_ok(),
            None => claim.set_link(up),
        }
    }

    /// The carrier as last seen.
    #[inline]
    pub(super) fn last_link(&self) -> LinkState {
        self.seen.get().link
    }

    /// What was seen, not older than [`limits::DPDK_LOOK_EVERY`].
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

    /// A virtual device on an interface says that it is up whatever the interface is.
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
