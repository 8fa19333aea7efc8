//! Probes on the two ports of an encryptor, without the cost of a clock for each frame.
//!
//! A probe counts frames of each kind. On the way to the line it notes the moment of a switch,
//! packet numbers that repeat and frames in clear. It can stall the worker at each switch, to test
//! the verdict. The ports have counters, too, but do not tell user frames from those of the rekey
//! protocol.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use port::{Burst, Frame, Port, PortError};
use qmacsec::ports::Opener;
use wire::{ETHERTYPE_MACSEC, ETHERTYPE_REKEY, ICV_LEN, MACS_LEN, SecTag};

use crate::frames;

/// Offsets of EtherType, TCI with AN, and PN in a frame without VLAN tags in clear.
const ETHERTYPE_AT: usize = MACS_LEN;
const TCI_AT: usize = 14;
const PN_AT: usize = 16;

/// Frames noted of each key: some may come from other programs than the load.
const NOTED: u8 = 4;

/// The start of a protected frame, one of the first under its key.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    /// The number of the key in its direction.
    pub(crate) key: u32,
    /// Length of the frame before it was protected.
    pub(crate) frame_len: usize,
    /// The first secured octets, as they are on the line.
    pub(crate) start: [u8; 16],
}

/// The counts of a probe.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Count {
    /// Frames from red, and those of the load among them.
    RedRx,
    RedRxLoad,
    /// Frames to red, and those of the load among them.
    RedTx,
    RedTxLoad,
    /// Frames from the line: user frames, and those of the rekey protocol.
    BlackRx,
    BlackRxControl,
    /// User frames from the line under the old key, after the first one under the new key.
    BlackRxOldKey,
    /// Frames to the line: user frames, and those of the rekey protocol.
    BlackTx,
    BlackTxControl,
    /// Frames of the rekey protocol that the port dropped, by its counters.
    ControlRefused,
    ControlTooLong,
    ControlLinkDown,
    /// Frames to the line with a PN that is not above the last one of their key.
    Repeated,
    /// Frames to the line that are neither protected nor of the rekey protocol.
    Clear,
}

impl Count {
    /// Frames of the rekey protocol that the port dropped, in the order of
    /// [`port::PortCounters::TX_DROPS`].
    pub(crate) const CONTROL_DROPS: [Self; 3] = [
        Self::ControlRefused,
        Self::ControlTooLong,
        Self::ControlLinkDown,
    ];
    const ALL: usize = Self::Clear as usize + 1;
}

/// Safety figures of a sender.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Counted {
    /// Frames protected: each has a nonce.
    pub(crate) nonces: u64,
    /// Nonces used twice.
    pub(crate) repeated: u64,
    /// Frames in clear on the line.
    pub(crate) clear: u64,
}

impl Counted {
    /// Adds those of another sender.
    pub(crate) fn add(&mut self, other: Self) {
        self.nonces += other.nonces;
        self.repeated += other.repeated;
        self.clear += other.clear;
    }
}

/// The record of both probes of an encryptor, shared with the thread that reads it.
#[derive(Clone, Default)]
pub(crate) struct Probe {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Moments at which the first frame under each new key left. Locked once for each key.
    switches: Mutex<Vec<Instant>>,
    /// Sham switches that are due, one bit each, and those that happened.
    shams_due: AtomicU64,
    shams: Mutex<Vec<(usize, Instant)>>,
    /// Frames noted. Locked for the first frames of each key.
    sealed: Mutex<Vec<Sealed>>,
    /// No frame left for a while: keys may have changed unnoticed.
    paused: AtomicBool,
    counts: [AtomicU64; Count::ALL],
}

/// Takes all entries out of a list.
fn take<T>(list: &Mutex<Vec<T>>) -> Vec<T> {
    let list = list.lock();
    list.map(|mut list| core::mem::take(&mut *list))
        .unwrap_or_default()
}

impl Probe {
    /// The moments of switches since the last call.
    pub(crate) fn take_switches(&self) -> Vec<Instant> {
        take(&self.shared.switches)
    }

    /// The frames noted since the last call, in the order of their keys.
    pub(crate) fn take_sealed(&self) -> Vec<Sealed> {
        take(&self.shared.sealed)
    }

    /// Numbers and moments of sham switches since the last call.
    pub(crate) fn take_shams(&self) -> Vec<(usize, Instant)> {
        take(&self.shared.shams)
    }

    /// Announces frames after a pause.
    pub(crate) fn resume(&self) {
        self.shared.paused.store(true, Ordering::Relaxed);
    }

