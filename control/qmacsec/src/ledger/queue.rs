//! What waits to be written: bounded, and it counts what it cannot hold.

use std::collections::VecDeque;

use super::entry::{Gap, What};

/// Records that wait for the disk: at 3 s per key and direction, more than an hour of it.
pub(super) const WAITING_MAX: usize = 4096;

/// Records and notes in the order in which they go into the chain.
#[derive(Default)]
pub(super) struct Queue {
    waiting: VecDeque<What>,
    lost: u64,
}

impl Queue {
    /// Takes a record in, or counts it in a gap that stands at its place.
    pub(super) fn push(&mut self, now_ms: u64, what: What) {
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(what);
            return;
        }
        // Only keys are missed: a note tells nothing that a later one does not tell.
        if !matches!(what, What::Key(_)) {
            return;
        }
        self.lost += 1;
        if let Some(What::Gap(gap)) = self.waiting.back_mut() {
            gap.lost += 1;
            gap.until_ms = now_ms;
        } else {
            self.waiting.push_back(What::Gap(Gap {
                lost: 1,
                since_ms: now_ms,
                until_ms: now_ms,
            }));
        }
    }

    /// The next to be written.
    pub(super) fn pop(&mut self) -> Option<What> {
        self.waiting.pop_front()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Records that were lost since the start.
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::record;
    use super::*;

    #[test]
    fn a_full_queue_keeps_the_oldest_and_counts_the_rest_where_they_are_missing() {
        let mut queue = Queue::default();
        let max = WAITING_MAX as u32;
        for key in 0..max + 3 {
            queue.push(u64::from(key), What::Key(record("out", key, 1)));
        }
        assert_eq!((queue.len(), queue.lost()), (WAITING_MAX + 1, 3));
        // Two places are free: the next record goes behind the gap, and then there is none again.
        let first: Vec<_> = (0..2).filter_map(|_| queue.pop()).collect();
        assert_eq!(first[0], What::Key(record("out", 0, 1)));
        queue.push(9000, What::Key(record("out", 9000, 1)));
        queue.push(9001, What::Key(record("out", 9001, 1)));
        let rest: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        let gap = |lost, since_ms, until_ms| {
            What::Gap(Gap {
                lost,
                since_ms,
                until_ms,
            })
        };
        let from = WAITING_MAX - 2;
        assert_eq!(rest[from - 1], What::Key(record("out", max - 1, 1)));
        assert_eq!(rest[from], gap(3, max.into(), (max + 2).into()));
        assert_eq!(rest[from + 1], What::Key(record("out", 9000, 1)));
        assert_eq!(rest[from + 2], gap(1, 9001, 9001));
        assert_eq!(rest.len(), from + 3);
        let keys = rest
            .iter()
            .chain(&first)
            .filter(|what| matches!(what, What::Key(_)));
        assert_eq!(keys.count() as u64 + queue.lost(), u64::from(max) + 3 + 2);
    }
}
