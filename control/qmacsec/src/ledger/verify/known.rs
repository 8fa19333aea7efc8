//! The keys that may have protected the frames of a capture.

use std::collections::{BTreeMap, BTreeSet};

use wire::MacAddr;

use super::{CLOCKS_MS, VerifyError};
use crate::ledger::reader::Source;
use crate::ledger::{Record, What};

/// Unit of time in which keys are matched to the frames of a capture.
pub(super) const HOUR_MS: u64 = 3_600_000;
/// Limit of keys in memory for a capture: 17 days of both directions at 3 s.
const KEYS_MAX: usize = 1 << 20;
/// Limit of keys with one sender and AN that are compared for one frame.
const CANDIDATES_MAX: usize = 64;
/// A frame is ambiguous unless its nearest key is nearer in time than the next one by this much. On
/// a busy machine the times of a ledger are late too, by half a second and more.
const NEARER_MS: u64 = 2 * CLOCKS_MS;

/// A key of the ledgers, in use during the capture.
pub(super) struct Key {
    pub(super) name: String,
    sender: MacAddr,
    an: u8,
    /// The record is from the sender's ledger.
    out: bool,
    pub(super) xpn: bool,
    installed_ms: u64,
    first_ms: u64,
    last_ms: u64,
    wiped_ms: u64,
}

impl Key {
    fn of(record: &Record) -> Option<Self> {
        Some(Self {
            name: record.key_id.clone(),
            sender: record.sender.parse().ok()?,
            an: record.an,
            out: record.direction == "out",
            xpn: record.suite.contains("xpn"),
            installed_ms: record.installed_ms,
            first_ms: record.first_frame_ms.unwrap_or(record.installed_ms),
            last_ms: record.last_frame_ms.unwrap_or(record.wiped_ms),
            wiped_ms: record.wiped_ms,
        })
    }

    fn holds(&self, at_ms: u64) -> bool {
        (self.installed_ms.saturating_sub(CLOCKS_MS)..=self.wiped_ms.saturating_add(CLOCKS_MS))
            .contains(&at_ms)
    }

    /// Time between `at_ms` and the use of this key; 0 during its use.
    fn distance_ms(&self, at_ms: u64) -> u64 {
        self.first_ms
            .saturating_sub(at_ms)
            .max(at_ms.saturating_sub(self.last_ms))
    }
}

/// The keys that may have protected the frames of the capture.
pub(super) struct Keys {
    /// Sorted by sender, AN and time.
    pub(super) keys: Vec<Key>,
    /// Time for which the ledgers surely cover a sender, clock differences excluded: from, until.
    pub(super) senders: BTreeMap<MacAddr, (u64, u64)>,
}

/// The key of a frame.
pub(super) struct Meant {
    pub(super) key: usize,
    /// Another key is possible as well.
    pub(super) ambiguous: bool,
}

impl Keys {
    pub(super) fn read(sources: &[Source; 2], hours: &BTreeSet<u64>) -> Result<Self, VerifyError> {
        let mut keys = Vec::new();
        let mut senders: BTreeMap<MacAddr, (u64, u64)> = BTreeMap::new();
        for source in sources {
            for entry in source.entries()? {
                let entry = entry?;
                let What::Key(record) = &entry.what else {
                    continue;
                };
                let Some(key) = Key::of(record) else { continue };
                let (from, until) = senders.entry(key.sender).or_insert((u64::MAX, 0));
                *from = (*from).min(key.installed_ms + CLOCKS_MS);
                *until = (*until).max(key.last_ms.saturating_sub(CLOCKS_MS));
                let from = key.installed_ms.saturating_sub(CLOCKS_MS) / HOUR_MS;
                let until = key.wiped_ms.saturating_add(CLOCKS_MS) / HOUR_MS;
                if from <= until && hours.range(from..=until).next().is_some() {
                    keys.push(key);
                }
                if keys.len() > 2 * KEYS_MAX {
                    return Err(VerifyError::TooMuch(
                        "the capture spans more keys than can be held in memory; fix: give a part of it",
                    ));
                }
            }
        }
        // If a killed sender has no record, the receiver's record is used.
        keys.sort_by(|a, b| (&a.name, !a.out).cmp(&(&b.name, !b.out)));
        keys.dedup_by(|b, a| a.name == b.name);
        keys.sort_by_key(|key| (key.sender, key.an, key.installed_ms));
        Ok(Self { keys, senders })
    }

    pub(super) fn find(&self, sender: MacAddr, an: u8, at_ms: u64) -> Option<Meant> {
        // An AN is reused after four keys: the key nearest in time is chosen.
        let place = |key: &Key| (key.sender, key.an, key.installed_ms);
        let latest = (sender, an, at_ms.saturating_add(CLOCKS_MS));
        let end = self.keys.partition_point(|key| place(key) <= latest);
        let mut found: Vec<_> = (0..end)
            .rev()
            .take(CANDIDATES_MAX)
            .take_while(|place| {
                let key = &self.keys[*place];
                key.sender == sender && key.an == an
            })
            .filter(|place| self.keys[*place].holds(at_ms))
            .map(|place| (self.keys[place].distance_ms(at_ms), place))
            .collect();
        found.sort_unstable();
        let &(distance, key) = found.first()?;
        let ambiguous = found
            .get(1)
            .is_some_and(|(second, _)| *second < distance + NEARER_MS);
        Some(Meant { key, ambiguous })
    }
}
