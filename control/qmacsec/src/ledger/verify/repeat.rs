//! Packet numbers that came twice on a secure channel under one AN: under one key, or under two?
//!
//! ```text
//! frames ─▶ Repeats (sorted by channel, AN, packet number, time) ─▶ Group ─▶ copy, other key or
//!                                                                            second use
//! ```
//! A key is used between the switch to it and the switch to the next key, and the same AN comes
//! again after three more switches. So the distance of two frames tells whether one key or two keys
//! of the ledger can explain them ([`Keys::relation`]). Where both can, the order of the ANs on the
//! channel decides: with no other AN and no silence between them it is one key.

mod ending;

use std::collections::HashSet;
use std::io;

use sha2::{Digest, Sha256};
use wire::Sci;

use self::ending::{Ending, TRAILER_MAX};
use super::channel::Visit;
use super::fields::Fields;
use super::known::{Keys, Relation};
use super::{CAPTURE_ORDER_MS, Line, Verification};
use crate::ledger::sort::Sorter;

/// Octets from the SecTAG on that are compared between frames captured at different lengths.
const HEAD_LEN: usize = 32;
/// Octets of a hash that are kept.
const HASH_LEN: usize = 16;
/// Channel, AN and packet number.
const NUMBER_LEN: usize = 8 + 1 + 8;
/// Limit of frames with one packet number that are compared with the next one.
const RECENT_MAX: usize = 64;
/// Limit of frames with one packet number whose copies are found at any distance.
const CONTENTS_MAX: usize = 1 << 20;

/// A frame of a known key.
pub(super) struct Taken<'a> {
    pub(super) sci: Sci,
    pub(super) an: u8,
    pub(super) pn: u64,
    pub(super) at_ms: u64,
    pub(super) visit: Visit,
    /// Length on the line, from the SecTAG on.
    pub(super) len: usize,
    /// The SecTAG gives the length; otherwise octets of a tap may be part of it.
    pub(super) exact: bool,
    /// The captured part of it.
    pub(super) octets: &'a [u8],
}

/// Collects frames.
pub(super) struct Repeats {
    frames: Sorter,
    item: Vec<u8>,
}

impl Repeats {
    pub(super) fn new() -> Self {
        Self {
            frames: Sorter::new(),
            item: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, taken: &Taken<'_>) -> io::Result<()> {
        let size = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
        let head = &taken.octets[..taken.octets.len().min(HEAD_LEN)];
        let item = &mut self.item;
        item.clear();
        item.extend(taken.sci.to_bytes());
        item.push(taken.an);
        item.extend(taken.pn.to_be_bytes());
        item.extend(taken.at_ms.to_be_bytes());
        item.extend(taken.visit.since_ms.to_be_bytes());
        item.extend(taken.visit.other_ms.to_be_bytes());
        item.extend(size(taken.octets.len()));
        item.extend(size(taken.len));
        for octets in [taken.octets, head] {
            item.extend_from_slice(&Sha256::digest(octets)[..HASH_LEN]);
        }
        if !taken.exact && taken.octets.len() == taken.len {
            Ending::put(item, taken.octets);
        }
        self.frames.push(item)
    }

    /// Compares all frames with the same channel, AN and packet number.
    pub(super) fn end(
        self,
        keys: &Keys,
        line: &mut Line,
        into: &mut Verification,
    ) -> io::Result<()> {
        let mut sorted = self.frames.sorted()?;
        let mut item = Vec::new();
        let mut group = Group::default();
        while sorted.next(&mut item)? {
            into.frames += 1;
            let (number, rest) = item.split_at(NUMBER_LEN.min(item.len()));
            if group.number != number {
                group.begin(number);
            }
            group.frame(Seen::of(rest), keys, line, into);
        }
        // Late copies bring the ANs of other keys between the frames of a key.
        if group.late_copies {
            line.ambiguous += group.by_order;
        }
        Ok(())
    }
}

/// A frame in sorted order.
#[derive(Clone, Copy)]
struct Seen {
    at_ms: u64,
    visit: Visit,
    captured: u32,
    len: u32,
    all: [u8; HASH_LEN],
    head: [u8; HASH_LEN],
    /// The end of the frame, unless its length is exact, or it was not captured whole.
    ending: Option<Ending>,
    /// A second use of its packet number is reported already.
    reported: bool,
}

/// Result of a comparison of the contents of two frames.
#[derive(PartialEq, Eq)]
enum Content {
    Same,
    /// The same up to the end of the shorter one: a tap has appended octets.
    SameFrame,
    Different,
    /// Too little was captured.
    Unknown,
}

impl Seen {
    fn of(octets: &[u8]) -> Self {
        let mut fields = Fields(octets);
        let at_ms = fields.u64();
        let visit = Visit {
            since_ms: fields.u64(),
            other_ms: fields.u64(),
        };
        let (captured, len) = (fields.u32(), fields.u32());
        let (all, rest) = fields.0.split_at(HASH_LEN.min(fields.0.len()));
        let (head, ending) = rest.split_at(HASH_LEN.min(rest.len()));
        Self {
            at_ms,
            visit,
            captured,
            len,
            all: all.try_into().unwrap_or_default(),
            head: head.try_into().unwrap_or_default(),
            ending: Ending::of(ending),
            reported: false,
        }
    }

