//! The mailbox of one worker: commands in, an acknowledged epoch and outcomes back.
//!
//! ```text
//! control  post ──►  slots, posted generation  ──► apply  worker
//!          acknowledged epoch, outcomes  ◄──────────────┘
//! ```
//!
//! One thread posts, one applies. Each command has a generation, counted from 1; its slot is
//! `generation mod slots`. **The worker owns a slot from the moment `posted` reaches its generation
//! until `acknowledged` reaches it; control owns it the rest of the time.** Every `SAFETY` comment
//! below relies on this rule, and the loom tests check it.
//!
//! * The worker reads one number per burst (an Acquire load). It owns each command it takes: a
//!   command carries the expanded key itself, not a shared reference to it.
//! * The worker stores the epoch after the command is applied *and* everything it replaced is
//!   dropped. So control knows that the replaced key is wiped once `acknowledged() >= ticket`.
//!
//! Not here: waking a worker that sleeps (`wake.rs`), the meaning of the commands (`command.rs`).
//! Only [`channel`] allocates.

use crate::command::{Command, Outcome};
use crate::limits::MAILBOX_SLOTS;
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering, UnsafeCell};
use core::fmt;
use core::marker::PhantomData;
use crossbeam_utils::CachePadded;

/// The control side: posts commands, reads the acknowledged epoch.
pub struct Mailbox<T = Command, R = Outcome, O: Orders = Sound> {
    shared: Arc<Shared<T, R>>,
    /// Generation of the last command posted. Only this side writes `shared.posted`.
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

/// Identifies a posted command: the epoch to wait for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// The mailbox refused the command: all slots hold commands not yet acknowledged, or the worker has
/// gone ([`Mailbox::is_closed`]). It returns the command.
pub struct Full<T = Command>(pub T);

/// The memory orderings of the mailbox.
///
/// This is a parameter only so that the loom tests can weaken one ordering at a time and see the
/// model fail. All other code uses [`Sound`].
pub trait Orders {
    /// Control stores `posted`: this publishes the slot to the worker.
    const POST: Ordering = Ordering::Release;
    /// The worker loads `posted`: it now owns the slots up to this generation.
    const LOOK: Ordering = Ordering::Acquire;
    /// The worker stores `acknowledged`: this returns the slot after the worker has wiped
    /// everything.
    const ACKNOWLEDGE: Ordering = Ordering::Release;
    /// Control loads `acknowledged`: it owns the slot again, and sees the wiped memory as wiped.
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
    /// The worker has gone and applies no more commands.
    closed: AtomicBool,
    /// Control has gone and posts no more commands.
    abandoned: AtomicBool,
    slots: Box<[UnsafeCell<Slot<T, R>>]>,
}

// SAFETY: only the cells are not `Sync` by themselves. Each cell is accessed only by the side that
// owns its slot at the time (see the module documentation), so values only move between threads,
// and `Send` is enough.
unsafe impl<T: Send, R: Send> Sync for Shared<T, R> {}

/// A mailbox with [`MAILBOX_SLOTS`] slots.
#[must_use]
pub fn channel() -> (Mailbox, Inbox) {
    with_slots(MAILBOX_SLOTS)
}

/// A mailbox with `slots` slots for any type of command, outcome and orderings.
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
    /// Posts a command. The command is applied once [`acknowledged`](Self::acknowledged) reaches
    /// the ticket.
    ///
    /// # Errors
    /// [`Full`] returns the command if no slot is free or the worker has gone.
    pub fn post(&mut self, command: T) -> Result<Ticket, Full<T>> {
        let waiting = self.posted - self.acknowledged();
        if waiting >= self.shared.slots.len() as u64 || self.is_closed() {
            return Err(Full(command));
        }
        let generation = self.posted + 1;
        self.shared.slot(generation).with_mut(|slot| {
            // SAFETY: fewer than all slots wait, so the previous generation of this slot is
            // acknowledged, and this one is not posted yet: control owns the slot.
            unsafe { *slot = Slot::Command(command) };
        });
        self.shared.posted.store(generation, O::POST);
        self.posted = generation;
        Ok(Ticket(generation))
    }

    /// The epoch: all commands up to this ticket are applied, and everything they replaced is
    /// wiped.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(O::ACKNOWLEDGED)
    }

    /// True once the command of this ticket is applied.
    #[must_use]
    pub fn is_done(&self, ticket: Ticket) -> bool {
        ticket.0 <= self.acknowledged()
    }

    /// True if the worker has gone: no command posted from now on is ever applied.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }
}

impl<T, R: Clone, O: Orders> Mailbox<T, R, O> {
    /// The worker's answer to the command of this ticket.
    ///
    /// `None` until the command is acknowledged, and again once its slot is reused for a later
    /// command.
    #[must_use]
    pub fn outcome(&self, ticket: Ticket) -> Option<R> {
        let reused = self.posted >= ticket.0 + self.shared.slots.len() as u64;
        if ticket.0 == 0 || reused || !self.is_done(ticket) {
            return None;
        }
        self.shared.slot(ticket.0).with(|slot| {
            // SAFETY: acknowledged, and no later generation of this slot is posted: control owns
            // the slot.
            match unsafe { &*slot } {
                Slot::Outcome(outcome) => Some(outcome.clone()),
                Slot::Empty | Slot::Command(_) => None,
            }
        })
    }
}

impl<T, R, O: Orders> Inbox<T, R, O> {
    /// Applies all posted commands in order, and acknowledges each one after `apply` returns.
    /// `apply` must drop everything the command replaces before it returns. Returns the number of
    /// commands.
    ///
    /// If there is no new command, this costs one Acquire load.
    pub fn apply(&mut self, mut apply: impl FnMut(T) -> R) -> usize {
        let posted = self.shared.posted.load(O::LOOK);
        let mut applied = 0;
        while self.taken < posted {
            let Some(command) = self.take() else { break };
            let outcome = apply(command);
            self.shared.slot(self.taken).with_mut(|slot| {
                // SAFETY: posted (checked above) and not yet acknowledged: the worker owns the
                // slot.
                unsafe { *slot = Slot::Outcome(outcome) };
            });
            self.shared.acknowledged.store(self.taken, O::ACKNOWLEDGE);
            applied += 1;
        }
        applied
    }

    /// True if control has gone: nothing can replace or retire the keys any more.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.shared.abandoned.load(Ordering::Acquire)
    }

    /// Takes the next command out of its slot. The caller must have checked that it is posted.
    fn take(&mut self) -> Option<T> {
        self.taken += 1;
        self.shared.slot(self.taken).with_mut(|slot| {
            // SAFETY: posted and not yet acknowledged: the worker owns the slot.
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
    /// A worker that ends or panics drops the commands that still wait, without acknowledging them.
    /// This wipes their keys now and not when control drops the mailbox.
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        let posted = self.shared.posted.load(O::LOOK);
        while self.taken < posted {
            drop(self.take());
        }
    }
}

impl<T> fmt::Debug for Full<T> {
    /// Leaves out the command, because it carries a key.
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
