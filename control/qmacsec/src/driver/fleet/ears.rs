//! Checks whether red and black receive from their interfaces. Asks the kernel about once a second
//! and logs changes.

use std::time::Instant;

use port::hearing::Look;
use port::{Deaf, Watch};
use tracing::{info, warn};
use worker::Side;

use crate::limits;
use crate::status::{InterfaceFigures, PortReport};

/// The watches of both ports, and their last results.
pub(super) struct Ears {
    /// Red, black. `None` if the port has no interface.
    ears: [Option<Ear>; 2],
    next: Instant,
}

struct Ear {
    side: Side,
    watch: Watch,
    last: Look,
    /// The reason why the port does not receive, as text.
    reason: Option<String>,
    /// True if merged frames were logged.
    joined_told: bool,
}

impl Ears {
    /// Watches the ports of one worker, because the others have the same interfaces.
    pub(super) fn new([red, black]: [Option<Watch>; 2]) -> Self {
        let ear = |side| move |watch| Ear::new(side, watch);
        Self {
            ears: [red.map(ear(Side::Red)), black.map(ear(Side::Black))],
            next: Instant::now() + limits::INTERFACES_EVERY,
        }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.next
    }

    /// Asks the kernel. `joined`: number of merged frames on red and black so far.
    pub(super) fn look(&mut self, now: Instant, joined: [u64; 2]) {
        self.next = now + limits::INTERFACES_EVERY;
        for (ear, joined) in self.ears.iter_mut().zip(joined) {
            if let Some(ear) = ear {
                ear.look();
                ear.tell_joined(joined);
            }
        }
    }

    /// Returns the reason why a port does not receive although its link is up.
    pub(super) fn deaf(&self, side: Side) -> Option<&str> {
        let ear = self.of(side)?;
        ear.last.deaf.filter(is_of_no_link)?;
        ear.reason.as_deref()
    }

    /// Fills in the status of a port.
    pub(super) fn report(&self, side: Side, port: &mut PortReport) {
        let Some(ear) = self.of(side) else { return };
        port.figures = ear.last.figures.as_ref().map(figures);
        port.deaf = ear.last.deaf.map(|deaf| deaf.name().to_owned());
        port.deaf_reason.clone_from(&ear.reason);
    }

    fn of(&self, side: Side) -> Option<&Ear> {
        self.ears[side as usize].as_ref()
    }
}

impl Ear {
    fn new(side: Side, watch: Watch) -> Self {
        let nothing = Look {
            figures: None,
            deaf: None,
        };
        let mut ear = Self {
            side,
            watch,
            last: nothing,
            reason: None,
            joined_told: false,
        };
        ear.look();
        ear
    }

    fn look(&mut self) {
        let before = self.last.deaf;
        self.last = self.watch.look();
        self.reason = self.last.deaf.map(|deaf| deaf.to_string());
        let (side, interface) = (self.side.name(), self.watch.interface());
        match (before, self.last.deaf) {
            (before, Some(deaf)) if before != Some(deaf) && is_of_no_link(&deaf) => {
                warn!("the {side} port cannot hear {interface}: {deaf}");
            }
            (Some(before), None) if is_of_no_link(&before) => {
                info!("the {side} port hears {interface} again");
            }
            _ => {}
        }
    }

    /// Logs merged frames once: they slow TCP down, and no other line gives the reason.
    fn tell_joined(&mut self, joined: u64) {
        if joined > 0 && !self.joined_told {
            self.joined_told = true;
            let (side, interface) = (self.side.name(), self.watch.interface());
            warn!(
                "{side}: several frames come as one from {interface} and are dropped (rx_joined): the \
                 host at its other end leaves it to its device to cut them; fix: `ethtool -K … tso off \
                 gso off` there"
            );
        }
    }
}

/// True if the reason is not the link: link changes are logged elsewhere.
fn is_of_no_link(deaf: &Deaf) -> bool {
    matches!(deaf, Deaf::NotPromiscuous | Deaf::QueuesBeyondOurs { .. })
}

fn figures(figures: &port::figures::Figures) -> InterfaceFigures {
    InterfaceFigures {
        up: figures.is_up,
        carrier: figures.has_carrier,
        operstate: figures.operstate.name().to_owned(),
        mtu: figures.mtu,
        promiscuity: figures.promiscuity,
        rx_queues: figures.rx_queues,
        rx_frames: figures.rx_frames,
        rx_errors: figures.rx_errors,
        rx_dropped: figures.rx_dropped,
        rx_missed: figures.rx_missed,
        rx_nohandler: figures.rx_nohandler,
    }
}
