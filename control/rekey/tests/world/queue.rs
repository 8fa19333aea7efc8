//! Scheduled events, in the order of their times. Events of one time keep their order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// The events of a world.
pub struct Queue<T> {
    /// Time, number and place of each event.
    order: BinaryHeap<Reverse<(Duration, u64, usize)>>,
    events: Vec<Option<T>>,
    free: Vec<usize>,
    pushed: u64,
}

impl<T> Queue<T> {
    /// Creates a queue without events.
    pub const fn new() -> Self {
        Self {
            order: BinaryHeap::new(),
            events: Vec::new(),
            free: Vec::new(),
            pushed: 0,
        }
    }

    /// Adds an event.
    pub fn push(&mut self, at: Duration, event: T) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.events.push(None);
            self.events.len() - 1
        });
        self.events[place] = Some(event);
        self.pushed += 1;
        self.order.push(Reverse((at, self.pushed, place)));
    }

    /// Returns the time of the next event.
    pub fn due(&self) -> Option<Duration> {
        self.order.peek().map(|Reverse((at, ..))| *at)
    }

    /// Takes the next event if this is its time.
    pub fn pop_due(&mut self, now: Duration) -> Option<T> {
        self.due().filter(|at| *at == now)?;
        let Reverse((_, _, place)) = self.order.pop()?;
        self.free.push(place);
        self.events[place].take()
    }

    /// Moves the events that are late to this time, behind its other events.
    pub fn hurry(&mut self, now: Duration, late: impl Fn(&T) -> bool) {
        let mut order = std::mem::take(&mut self.order).into_vec();
        order.sort_unstable_by_key(|Reverse(key)| *key);
        for Reverse(key) in &mut order {
            if self.events[key.2].as_ref().is_some_and(&late) {
                self.pushed += 1;
                (key.0, key.1) = (now, self.pushed);
            }
        }
        self.order = order.into();
    }
}
