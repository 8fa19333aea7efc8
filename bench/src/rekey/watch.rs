//! Looks at what one end sends to the line, without the cost of a clock for each frame: when its key
//! changed, whether a packet number came twice, whether anything left in clear. And, where a test
//! asks for it, stalls the worker at the change.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use port::{Burst, Port};
use wire::{ETHERTYPE_MACSEC, ETHERTYPE_REKEY};

/// Where EtherType, TCI with AN, and PN are in a frame without clear VLAN tags.
const ETHERTYPE_AT: usize = 12;
const TCI_AT: usize = 14;
const PN_AT: usize = 16;

/// What was seen, for the thread that asks.
#[derive(Clone, Default)]
pub(super) struct Seen {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// When the first frame under each new key left. A lock, but not for each frame.
    switches: Mutex<Vec<Instant>>,
    protected: AtomicU64,
    repeated: AtomicU64,
    clear: AtomicU64,
}

impl Seen {
    /// When keys changed, since the last call.
    pub(super) fn take_switches(&self) -> Vec<Instant> {
        let switches = self.shared.switches.lock();
        switches
            .map(|mut switches| core::mem::take(&mut *switches))
            .unwrap_or_default()
    }

    /// Frames protected, those whose PN was not above the one before under their key, and frames
    /// that were neither protected nor the rekey protocol's: since the start.
    pub(super) fn counts(&self) -> [u64; 3] {
        let Shared {
            protected,
            repeated,
            clear,
            ..
        } = &*self.shared;
        [protected, repeated, clear].map(|count| count.load(Ordering::Relaxed))
    }
}

/// A black port that is looked at.
pub(super) struct Watched<P> {
    port: P,
    seen: Seen,
    stall: Duration,
    /// AN and PN of the last frame protected.
    last: Option<(u8, u32)>,
}

impl<P: Port> Watched<P> {
    /// Tells `seen`; stalls at each change of key for `stall`.
    pub(super) fn new(port: P, seen: Seen, stall: Duration) -> Self {
        Self {
            port,
            seen,
            stall,
            last: None,
        }
    }

    fn look(&mut self, octets: &[u8]) {
        let shared = &self.seen.shared;
        let ethertype = octets.get(ETHERTYPE_AT..TCI_AT);
        if ethertype != Some(&ETHERTYPE_MACSEC.to_be_bytes()) {
            if ethertype != Some(&ETHERTYPE_REKEY.to_be_bytes()) {
                shared.clear.fetch_add(1, Ordering::Relaxed);
            }
            return;
        }
        let Some(&[tci, _, a, b, c, d]) = octets
            .get(TCI_AT..PN_AT + 4)
            .and_then(|tag| tag.first_chunk())
        else {
            return;
        };
        let (an, pn) = (tci & 3, u32::from_be_bytes([a, b, c, d]));
        match self.last {
            // A PN of 1 begins a new key, also under the same AN: in a new session.
            Some((before, last)) if before == an && pn <= last && pn > 1 => {
                shared.repeated.fetch_add(1, Ordering::Relaxed);
            }
            Some((before, _)) if before == an && pn > 1 => {}
            Some(_) => {
                if let Ok(mut switches) = shared.switches.lock() {
                    switches.push(Instant::now());
                }
                if !self.stall.is_zero() {
                    std::thread::sleep(self.stall);
                }
            }
            None => {}
        }
        self.last = Some((an, pn));
    }
}

impl<P: Port> Port for Watched<P> {
    fn rx_burst(&mut self, into: &mut Burst) {
        self.port.rx_burst(into);
    }

    fn tx_burst(&mut self, from: &mut Burst) {
        for frame in &*from {
            self.look(frame.bytes());
        }
        let protected = &self.seen.shared.protected;
        // One writer: no need for an atomic addition.
        protected.store(
            protected.load(Ordering::Relaxed) + from.len() as u64,
            Ordering::Relaxed,
        );
        self.port.tx_burst(from);
    }

    fn copy_tx(&mut self, frame: &[u8]) {
        self.look(frame);
        self.port.copy_tx(frame);
    }

    port::forward!(self => self.port);
}
