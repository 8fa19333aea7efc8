//! The null ports of the bench: frames come from a shelf and go to a shelf, uncopied. So every frame
//! that a worker protected can be put before it again, to be validated; and the ports cost next to
//! nothing, which the no-op forwarder shows.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use port::limits::MTU_MAX;
use port::{Burst, Frame, Port, PortCounters};

/// Frames in order.
pub(super) type Frames = VecDeque<Frame>;

/// A place for frames between a port and the bench.
#[derive(Clone, Default)]
pub(super) struct Shelf(Rc<RefCell<Frames>>);

impl Shelf {
    /// Puts all of them there; the shelf was empty.
    pub(super) fn put(&self, frames: &mut Frames) {
        core::mem::swap(&mut *self.0.borrow_mut(), frames);
    }

    /// Takes all that are there; `frames` was empty.
    pub(super) fn take(&self, frames: &mut Frames) {
        core::mem::swap(&mut *self.0.borrow_mut(), frames);
    }
}

/// A port between two shelves.
pub(super) struct ShelfPort {
    rx: Shelf,
    tx: Shelf,
    counters: PortCounters,
}

impl ShelfPort {
    /// A port that receives from `rx` and sends to `tx`.
    pub(super) fn new(rx: &Shelf, tx: &Shelf) -> Self {
        Self {
            rx: rx.clone(),
            tx: tx.clone(),
            counters: PortCounters::default(),
        }
    }
}

impl Port for ShelfPort {
    fn rx_burst(&mut self, into: &mut Burst) {
        let mut shelf = self.rx.0.borrow_mut();
        let count = shelf.len().min(into.remaining_capacity());
        let mut octets = 0;
        for frame in shelf.drain(..count) {
            octets += frame.len() as u64;
            into.push(frame);
        }
        self.counters.rx_frames += count as u64;
        self.counters.rx_octets += octets;
    }

    fn tx_burst(&mut self, from: &mut Burst) {
        let mut shelf = self.tx.0.borrow_mut();
        // Summed up on the way: a sum in memory is what the next frame would wait for.
        let mut octets = 0;
        self.counters.tx_frames += from.len() as u64;
        for frame in from.drain(..) {
            octets += frame.len() as u64;
            shelf.push_back(frame);
        }
        self.counters.tx_octets += octets;
    }

    fn copy_tx(&mut self, _frame: &[u8]) {
        self.counters.tx_refused += 1; // there is no control here
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn mtu(&self) -> usize {
        MTU_MAX
    }

    fn mac(&self) -> [u8; 6] {
        [2, 0, 0, 0, 0, 0]
    }

    fn counters(&self) -> PortCounters {
        self.counters
    }

    fn link_up(&self) -> bool {
        true
    }

    fn kind(&self) -> &'static str {
        "null"
    }
}
