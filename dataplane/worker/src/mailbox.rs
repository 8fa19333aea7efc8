//! The mailbox of one worker: commands in, an acknowledged epoch and outcomes back.
//!
//! ```text
//! control  post ──►  slots, posted generation  ──► apply  worker
//!          acknowledged epoch, outcomes  ◄──────────────┘
//! ```
//!
//! One thread posts, one applies. Each command has a generation, counted from 1; it lies in slot
//! `generation mod slots`. **A slot belongs to the worker from `posted` reaching its generation until
//! `acknowledged` reaches it, and to control the rest of the time.** That one sentence is what every
//! `SAFETY` comment below leans on, and what the loom tests check.
//!
//! * The worker looks at one number per burst (an Acquire load). What it takes, it owns: a command
//!   carries the expanded key itself, not a share of it.
//! * The epoch is stored after the command is applied *and* what it replaced is dropped. So a control
//!   side that sees `acknowledged() >= ticket` knows that the replaced key is wiped.
//!
//! Not here: waking a worker that sleeps (`wake.rs`), what the commands mean (`command.rs`).
//! Allocation happens once, in [`channel`].

use crate::command::{Command, Outcome};
use crate::limits::MAILBOX_SLOTS;
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering, UnsafeCell};
use core::fmt;
use core::marker::PhantomData;
use crossbeam_utils::CachePadded;

/// The control side: posts commands, reads the acknowledged epoch.
pub struct Mailbox<T = Command, R = Outcome, O: Orders = Sound> {
    shared: Arc<Shared<T, R>>,
    /// Generation of the last command posted. Only we write `shared.posted`.
    posted: u64,
    orders: PhantomData<fn() -> O>,
}

/// The worker side: takes commands, acknowledges them.
pub struct Inbox<T = Command, R = Outcome, O: Orders = Sound> {
    shared: Arc<Shared<T, R>>,
    /// Generation of the last command taken. Equal to `shared.acknowledged` outside of `apply`.
    taken: u64,
    orders: PhantomData<fn() -> O>,
}

/// Names a posted command: the epoch to wait for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// The mailbox took nothing: all slots hold commands not yet acknowledged, or the worker has gone
/// ([`Mailbox::is_closed`]). The command comes back.
pub struct Full<T = Command>(pub T);

/// The memory orderings of the mailbox.
///
/// A parameter only so that the loom tests can weaken one at a time and see the model fail; there is
/// nothing else to choose here than [`Sound`].
pub trait Orders {
    /// Control stores `posted`: publishes the slot to the worker.
    const POST: Ordering = Ordering::Release;
    /// The worker loads `posted`: the slots up to there are its own.
    const LOOK: Ordering = Ordering::Acquire;
    /// The worker stores `acknowledged`: gives the slot back, after everything it wiped.
    const ACKNOWLEDGE: Ordering = Ordering::Release;
    /// Control loads `acknowledged`: the slot is its own again, and what was wiped is seen wiped.
    const ACKNOWLEDGED: Ordering = Ordering::Acquire;
}

/// The orderings that the loom model accepts.
pub struct Sound;

impl Orders for Sound {}

enum Slot<T, R> {
    Empty,
    Command(T),
    Outcome(R),
}

struct Shared<T, R> {
    /// Generation of the last command posted; written by control only.
    posted: CachePadded<AtomicU64>,
    /// Generation of the last command applied; written by the worker only.
    acknowledged: CachePadded<AtomicU64>,
    /// The worker has gone and applies nothing any more.
    closed: AtomicBool,
    /// Control has gone and posts nothing any more.
    abandoned: AtomicBool,
    slots: Box<[UnsafeCell<Slot<T, R>>]>,
}

// SAFETY: the only field that is not `Sync` by itself is the cells. Each is accessed by the one side
// that owns its slot at the time (see the module's text), so values only ever move between threads:
// `Send` is enough.
unsafe impl<T: Send, R: Send> Sync for Shared<T, R> {}

/// A mailbox with [`MAILBOX_SLOTS`] slots.
#[must_use]
pub fn channel() -> (Mailbox, Inbox) {
    with_slots(MAILBOX_SLOTS)
}

/// A mailbox for any kind of command, outcome and orderings, with `slots` slots.
pub(crate) fn with_slots<T, R, O: Orders>(slots: usize) -> (Mailbox<T, R, O>, Inbox<T, R, O>) {
    assert!(slots > 0, "a mailbox without slots takes nothing");
    let shared = Arc::new(Shared {
        posted: CachePadded::new(AtomicU64::new(0)),
        acknowledged: CachePadded::new(AtomicU64::new(0)),
        closed: AtomicBool::new(false),
        abandoned: AtomicBool::new(false),
        slots: (0..slots).map(|_| UnsafeCell::new(Slot::Empty)).collect(),
    });
    let mailbox = Mailbox {
        shared: Arc::clone(&shared),
        posted: 0,
        orders: PhantomData,
    };
    (
        mailbox,
        Inbox {
            shared,
            taken: 0,
            orders: PhantomData,
        },
    )
}

