//! Compares the ledgers of the two ends.

use std::fmt::Display;
use std::sync::Mutex;
use std::{io, thread};

use super::fields::Fields;
use super::heads::{self, Heads};
use super::texts::Texts;
use super::words::{count, time};
use super::{CLOCKS_MS, CRASH_KEYS, NAMES, Verification, VerifyError, key};
use crate::ledger::entry::octets;
use crate::ledger::reader::{Source, notes_removal};
use crate::ledger::sort::{Both, Sorter};
use crate::ledger::{Segment, What};

const WAYS: [&str; 2] = ["A to B", "B to A"];
/// Data collected from one reading of a ledger.
struct Gathered {
    which: usize,
    /// Its keys, by name.
    keys: Sorter,
    texts: Texts,
    /// Heads that this end noted of the other.
    heads: Sorter,
    /// Time from which the ledger is kept, if its oldest segments were removed.
    kept_from_ms: Option<u64>,
    /// The encryptor that wrote the first record.
    encryptor: Option<String>,
    found: Verification,
}

/// Reads and compares both ledgers.
pub(super) fn verify(sources: &[Source; 2], into: &mut Verification) -> Result<(), VerifyError> {
    let [a, b] = both(|which| {
        let mut gathered = Gathered {
            which,
            keys: Sorter::new(),
            texts: Texts::default(),
            heads: Sorter::new(),
            kept_from_ms: None,
            encryptor: None,
            found: Verification::default(),
        };
        gathered.read(&sources[which])?;
        Ok(gathered)
    })?;
    if let (Some(one), Some(other)) = (&a.encryptor, &b.encryptor)
        && one == other
    {
        return Err(VerifyError::OneEnd(one.clone()));
    }
    let heads = [Heads::of(b.heads, 0)?, Heads::of(a.heads, 1)?];
    for (which, found) in [a.found, b.found].into_iter().enumerate() {
        into.entries[which] = found.entries[which];
        into.segments[which] = found.segments[which];
        into.append(found);
    }
    let heads = heads.map(Mutex::new);
    let compared = both(|which| {
        let mut found = Verification::default();
        let taken = heads[which].lock().ok().and_then(|mut heads| heads.take());
        if let Some(heads) = taken {
            heads::check(&sources[which], heads, &mut found)?;
        }
        Ok(found)
    })?;
    for found in compared {
        into.append(found);
    }
    let compare = Compare {
        texts: [a.texts, b.texts],
        kept_from_ms: [a.kept_from_ms, b.kept_from_ms],
        times: Sorter::new(),
        before_kept: 0,
    };
    keys(a.keys.sorted()?.with(b.keys.sorted()?), compare, into)
}

/// Does the same with both ledgers at the same time.
fn both<T: Send>(
    work: impl Fn(usize) -> Result<T, VerifyError> + Sync,
) -> Result<[T; 2], VerifyError> {
    let work = &work;
    let (a, b) = thread::scope(|scope| {
        let other = thread::Builder::new().spawn_scoped(scope, move || work(1));
        let a = work(0);
        let b = match other.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(b)) => b,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            // Without a second thread it takes longer.
            Err(_) => work(1),
        };
        (a, b)
    });
    Ok([a?, b?])
}

impl Gathered {
    /// Reads the ledger from its first to its last entry.
    fn read(&mut self, source: &Source) -> Result<(), VerifyError> {
        let (which, name) = (self.which, NAMES[self.which]);
        let into = &mut self.found;
        let mut entries = source.entries()?;
        let mut item = Vec::new();
        let mut begins = None;
        let mut removal_noted = false;
        let mut heard_last = 0;
        let mut last = None;
        while let Some(entry) = entries.advance()? {
            into.entries[which] += 1;
            let (number, hash) = begins
                .get_or_insert_with(|| (entry.number.saturating_sub(1), entry.previous.clone()));
            removal_noted |= notes_removal(&entry.what, *number, hash);
            match &entry.what {
                What::Key(record) => {
                    if self.encryptor.is_none() {
                        self.encryptor = Some(record.encryptor.clone());
                    }
                    self.texts.item(&mut item, which, record)?;
                    self.keys.push(&item)?;
                }
                What::Segment(Segment {
                    at_ms,
                    lost: Some(lost),
                    ..
                }) => loss(name, last, entry.number, *at_ms, lost, into),
                What::Segment(note) if last.is_none() => {
                    self.kept_from_ms = Some(note.at_ms);
                }
                What::Segment(_) => {}
                What::Gap(gap) => into.note(format!(
                    "{name}: {} went unrecorded from {} to {}: the disk took no records",
                    count(gap.lost, "key"),
                    time(gap.since_ms),
                    time(gap.until_ms)
                )),
                What::Cut(cut) => into.note(format!(
                    "{name}: {} that were not an entry were cut off at {}; a power cut or another \
                     process leaves such octets",
                    count(cut.octets, "octet"),
                    time(cut.at_ms)
                )),
                What::Heard(heard) => {
                    if heard.number < heard_last {
                        into.grave(format!(
                            "{name}, entry {}: the ledger of the other end went back from entry \
                             {heard_last} to entry {} before {}: it was rolled back, cut or \
                             started again",
                            entry.number,
                            heard.number,
                            time(heard.at_ms)
                        ));
                    }
                    heard_last = heard.number;
                    item.clear();
                    item.extend(heard.number.to_be_bytes());
                    item.extend(heard.at_ms.to_be_bytes());
                    item.extend(octets(&heard.hash).unwrap_or_default());
                    self.heads.push(&item)?;
                }
                What::Removed(_) => {}
            }
            last = Some(entry.number);
        }
        into.segments[which] = entries.segments_read();
        if let Some((number, _)) = entries.begins_after() {
            if removal_noted {
                into.note(format!(
                    "{name}: entries 1 to {number} were removed because of \
                     encryptor.ledger_max_size, as the ledger records"
                ));
            } else {
                self.kept_from_ms = None;
                into.not_proven.push(format!(
                    "{name}: entries 1 to {number} are missing, and the ledger does not record \
                     their removal"
                ));
            }
        }
        Ok(())
    }
}

