//! One entry of the ledger, and its place in the chain.
//!
//! ```text
//! {"number":7,"previous":"<hash of entry 6>","record":{…},"hash":"<SHA-256 of all before>"}
//! ```
//! Most entries hold the record of a key. The others are notes about the ledger itself.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Record;

/// An entry in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Line", into = "Line")]
pub struct Entry {
    /// Number of the entry, from 1.
    pub number: u64,
    /// Hash of the entry before; 64 zeros in the first entry.
    pub previous: String,
    /// The content.
    pub what: What,
    /// SHA-256 over number, previous and content, as lower-case hex digits.
    pub hash: String,
}

/// The content of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The life of a key.
    Key(Record),
    /// The start of a segment: the first entry of every segment after the first.
    Segment(Segment),
    /// Records were lost.
    Gap(Gap),
    /// The file ended in octets that are no entry; they were removed.
    Cut(Cut),
    /// The last entry of the peer's ledger.
    Heard(Heard),
    /// The oldest segments were removed.
    Removed(Removed),
}

/// The start of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Number of the segment, from 1.
    pub segment: u64,
    /// Time of its start, in milliseconds since 1970.
    pub at_ms: u64,
    /// The loss of the file before this one, if it was not sealed. Its entries may be missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
}

/// Keys without a record, because the disk refused writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// Number of lost records.
    pub lost: u64,
    /// Time of the first lost record, in milliseconds since 1970.
    pub since_ms: u64,
    /// Time of the last one.
    pub until_ms: u64,
}

/// Octets after the last whole entry, left by a power cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// Number of octets removed.
    pub octets: u64,
    /// Time of the removal, in milliseconds since 1970.
    pub at_ms: u64,
}

/// The last entry of the peer's ledger, as the peer reported it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heard {
    /// Number of that entry.
    pub number: u64,
    /// Its hash.
    pub hash: String,
    /// Time of the report, in milliseconds since 1970.
    pub at_ms: u64,
}

/// Segments that were removed because the ledger had reached its limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removed {
    /// Number of the last removed entry; all entries before it are removed too.
    pub number: u64,
    /// Its hash.
    pub hash: String,
    /// Time of the removal, in milliseconds since 1970.
    pub at_ms: u64,
}

/// The previous hash in entry 1.
pub(super) const BEGINNING: &str =
    "0000000000000000000000000000000000000000000000000000000000000000";

/// An entry in the file: exactly one of the optional fields is set.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    number: u64,
    previous: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record: Option<Record>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    segment: Option<Segment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gap: Option<Gap>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cut: Option<Cut>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heard: Option<Heard>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    removed: Option<Removed>,
    hash: String,
}

impl Line {
    fn around(entry: Entry) -> Self {
        let mut line = Self {
            number: entry.number,
            previous: entry.previous,
            record: None,
            segment: None,
            gap: None,
            cut: None,
            heard: None,
            removed: None,
            hash: entry.hash,
        };
        match entry.what {
            What::Key(record) => line.record = Some(record),
            What::Segment(segment) => line.segment = Some(segment),
            What::Gap(gap) => line.gap = Some(gap),
            What::Cut(cut) => line.cut = Some(cut),
            What::Heard(heard) => line.heard = Some(heard),
            What::Removed(removed) => line.removed = Some(removed),
        }
        line
    }
}

impl From<Entry> for Line {
    fn from(entry: Entry) -> Self {
        Self::around(entry)
    }
}

impl TryFrom<Line> for Entry {
    type Error = &'static str;

    fn try_from(line: Line) -> Result<Self, Self::Error> {
        let contents = [
            line.record.map(What::Key),
            line.segment.map(What::Segment),
            line.gap.map(What::Gap),
            line.cut.map(What::Cut),
            line.heard.map(What::Heard),
            line.removed.map(What::Removed),
        ];
        let mut contents = contents.into_iter().flatten();
        let (Some(what), None) = (contents.next(), contents.next()) else {
            return Err("an entry holds one record or one note");
        };
        Ok(Self {
            number: line.number,
            previous: line.previous,
            what,
            hash: line.hash,
        })
    }
}

impl Entry {
    /// Creates the entry that follows an entry with this number and hash.
    pub(super) fn after(number: u64, previous: &str, what: What) -> Self {
        let number = number + 1;
        let hash = hash(number, previous, &what);
        Self {
            number,
            previous: previous.to_owned(),
            what,
            hash,
        }
    }

    /// True if it is unchanged and follows an entry with this number and hash.
    pub(super) fn follows(&self, number: u64, previous: &str) -> bool {
        self.number == number.saturating_add(1) && self.previous == previous && self.is_whole()
    }

    /// True if its own hash is right.
    pub(super) fn is_whole(&self) -> bool {
        octets(&self.hash) == Some(digest(self.number, &self.previous, &self.what))
    }

    /// True if a ledger may begin with this entry: entry 1, or the first entry of a segment.
    pub(super) fn may_begin(&self) -> bool {
        let first = self.number == 1 && self.previous == BEGINNING;
        self.is_whole() && (first || matches!(self.what, What::Segment(_)))
    }

