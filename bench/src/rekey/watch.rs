//! Looks at what passes the two ports of an encryptor, without the cost of a clock for each frame: how
//! many frames of which kind, and on the way to the line when the key changed, whether a packet
//! number came twice, whether anything left in clear. And, where a test asks for it, stalls the
//! worker at the change.
//!
//! The ports count, too, but they cannot tell a user frame from one of the rekey protocol.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use port::{Burst, Port, PortCounters};
use wire::{ETHERTYPE_MACSEC, ETHERTYPE_REKEY, ICV_LEN, MACS_LEN, SecTag};

use super::load;

/// Where EtherType, TCI with AN, and PN are in a frame without clear VLAN tags.
const ETHERTYPE_AT: usize = MACS_LEN;
const TCI_AT: usize = 14;
const PN_AT: usize = 16;

/// So many frames of each key are noted: some may be none of the load's.
const NOTED: u8 = 4;

/// How a protected frame begins, one of the first under its key.
#[derive(Clone, Debug)]
pub(super) struct Sealed {
    /// Keys of one direction, counted.
    pub(super) key: u32,
    /// Of the frame before it was protected.
    pub(super) frame_len: usize,
    /// Of what is secured, as it is on the line.
    pub(super) start: [u8; 16],
}

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Count {
    /// From red: all frames, and those of the load.
    RedRx,
    RedRxLoad,
    /// To red: the same.
    RedTx,
    RedTxLoad,
    /// From the line: user frames and those of the rekey protocol.
    BlackRx,
    BlackRxControl,
    /// Of the user frames: under the key of before, after the first one under the new key.
    BlackRxOldKey,
    /// To the line: as from it.
    BlackTx,
    BlackTxControl,
    /// Of these, what the port dropped, by its counters.
    ControlRefused,
    ControlTooLong,
    ControlLinkDown,
    /// To the line: PNs that were not above the one before under their key.
    Repeated,
    /// To the line: neither protected nor the rekey protocol's.
    Clear,
}

const COUNTS: usize = Count::Clear as usize + 1;

/// What was seen, for the thread that asks.
#[derive(Clone, Default)]
pub(super) struct Seen {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// When the first frame under each new key left. A lock, but not for each frame.
    switches: Mutex<Vec<Instant>>,
    /// Sham switches that are ordered, one bit each, and those that were, with their moments.
    shams_due: AtomicU64,
    shams: Mutex<Vec<(usize, Instant)>>,
    /// Frames noted. A lock, but only for the first ones under each key.
    sealed: Mutex<Vec<Sealed>>,
    /// No frame left for a while: keys may have changed unseen.
    paused: AtomicBool,
    counts: [AtomicU64; COUNTS],
}

impl Seen {
    /// When keys changed, since the last call.
    pub(super) fn take_switches(&self) -> Vec<Instant> {
        let switches = self.shared.switches.lock();
        switches
            .map(|mut switches| core::mem::take(&mut *switches))
            .unwrap_or_default()
    }

    /// Frames come again after a pause.
    pub(super) fn resume(&self) {
        self.shared.paused.store(true, Ordering::Relaxed);
    }

    /// By the worker, for each burst: whether there was a pause before it.
    fn after_pause(&self) -> bool {
        let paused = &self.shared.paused;
        paused.load(Ordering::Relaxed) && paused.swap(false, Ordering::Relaxed)
    }

    /// The next frame to the line is a sham switch of this number. Numbers from 64 on have none.
    pub(super) fn order_sham(&self, number: usize) {
        let bit = 1_u64.checked_shl(number as u32).unwrap_or_default();
        self.shared.shams_due.fetch_or(bit, Ordering::Relaxed);
    }

    /// Frames noted since the last call, in the order of their keys.
    pub(super) fn take_sealed(&self) -> Vec<Sealed> {
        let sealed = self.shared.sealed.lock();
        sealed
            .map(|mut sealed| core::mem::take(&mut *sealed))
            .unwrap_or_default()
    }

    /// Sham switches since the last call: their numbers and moments.
    pub(super) fn take_shams(&self) -> Vec<(usize, Instant)> {
        let shams = self.shared.shams.lock();
        shams
            .map(|mut shams| core::mem::take(&mut *shams))
            .unwrap_or_default()
    }

    /// By the worker, for each burst: one look at a word that hardly ever changes.
    fn sham(&self) {
        let Shared {
            shams_due, shams, ..
        } = &*self.shared;
        if shams_due.load(Ordering::Relaxed) == 0 {
            return;
        }
        let (due, now) = (shams_due.swap(0, Ordering::Relaxed), Instant::now());
        if let Ok(mut shams) = shams.lock() {
            let numbers = (0..64).filter(|number| due >> number & 1 == 1);
            shams.extend(numbers.map(|number| (number, now)));
        }
    }

    /// Since the start.
    pub(super) fn count(&self, what: Count) -> u64 {
        self.shared.counts[what as usize].load(Ordering::Relaxed)
    }

    /// Frames protected, PNs that came twice, frames in clear: since the start.
    pub(super) fn counts(&self) -> [u64; 3] {
        let clear = self.count(Count::Clear);
        [
            self.count(Count::BlackTx).saturating_sub(clear), // one may be between its two counts
            self.count(Count::Repeated),
            clear,
        ]
    }

    fn add(&self, what: Count, frames: usize) {
        let count = &self.shared.counts[what as usize];
        // One writer: no need for an atomic addition.
        count.store(
            count.load(Ordering::Relaxed) + frames as u64,
            Ordering::Relaxed,
        );
    }
}

