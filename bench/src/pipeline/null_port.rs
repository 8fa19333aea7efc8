//! Null ports: frames come from a queue and go to a queue, uncopied. So each frame that a worker
//! protected can be given back to it, to be validated. The ports cost next to nothing, as the no-op
//! forwarder shows.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use port::limits::MTU_MAX;
use port::{Burst, Frame, Port, PortCounters};

pub(super) type Frames = VecDeque<Frame>;

/// Frames between a port and the testbed.
#[derive(Clone, Default)]
pub(super) struct Queue(Rc<RefCell<Frames>>);

impl Queue {
    /// Gives all frames of one for all frames of the other.
    pub(super) fn swap(&self, frames: &mut Frames) {
        core::mem::swap(&mut *self.0.borrow_mut(), frames);
    }
}

pub(super) struct NullPort {
    rx: Queue,
    tx: Queue,
    counters: PortCounters,
}

impl NullPort {
    /// A port that receives from the first queue and sends to the second.
    pub(super) fn boxed([rx, tx]: &[Queue; 2]) -> Box<dyn Port> {
        Box::new(Self {
            rx: rx.clone(),
            tx: tx.clone(),
            counters: PortCounters::default(),
        })
    }
}

impl Port for NullPort {
    fn rx_burst(&mut self, into: &mut Burst) {
        let mut queue = self.rx.0.borrow_mut();
        let count = queue.len().min(into.remaining_capacity());
        let mut octets = 0;
        for frame in queue.drain(..count) {
            octets += frame.len() as u64;
            into.push(frame);
        }
        self.counters.rx_frames += count as u64;
        self.counters.rx_octets += octets;
    }

    fn tx_burst(&mut self, from: &mut Burst) {
        let mut queue = self.tx.0.borrow_mut();
        // Summed up in a register: the next frame would wait for a sum in memory.
        let mut octets = 0;
        self.counters.tx_frames += from.len() as u64;
        for frame in from.drain(..) {
            octets += frame.len() as u64;
            queue.push_back(frame);
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
