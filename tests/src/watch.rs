//! A watch on a cable: additional sockets at both ends, which see the frames that arrive there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use port::packet::{Packet, PacketConfig};
use port::{Burst, Port};
use wire::{ETHERTYPE_MACSEC, ETHERTYPE_REKEY};

use crate::site::Site;

const NAP: Duration = Duration::from_millis(2);

/// The frames that arrived at one end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arrived {
    /// MACsec frames.
    pub protected: u64,
    /// Rekey frames.
    pub rekey: u64,
    /// Any other frames: there must be none.
    pub other: u64,
}

/// The watch.
pub struct Watch {
    seen: Arc<Mutex<[Arrived; 2]>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Watches the frames that arrive at A's and B's end of a cable, from now on.
    ///
    /// # Panics
    /// If a socket cannot be opened.
    #[must_use]
    pub fn start(ends: [&str; 2]) -> Self {
        let (seen, stop) = (
            Arc::<Mutex<[Arrived; 2]>>::default(),
            Arc::<AtomicBool>::default(),
        );
        let (their_seen, their_stop) = (Arc::clone(&seen), Arc::clone(&stop));
        let ends = ends.map(str::to_owned);
        let (opened, ready) = std::sync::mpsc::channel();
        let run = move || {
            let mut ports = ends.map(|ifname| {
                Packet::open(PacketConfig {
                    ifname,
                    shares_interface: true,
                    ..PacketConfig::default()
                })
                .unwrap()
            });
            opened.send(()).unwrap();
            let mut burst = Burst::new();
            while !their_stop.load(Ordering::Relaxed) {
                for (end, port) in ports.iter_mut().enumerate() {
                    port.rx_burst(&mut burst);
                    let mut seen = their_seen.lock().unwrap();
                    for frame in burst.drain(..) {
                        seen[end].count(frame.bytes());
                    }
                }
                thread::sleep(NAP);
            }
        };
        let thread = thread::Builder::new()
            .name("watch".into())
            .spawn(run)
            .unwrap();
        ready.recv().unwrap();
        Self {
            seen,
            stop,
            thread: Some(thread),
        }
    }

    /// Returns the frames that arrived at this side's end until now.
    ///
    /// # Panics
    /// If the watch's thread has died.
    #[must_use]
    pub fn seen(&self, site: Site) -> Arrived {
        self.seen.lock().unwrap()[site.index()]
    }
}

impl Arrived {
    fn count(&mut self, frame: &[u8]) {
        match wire::ethertype(frame) {
            Some(ETHERTYPE_MACSEC) => self.protected += 1,
            Some(ETHERTYPE_REKEY) => self.rekey += 1,
            _ => self.other += 1,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _said_already = thread.join();
        }
    }
}