/// Reports the loss of a live file, in whose place a new one begins with entry `number`.
fn loss(
    name: char,
    last: Option<u64>,
    number: u64,
    at_ms: u64,
    lost: &str,
    into: &mut Verification,
) {
    let before = number.saturating_sub(1);
    let at = time(at_ms);
    into.note(format!(
        "{name}: a new file begins with entry {number} at {at}, because the file before was lost: \
         {lost}"
    ));
    // `begins_after` reports what is missing before the first entry.
    if let Some(last) = last.filter(|last| *last < before) {
        into.not_proven.push(format!(
            "{name}: entries {} to {before} are missing: they were in the file that was lost at \
             {at}; fix: put it back as a sealed segment",
            last.saturating_add(1)
        ));
    }
}

/// One ledger's record of a key.
#[derive(Clone, Copy)]
struct KeyRecord {
    which: usize,
    out: bool,
    an: u8,
    epoch: u32,
    root: u32,
    frames: u64,
    installed_ms: u64,
    suite: u16,
    origin: u16,
    sender: u16,
}

impl KeyRecord {
    fn of(octets: &[u8]) -> Self {
        let mut fields = Fields(octets);
        Self {
            which: usize::from(fields.u8() & 1),
            out: fields.u8() == 0,
            an: fields.u8(),
            epoch: fields.u32(),
            root: fields.u32(),
            frames: fields.u64(),
            installed_ms: fields.u64(),
            suite: fields.u16(),
            origin: fields.u16(),
            sender: fields.u16(),
        }
    }
}

/// All records of one key: from A and from B, as sender and as receiver.
#[derive(Default)]
struct OneKey {
    sent: [Option<KeyRecord>; 2],
    received: [Option<KeyRecord>; 2],
}

/// Compares the records of each key.
fn keys(
    mut sorted: Both,
    mut compare: Compare,
    into: &mut Verification,
) -> Result<(), VerifyError> {
    let (mut item, mut name, mut one) = (Vec::new(), Vec::new(), OneKey::default());
    while sorted.next(&mut item)? {
        let (key, rest) = key::split(&item);
        if key != name.as_slice() {
            compare.key(&name, &one, into)?;
            name.clear();
            name.extend_from_slice(key);
            one = OneKey::default();
        }
        let record = KeyRecord::of(rest);
        let side = if record.out {
            &mut one.sent
        } else {
            &mut one.received
        };
        if side[record.which].replace(record).is_some() {
            into.grave(format!(
                "{}: key_ID {} was used twice ({})",
                NAMES[record.which],
                key::text(key),
                if record.out { "out" } else { "in" }
            ));
        }
    }
    compare.key(&name, &one, into)?;
    compare.end(into)
}

struct Compare {
    texts: [Texts; 2],
    kept_from_ms: [Option<u64>; 2],
    /// Install times of keys, and whether both ends have a record.
    times: Sorter,
    /// Keys older than the records that the other end has kept.
    before_kept: u64,
}

impl Compare {
    fn key(
        &mut self,
        name: &[u8],
        one: &OneKey,
        into: &mut Verification,
    ) -> Result<(), VerifyError> {
        for (from, way) in WAYS.into_iter().enumerate() {
            let to = 1 - from;
            match (one.sent[from], one.received[to]) {
                (Some(sent), Some(received)) => {
                    self.both(way, name, &sent, &received, into);
                    self.time(from, &sent, false)?;
                }
                (Some(sent), None) if sent.frames > 0 => {
                    self.one_sided(from, to, &sent, into)?;
                    into.note(format!(
                        "{way}: key_ID {} protected {} frames, and the receiver has no record of \
                         it (was the receiver stopped?)",
                        key::text(name),
                        sent.frames
                    ));
                }
                (None, Some(received)) => {
                    if received.frames > 0 {
                        self.one_sided(from, from, &received, into)?;
                    }
                    into.note(format!(
                        "{way}: the receiver accepted {1} frames under key_ID {0}, and the sender \
                         has no record of it (was the sender killed?)",
                        key::text(name),
                        received.frames
                    ));
                }
                _ => {}
            }
        }
        if let [Some(_), Some(_)] = one.sent {
            into.grave(format!(
                "key_ID {} was used in both directions",
                key::text(name)
            ));
        }
        Ok(())
    }

