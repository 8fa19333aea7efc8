//! Sorts more items than fit in memory. Items are short octet strings. Sorted runs go to a
//! temporary file and are merged on reading.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::capture::temporary;

/// Limit of octets in one run in memory.
const RUN_LEN: usize = 48 << 20;
/// Limit of items in one run: their offsets need the same memory again.
const RUN_ITEMS: usize = 1 << 20;
/// Octets read ahead from each run during a merge.
const AHEAD: usize = 64 << 10;
/// Limit of runs in a merge: with `AHEAD`, 64 MB, and 1,000 million items.
const RUNS_MAX: usize = 1024;

/// Collects items.
pub(super) struct Sorter {
    run: Run,
    run_items: usize,
    spill: Option<BufWriter<File>>,
    spilled: u64,
    runs: Vec<(u64, u64)>,
}

/// Items in memory, stored one after the other.
#[derive(Default)]
struct Run {
    octets: Vec<u8>,
    places: Vec<ItemPosition>,
}

/// Place of an item in a run.
#[derive(Clone, Copy)]
struct ItemPosition {
    /// The first octets of the item, which decide most comparisons.
    front: u64,
    at: u32,
    len: u8,
}

impl Run {
    fn item(&self, place: ItemPosition) -> &[u8] {
        let at = place.at as usize;
        &self.octets[at..at + usize::from(place.len)]
    }

    fn sort(&mut self) {
        let mut places = std::mem::take(&mut self.places);
        places.sort_unstable_by(|a, b| {
            let by_front = a.front.cmp(&b.front);
            by_front.then_with(|| self.item(*a).cmp(self.item(*b)))
        });
        self.places = places;
    }
}

/// The first octets of an item, in the order of the items; a shorter item has zeros after it.
fn front(item: &[u8]) -> u64 {
    let mut octets = [0; 8];
    let len = item.len().min(octets.len());
    octets[..len].copy_from_slice(&item[..len]);
    u64::from_be_bytes(octets)
}

impl Sorter {
    pub(super) fn new() -> Self {
        Self::with_run_items(RUN_ITEMS)
    }

    fn with_run_items(run_items: usize) -> Self {
        Self {
            run: Run::default(),
            run_items,
            spill: None,
            spilled: 0,
            runs: Vec::new(),
        }
    }

    /// Adds an item of at most 255 octets.
    ///
    /// # Errors
    /// The temporary file cannot be written, or there are too many items.
    pub(super) fn push(&mut self, item: &[u8]) -> io::Result<()> {
        let len = u8::try_from(item.len()).map_err(io::Error::other)?;
        if self.run.places.len() == self.run_items || self.run.octets.len() + item.len() > RUN_LEN {
            self.spill()?;
        }
        let at = u32::try_from(self.run.octets.len()).map_err(io::Error::other)?;
        self.run.places.push(ItemPosition {
            front: front(item),
            at,
            len,
        });
        self.run.octets.extend_from_slice(item);
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        if self.runs.len() == RUNS_MAX {
            return Err(io::Error::other(
                "there is too much to compare at once; fix: give a part of it",
            ));
        }
        self.run.sort();
        let file = match &mut self.spill {
            Some(file) => file,
            None => self.spill.insert(BufWriter::new(temporary()?)),
        };
        let begins = self.spilled;
        for place in &self.run.places {
            file.write_all(&[place.len])?;
            file.write_all(self.run.item(*place))?;
            self.spilled += 1 + u64::from(place.len);
        }
        self.runs.push((begins, self.spilled));
        self.run.octets.clear();
        self.run.places.clear();
        Ok(())
    }

    /// Returns all items, sorted.
    ///
    /// # Errors
    /// The temporary file cannot be written.
    pub(super) fn sorted(mut self) -> io::Result<Sorted> {
        self.run.sort();
        let mut sorted = Sorted {
            run: self.run,
            next: 0,
            merging: Vec::new(),
            heap: BinaryHeap::new(),
        };
        if let Some(spill) = self.spill.take() {
            let file = spill.into_inner().map_err(|error| error.into_error())?;
            let file = Arc::new(file);
            let runs = self.runs.into_iter();
            sorted.merging = runs.map(|run| Merging::of(&file, run)).collect();
        }
        for run in 0..sorted.merging.len() {
            let mut item = Vec::new();
            if sorted.merging[run].next(&mut item)? {
                sorted.heap.push(Reverse((item, run)));
            }
        }
        Ok(sorted)
    }
}

/// Returns the items in order.
pub(super) struct Sorted {
    /// The last run, still in memory.
    run: Run,
    next: usize,
    merging: Vec<Merging>,
    /// The next item of each run in the file.
    heap: BinaryHeap<Reverse<(Vec<u8>, usize)>>,
}

