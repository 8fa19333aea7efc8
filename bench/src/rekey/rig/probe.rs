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

/// The counts of a probe. Black ones are of user frames, `Control` those of the rekey protocol.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Count {
    RedRx,
    /// Frames of the load among them.
    RedRxLoad,
    RedTx,
    RedTxLoad,
    BlackRx,
    BlackRxControl,
    /// Frames under the old key, after the first one under the new key.
    BlackRxOldKey,
    BlackTx,
    BlackTxControl,
    /// Drops by the port.
    ControlRefused,
    ControlTooLong,
    ControlLinkDown,
    /// Frames to the line with a PN that is not above the last one of their key.
    Repeated,
    /// Frames to the line that are neither protected nor of the rekey protocol.
    Clear,
}

impl Count {
    /// Drops of the rekey protocol's frames, in the order of [`port::PortCounters::TX_DROPS`].
    pub(crate) const CONTROL_DROPS: [Self; 3] = [
        Self::ControlRefused,
        Self::ControlTooLong,
        Self::ControlLinkDown,
    ];
    const ALL: usize = Self::Clear as usize + 1;
}

#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Counted {
    /// Frames protected: each has a nonce.
    pub(crate) nonces: u64,
    /// Nonces used twice.
    pub(crate) repeated: u64,
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
pub(crate) struct Probe(Arc<Record>);

#[derive(Default)]
struct Record {
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

fn extend<T>(list: &Mutex<Vec<T>>, items: impl IntoIterator<Item = T>) {
    if let Ok(mut list) = list.lock() {
        list.extend(items);
    }
}

fn take<T>(list: &Mutex<Vec<T>>) -> Vec<T> {
    let list = list.lock();
    list.map_or(Vec::new(), |mut list| core::mem::take(&mut *list))
}

impl Probe {
    pub(crate) fn take_switches(&self) -> Vec<Instant> {
        take(&self.0.switches)
    }

    /// The frames noted since the last call, in the order of their keys.
    pub(crate) fn take_sealed(&self) -> Vec<Sealed> {
        take(&self.0.sealed)
    }

    /// Numbers and moments of sham switches since the last call.
    pub(crate) fn take_shams(&self) -> Vec<(usize, Instant)> {
        take(&self.0.shams)
    }

    /// Announces frames after a pause.
    pub(crate) fn resume(&self) {
        self.0.paused.store(true, Ordering::Relaxed);
    }

    /// Makes the next frame to the line a sham switch of this number, which is below 64.
    pub(crate) fn order_sham(&self, number: usize) {
        let bit = 1_u64.checked_shl(number as u32).unwrap_or_default();
        self.0.shams_due.fetch_or(bit, Ordering::Relaxed);
    }

    fn after_pause(&self) -> bool {
        let paused = &self.0.paused;
        paused.load(Ordering::Relaxed) && paused.swap(false, Ordering::Relaxed)
    }

    /// Notes the sham switches that are due. Each burst costs one load of a word that rarely
    /// changes.
    fn sham(&self) {
        let due = &self.0.shams_due;
        if due.load(Ordering::Relaxed) != 0 {
            let (due, now) = (due.swap(0, Ordering::Relaxed), Instant::now());
            let numbers = (0..64).filter(|number| due >> number & 1 == 1);
            extend(&self.0.shams, numbers.map(|number| (number, now)));
        }
    }

    pub(crate) fn count(&self, what: Count) -> u64 {
        self.0.counts[what as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn safety(&self) -> Counted {
        let clear = self.count(Count::Clear);
        Counted {
            // A frame may be between its two counts.
            nonces: self.count(Count::BlackTx).saturating_sub(clear),
            repeated: self.count(Count::Repeated),
            clear,
        }
    }

    /// One thread writes: no atomic addition is needed.
    fn add(&self, what: Count, frames: usize) {
        let sum = self.count(what) + frames as u64;
        self.0.counts[what as usize].store(sum, Ordering::Relaxed);
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

struct RedProbe<P> {
    port: P,
    probe: Probe,
}

fn loads(frames: &[Frame]) -> usize {
    let of_load = frames.iter();
    of_load
        .filter(|frame| frames::is_load(frame.bytes()))
        .count()
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

struct BlackProbe<P> {
    port: P,
    probe: Probe,
    stall: Duration,
    sent: Sent,
    received: Received,
}

/// The keys of the frames sent.
#[derive(Default)]
struct Sent {
    /// AN and PN of the last frame protected.
    last: Option<(u8, u32)>,
    paused: bool,
    /// Keys so far, and the number of frames of the newest that are still to be noted.
    keys: u32,
    to_note: u8,
}

/// The newest AN from the line, and the last PN under each.
#[derive(Default)]
struct Received {
    newest: Option<u8>,
    last_pns: [u32; 4],
}

impl Received {
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
}

impl<P: Port> BlackProbe<P> {
    fn new(port: P, probe: Probe, stall: Duration) -> Self {
        Self {
            port,
            probe,
            stall,
            sent: Sent::default(),
            received: Received::default(),
        }
    }

    fn inspect(&mut self, octets: &[u8]) {
        let protected = ethertype(octets) == Some(ETHERTYPE_MACSEC);
        let Some((an, pn)) = an_and_pn(octets).filter(|_| protected) else {
            return self.probe.add(Count::Clear, 1);
        };
        // Another AN is another key, whose PNs start at 1. The same AN is the same key, unless all
        // four ANs were used in a pause.
        let sent = &mut self.sent;
        let paused = core::mem::take(&mut sent.paused);
        let last = sent.last.replace((an, pn));
        if last.is_none_or(|(before, _)| an != before) || (paused && pn == 1) {
            sent.keys += 1;
            sent.to_note = NOTED;
        }
        if sent.to_note > 0 {
            sent.to_note -= 1;
            extend(&self.probe.0.sealed, sealed(sent.keys, octets));
        }
        let Some((before, last)) = last else {
            return;
        };
        let fresh = (an == before && pn > last) || ((an != before || paused) && pn == 1);
        if !fresh {
            self.probe.add(Count::Repeated, 1);
        }
        if an != before {
            extend(&self.probe.0.switches, [Instant::now()]);
            if !self.stall.is_zero() {
                std::thread::sleep(self.stall);
            }
        }
    }
}

fn sealed(key: u32, octets: &[u8]) -> Option<Sealed> {
    let tag = SecTag::parse(&octets[ETHERTYPE_AT..]).ok()?;
    Some(Sealed {
        key,
        frame_len: octets.len().saturating_sub(tag.len() + ICV_LEN),
        start: *octets.get(MACS_LEN + tag.len()..)?.first_chunk()?,
    })
}

impl<P: Port> Port for BlackProbe<P> {
    fn rx_burst(&mut self, into: &mut Burst) {
        let before = into.len();
        self.port.rx_burst(into);
        let (mut control, mut old) = (0, 0);
        for frame in &into[before..] {
            let octets = frame.bytes();
            match ethertype(octets) {
                Some(ETHERTYPE_REKEY) => control += 1,
                Some(ETHERTYPE_MACSEC) => {
                    let key = an_and_pn(octets);
                    old += usize::from(key.is_some_and(|key| self.received.is_old(key)));
                }
                _ => {}
            }
        }
        self.probe.add(Count::BlackRxOldKey, old);
        self.probe.add(Count::BlackRxControl, control);
        self.probe
            .add(Count::BlackRx, into.len() - before - control);
    }

    fn tx_burst(&mut self, from: &mut Burst) {
        if !from.is_empty() {
            self.probe.sham();
            self.sent.paused |= self.probe.after_pause();
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
