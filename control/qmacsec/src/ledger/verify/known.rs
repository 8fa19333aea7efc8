//! The keys that frames of a capture may have.

use std::collections::{BTreeMap, BTreeSet};

use wire::MacAddr;

use super::{CLOCKS_MS, VerifyError};
use crate::ledger::reader::Source;
use crate::ledger::{Record, What};

/// Keys are looked for by the hours in which the capture has frames.
pub(super) const HOUR_MS: u64 = 3_600_000;
/// Keys in the time of a capture that are held in memory: at 3 s, 17 days of both directions.
const KEYS_MAX: usize = 1 << 20;
/// Keys with one sender and AN that are looked at for one frame.
const CANDIDATES_MAX: usize = 64;
/// Of two keys that could be meant one is nearer by so much, or the frame's time does not tell: on a
/// busy machine the times of a ledger are late as well, seen by half a second and more.
const NEARER_MS: u64 = 2 * CLOCKS_MS;

/// A key of the ledgers, in the time of the capture.
pub(super) struct Key {
    pub(super) name: String,
    sender: MacAddr,
    an: u8,
    /// Told by its sender.
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

    /// How far a time is from this key's use; 0 inside of it.
    fn distance_ms(&self, at_ms: u64) -> u64 {
        self.first_ms
            .saturating_sub(at_ms)
            .max(at_ms.saturating_sub(self.last_ms))
    }
}

/// The keys that frames of the capture may have.
pub(super) struct Keys {
    /// By sender, AN and time.
    pub(super) keys: Vec<Key>,
    /// When the ledgers tell of a sender, without the blur of clocks: from, until.
    pub(super) senders: BTreeMap<MacAddr, (u64, u64)>,
}

/// The key that a frame belongs to.
pub(super) struct Meant {
    pub(super) key: usize,
    /// Another one could be meant as well.
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
        // Of a sender that was killed its receiver tells.
        keys.sort_by(|a, b| (&a.name, !a.out).cmp(&(&b.name, !b.out)));
        keys.dedup_by(|b, a| a.name == b.name);
        keys.sort_by_key(|key| (key.sender, key.an, key.installed_ms));
        Ok(Self { keys, senders })
    }

    pub(super) fn find(&self, sender: MacAddr, an: u8, at_ms: u64) -> Option<Meant> {
        // An AN comes back after four keys: of two that could be meant, the nearer one is.
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