    fn compare(&self, other: &Self) -> Content {
        let enough = self.captured.min(other.captured) as usize >= HEAD_LEN;
        if self.captured == other.captured && self.len == other.len && self.all == other.all {
            return Content::Same;
        }
        if enough && self.head != other.head {
            return Content::Different;
        }
        let whole = |seen: &Self| seen.captured == seen.len;
        let trailer = self.len.abs_diff(other.len) as usize;
        if let (Some(ours), Some(theirs)) = (&self.ending, &other.ending) {
            let (ours, theirs) = ((ours, self.len as usize), (theirs, other.len as usize));
            return match Ending::same(ours, theirs) {
                true => Content::SameFrame,
                false => Content::Different,
            };
        }
        // A tap's trailer cannot be distinguished from content that was not captured.
        if enough && (1..=TRAILER_MAX).contains(&trailer) && !(whole(self) && whole(other)) {
            return Content::Unknown;
        }
        let differs = if self.len != other.len || (enough && self.head != other.head) {
            true
        } else if self.captured == other.captured {
            self.all != other.all
        } else if enough {
            false
        } else {
            return Content::Unknown;
        };
        if differs {
            Content::Different
        } else {
            Content::Same
        }
    }

    /// The relation of the keys of two frames, this one the later: by time, else by the ANs.
    fn relation(&self, earlier: &Self, keys: &Keys, sci: Sci, an: u8) -> (Relation, Reason) {
        let by_time = keys.relation(sci.mac(), an, earlier.at_ms, self.at_ms);
        let unbroken = self.visit.since_ms <= earlier.at_ms;
        match by_time {
            Relation::Either | Relation::Unexplained if unbroken => (Relation::Same, Reason::Order),
            // A sender does not come back to a key that it has left.
            Relation::Either if self.visit.other_ms > earlier.at_ms + CAPTURE_ORDER_MS => {
                (Relation::Other, Reason::Order)
            }
            _ => (by_time, Reason::Time),
        }
    }
}

/// The reason why two frames are under different keys.
#[derive(PartialEq, Eq)]
enum Reason {
    Time,
    Order,
}

/// Frames with the same channel, AN and packet number, in order of time.
#[derive(Default)]
struct Group {
    number: Vec<u8>,
    /// Frames with different contents that may have the key of the next one.
    recent: Vec<Seen>,
    /// Contents of the frames before them, because a copy may come late.
    contents: HashSet<(u32, [u8; HASH_LEN])>,
    /// Copies came later than frames that are only out of order.
    late_copies: bool,
    /// Packet numbers that came twice where only the order of the ANs tells two keys apart.
    by_order: u64,
}

impl Group {
    fn begin(&mut self, number: &[u8]) {
        self.number.clear();
        self.number.extend_from_slice(number);
        self.recent.clear();
        // A large table is not kept for the next packet number, where it is not needed.
        self.contents = HashSet::new();
    }

    fn names(&self) -> (Sci, u8, u64) {
        let mut fields = Fields(&self.number);
        let sci = Sci::from_bytes(fields.u64().to_be_bytes());
        (sci, fields.u8(), fields.u64())
    }

    fn frame(&mut self, mut seen: Seen, keys: &Keys, line: &mut Line, into: &mut Verification) {
        let (sci, an, pn) = self.names();
        if self.contents.contains(&(seen.len, seen.all)) {
            line.copies += 1;
            self.late_copies = true;
            return;
        }
        let mut uncompared = false;
        for first in &mut self.recent {
            match seen.compare(first) {
                // The more complete one is compared with the next frames.
                content @ (Content::Same | Content::SameFrame) => {
                    line.copies += 1;
                    line.trailers += u64::from(content == Content::SameFrame);
                    self.late_copies |= seen.at_ms > first.at_ms + CAPTURE_ORDER_MS;
                    if seen.captured > first.captured {
                        first.captured = seen.captured;
                        first.all = seen.all;
                    }
                    return;
                }
                Content::Unknown => uncompared = true,
                Content::Different => {}
            }
        }
        let (mut ambiguous, mut by_order) = (false, false);
        let contents = &mut self.contents;
        self.recent.retain_mut(|first| {
            let (relation, reason) = seen.relation(first, keys, sci, an);
            by_order |= relation == Relation::Other && reason == Reason::Order;
            if seen.compare(first) == Content::Different {
                ambiguous |= matches!(relation, Relation::Either | Relation::Unexplained);
                if relation == Relation::Same {
                    if !first.reported && !seen.reported {
                        into.grave(format!(
                            "key_ID {}: packet number {pn} occurs twice on the line, in different \
                             frames",
                            keys.name(sci.mac(), an, seen.at_ms)
                        ));
                    }
                    (first.reported, seen.reported) = (true, true);
                }
            }
            // A frame that cannot have the key of this one has no key of a later one either.
            let stays = matches!(relation, Relation::Same | Relation::Either);
            if !stays && contents.len() < CONTENTS_MAX {
                contents.insert((first.len, first.all));
            }
            stays
        });
        line.uncompared += u64::from(uncompared);
        line.ambiguous += u64::from(ambiguous && !seen.reported);
        self.by_order += u64::from(by_order && !ambiguous && !seen.reported);
        if self.recent.len() == RECENT_MAX {
            self.recent.remove(0);
        }
        self.recent.push(seen);
    }
}

#[cfg(test)]
mod tests;