    /// True if it begins a file in place of a lost one, and entries between an entry with this
    /// number and this one were in the lost file.
    pub(super) fn skips_lost(&self, number: u64) -> bool {
        let begins_new_file = matches!(&self.what, What::Segment(note) if note.lost.is_some());
        begins_new_file && self.number > number.saturating_add(1) && self.is_whole()
    }

    /// Returns the record, if this is the entry of a key.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        match &self.what {
            What::Key(record) => Some(record),
            _ => None,
        }
    }
}

/// The octets of each field with its length before it, so that different contents give different
/// octets.
struct Fields(Vec<u8>);

/// Octets of the fields of a key; longer ones need another allocation.
const FIELDS_LEN: usize = 1024;

impl Fields {
    fn put(&mut self, field: &str) {
        self.octets(field.as_bytes());
    }

    fn octets(&mut self, field: &[u8]) {
        self.0.extend((field.len() as u64).to_be_bytes());
        self.0.extend_from_slice(field);
    }

    /// The number's decimal digits.
    fn number(&mut self, field: u64) {
        let mut digits = [0; 20];
        let mut begin = digits.len();
        let mut left = field;
        while begin == digits.len() || left > 0 {
            begin -= 1;
            digits[begin] = b'0' + (left % 10) as u8;
            left /= 10;
        }
        self.octets(&digits[begin..]);
    }

    fn time(&mut self, time: Option<u64>) {
        match time {
            Some(ms) => self.number(ms),
            None => self.put("never"),
        }
    }
}

fn hash(number: u64, previous: &str, what: &What) -> String {
    hex(&digest(number, previous, what))
}

fn digest(number: u64, previous: &str, what: &What) -> [u8; 32] {
    let mut fields = Fields(Vec::with_capacity(FIELDS_LEN));
    let mut begin = |format: &str| {
        fields.put(format);
        fields.number(number);
        fields.put(previous);
    };
    match what {
        What::Key(record) => {
            match record.passport {
                None => begin("qmacsec ledger 1"),
                Some(_) => begin("qmacsec ledger 4 relayed key"),
            }
            record_fields(&mut fields, record);
        }
        What::Segment(note) => {
            match note.lost {
                None => begin("qmacsec ledger 2 segment"),
                Some(_) => begin("qmacsec ledger 3 segment"),
            }
            fields.number(note.segment);
            fields.number(note.at_ms);
            if let Some(lost) = &note.lost {
                fields.put(lost);
            }
        }
        What::Gap(note) => {
            begin("qmacsec ledger 2 gap");
            fields.number(note.lost);
            fields.number(note.since_ms);
            fields.number(note.until_ms);
        }
        What::Cut(note) => {
            begin("qmacsec ledger 2 cut");
            fields.number(note.octets);
            fields.number(note.at_ms);
        }
        What::Heard(note) => {
            begin("qmacsec ledger 2 heard");
            fields.number(note.number);
            fields.put(&note.hash);
            fields.number(note.at_ms);
        }
        What::Removed(note) => {
            begin("qmacsec ledger 2 removed");
            fields.number(note.number);
            fields.put(&note.hash);
            fields.number(note.at_ms);
        }
    }
    Sha256::digest(&fields.0).into()
}

fn record_fields(fields: &mut Fields, record: &Record) {
    fields.put(&record.encryptor);
    fields.put(&record.direction);
    fields.put(&record.sender);
    fields.put(&record.key_id);
    fields.put(&record.origin);
    fields.number(record.root.into());
    fields.put(&record.suite);
    fields.number(record.an.into());
    fields.number(record.epoch.into());
    fields.number(record.installed_ms);
    fields.time(record.first_frame_ms);
    fields.time(record.last_frame_ms);
    fields.number(record.frames);
    fields.number(record.wiped_ms);
    if let Some(passport) = &record.passport {
        fields.put(passport);
    }
}

pub(super) fn hex(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = octets
        .iter()
        .flat_map(|octet| [octet >> 4, octet & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]));
    digits.collect()
}

/// Parses a SHA-256 from its lower-case hex digits.
pub(super) fn octets(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    hex_octets(digits)
}

/// Octets from twice as many lower-case hex digits.
pub(super) fn hex_octets<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    const NONE: u8 = 0xff;
    const VALUES: [u8; 256] = {
        let mut values = [NONE; 256];
        let mut value = 0;
        while value < 16 {
            values[b"0123456789abcdef"[value as usize] as usize] = value;
            value += 1;
        }
        values
    };
    let (pairs, odd) = digits.as_chunks::<2>();
    if pairs.len() != N || !odd.is_empty() {
        return None;
    }
    let mut octets = [0; N];
    let mut any = 0;
    for (octet, [high, low]) in octets.iter_mut().zip(pairs) {
        let (high, low) = (VALUES[usize::from(*high)], VALUES[usize::from(*low)]);
        any |= high | low;
        *octet = high << 4 | low & 15;
    }
    (any < 16).then_some(octets)
}
