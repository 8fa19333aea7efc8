//! The bounded queue of entries for the writer; it counts the records that it cannot hold.

use std::collections::VecDeque;

use super::entry::{Gap, What};

/// Limit of waiting records: more than an hour at 3 s per key and direction.
pub(super) const WAITING_MAX: usize = 4096;

/// Records and notes in the order of the chain.
#[derive(Default)]
pub(super) struct Queue {
    waiting: VecDeque<What>,
    lost: u64,
}

impl Queue {
    /// Adds an entry. If the queue is full, a gap entry counts the lost record.
    pub(super) fn push(&mut self, now_ms: u64, what: What) {
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(what);
            return;
        }
        // Only records count as lost: a lost note is replaced by a later one.
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

    /// Returns the next entry to write.
    pub(super) fn pop(&mut self) -> Option<What> {
        self.waiting.pop_front()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Returns the number of records lost since the start.
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::record;
    use super::*;

    #[test]
    fn a_full_queue_keeps_the_oldest_and_counts_the_rest_in_their_place() {
        let mut queue = Queue::default();
        let max = WAITING_MAX as u32;
        for key in 0..max + 3 {
            queue.push(u64::from(key), What::Key(record("out", key, 1)));
        }
        assert_eq!((queue.len(), queue.lost()), (WAITING_MAX + 1, 3));
        // Two places are free: the next record goes after the gap, then the queue is full again.
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
