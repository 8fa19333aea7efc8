//! Sorts more items than fit in memory. Items are short octet strings. Sorted runs go to a
//! temporary file and are merged on reading.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

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
    places: Vec<(u32, u8)>,
}

impl Run {
    fn item(&self, place: (u32, u8)) -> &[u8] {
        let at = place.0 as usize;
        &self.octets[at..at + usize::from(place.1)]
    }

    fn sort(&mut self) {
        let mut places = std::mem::take(&mut self.places);
        places.sort_unstable_by(|a, b| self.item(*a).cmp(self.item(*b)));
        self.places = places;
    }
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
        self.run.places.push((at, len));
        self.run.octets.extend_from_slice(item);
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        if self.runs.len() == RUNS_MAX {
            return Err(io::Error::other(
                "there is too much to hold against each other at once; fix: give a part of it",
            ));
        }
        self.run.sort();
        let file = match &mut self.spill {
            Some(file) => file,
            None => self.spill.insert(BufWriter::new(temporary()?)),
        };
        let begins = self.spilled;
        for place in &self.run.places {
            file.write_all(&[place.1])?;
            file.write_all(self.run.item(*place))?;
            self.spilled += 1 + u64::from(place.1);
        }
        self.runs.push((begins, self.spilled));
        self.run.octets.clear();
        self.run.places.clear();
        Ok(())
    }

    /// All items, sorted.
    ///
    /// # Errors
    /// The temporary file cannot be written.
    pub(super) fn sorted(mut self) -> io::Result<Sorted> {
        self.run.sort();
        let Some(spill) = self.spill.take() else {
            return Ok(Sorted {
                run: self.run,
                next: 0,
                file: None,
                merging: Vec::new(),
                heap: BinaryHeap::new(),
            });
        };
        let file = spill.into_inner().map_err(|error| error.into_error())?;
        let mut sorted = Sorted {
            run: self.run,
            next: 0,
            file: Some(file),
            merging: self.runs.into_iter().map(Merging::of).collect(),
            heap: BinaryHeap::new(),
        };
        for run in 0..sorted.merging.len() {
            sorted.refill(run)?;
        }
        Ok(sorted)
    }
}

/// A file without a name, in `TMPDIR` if set, else on a disk rather than in memory.
fn temporary() -> io::Result<File> {
    let folder = std::env::var_os("TMPDIR").map_or_else(|| "/var/tmp".into(), PathBuf::from);
    tempfile::tempfile_in(&folder).or_else(|_| tempfile::tempfile())
}

/// Returns the items in order.
pub(super) struct Sorted {
    /// The last run, still in memory.
    run: Run,
    next: usize,
    file: Option<File>,
    merging: Vec<Merging>,
    /// The next item of each run in the file.
    heap: BinaryHeap<Reverse<(Vec<u8>, usize)>>,
}

/// A run in the file.
struct Merging {
    at: u64,
    end: u64,
    ahead: Vec<u8>,
    used: usize,
}

impl Merging {
    fn of((at, end): (u64, u64)) -> Self {
        Self {
            at,
            end,
            ahead: Vec::new(),
            used: 0,
        }
    }

    fn take(&mut self, file: &File, len: usize, into: &mut Vec<u8>) -> io::Result<bool> {
        into.clear();
        while into.len() < len {
            if self.used == self.ahead.len() {
                let left = self.end - self.at;
                if left == 0 {
                    return Ok(false);
                }
                let ahead = AHEAD.min(usize::try_from(left).unwrap_or(AHEAD));
                self.ahead.resize(ahead, 0);
                file.read_exact_at(&mut self.ahead, self.at)?;
                self.at += ahead as u64;
                self.used = 0;
            }
            let take = (len - into.len()).min(self.ahead.len() - self.used);
            into.extend_from_slice(&self.ahead[self.used..self.used + take]);
            self.used += take;
        }
        Ok(true)
    }
}

impl Sorted {
    /// The next item; false at the end.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub(super) fn next(&mut self, item: &mut Vec<u8>) -> io::Result<bool> {
        let in_memory = self
            .run
            .places
            .get(self.next)
            .map(|place| self.run.item(*place));
        let in_file = self.heap.peek().map(|Reverse((item, _))| item.as_slice());
        let from_memory = match (in_memory, in_file) {
            (None, None) => return Ok(false),
            (Some(a), Some(b)) => a <= b,
            (a, _) => a.is_some(),
        };
        if from_memory {
            item.clear();
            item.extend_from_slice(in_memory.unwrap_or_default());
            self.next += 1;
        } else if let Some(Reverse((first, run))) = self.heap.pop() {
            *item = first;
            self.refill(run)?;
        }
        Ok(true)
    }

    fn refill(&mut self, run: usize) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let merging = &mut self.merging[run];
        let mut item = Vec::new();
        if merging.take(file, 1, &mut item)? {
            let len = usize::from(item.first().copied().unwrap_or(0));
            merging.take(file, len, &mut item)?;
            self.heap.push(Reverse((item, run)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_sorts_as_a_list_does(
            items in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..12), 0..200),
            run in 1..60_usize,
        ) {
            let mut sorter = Sorter::with_run_items(run);
            for item in &items {
                sorter.push(item).unwrap();
            }
            let mut sorted = sorter.sorted().unwrap();
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
