use super::{ControlFrame, ControlLink, Refused};
use crate::limits::{CONTROL_FRAME_LEN_MAX, CONTROL_QUEUE_FRAMES};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::AsFd;
use std::thread;

/// True if the descriptor is readable now.
fn rings(fd: impl AsFd) -> bool {
    readable_within(fd, 0)
}

fn readable_within(fd: impl AsFd, seconds: i64) -> bool {
    let wait = Timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    poll(&mut fds, Some(&wait)).unwrap() > 0
}

#[test]
fn frames_go_both_ways_in_order() {
    let (mut control, mut worker) = ControlLink::pair().unwrap();
    assert!(!rings(&control) && !rings(worker.wake()));
    control.send(&[1; 60]).unwrap();
    control.send(&[2; CONTROL_FRAME_LEN_MAX]).unwrap();
    assert!(rings(worker.wake()));
    worker.wake().answer();
    assert!(!rings(worker.wake()));
    assert_eq!(worker.pop().unwrap().bytes(), [1; 60]);
    assert_eq!(worker.pop().unwrap().bytes(), [2; CONTROL_FRAME_LEN_MAX]);
    assert!(worker.pop().is_none());

    worker.push(&[3; 128]).unwrap();
    worker.push(&[]).unwrap();
    assert!(rings(&control));
    assert_eq!(control.recv().unwrap().bytes(), [3; 128]);
    assert_eq!(control.recv().unwrap().bytes(), []);
    assert!(rings(&control), "silenced only when nothing is left");
    assert!(control.recv().is_none());
    assert!(!rings(&control));
}

#[test]
fn a_full_queue_and_a_long_frame_are_refused() {
    let (mut control, mut worker) = ControlLink::pair().unwrap();
    for _ in 0..CONTROL_QUEUE_FRAMES {
        control.send(&[0]).unwrap();
        worker.push(&[0]).unwrap();
    }
    assert_eq!(control.send(&[0]), Err(Refused::Full));
    assert_eq!(worker.push(&[0]), Err(Refused::Full));
    let long = [0; CONTROL_FRAME_LEN_MAX + 1];
    assert_eq!(control.send(&long), Err(Refused::TooLong(513)));
    assert_eq!(worker.push(&long), Err(Refused::TooLong(513)));
    assert_eq!(
        ControlFrame::new(&[0; 70_000]),
        Err(Refused::TooLong(70_000))
    );
}

#[test]
fn either_end_notices_when_the_other_goes() {
    let (control, worker) = ControlLink::pair().unwrap();
    drop(worker);
    assert!(rings(&control));
    let (control, worker) = ControlLink::pair().unwrap();
    drop(control);
    assert!(rings(worker.wake()));
}

#[test]
fn no_ring_is_lost_between_two_threads() {
    const FRAMES: u32 = 10_000;
    let (mut control, mut worker) = ControlLink::pair().unwrap();
    let sender = thread::spawn(move || {
        for number in 0..FRAMES {
            while worker.push(&number.to_be_bytes()).is_err() {
                thread::yield_now();
            }
        }
        worker
    });
    let mut expected = 0;
    while expected < FRAMES {
        // If a ring were lost, this would time out with frames in the queue.
        assert!(readable_within(&control, 20), "stuck at {expected}");
        while let Some(frame) = control.recv() {
            assert_eq!(frame.bytes(), expected.to_be_bytes());
            expected += 1;
        }
    }
    drop(sender.join().unwrap());
}
