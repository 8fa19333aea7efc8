//! Tests against an oracle and on two real threads. `loom_tests.rs` checks the orderings.

use super::{Full, Inbox, Mailbox, Sound, Ticket, with_slots};
use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::thread;

fn small<T, R>(slots: usize) -> (Mailbox<T, R, Sound>, Inbox<T, R, Sound>) {
    with_slots(slots)
}

#[derive(Clone, Debug)]
enum Step {
    Post(u16),
    Apply,
    Outcome(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => any::<u16>().prop_map(Step::Post),
        1 => proptest::strategy::Just(Step::Apply),
        2 => (0_u64..40).prop_map(Step::Outcome),
    ]
}

proptest! {
    /// A mailbox is a bounded queue: no command is lost, doubled or out of order; `Full` exactly
    /// when all slots wait; and every outcome still stored is the right one.
    #[test]
    fn is_a_bounded_queue(slots in 1_usize..6, steps in proptest::collection::vec(step(), 0..120)) {
        let (mut mailbox, mut inbox) = small::<u16, u32>(slots);
        let mut waiting = VecDeque::new();
        let mut answers = Vec::new();
        for step in steps {
            match step {
                Step::Post(value) => match mailbox.post(value) {
                    Ok(ticket) => {
                        waiting.push_back(value);
                        assert_eq!(ticket, Ticket((answers.len() + waiting.len()) as u64));
                    }
                    Err(Full(back)) => {
                        assert_eq!((back, waiting.len()), (value, slots));
                    }
                },
                Step::Apply => {
                    let expected = waiting.len();
                    let applied = inbox.apply(|value| {
                        assert_eq!(Some(value), waiting.pop_front());
                        answers.push(u32::from(value) + 1);
                        u32::from(value) + 1
                    });
                    assert_eq!(applied, expected);
                }
                Step::Outcome(ticket) => {
                    let posted = answers.len() + waiting.len();
                    let forgotten = posted as u64 >= ticket + slots as u64;
                    let answer = ticket
                        .checked_sub(1)
                        .and_then(|index| answers.get(usize::try_from(index).unwrap()).copied());
                    let expected = if forgotten { None } else { answer };
                    assert_eq!(mailbox.outcome(Ticket(ticket)), expected, "ticket {ticket}");
                }
            }
            assert_eq!(mailbox.acknowledged(), answers.len() as u64);
        }
    }
}

/// Counts how often it is dropped.
struct Counted(Rc<Cell<u32>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn an_ending_worker_drops_what_waits_and_takes_no_more() {
    let drops = Rc::new(Cell::new(0));
    let (mut mailbox, inbox) = small::<Counted, ()>(4);
    mailbox.post(Counted(Rc::clone(&drops))).unwrap();
    mailbox.post(Counted(Rc::clone(&drops))).unwrap();
    drop(inbox);
    assert_eq!(
        drops.get(),
        2,
        "dropped with the inbox, not with the mailbox"
    );
    assert!(mailbox.is_closed());
    assert_eq!(
        mailbox.acknowledged(),
        0,
        "what was not applied is not acknowledged"
    );
    let Err(Full(back)) = mailbox.post(Counted(Rc::clone(&drops))) else {
        panic!("a closed mailbox took a command");
    };
    assert_eq!(drops.get(), 2);
    drop(back);
    assert_eq!(drops.get(), 3);
}

#[test]
fn a_mailbox_that_goes_first_loses_nothing() {
    let drops = Rc::new(Cell::new(0));
    let (mut mailbox, mut inbox) = small::<Counted, ()>(2);
    mailbox.post(Counted(Rc::clone(&drops))).unwrap();
    assert!(!inbox.is_abandoned());
    drop(mailbox);
    assert!(inbox.is_abandoned());
    assert_eq!(drops.get(), 0);
    assert_eq!(inbox.apply(drop), 1);
    assert_eq!(drops.get(), 1);
    drop(inbox);
    assert_eq!(drops.get(), 1);
}

#[test]
fn a_command_is_acknowledged_only_after_it_is_applied() {
    let (mut mailbox, mut inbox) = small::<u8, u8>(2);
    let ticket = mailbox.post(7).unwrap();
    inbox.apply(|command| {
        assert!(!mailbox.is_done(ticket));
        assert_eq!(mailbox.outcome(ticket), None);
        command
    });
    assert!(mailbox.is_done(ticket));
    assert_eq!(mailbox.outcome(ticket), Some(7));
}

#[test]
fn a_worker_that_panics_in_a_command_acknowledges_nothing_and_closes() {
    let (mut mailbox, mut inbox) = small::<u8, ()>(4);
    mailbox.post(1).unwrap();
    mailbox.post(2).unwrap();
    let dead = thread::spawn(move || inbox.apply(|_| panic!("as if a command were broken"))).join();
    assert!(dead.is_err());
    assert!(mailbox.is_closed());
    assert_eq!(mailbox.acknowledged(), 0);
}

#[test]
fn two_threads_twenty_thousand_commands() {
    const COMMANDS: u64 = 20_000;
    let (mut mailbox, mut inbox) = small::<Box<u64>, u64>(3);
    let worker = thread::spawn(move || {
        let mut expected = 0;
        while expected < COMMANDS {
            inbox.apply(|command| {
                expected += 1;
                assert_eq!(*command, expected);
                expected * 2
            });
            thread::yield_now();
        }
    });
    let mut command = Box::new(1);
    while *command <= COMMANDS {
        let next = Box::new(*command + 1);
        match mailbox.post(command) {
            Ok(_) => command = next,
            Err(Full(back)) => {
                command = back;
                thread::yield_now();
            }
        }
    }
    worker.join().unwrap();
    assert_eq!(mailbox.acknowledged(), COMMANDS);
    assert_eq!(mailbox.outcome(Ticket(COMMANDS)), Some(COMMANDS * 2));
}

#[test]
fn an_error_shows_no_command() {
    assert_eq!(format!("{:?}", Full([0x5a_u8; 4])), "Full");
}
