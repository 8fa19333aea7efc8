//! Cables in memory that can be replaced while a host is connected, as when an encryptor is
//! exchanged.

use std::sync::mpsc::{self, Receiver, Sender};

use lab::encryptor::opener;
use port::mem::{Mem, MemPort};
use port::{Burst, Port};
use qmacsec::ports::Opener;

use super::cabling::{Cables, HostPorts, cable};
use super::cores::Cores;

/// Replaces the two cables of encryptor A: to its host, and to the line.
pub(crate) struct Replacer([Sender<Mem>; 2]);

/// A port that stays while its cable is replaced.
struct ReplaceablePort {
    port: MemPort,
    next: Receiver<Mem>,
}

/// Cables for two encryptors; those of A can be replaced.
pub(crate) fn cables(cores: Cores) -> (Cables, Replacer) {
    let [(red_a, host_a), (black_a, line_a), (red_b, host_b)] = [(); 3].map(|()| cable());
    let (host, host_a) = replaceable(host_a);
    let (line, line_a) = replaceable(line_a);
    let cables = Cables {
        encryptors: [[opener(red_a), opener(black_a)], [opener(red_b), line_a]],
        hosts: HostPorts {
            ends: [host_a, opener(host_b)],
            cores,
        },
    };
    (cables, Replacer([host, line]))
}

fn replaceable(end: Mem) -> (Sender<Mem>, Opener) {
    let (replace, next) = mpsc::channel();
    let opener = move || -> Result<Box<dyn Port>, _> {
        let port = end.open()?;
        Ok(Box::new(ReplaceablePort { port, next }))
    };
    (replace, Box::new(opener))
}

impl Replacer {
    /// Connects new cables. Returns their other ends: the red and the black port of another A.
    pub(crate) fn replace(&self) -> [Opener; 2] {
        self.0.each_ref().map(|port| {
            let (stays, other) = cable();
            let _port_is_gone = port.send(stays);
            opener(other)
        })
    }
}

impl Port for ReplaceablePort {
    fn rx_burst(&mut self, into: &mut Burst) {
        if let Ok(end) = self.next.try_recv()
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
