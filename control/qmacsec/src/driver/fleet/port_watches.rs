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
pub(super) struct PortWatches {
    /// Red, black. `None` if the port has no interface.
    ports: [Option<PortWatch>; 2],
    next: Instant,
}

struct PortWatch {
    side: Side,
    watch: Watch,
    last: Look,
    /// The reason why the port does not receive, as text.
    reason: Option<String>,
    /// True if merged frames were logged.
    joined_logged: bool,
}

impl PortWatches {
    /// Watches the ports of one worker, because the others have the same interfaces.
    pub(super) fn new([red, black]: [Option<Watch>; 2]) -> Self {
        let port_watch = |side| move |watch| PortWatch::new(side, watch);
        Self {
            ports: [
                red.map(port_watch(Side::Red)),
                black.map(port_watch(Side::Black)),
            ],
            next: Instant::now() + limits::INTERFACES_EVERY,
        }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.next
    }

    /// Asks the kernel. `joined`: number of merged frames on red and black so far.
    pub(super) fn look(&mut self, now: Instant, joined: [u64; 2]) {
        self.next = now + limits::INTERFACES_EVERY;
        for (port_watch, joined) in self.ports.iter_mut().zip(joined) {
            if let Some(port_watch) = port_watch {
                port_watch.look();
                port_watch.log_joined(joined);
            }
        }
    }

    /// Returns the reason why a port does not receive although its link is up.
    pub(super) fn deaf(&self, side: Side) -> Option<&str> {
        let port_watch = self.of(side)?;
        port_watch.last.deaf.filter(is_of_no_link)?;
        port_watch.reason.as_deref()
    }

    /// Fills in the status of a port.
    pub(super) fn report(&self, side: Side, port: &mut PortReport) {
        let Some(port_watch) = self.of(side) else {
            return;
        };
        port.figures = port_watch.last.figures.as_ref().map(figures);
        port.deaf = port_watch.last.deaf.map(|deaf| deaf.name().to_owned());
        port.deaf_reason.clone_from(&port_watch.reason);
    }

    fn of(&self, side: Side) -> Option<&PortWatch> {
        self.ports[side as usize].as_ref()
    }
}

impl PortWatch {
    fn new(side: Side, watch: Watch) -> Self {
        let nothing = Look {
            figures: None,
            deaf: None,
        };
        let mut port_watch = Self {
            side,
            watch,
            last: nothing,
            reason: None,
            joined_logged: false,
        };
        port_watch.look();
        port_watch
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
    fn log_joined(&mut self, joined: u64) {
        if joined > 0 && !self.joined_logged {
            self.joined_logged = true;
            let (side, interface) = (self.side.name(), self.watch.interface());
            warn!(
                "{side}: {interface} merges several frames into one, and they are dropped \
                 (rx_joined): the host at its other end leaves segmentation to its device; fix: \
                 `ethtool -K … tso off gso off` on that host"
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
