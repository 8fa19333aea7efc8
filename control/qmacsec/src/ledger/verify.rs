//! What two ledgers say together, and what a capture of the line says of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};
use wire::{ETHERTYPE_MACSEC, SecTag};

use super::record::{Entry, Record};

/// Clocks of the two boxes and of who captured may differ by so much, in milliseconds.
const CLOCKS_MS: u64 = 2000;
/// Octets that the capture's reader holds at once: more than the longest block.
const READER_LEN: usize = 1 << 20;

/// Something worth a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// It must never be: a key or nonce used twice, a frame that nobody sent.
    pub grave: bool,
    /// In words.
    pub text: String,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Keys that both ends tell the same of.
    pub keys: u64,
    /// Frames of a capture that belong to a key of the ledgers.
    pub frames: u64,
    /// What does not fit.
    pub findings: Vec<Finding>,
}

impl Verification {
    fn grave(&mut self, text: String) {
        self.findings.push(Finding { grave: true, text });
    }

    fn odd(&mut self, text: String) {
        self.findings.push(Finding { grave: false, text });
    }

    /// Nothing that must never be.
    #[must_use]
    pub fn sound(&self) -> bool {
        self.findings.iter().all(|finding| !finding.grave)
    }
}

/// Holds the ledgers of the two ends of a line against each other.
#[must_use]
pub fn verify_pair(a: &[Entry], b: &[Entry]) -> Verification {
    let mut verification = Verification::default();
    let (a, b) = (
        sides(a, "A", &mut verification),
        sides(b, "B", &mut verification),
    );
    for (way, from, to) in [
        ("A to B", &a.sent, &b.received),
        ("B to A", &b.sent, &a.received),
    ] {
        for (key_id, sent) in from {
            match to.get(key_id) {
                Some(received) => verify_key(way, sent, received, &mut verification),
                None if sent.frames == 0 => {}
                None => verification.odd(format!(
                    "{way}: key_ID {key_id} protected {} frames, and the receiver has no record of it (was it stopped?)",
                    sent.frames
                )),
            }
        }
        for (key_id, received) in to.iter().filter(|(key_id, _)| !from.contains_key(*key_id)) {
            verification.odd(format!(
                "{way}: key_ID {key_id} let {} frames through, and the sender has no record of it (was it killed?)",
                received.frames
            ));
        }
    }
    for key_id in a.sent.keys().filter(|key_id| b.sent.contains_key(*key_id)) {
        verification.grave(format!("key_ID {key_id} was used in both directions"));
    }
    verification
}

/// One ledger's keys by key_ID.
struct Sides<'a> {
    sent: BTreeMap<&'a str, &'a Record>,
    received: BTreeMap<&'a str, &'a Record>,
}

fn sides<'a>(ledger: &'a [Entry], name: &str, verification: &mut Verification) -> Sides<'a> {
    let mut sides = Sides {
        sent: BTreeMap::new(),
        received: BTreeMap::new(),
    };
    for entry in ledger {
        let record = &entry.record;
        let side = if record.direction == "out" {
            &mut sides.sent
        } else {
            &mut sides.received
        };
        if side.insert(&record.key_id, record).is_some() {
            verification.grave(format!(
                "{name}: key_ID {} was used twice ({})",
                record.key_id, record.direction
            ));
        }
    }
    sides
}

fn verify_key(way: &str, sent: &Record, received: &Record, verification: &mut Verification) {
    let key_id = &sent.key_id;
    let same = [
        ("AN", sent.an.to_string(), received.an.to_string()),
        ("epoch", sent.epoch.to_string(), received.epoch.to_string()),
        ("suite", sent.suite.clone(), received.suite.clone()),
        ("origin", sent.origin.clone(), received.origin.clone()),
        ("root", sent.root.to_string(), received.root.to_string()),
        ("sender", sent.sender.clone(), received.sender.clone()),
    ];
    for (what, ours, theirs) in same.iter().filter(|(_, ours, theirs)| ours != theirs) {
        verification.grave(format!(
            "{way}: key_ID {key_id}: {what} is {ours} at the sender, {theirs} at the receiver"
        ));
    }
    if received.frames > sent.frames {
        verification.grave(format!(
            "{way}: key_ID {key_id}: {} frames let through, only {} protected",
            received.frames, sent.frames
        ));
    } else if received.frames < sent.frames {
        verification.odd(format!(
            "{way}: key_ID {key_id}: {} of {} frames did not arrive",
            sent.frames - received.frames,
            sent.frames
        ));
    }
    verification.keys += 1;
}

