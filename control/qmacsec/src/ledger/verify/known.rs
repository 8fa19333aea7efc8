//! The keys that may have protected the frames of a capture.

use std::collections::{BTreeMap, BTreeSet};

use wire::MacAddr;

use super::{CAPTURE_ORDER_MS, CLOCKS_MS, VerifyError};
use crate::ledger::reader::Source;
use crate::ledger::{Record, What};

/// Unit of time in which keys are matched to the frames of a capture.
pub(super) const HOUR_MS: u64 = 3_600_000;
/// Limit of keys in memory for a capture: 17 days of both directions at 3 s.
const KEYS_MAX: usize = 1 << 20;
/// Limit of keys with one sender and AN that are compared for one frame.
const CANDIDATES_MAX: usize = 64;
/// Limit of the time between the first frame under a key and its record of it.
const LATE_MS: u64 = 1000;

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
    /// All frames under it are between these times, by the clock of its sender.
    used_ms: (u64, u64),
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
            used_ms: (0, 0),
        })
    }

    /// Sets the time of use. The sender orders a switch after it has recorded the switch before,
    /// and records a switch after all its workers have made it.
    fn bound(&mut self, before_ms: Option<u64>, after_ms: Option<u64>) {
        if !self.out {
            // The times are from the receiver's clock.
            self.used_ms = (
                self.installed_ms.saturating_sub(CLOCKS_MS),
                self.wiped_ms.saturating_add(CLOCKS_MS),
            );
            return;
        }
        // A sender that records so late does not switch again so soon.
        let interval = after_ms.map_or(LATE_MS, |after| after.saturating_sub(self.installed_ms));
        let late = LATE_MS.min(2 * interval);
        let from = self.installed_ms.saturating_sub(late);
        let from = from.max(before_ms.unwrap_or(0)).min(self.first_ms);
        let until = after_ms.unwrap_or(u64::MAX).max(self.last_ms);
        self.used_ms = (from, until.min(self.wiped_ms).max(self.last_ms));
    }

    /// Clock differences with which a frame captured at `at_ms` belongs to this key: from, until.
    fn clocks(&self, at_ms: u64) -> Option<(i64, i64)> {
        let difference = |key_ms: u64| i64::try_from(i128::from(at_ms) - i128::from(key_ms)).ok();
        let max = CLOCKS_MS.cast_signed();
        let slack = CAPTURE_ORDER_MS.cast_signed();
        let from = (difference(self.used_ms.1)? - slack).max(-max);
        let until = (difference(self.used_ms.0)? + slack).min(max);
        (from <= until).then_some((from, until))
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

/// The keys of two frames with one sender and AN, as the times of the ledgers explain them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// Only one key is possible.
    Same,
    /// Only two keys are possible.
    Other,
    /// Both are possible.
    Either,
    /// No keys of the ledgers explain both frames.
    Unexplained,
}

impl Keys {
    pub(super) fn read(sources: &[Source; 2], hours: &BTreeSet<u64>) -> Result<Self, VerifyError> {
        let mut keys = Vec::new();
        let mut senders: BTreeMap<MacAddr, (u64, u64)> = BTreeMap::new();
        for source in sources {
            let mut entries = source.entries()?;
            while let Some(entry) = entries.advance()? {
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
                        "the capture spans more keys than fit in memory; fix: give a part of it",
                    ));
                }
            }
        }
        // If a killed sender has no record, the receiver's record is used.
        keys.sort_by(|a, b| (&a.name, !a.out).cmp(&(&b.name, !b.out)));
        keys.dedup_by(|b, a| a.name == b.name);
        bound(&mut keys);
        keys.sort_by_key(|key| (key.sender, key.an, key.installed_ms));
        Ok(Self { keys, senders })
    }

    /// The key nearest in time: an AN is reused after four keys.
    pub(super) fn find(&self, sender: MacAddr, an: u8, at_ms: u64) -> Option<usize> {
        let held = |place: &usize| self.keys[*place].holds(at_ms);
        let nearest = self.near(sender, an, at_ms).filter(held);
        nearest.min_by_key(|place| (self.keys[*place].distance_ms(at_ms), *place))
    }

    /// Name of the key nearest in time.
    pub(super) fn name(&self, sender: MacAddr, an: u8, at_ms: u64) -> &str {
        let place = self.find(sender, an, at_ms);
        place.map_or("", |place| self.keys[place].name.as_str())
    }

    /// Whether two frames can have one key, or two. The capturing machine's clock has the same
    /// difference for both frames.
    pub(super) fn relation(
        &self,
        sender: MacAddr,
        an: u8,
        earlier_ms: u64,
        later_ms: u64,
    ) -> Relation {
        let candidates = |at_ms| {
            self.near(sender, an, at_ms)
                .filter_map(move |place| Some((place, self.keys[place].clocks(at_ms)?)))
        };
        let (mut one, mut two) = (false, false);
        for (first, (from, until)) in candidates(earlier_ms) {
            for (second, clocks) in candidates(later_ms) {
                if from.max(clocks.0) <= until.min(clocks.1) {
                    one |= first == second;
                    two |= first < second;
                }
            }
            if one && two {
                break;
            }
        }
        match (one, two) {
            (true, false) => Relation::Same,
            (false, true) => Relation::Other,
            (true, true) => Relation::Either,
            (false, false) => Relation::Unexplained,
        }
    }

    /// Places of the keys that a frame can have, the latest first.
    fn near(&self, sender: MacAddr, an: u8, at_ms: u64) -> impl Iterator<Item = usize> + '_ {
        let place = |key: &Key| (key.sender, key.an, key.installed_ms);
        // The use of a key in `used_ms` begins before its install by as much.
        let latest = (sender, an, at_ms.saturating_add(3 * CLOCKS_MS));
        let end = self.keys.partition_point(|key| place(key) <= latest);
        (0..end)
            .rev()
            .take(CANDIDATES_MAX)
            .take_while(move |place| {
                let key = &self.keys[*place];
                key.sender == sender && key.an == an
            })
    }
}

/// Sets the times of use: each sender switches from key to key in the order of its ledger.
fn bound(keys: &mut [Key]) {
    keys.sort_by_key(|key| (key.sender, !key.out, key.installed_ms));
    let of_sender = |keys: &[Key], place: Option<usize>, sender: MacAddr| {
        let key = keys.get(place?)?;
        (key.out && key.sender == sender).then_some(key.installed_ms)
    };
    for place in 0..keys.len() {
        let sender = keys[place].sender;
        let before = of_sender(keys, place.checked_sub(1), sender);
        let after = of_sender(keys, place.checked_add(1), sender);
        keys[place].bound(before, after);
    }
}
