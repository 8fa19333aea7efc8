//! Cables in memory that are pulled out and plugged in again, as at a box that is exchanged.

use std::sync::mpsc::{self, Receiver, Sender};

use port::mem::{Mem, MemPort};
use port::{Burst, Port};
use qmacsec::ports::Opener;

use super::cables::{Cables, cable, open};
use super::cores::Cores;

/// Where encryptor A is plugged in: at its host, and at the line.
pub(super) struct Outlets([Sender<Mem>; 2]);

/// One end, which stays, of a cable that may be exchanged.
struct Outlet {
    port: MemPort,
    plugged: Receiver<Mem>,
}

/// Cables for two encryptors; those of A are plugged into outlets.
pub(super) fn cables(cores: Cores) -> (Cables, Outlets) {
    let [(red_a, host_a), (black_a, line_a), (red_b, host_b)] = [(); 3].map(|()| cable());
    let (host, host_a) = outlet(host_a);
    let (line, line_a) = outlet(line_a);
    let cables = Cables {
        encryptors: [[open(red_a), open(black_a)], [open(red_b), line_a]],
        hosts: [host_a, open(host_b)],
        cores,
    };
    (cables, Outlets([host, line]))
}

fn outlet(end: Mem) -> (Sender<Mem>, Opener) {
    let (plug, plugged) = mpsc::channel();
    let opener = move || -> Result<Box<dyn Port>, _> {
        let port = end.open()?;
        Ok(Box::new(Outlet { port, plugged }))
    };
    (plug, Box::new(opener))
}

impl Outlets {
    /// New cables, plugged in: their other ends are the red and the black port of another A.
    pub(super) fn plug_in(&self) -> [Opener; 2] {
        self.0.each_ref().map(|outlet| {
            let (stays, goes) = cable();
            let _nobody_is_there = outlet.send(stays);
            open(goes)
        })
    }
}

impl Port for Outlet {
    fn rx_burst(&mut self, into: &mut Burst) {
        if let Ok(end) = self.plugged.try_recv()
            && let Ok(port) = end.open()
        {
            self.port = port;
        }
        self.port.rx_burst(into);
    }

    fn tx_burst(&mut self, from: &mut Burst) {
        self.port.tx_burst(from);
    }

    fn copy_tx(&mut self, frame: &[u8]) {
        self.port.copy_tx(frame);
    }

    port::forward!(self => self.port);
}