impl<T, R> Shared<T, R> {
    fn slot(&self, generation: u64) -> &UnsafeCell<Slot<T, R>> {
        let slots = self.slots.len() as u64;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "less than the number of slots"
        )]
        let index = (generation % slots) as usize;
        &self.slots[index]
    }
}

impl<T, R, O: Orders> Mailbox<T, R, O> {
    /// Posts a command. It is applied when [`acknowledged`](Self::acknowledged) reaches the ticket.
    ///
    /// # Errors
    /// [`Full`] gives the command back when there is no slot free or no worker any more.
    pub fn post(&mut self, command: T) -> Result<Ticket, Full<T>> {
        let waiting = self.posted - self.acknowledged();
        if waiting >= self.shared.slots.len() as u64 || self.is_closed() {
            return Err(Full(command));
        }
        let generation = self.posted + 1;
        self.shared.slot(generation).with_mut(|slot| {
            // SAFETY: fewer than all slots wait, so this slot's last generation is acknowledged and
            // this one is not posted: control owns it.
            unsafe { *slot = Slot::Command(command) };
        });
        self.shared.posted.store(generation, O::POST);
        self.posted = generation;
        Ok(Ticket(generation))
    }

    /// The epoch: all commands up to this ticket are applied, and what they replaced is wiped.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(O::ACKNOWLEDGED)
    }

    /// Whether the command of this ticket is applied.
    #[must_use]
    pub fn is_done(&self, ticket: Ticket) -> bool {
        ticket.0 <= self.acknowledged()
    }

    /// Whether the worker has gone: nothing posted from now on will ever be applied.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }
}

impl<T, R: Clone, O: Orders> Mailbox<T, R, O> {
    /// What the worker answered to the command of this ticket.
    ///
    /// `None` as long as it is not acknowledged, and again when so many commands have been posted
    /// since that its slot is reused.
    #[must_use]
    pub fn outcome(&self, ticket: Ticket) -> Option<R> {
        let reused = self.posted >= ticket.0 + self.shared.slots.len() as u64;
        if ticket.0 == 0 || reused || !self.is_done(ticket) {
            return None;
        }
        self.shared.slot(ticket.0).with(|slot| {
            // SAFETY: acknowledged, and no later generation of this slot is posted: control owns it.
            match unsafe { &*slot } {
                Slot::Outcome(outcome) => Some(outcome.clone()),
                Slot::Empty | Slot::Command(_) => None,
            }
        })
    }
}

impl<T, R, O: Orders> Inbox<T, R, O> {
    /// Applies every command posted, in order, and acknowledges each after `apply` has returned: what
    /// `apply` replaces must be dropped by then. Returns how many there were.
    ///
    /// Without news this is one Acquire load.
    pub fn apply(&mut self, mut apply: impl FnMut(T) -> R) -> usize {
        let posted = self.shared.posted.load(O::LOOK);
        let mut applied = 0;
        while self.taken < posted {
            let Some(command) = self.take() else { break };
            let outcome = apply(command);
            self.shared.slot(self.taken).with_mut(|slot| {
                // SAFETY: posted (checked above) and not yet acknowledged: the worker owns it.
                unsafe { *slot = Slot::Outcome(outcome) };
            });
            self.shared.acknowledged.store(self.taken, O::ACKNOWLEDGE);
            applied += 1;
        }
        applied
    }

    /// Whether control has gone: nobody is left to replace or retire the keys.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.shared.abandoned.load(Ordering::Acquire)
    }

    /// Takes the next command out of its slot. The caller has seen it posted.
    fn take(&mut self) -> Option<T> {
        self.taken += 1;
        self.shared.slot(self.taken).with_mut(|slot| {
            // SAFETY: posted and not yet acknowledged: the worker owns it.
            match unsafe { core::mem::replace(&mut *slot, Slot::Empty) } {
                Slot::Command(command) => Some(command),
                Slot::Empty | Slot::Outcome(_) => None,
            }
        })
    }
}

impl<T, R, O: Orders> Drop for Mailbox<T, R, O> {
    fn drop(&mut self) {
        self.shared.abandoned.store(true, Ordering::Release);
    }
}

impl<T, R, O: Orders> Drop for Inbox<T, R, O> {
    /// A worker that ends, or dies, drops the commands it did not get to: their keys are wiped now
    /// and not when control lets go of the mailbox. They are not acknowledged.
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        let posted = self.shared.posted.load(O::LOOK);
        while self.taken < posted {
            drop(self.take());
        }
    }
}

impl<T> fmt::Debug for Full<T> {
    /// Without the command: it carries a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Full")
    }
}

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the worker's mailbox takes no command: it is full or the worker has ended")
    }
}

impl<T> core::error::Error for Full<T> {}

#[cfg(test)]
#[cfg(not(loom))]
mod tests;

#[cfg(test)]
#[cfg(loom)]
mod loom_tests;