/// Holds a capture of the line (pcapng or pcap) against the ledgers of both ends: under one key no
/// packet number may come twice.
///
/// # Errors
/// The file cannot be read.
pub fn verify_capture(
    path: &Path,
    ledgers: [&[Entry]; 2],
    into: &mut Verification,
) -> io::Result<()> {
    let mut keys: Vec<Key<'_>> = ledgers
        .iter()
        .flat_map(|ledger| ledger.iter())
        .filter(|entry| entry.record.direction == "out")
        .map(|entry| Key::of(&entry.record))
        .collect();
    // Of a sender that was killed its receiver tells.
    for entry in ledgers.iter().flat_map(|ledger| ledger.iter()) {
        let record = &entry.record;
        let told = |key: &Key<'_>| key.record.key_id == record.key_id;
        if record.direction == "in" && !keys.iter().any(told) {
            keys.push(Key::of(record));
        }
    }
    let mut foreign = 0_u64;
    frames(path, |at_ms, frame| {
        let Some((sender, tag)) = tagged(frame) else {
            return;
        };
        let of = |key: &&mut Key<'_>| {
            let record = key.record;
            record.sender == sender
                && record.an == tag.an.value()
                && (record.installed_ms.saturating_sub(CLOCKS_MS)..=record.wiped_ms + CLOCKS_MS)
                    .contains(&at_ms)
        };
        // An AN comes back after four keys: of two that could be meant, the nearer one is.
        let mut meant: Vec<_> = keys.iter_mut().filter(of).collect();
        meant.sort_by_key(|key| key.distance_ms(at_ms));
        match meant.first_mut() {
            Some(key) => {
                into.frames += 1;
                if !key.see(tag.pn_low) {
                    into.grave(format!(
                        "key_ID {}: packet number {} twice on the line",
                        key.record.key_id, tag.pn_low
                    ));
                }
            }
            None => foreign += 1,
        }
    })?;
    if foreign > 0 {
        into.odd(format!("{foreign} protected frames of the capture belong to no key of the ledgers (before, after, or of a box that was killed)"));
    }
    Ok(())
}

/// A key of a ledger, and the packet numbers seen under it.
struct Key<'a> {
    record: &'a Record,
    seen: Vec<u64>,
}

impl<'a> Key<'a> {
    const fn of(record: &'a Record) -> Self {
        Self {
            record,
            seen: Vec::new(),
        }
    }

    /// How far a time is from this key's use; 0 inside of it.
    fn distance_ms(&self, at_ms: u64) -> u64 {
        let first = self
            .record
            .first_frame_ms
            .unwrap_or(self.record.installed_ms);
        let last = self.record.last_frame_ms.unwrap_or(self.record.wiped_ms);
        first.saturating_sub(at_ms).max(at_ms.saturating_sub(last))
    }

    /// Marks a packet number; false if it was marked before.
    fn see(&mut self, pn: u32) -> bool {
        let (word, bit) = (pn as usize / 64, 1 << (pn % 64));
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        let fresh = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        fresh
    }
}

/// MAC address inside the SCI, and the SecTAG.
fn tagged(frame: &[u8]) -> Option<(String, SecTag)> {
    if wire::ethertype(frame)? != ETHERTYPE_MACSEC {
        return None;
    }
    let tag = SecTag::parse(frame.get(wire::MACS_LEN..)?).ok()?;
    Some((tag.sci()?.mac().to_string(), tag))
}

/// Each frame of a capture with its time in milliseconds since 1970.
fn frames(path: &Path, mut see: impl FnMut(u64, &[u8])) -> io::Result<()> {
    let wrong = |error: String| {
        io::Error::other(format!(
            "{}: no capture that can be read: {error}",
            path.display()
        ))
    };
    let mut reader =
        create_reader(READER_LEN, File::open(path)?).map_err(|error| wrong(error.to_string()))?;
    let mut units_per_second = Vec::new();
    loop {
        match reader.next() {
            Ok((offset, block)) => {
                match block {
                    PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                        units_per_second.push(interface.ts_resolution().unwrap_or(1_000_000));
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(frame)) => {
                        let units = u64::from(frame.ts_high) << 32 | u64::from(frame.ts_low);
                        let per_second = units_per_second
                            .get(frame.if_id as usize)
                            .copied()
                            .unwrap_or(1_000_000);
                        let ms = u128::from(units) * 1000 / u128::from(per_second.max(1));
                        let octets = frame
                            .data
                            .get(..frame.caplen as usize)
                            .unwrap_or(frame.data);
                        see(u64::try_from(ms).unwrap_or(u64::MAX), octets);
                    }
                    PcapBlockOwned::Legacy(frame) => {
                        see(
                            u64::from(frame.ts_sec) * 1000 + u64::from(frame.ts_usec) / 1000,
                            frame.data,
                        );
                    }
                    _ => {}
                }
                reader.consume(offset);
            }
            Err(PcapError::Eof) => return Ok(()),
            Err(PcapError::Incomplete(_)) => {
                reader.refill().map_err(|error| wrong(error.to_string()))?;
            }
            Err(error) => return Err(wrong(error.to_string())),
        }
    }
}