    /// Makes the next frame to the line a sham switch of this number, which is below 64.
    pub(crate) fn order_sham(&self, number: usize) {
        let bit = 1_u64.checked_shl(number as u32).unwrap_or_default();
        self.shared.shams_due.fetch_or(bit, Ordering::Relaxed);
    }

    /// Whether there was a pause before this burst.
    fn after_pause(&self) -> bool {
        let paused = &self.shared.paused;
        paused.load(Ordering::Relaxed) && paused.swap(false, Ordering::Relaxed)
    }

    /// Notes the sham switches that are due. Each burst costs one load of a word that rarely
    /// changes.
    fn sham(&self) {
        let due = &self.shared.shams_due;
        if due.load(Ordering::Relaxed) == 0 {
            return;
        }
        let (due, now) = (due.swap(0, Ordering::Relaxed), Instant::now());
        if let Ok(mut shams) = self.shared.shams.lock() {
            let numbers = (0..64).filter(|number| due >> number & 1 == 1);
            shams.extend(numbers.map(|number| (number, now)));
        }
    }

    /// A count since the start.
    pub(crate) fn count(&self, what: Count) -> u64 {
        self.shared.counts[what as usize].load(Ordering::Relaxed)
    }

    /// The safety figures since the start.
    pub(crate) fn safety(&self) -> Counted {
        let clear = self.count(Count::Clear);
        Counted {
            // A frame may be between its two counts.
            nonces: self.count(Count::BlackTx).saturating_sub(clear),
            repeated: self.count(Count::Repeated),
            clear,
        }
    }

    fn add(&self, what: Count, frames: usize) {
        let count = &self.shared.counts[what as usize];
        // One thread writes: no atomic addition is needed.
        count.store(
            count.load(Ordering::Relaxed) + frames as u64,
            Ordering::Relaxed,
        );
    }
}

/// Both ports of an encryptor with their probes; the worker stalls for `stall` at each switch.
pub(crate) fn probed([red, black]: [Opener; 2], probe: &Probe, stall: Duration) -> [Opener; 2] {
    let (of_red, of_black) = (probe.clone(), probe.clone());
    let red = move || -> Result<Box<dyn Port>, PortError> {
        let (port, probe) = (red()?, of_red);
        Ok(Box::new(RedProbe { port, probe }))
    };
    let black = move || -> Result<Box<dyn Port>, PortError> {
        Ok(Box::new(BlackProbe::new(black()?, of_black, stall)))
    };
    [Box::new(red), Box::new(black)]
}

/// A red port with a probe.
struct RedProbe<P> {
    port: P,
    probe: Probe,
}

impl<P: Port> Port for RedProbe<P> {
    fn rx_burst(&mut self, into: &mut Burst) {
        let before = into.len();
        self.port.rx_burst(into);
        self.probe.add(Count::RedRxLoad, loads(&into[before..]));
        self.probe.add(Count::RedRx, into.len() - before);
    }

    fn tx_burst(&mut self, from: &mut Burst) {
        self.probe.add(Count::RedTxLoad, loads(from));
        self.probe.add(Count::RedTx, from.len());
        self.port.tx_burst(from);
    }

    fn copy_tx(&mut self, frame: &[u8]) {
        let of_load = usize::from(frames::is_load(frame));
        self.probe.add(Count::RedTxLoad, of_load);
        self.probe.add(Count::RedTx, 1);
        self.port.copy_tx(frame);
    }

    port::forward!(self => self.port);
}

/// Frames of the load among these.
fn loads(frames: &[Frame]) -> usize {
    let of_load = frames.iter();
    of_load
        .filter(|frame| frames::is_load(frame.bytes()))
        .count()
}

/// A black port with a probe.
struct BlackProbe<P> {
    port: P,
    probe: Probe,
    stall: Duration,
    /// AN and PN of the last frame protected.
    last: Option<(u8, u32)>,
    /// There was a pause before the next frame.
    paused: bool,
    /// Keys so far, and the number of frames of the newest that are still to be noted.
    keys: u32,
    to_note: u8,
    /// The newest AN from the line, and the last PN under each.
    newest: Option<u8>,
    last_pns: [u32; 4],
}

impl<P: Port> BlackProbe<P> {
    fn new(port: P, probe: Probe, stall: Duration) -> Self {
        Self {
            port,
            probe,
            stall,
            last: None,
            paused: false,
            keys: 0,
            to_note: 0,
            newest: None,
            last_pns: [0; 4],
        }
    }

    /// Whether a frame from the line is under the key before the newest. ANs repeat, and keys
    /// change while no frame comes, so that this AN may be a newer key's: then its PNs start again.
    fn is_old(&mut self, (an, pn): (u8, u32)) -> bool {
        let last = core::mem::replace(&mut self.last_pns[usize::from(an)], pn);
        let before = self.newest.map(|newest| (newest + 3) % 4);
        let old = before == Some(an) && pn > last;
        if !old {
            self.newest = Some(an);
        }
        old
    }

