//! Whether red and black hear their interfaces: about once a second the kernel is asked, and what
//! changes is logged.

use std::time::Instant;

use port::hearing::Look;
use port::{Deaf, Watch};
use tracing::{info, warn};
use worker::Side;

use crate::limits;
use crate::status::{InterfaceFigures, PortReport};

/// The watches over both ports, and what they saw last.
pub(super) struct Ears {
    red: Option<Ear>,
    black: Option<Ear>,
    next: Instant,
}

struct Ear {
    watch: Watch,
    last: Look,
}

impl Ears {
    /// Over the ports of one worker: the others have the same interfaces.
    pub(super) fn new([red, black]: [Option<Watch>; 2]) -> Self {
        let mut ears = Self {
            red: red.map(Ear::new),
            black: black.map(Ear::new),
            next: Instant::now() + limits::INTERFACES_EVERY,
        };
        ears.sides().for_each(|(side, ear)| ear.log(side, None));
        ears
    }

    /// Asks the kernel, if it is time.
    pub(super) fn look(&mut self, now: Instant) {
        if now < self.next {
            return;
        }
        self.next = now + limits::INTERFACES_EVERY;
        for (side, ear) in self.sides() {
            let before = ear.last.deaf;
            ear.last = ear.watch.look();
            ear.log(side, before);
        }
    }

    /// Tells of a port in the status.
    pub(super) fn report(&self, side: Side, port: &mut PortReport) {
        let ear = match side {
            Side::Red => &self.red,
            Side::Black => &self.black,
        };
        let Some(Ear { last, .. }) = ear else { return };
        port.figures = last.figures.as_ref().map(figures);
        port.deaf = last.deaf.map(|deaf| deaf.name().to_owned());
        port.deaf_reason = last.deaf.map(|deaf| deaf.to_string());
    }

    fn sides(&mut self) -> impl Iterator<Item = (Side, &mut Ear)> {
        let red = self.red.as_mut().map(|ear| (Side::Red, ear));
        let black = self.black.as_mut().map(|ear| (Side::Black, ear));
        red.into_iter().chain(black)
    }
}

impl Ear {
    fn new(mut watch: Watch) -> Self {
        let last = watch.look();
        Self { watch, last }
    }

    /// Losses and returns of the link are told elsewhere.
    fn log(&self, side: Side, before: Option<Deaf>) {
        let (side, interface) = (side.name(), self.watch.interface());
        let is_worth_a_line =
            |deaf: &Deaf| matches!(deaf, Deaf::NotPromiscuous | Deaf::QueuesBeyondOurs { .. });
        match (before, self.last.deaf) {
            (before, Some(deaf)) if before != Some(deaf) && is_worth_a_line(&deaf) => {
                warn!("the {side} port cannot hear {interface}: {deaf}");
            }
            (Some(before), None) if is_worth_a_line(&before) => {
                info!("the {side} port hears {interface} again");
            }
            _ => {}
        }
    }
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
