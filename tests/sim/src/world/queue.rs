//! The scheduled events, in the order of their times. Events of one time keep their order.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

use super::Item;

#[derive(Default)]
pub(super) struct Queue {
    entries: BinaryHeap<Reverse<Entry>>,
    pushed: u64,
}

struct Entry {
    at: Duration,
    number: u64,
    item: Item,
}

impl Queue {
    pub(super) fn push(&mut self, at: Duration, item: Item) {
        self.pushed += 1;
        let number = self.pushed;
        self.entries.push(Reverse(Entry { at, number, item }));
    }

    /// Returns the time of the next event.
    pub(super) fn due(&self) -> Option<Duration> {
        self.entries.peek().map(|Reverse(entry)| entry.at)
    }

    /// Takes the next event if this is its time.
    pub(super) fn pop_due(&mut self, now: Duration) -> Option<Item> {
        self.due().filter(|at| *at == now)?;
        self.entries.pop().map(|Reverse(entry)| entry.item)
    }

    /// Moves the events that are late to this time, behind its other events.
    pub(super) fn hurry(&mut self, now: Duration, late: impl Fn(&Item) -> bool) {
        let entries = std::mem::take(&mut self.entries).into_sorted_vec();
        let (late, rest): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .rev()
            .partition(|Reverse(entry)| late(&entry.item));
        self.entries = rest.into();
        for Reverse(entry) in late {
            self.push(now, entry.item);
        }
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Entry {}
