//! Loom tests of all interleavings of the two sides and of all values that a load may return. Run
//! them with `scripts/loom`.
//!
//! `Key` stands for an expanded key: its drop wipes memory that the control side then reads. Each
//! `weak_*` test weakens one ordering and must fail; otherwise the model would prove nothing.

use super::{Full, Inbox, Mailbox, Orders, Sound, Ticket, with_slots};
use crate::sync::{Arc, AtomicU64, Ordering, UnsafeCell};
use loom::thread;

/// Memory of a key. It is not atomic, so loom reports a read that is not ordered after the wipe.
struct Memory(UnsafeCell<u8>);

// SAFETY: loom checks this; a test with two unordered accesses fails.
unsafe impl Sync for Memory {}

impl Memory {
    fn new() -> Arc<Self> {
        Arc::new(Self(UnsafeCell::new(0xA5)))
    }

    fn read(&self) -> u8 {
        // SAFETY: loom checks that no write is concurrent.
        self.0.with(|byte| unsafe { *byte })
    }
}

struct Key(Arc<Memory>);

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: loom checks that no other access is concurrent.
        self.0.0.with_mut(|byte| unsafe { *byte = 0 });
    }
}

enum Order {
    Install(Key),
    Retire,
    Shutdown,
}

/// A minimal worker that holds one key.
fn work<O: Orders>(inbox: &mut Inbox<Order, u8, O>) {
    let mut held: Option<Key> = None;
    let mut running = true;
    while running {
        let applied = inbox.apply(|order| match order {
            Order::Install(key) => {
                let byte = key.0.read();
                drop(held.replace(key));
                byte
            }
            Order::Retire => u8::from(held.take().is_some()),
            Order::Shutdown => {
                running = false;
                0
            }
        });
        if applied == 0 {
            thread::yield_now();
        }
    }
}

fn wait<O: Orders>(mailbox: &Mailbox<Order, u8, O>, ticket: Ticket) {
    while !mailbox.is_done(ticket) {
        thread::yield_now();
    }
}

/// Installs, replaces and retires a key, reads the key's memory after each ack, then shuts down.
fn rotate<O: Orders + 'static>(slots: usize) {
    loom::model(move || {
        let (mut mailbox, mut inbox) = with_slots::<Order, u8, O>(slots);
        let worker = thread::spawn(move || work(&mut inbox));
        let (old, new) = (Memory::new(), Memory::new());

        let ticket = mailbox.post(Order::Install(Key(Arc::clone(&old)))).unwrap();
        wait(&mailbox, ticket);
        assert_eq!(
            mailbox.outcome(ticket),
            Some(0xA5),
            "the worker sees the key as we wrote it"
        );
        assert_eq!(old.read(), 0xA5, "an installed key is whole");

        let ticket = mailbox.post(Order::Install(Key(Arc::clone(&new)))).unwrap();
        wait(&mailbox, ticket);
        assert_eq!(old.read(), 0, "a replaced key is wiped before the ack");

        let ticket = mailbox.post(Order::Retire).unwrap();
        wait(&mailbox, ticket);
        assert_eq!(mailbox.outcome(ticket), Some(1));
        assert_eq!(new.read(), 0, "a retired key is wiped before the ack");

        mailbox.post(Order::Shutdown).unwrap();
        worker.join().unwrap();
        assert!(mailbox.is_closed());
    });
}

#[test]
fn install_replace_retire() {
    rotate::<Sound>(1);
    rotate::<Sound>(2);
}

#[test]
fn commands_in_flight_keep_their_order() {
    loom::model(|| {
        let (mut mailbox, mut inbox) = with_slots::<u8, u8, Sound>(2);
        let worker = thread::spawn(move || {
            let mut seen = 0;
            while seen < 3 {
                let applied = inbox.apply(|command| {
                    seen += 1;
                    assert_eq!(command, seen);
                    command
                });
                if applied == 0 {
                    thread::yield_now();
                }
            }
        });
        for command in 1..=3 {
            let mut again = command;
            while let Err(Full(back)) = mailbox.post(again) {
                again = back;
                thread::yield_now();
            }
        }
        worker.join().unwrap();
        assert_eq!(mailbox.acknowledged(), 3);
        assert_eq!(mailbox.outcome(Ticket(1)), None, "its slot is reused");
        assert_eq!(mailbox.outcome(Ticket(2)), Some(2));
        assert_eq!(mailbox.outcome(Ticket(3)), Some(3));
    });
}

#[test]
fn shutdown_wipes_what_is_held_and_what_waits() {
    loom::model(|| {
        let (mut mailbox, mut inbox) = with_slots::<Order, u8, Sound>(3);
        let (held, late) = (Memory::new(), Memory::new());
        mailbox
            .post(Order::Install(Key(Arc::clone(&held))))
            .unwrap();
        let worker = thread::spawn(move || work(&mut inbox));
        mailbox.post(Order::Shutdown).unwrap();
        // The worker may have ended already, or be about to end, or apply this with the other
        // commands.
        let refused = mailbox
            .post(Order::Install(Key(Arc::clone(&late))))
            .is_err();
        worker.join().unwrap();
        assert_eq!(held.read(), 0);
        assert!(mailbox.is_closed());
        drop(mailbox);
        assert_eq!(late.read(), 0, "refused: {refused}");
    });
}

/// Counts drops: a command is dropped exactly once, no matter which side goes first.
struct Once(Arc<AtomicU64>);

impl Drop for Once {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_command_pending_when_both_sides_go_is_dropped_once() {
    loom::model(|| {
        let drops = Arc::new(AtomicU64::new(0));
        let (mut mailbox, inbox) = with_slots::<Once, u8, Sound>(2);
        let command = Once(Arc::clone(&drops));
        let control = thread::spawn(move || {
            drop(mailbox.post(command));
        });
        drop(inbox);
        control.join().unwrap();
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

struct WeakPost;
impl Orders for WeakPost {
    const POST: Ordering = Ordering::Relaxed;
}

struct WeakLook;
impl Orders for WeakLook {
    const LOOK: Ordering = Ordering::Relaxed;
}

struct WeakAcknowledge;
impl Orders for WeakAcknowledge {
    const ACKNOWLEDGE: Ordering = Ordering::Relaxed;
}

struct WeakAcknowledged;
impl Orders for WeakAcknowledged {
    const ACKNOWLEDGED: Ordering = Ordering::Relaxed;
}

#[test]
#[should_panic(expected = "Causality violation")]
fn weak_post_is_caught() {
    rotate::<WeakPost>(1);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn weak_look_is_caught() {
    rotate::<WeakLook>(1);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn weak_acknowledge_is_caught() {
    rotate::<WeakAcknowledge>(1);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn weak_acknowledged_is_caught() {
    rotate::<WeakAcknowledged>(1);
}
