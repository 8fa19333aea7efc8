//! Several workers at each end. Each SC is validated by one worker, no matter which worker gets its
//! frames. Order, counters and keys are checked over all workers together.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of it is a test")]

mod line;

use line::crew::{Crew, carry, rotate};
use line::{id, is_marked, numbers_in, receive, red_frame};
use port::Port;
use worker::{Command, Outcome, owner};

#[test]
fn each_sc_is_validated_by_one_worker_whoever_gets_its_frames() {
    for (ours, theirs) in [(1, 1), (1, 2), (2, 1), (2, 2), (3, 2), (2, 3), (16, 16)] {
        let (mut a, mut b) = (Crew::new(0xA, ours), Crew::new(0xB, theirs));
        rotate(&mut a, &mut b, 1);
        let mut number = 0;
        let mut arrived = vec![Vec::new(); theirs];
        for round in 0..10 {
            for member in &mut a.members {
                for _ in 0..20 {
                    member.host.copy_tx(&red_frame(number, 100));
                    number += 1;
                }
            }
            // A frame reaches its owner only by chance.
            let crossed = carry(&mut a, &mut b, |at| at + round);
            assert_eq!(crossed.len(), 20 * ours);
            assert!(!crossed.iter().any(|frame| is_marked(frame)));
            for (all, fresh) in arrived.iter_mut().zip(b.arrived()) {
                all.extend(numbers_in(&fresh));
            }
        }
        let mut all = arrived.concat();
        all.sort_unstable();
        let complete = all.into_iter().eq(0..number);
        assert!(complete, "{ours} to {theirs}: lost or doubled");
        for (at, numbers) in arrived.iter().enumerate() {
            let owned = |number: &u32| {
                let sc = *number as usize / 20 % ours;
                sc % theirs == at
            };
            assert!(numbers.iter().all(owned), "an SC at the wrong worker");
        }
        let handed = b.total(|n| n.worker.handed_over);
        assert_eq!(handed > 0, theirs > 1);
        a.assert_closed();
        b.assert_closed();
    }
}

#[test]
fn frames_that_come_to_their_owner_keep_their_order() {
    let (mut a, mut b) = (Crew::new(0xA, 2), Crew::new(0xB, 2));
    rotate(&mut a, &mut b, 1);
    for number in 0..600 {
        let sender = &mut a.members[number as usize % 2];
        sender.host.copy_tx(&red_frame(number, 60));
    }
    a.breathe();
    for (from, to) in a.members.iter_mut().zip(&mut b.members) {
        for frame in receive(&mut from.line) {
            to.line.copy_tx(&frame);
        }
    }
    b.breathe();
    for (parity, frames) in (0..).zip(b.arrived()) {
        let in_order = numbers_in(&frames).into_iter().eq((parity..600).step_by(2));
        assert!(in_order, "SC {parity}");
    }
    assert_eq!(b.total(|n| n.worker.handed_over), 0);
    b.assert_closed();
}

#[test]
fn a_frame_sent_to_every_worker_is_let_in_once() {
    let (mut a, mut b) = (Crew::new(0xA, 3), Crew::new(0xB, 3));
    rotate(&mut a, &mut b, 1);
    for member in &mut a.members {
        for number in 0..10 {
            member.host.copy_tx(&red_frame(number, 80));
        }
    }
    let crossed = carry(&mut a, &mut b, |_| 0);
    assert_eq!(b.arrived().concat().len(), 30);
    for member in &mut b.members {
        for frame in &crossed {
            member.line.copy_tx(frame);
        }
    }
    b.breathe();
    assert!(
        b.arrived().concat().is_empty(),
        "a replay came in by another worker"
    );
    assert_eq!(b.total(|n| n.rx.in_pkts_duplicate), 90);
    b.assert_closed();
}

#[test]
fn keys_change_under_traffic_and_no_frame_is_lost() {
    for (ours, theirs) in [(2, 2), (1, 2), (2, 1)] {
        let (mut a, mut b) = (Crew::new(0xA, ours), Crew::new(0xB, theirs));
        rotate(&mut a, &mut b, 1);
        let mut number = 0;
        for epoch in 2..22 {
            for member in &mut a.members {
                for _ in 0..30 {
                    let len = 60 + number as usize % 1400;
                    member.host.copy_tx(&red_frame(number, len));
                    number += 1;
                }
            }
            // The first worker seals under the old key, the others seal under the new key.
            a.members[0].worker.poll();
            rotate(&mut a, &mut b, epoch);
            carry(&mut a, &mut b, |at| at / 3);
            let id = id(epoch - 1);
            for sci in a.scis() {
                let retire = Command::RetireRx { sci, id };
                let retired = b.command(owner(sci, theirs), retire);
                assert!(matches!(retired, Outcome::Ended { .. }), "{retired:?}");
            }
        }
        let complete = b.arrived_numbers().into_iter().eq(0..number);
        assert!(complete, "{ours} to {theirs}: lost or doubled");
        a.assert_closed();
        b.assert_closed();
    }
}

#[test]
fn a_full_line_between_workers_is_a_named_drop() {
    let (mut a, mut b) = (Crew::new(0xA, 1), Crew::new(0xB, 2));
    rotate(&mut a, &mut b, 1);
    for number in 0..1000 {
        a.members[0].host.copy_tx(&red_frame(number, 60));
    }
    a.breathe();
    // All frames go to the wrong worker, while the right one sleeps.
    for frame in receive(&mut a.members[0].line) {
        b.members[1].line.copy_tx(&frame);
    }
    while b.members[1].worker.poll() > 0 {}
    let waiting = worker::limits::HANDOVER_FRAMES as u64;
    let numbers = b.numbers();
    assert_eq!(numbers[1].worker.handed_over, waiting);
    assert_eq!(numbers[1].worker.handover_overrun, 1000 - waiting);
    b.breathe();
    assert_eq!(b.arrived().concat().len() as u64, waiting);
    b.assert_closed();
}