/// A run in the file.
struct Merging {
    file: Arc<File>,
    at: u64,
    end: u64,
    ahead: Vec<u8>,
    used: usize,
}

impl Merging {
    fn of(file: &Arc<File>, (at, end): (u64, u64)) -> Self {
        Self {
            file: Arc::clone(file),
            at,
            end,
            ahead: Vec::new(),
            used: 0,
        }
    }

    /// The next item; false at the end of the run.
    fn next(&mut self, item: &mut Vec<u8>) -> io::Result<bool> {
        let left = self.ahead.get(self.used..).unwrap_or_default();
        let whole = |left: &[u8]| {
            left.first()
                .is_some_and(|len| left.len() > usize::from(*len))
        };
        if !whole(left) {
            self.read_ahead()?;
        }
        let left = self.ahead.get(self.used..).unwrap_or_default();
        let Some((len, octets)) = left.split_first() else {
            return Ok(false);
        };
        let len = usize::from(*len);
        item.clear();
        item.extend_from_slice(octets.get(..len).ok_or(io::ErrorKind::UnexpectedEof)?);
        self.used += 1 + len;
        Ok(true)
    }

    fn read_ahead(&mut self) -> io::Result<()> {
        self.ahead.drain(..self.used);
        self.used = 0;
        let kept = self.ahead.len();
        let left = usize::try_from(self.end - self.at).unwrap_or(AHEAD);
        self.ahead.resize(kept + AHEAD.min(left), 0);
        self.file.read_exact_at(&mut self.ahead[kept..], self.at)?;
        self.at += (self.ahead.len() - kept) as u64;
        Ok(())
    }
}

impl Sorted {
    /// Reads the next item; false at the end.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub(super) fn next(&mut self, item: &mut Vec<u8>) -> io::Result<bool> {
        let in_memory = self.run.places.get(self.next);
        let in_memory = in_memory.map(|place| self.run.item(*place));
        let in_file = self.heap.peek_mut();
        let from_memory = match (in_memory, &in_file) {
            (None, None) => return Ok(false),
            (Some(a), Some(first)) => a <= first.0.0.as_slice(),
            (a, _) => a.is_some(),
        };
        if from_memory {
            item.clear();
            item.extend_from_slice(in_memory.unwrap_or_default());
            self.next += 1;
        } else if let Some(mut first) = in_file {
            let Reverse((next, run)) = &mut *first;
            std::mem::swap(item, next);
            if !self.merging[*run].next(next)? {
                PeekMut::pop(first);
            }
        }
        Ok(true)
    }

    /// The items of two lists in one order.
    pub(super) fn with(self, other: Self) -> Both {
        Both {
            sides: [self, other].map(|sorted| Side {
                sorted,
                item: Vec::new(),
                state: Next::Unknown,
            }),
        }
    }
}

/// Two sorted lists in one order.
pub(super) struct Both {
    sides: [Side; 2],
}

struct Side {
    sorted: Sorted,
    item: Vec<u8>,
    state: Next,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Unknown,
    Item,
    End,
}

impl Both {
    /// The next item; false at the end.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub(super) fn next(&mut self, item: &mut Vec<u8>) -> io::Result<bool> {
        for side in &mut self.sides {
            if side.state == Next::Unknown {
                side.state = match side.sorted.next(&mut side.item)? {
                    true => Next::Item,
                    false => Next::End,
                };
            }
        }
        let [a, b] = &mut self.sides;
        let next = match (a.state, b.state) {
            (Next::Item, Next::Item) if a.item <= b.item => a,
            (_, Next::Item) => b,
            (Next::Item, _) => a,
            _ => return Ok(false),
        };
        std::mem::swap(item, &mut next.item);
        next.state = Next::Unknown;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_sorts_like_a_list(
            items in vec(vec(any::<u8>(), 0..12), 0..200),
            run in 1..60_usize,
            split in any::<prop::sample::Index>(),
        ) {
            let sorted = |items: &[Vec<u8>]| {
                let mut sorter = Sorter::with_run_items(run);
                for item in items {
                    sorter.push(item).unwrap();
                }
                sorter.sorted().unwrap()
            };
            let (a, b) = items.split_at(split.index(items.len() + 1));
            let mut sorted = sorted(a).with(sorted(b));
            let (mut got, mut item) = (Vec::new(), Vec::new());
            while sorted.next(&mut item).unwrap() {
                got.push(item.clone());
            }
            let mut right = items;
            right.sort();
            prop_assert_eq!(got, right);
        }
    }
}
