//! Rekey frames between the line and control, and the bell that wakes control for them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of it is a test")]

mod line;

use line::{MTU, Site, Sites, assert_closed, red_frame, rekey_frame};
use port::Port;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use worker::Policy;
use worker::limits::{CONTROL_FRAME_LEN_MAX, CONTROL_QUEUE_FRAMES};

#[test]
fn control_frames_cross_without_a_key_and_go_first() {
    let mut sites = Sites::new();
    let hello = rekey_frame(1, 128);
    sites.a.control.send(&hello).unwrap();
    sites.b.control.send(&rekey_frame(2, 64)).unwrap();
    sites.carry();
    assert_eq!(sites.b.control.recv().unwrap().bytes(), hello);
    assert_eq!(sites.a.control.recv().unwrap().bytes(), rekey_frame(2, 64));
    assert!(sites.b.host_receives().is_empty() && sites.a.host_receives().is_empty());

    sites.rotate(1);
    for number in 0..200 {
        sites.a.host_sends(&red_frame(number, 60));
    }
    sites.a.control.send(&hello).unwrap();
    sites.a.control.send(&rekey_frame(3, 128)).unwrap();
    let (there, _) = sites.carry();
    assert_eq!(
        there[..2],
        [hello, rekey_frame(3, 128)],
        "ahead of the user frames"
    );
    assert_eq!(there.len(), 202);
    assert_eq!(sites.a.numbers().worker.out_control, 3);
    assert_closed(&sites.a.numbers(), &Policy::default());
    assert_closed(&sites.b.numbers(), &Policy::default());
}

#[test]
fn control_frames_beyond_the_limits_are_dropped_by_name() {
    let mut sites = Sites::new();
    sites
        .at_b
        .copy_tx(&rekey_frame(0, CONTROL_FRAME_LEN_MAX + 1));
    sites.at_b.copy_tx(&rekey_frame(0, MTU));
    for number in 0..CONTROL_QUEUE_FRAMES + 5 {
        sites.at_b.copy_tx(&rekey_frame(number as u8, 100));
    }
    sites.b.breathe();
    let numbers = sites.b.numbers();
    assert_eq!(numbers.worker.in_control_too_long, 2);
    assert_eq!(numbers.worker.in_control_overrun, 5);
    assert_eq!(numbers.worker.in_control, CONTROL_QUEUE_FRAMES as u64);
    assert_closed(&numbers, &Policy::default());
    for number in 0..CONTROL_QUEUE_FRAMES {
        assert_eq!(
            sites.b.control.recv().unwrap().bytes(),
            rekey_frame(number as u8, 100)
        );
    }
    assert!(sites.b.control.recv().is_none());
}

/// A ring is a system call, so commands and user frames must not ring.
#[test]
fn control_frames_ring_control_and_nothing_else_does() {
    let rings = |site: &mut Site| {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut [PollFd::new(&site.control, PollFlags::IN)], Some(&now)).unwrap() > 0
    };
    let mut sites = Sites::new();
    sites.rotate(1);
    for number in 0..3 {
        sites.a.host_sends(&red_frame(number, 60));
        sites.carry();
        assert_eq!(sites.b.host_receives().len(), 1);
        sites.b.numbers();
        assert!(!rings(&mut sites.b), "frame {number}");
    }
    sites.a.control.send(&rekey_frame(1, 128)).unwrap();
    sites.carry();
    assert!(rings(&mut sites.b));
    assert!(sites.b.control.recv().is_some() && sites.b.control.recv().is_none());
    assert!(!rings(&mut sites.b), "silenced");
}