    /// Counts a key without a record in the ledger of `silent`.
    fn one_sided(
        &mut self,
        way: usize,
        silent: usize,
        record: &KeyRecord,
        into: &mut Verification,
    ) -> io::Result<()> {
        if self.kept_from_ms[silent].is_some_and(|from| record.installed_ms < from + CLOCKS_MS) {
            self.before_kept += 1;
            return Ok(());
        }
        into.one_sided += 1;
        self.time(way, record, true)
    }

    fn time(&mut self, way: usize, record: &KeyRecord, one_sided: bool) -> io::Result<()> {
        let mut item = [0; 10];
        item[0] = way as u8;
        item[1..9].copy_from_slice(&record.installed_ms.to_be_bytes());
        item[9] = u8::from(one_sided);
        self.times.push(&item)
    }

    fn both(
        &self,
        way: &str,
        name: &[u8],
        sent: &KeyRecord,
        received: &KeyRecord,
        into: &mut Verification,
    ) {
        into.keys += 1;
        let text = |record: &KeyRecord, number| self.texts[record.which].text(number);
        let origin = text(sent, sent.origin).to_owned();
        *into.origins.entry(origin).or_default() += 1;
        let pairs = |number: fn(&KeyRecord) -> u16| {
            (text(sent, number(sent)), text(received, number(received)))
        };
        let numbers = [
            ("AN", u32::from(sent.an), u32::from(received.an)),
            ("epoch", sent.epoch, received.epoch),
            ("root", sent.root, received.root),
        ];
        let texts = [
            ("suite", pairs(|record| record.suite)),
            ("origin", pairs(|record| record.origin)),
            ("sender", pairs(|record| record.sender)),
        ];
        let mut differs = |what: &str, ours: &dyn Display, theirs: &dyn Display| {
            into.grave(format!(
                "{way}: key_ID {}: {what} is {ours} at the sender, {theirs} at the receiver",
                key::text(name)
            ));
        };
        for (what, ours, theirs) in numbers {
            if ours != theirs {
                differs(what, &ours, &theirs);
            }
        }
        for (what, (ours, theirs)) in texts {
            if ours != theirs {
                differs(what, &ours, &theirs);
            }
        }
        if received.frames > sent.frames {
            into.grave(format!(
                "{way}: key_ID {}: {} frames were accepted, but only {} protected",
                key::text(name),
                received.frames,
                sent.frames
            ));
        } else if received.frames < sent.frames {
            into.note(format!(
                "{way}: key_ID {}: {} of {} frames did not arrive",
                key::text(name),
                sent.frames - received.frames,
                sent.frames
            ));
        }
    }

    /// Checks whether a crash can explain the keys that have a record at one end only.
    fn end(self, into: &mut Verification) -> Result<(), VerifyError> {
        if self.before_kept > 0 {
            into.note(format!(
                "{} of one end are older than the oldest records of the other end",
                count(self.before_kept, "key")
            ));
        }
        if into.keys == 0 {
            into.not_proven
                .push("the ledgers have no key in common".to_owned());
        } else if into.one_sided > into.keys {
            into.not_proven.push(format!(
                "{} are recorded by one end only, and just {} by both ends",
                count(into.one_sided, "key"),
                into.keys
            ));
        }
        let mut sorted = self.times.sorted()?;
        let mut item = Vec::new();
        let mut stretch = Stretch::default();
        while sorted.next(&mut item)? {
            let mut fields = Fields(&item);
            let (way, at_ms, one_sided) = (fields.u8(), fields.u64(), fields.u8() == 1);
            if stretch.way != way || !one_sided {
                stretch.end(into);
                stretch = Stretch {
                    way,
                    ..Stretch::default()
                };
            }
            if one_sided {
                stretch.from_ms = stretch.from_ms.or(Some(at_ms));
                stretch.to_ms = at_ms;
                stretch.keys += 1;
            }
        }
        stretch.end(into);
        Ok(())
    }
}

/// Consecutive keys of one direction that have a record at one end only.
#[derive(Default)]
struct Stretch {
    way: u8,
    from_ms: Option<u64>,
    to_ms: u64,
    keys: u64,
}

impl Stretch {
    fn end(&self, into: &mut Verification) {
        const REASONS_MAX: usize = 16;
        if self.keys > CRASH_KEYS && into.not_proven.len() < REASONS_MAX {
            into.not_proven.push(format!(
                "{}: only one end records {} in a row, from {} to {}: a crash loses fewer",
                WAYS[usize::from(self.way & 1)],
                count(self.keys, "key"),
                time(self.from_ms.unwrap_or(self.to_ms)),
                time(self.to_ms)
            ));
        }
    }
}