    fn inspect(&mut self, octets: &[u8]) {
        let protected = ethertype(octets) == Some(ETHERTYPE_MACSEC);
        let Some((an, pn)) = an_and_pn(octets).filter(|_| protected) else {
            return self.probe.add(Count::Clear, 1);
        };
        // Another AN is another key, whose PNs start at 1. The same AN is the same key, unless all
        // four ANs were used in a pause.
        let paused = core::mem::take(&mut self.paused);
        let last = self.last.replace((an, pn));
        if last.is_none_or(|(before, _)| an != before) || (paused && pn == 1) {
            self.keys += 1;
            self.to_note = NOTED;
        }
        if self.to_note > 0 {
            self.note(octets);
        }
        let Some((before, last)) = last else {
            return;
        };
        let fresh = (an == before && pn > last) || ((an != before || paused) && pn == 1);
        if !fresh {
            self.probe.add(Count::Repeated, 1);
        }
        if an != before {
            if let Ok(mut switches) = self.probe.shared.switches.lock() {
                switches.push(Instant::now());
            }
            if !self.stall.is_zero() {
                std::thread::sleep(self.stall);
            }
        }
    }

    fn note(&mut self, octets: &[u8]) {
        self.to_note -= 1;
        let Ok(tag) = SecTag::parse(&octets[ETHERTYPE_AT..]) else {
            return;
        };
        let secured_at = MACS_LEN + tag.len();
        let Some(&start) = octets.get(secured_at..).and_then(<[u8]>::first_chunk) else {
            return;
        };
        let sealed = Sealed {
            key: self.keys,
            frame_len: octets.len().saturating_sub(tag.len() + ICV_LEN),
            start,
        };
        if let Ok(mut all) = self.probe.shared.sealed.lock() {
            all.push(sealed);
        }
    }
}

impl<P: Port> Port for BlackProbe<P> {
    fn rx_burst(&mut self, into: &mut Burst) {
        let before = into.len();
        self.port.rx_burst(into);
        let received = &into[before..];
        let (mut control, mut old) = (0, 0);
        for frame in received {
            let octets = frame.bytes();
            match ethertype(octets) {
                Some(ETHERTYPE_REKEY) => control += 1,
                Some(ETHERTYPE_MACSEC) => {
                    old += usize::from(an_and_pn(octets).is_some_and(|frame| self.is_old(frame)));
                }
                _ => {}
            }
        }
        self.probe.add(Count::BlackRxOldKey, old);
        self.probe.add(Count::BlackRxControl, control);
        self.probe.add(Count::BlackRx, received.len() - control);
    }

    fn tx_burst(&mut self, from: &mut Burst) {
        if !from.is_empty() {
            self.probe.sham();
            self.paused |= self.probe.after_pause();
        }
        for frame in &*from {
            self.inspect(frame.bytes());
        }
        self.probe.add(Count::BlackTx, from.len());
        self.port.tx_burst(from);
    }

    /// Few frames take this path: those of the rekey protocol.
    fn copy_tx(&mut self, frame: &[u8]) {
        if ethertype(frame) != Some(ETHERTYPE_REKEY) {
            self.inspect(frame);
            self.probe.add(Count::BlackTx, 1);
            return self.port.copy_tx(frame);
        }
        let drops = |port: &P| {
            let counters = port.counters();
            [
                counters.tx_refused,
                counters.tx_too_long,
                counters.tx_link_down,
            ]
        };
        let before = drops(&self.port);
        self.port.copy_tx(frame);
        let after = drops(&self.port).into_iter().zip(before);
        for (count, (after, before)) in Count::CONTROL_DROPS.into_iter().zip(after) {
            self.probe.add(count, (after - before) as usize);
        }
        self.probe.add(Count::BlackTxControl, 1);
    }

    port::forward!(self => self.port);
}

/// AN and PN of a frame with a SecTAG.
fn an_and_pn(octets: &[u8]) -> Option<(u8, u32)> {
    let &[tci, _, a, b, c, d] = octets.get(TCI_AT..PN_AT + 4)?.first_chunk()?;
    Some((tci & 3, u32::from_be_bytes([a, b, c, d])))
}

#[inline]
fn ethertype(octets: &[u8]) -> Option<u16> {
    let two = octets.get(ETHERTYPE_AT..TCI_AT)?.first_chunk()?;
    Some(u16::from_be_bytes(*two))
}

#[cfg(test)]
mod tests;