/// A red port that is looked at.
pub(super) struct Red<P> {
    port: P,
    seen: Seen,
}

impl<P: Port> Red<P> {
    /// Tells `seen`.
    pub(super) fn new(port: P, seen: Seen) -> Self {
        Self { port, seen }
    }
}

impl<P: Port> Port for Red<P> {
    fn rx_burst(&mut self, into: &mut Burst) {
        let before = into.len();
        self.port.rx_burst(into);
        let came = &into[before..];
        let of_load = came.iter().filter(|frame| load::made(frame.bytes()));
        self.seen.add(Count::RedRxLoad, of_load.count());
        self.seen.add(Count::RedRx, came.len());
    }

    fn tx_burst(&mut self, from: &mut Burst) {
        let of_load = from.iter().filter(|frame| load::made(frame.bytes()));
        self.seen.add(Count::RedTxLoad, of_load.count());
        self.seen.add(Count::RedTx, from.len());
        self.port.tx_burst(from);
    }

    fn copy_tx(&mut self, frame: &[u8]) {
        self.seen
            .add(Count::RedTxLoad, usize::from(load::made(frame)));
        self.seen.add(Count::RedTx, 1);
        self.port.copy_tx(frame);
    }

    port::forward!(self => self.port);
}

/// A black port that is looked at.
pub(super) struct Black<P> {
    port: P,
    seen: Seen,
    stall: Duration,
    /// AN and PN of the last frame protected.
    last: Option<(u8, u32)>,
    /// Before the next one there was a pause.
    paused: bool,
    /// Keys so far, and how many more frames of the newest are noted.
    keys: u32,
    to_note: u8,
    /// The newest AN from the line, and the last PN under each.
    newest: Option<u8>,
    last_pns: [u32; 4],
}

impl<P: Port> Black<P> {
    /// Tells `seen`; stalls at each change of key for `stall`.
    pub(super) fn new(port: P, seen: Seen, stall: Duration) -> Self {
        Self {
            port,
            seen,
            stall,
            last: None,
            paused: false,
            keys: 0,
            to_note: 0,
            newest: None,
            last_pns: [0; 4],
        }
    }

    /// Whether a frame from the line is under the key before the newest. ANs go round, and keys change also
    /// while no frame comes, so that AN may be a newer key's: its PNs begin anew then.
    fn is_old(&mut self, (an, pn): (u8, u32)) -> bool {
        let last = core::mem::replace(&mut self.last_pns[usize::from(an)], pn);
        let before = self.newest.map(|newest| (newest + 3) % 4);
        let old = before == Some(an) && pn > last;
        if !old {
            self.newest = Some(an);
        }
        old
    }

    fn look(&mut self, octets: &[u8]) {
        if ethertype(octets) != Some(ETHERTYPE_MACSEC) {
            return self.seen.add(Count::Clear, 1);
        }
        let Some((an, pn)) = an_and_pn(octets) else {
            return self.seen.add(Count::Clear, 1);
        };
        // One port is one run of one worker: its ANs go round, so another AN is another key, whose PNs
        // begin at 1; under the same AN it is the same key, unless they went round unseen.
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
            self.seen.add(Count::Repeated, 1);
        }
        if an != before {
            if let Ok(mut switches) = self.seen.shared.switches.lock() {
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
        if let Ok(mut all) = self.seen.shared.sealed.lock() {
            all.push(sealed);
        }
    }
}

impl<P: Port> Port for Black<P> {
    fn rx_burst(&mut self, into: &mut Burst) {
        let before = into.len();
        self.port.rx_burst(into);
        let came = &into[before..];
        let (mut control, mut old) = (0, 0);
        for frame in came {
            let octets = frame.bytes();
            match ethertype(octets) {
                Some(ETHERTYPE_REKEY) => control += 1,
                Some(ETHERTYPE_MACSEC) => {
                    old += usize::from(an_and_pn(octets).is_some_and(|frame| self.is_old(frame)));
                }
                _ => {}
            }
        }
        self.seen.add(Count::BlackRxOldKey, old);
        self.seen.add(Count::BlackRxControl, control);
        self.seen.add(Count::BlackRx, came.len() - control);
    }

    fn tx_burst(&mut self, from: &mut Burst) {
        if !from.is_empty() {
            self.seen.sham();
            self.paused |= self.seen.after_pause();
        }
        for frame in &*from {
            self.look(frame.bytes());
        }
        self.seen.add(Count::BlackTx, from.len());
        self.port.tx_burst(from);
    }

    /// Few: those of the rekey protocol.
    fn copy_tx(&mut self, frame: &[u8]) {
        if ethertype(frame) != Some(ETHERTYPE_REKEY) {
            self.look(frame);
            self.seen.add(Count::BlackTx, 1);
            return self.port.copy_tx(frame);
        }
        let drops = |counters: PortCounters| {
            let PortCounters {
                tx_refused,
                tx_too_long,
                tx_link_down,
                ..
            } = counters;
            [tx_refused, tx_too_long, tx_link_down]
        };
        let before = drops(self.port.counters());
        self.port.copy_tx(frame);
        let after = drops(self.port.counters());
        let names = [
            Count::ControlRefused,
            Count::ControlTooLong,
            Count::ControlLinkDown,
        ];
        for (name, (after, before)) in names.into_iter().zip(after.into_iter().zip(before)) {
            self.seen.add(name, (after - before) as usize);
        }
        self.seen.add(Count::BlackTxControl, 1);
    }

    port::forward!(self => self.port);
}

/// Of a frame with a SecTAG; an AN is below 4.
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
