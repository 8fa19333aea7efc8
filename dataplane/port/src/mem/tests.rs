use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{MemConfig, MemPort, Receiver, direction, pair, pair_with};
use crate::{BURST_MAX, Burst, HEADROOM, Port, TAILROOM};

fn ports(capacity: usize) -> (MemPort, MemPort) {
    let (a, b) = pair(capacity);
    (a.open().unwrap(), b.open().unwrap())
}

fn readable(port: &impl Port) -> bool {
    let fd = port.fd().unwrap();
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(
        &mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)],
        Some(&now),
    )
    .unwrap()
        == 1
}

#[test]
fn frames_cross_in_order_both_ways() {
    let (mut a, mut b) = ports(8);
    for n in 0..3 {
        a.copy_tx(&[n; 60]);
        b.copy_tx(&[n + 10; 61]);
    }
    let mut burst = Burst::new();
    b.rx_burst(&mut burst);
    assert_eq!(
        burst.iter().map(|f| f.bytes()[0]).collect::<Vec<_>>(),
        [0, 1, 2]
    );
    assert!(
        burst
            .iter()
            .all(|f| f.headroom() >= HEADROOM && f.tailroom() >= TAILROOM)
    );
    burst.clear();
    a.rx_burst(&mut burst);
    assert_eq!(
        burst.iter().map(|f| f.bytes()[0]).collect::<Vec<_>>(),
        [10, 11, 12]
    );
    assert_eq!(a.counters().tx_frames, 3);
    assert_eq!(a.counters().tx_octets, 180);
    assert_eq!(a.counters().rx_octets, 183);
}

#[test]
fn a_full_line_refuses_and_counts() {
    let (mut a, mut b) = ports(4);
    for _ in 0..7 {
        a.copy_tx(&[1; 60]);
    }
    assert_eq!((a.counters().tx_frames, a.counters().tx_refused), (4, 3));
    let mut burst = Burst::new();
    b.rx_burst(&mut burst);
    assert_eq!(burst.len(), 4);
    a.copy_tx(&[1; 60]);
    assert_eq!(a.counters().tx_frames, 5);
}

#[test]
fn a_burst_moves_and_the_pool_is_whole_again() {
    let (mut a, mut b) = ports(200);
    for n in 0..150 {
        a.copy_tx(&[n; 100]);
    }
    let mut burst = Burst::new();
    b.rx_burst(&mut burst);
    assert_eq!(burst.len(), BURST_MAX);
    assert_eq!(b.pool().free(), b.pool().count() - BURST_MAX);
    b.tx_burst(&mut burst);
    assert!(burst.is_empty());
    assert_eq!(b.pool().free(), b.pool().count());
    a.rx_burst(&mut burst);
    assert_eq!(burst.len(), BURST_MAX);
}

#[test]
fn an_empty_pool_drops_and_counts() {
    let (a, b) = pair_with(MemConfig {
        pool_frames: 2,
        ..MemConfig::default()
    });
    let (mut a, mut b) = (a.open().unwrap(), b.open().unwrap());
    (0..5).for_each(|_| a.copy_tx(&[1; 60]));
    let mut burst = Burst::new();
    b.rx_burst(&mut burst);
    assert_eq!((burst.len(), b.counters().rx_no_buffer), (2, 3));
}

#[test]
fn too_long_is_counted() {
    let (a, _b) = pair_with(MemConfig {
        mtu: 1500,
        ..MemConfig::default()
    });
    let mut a = a.open().unwrap();
    a.copy_tx(&[0; 1522]);
    a.copy_tx(&[0; 1523]);
    assert_eq!((a.counters().tx_frames, a.counters().tx_too_long), (1, 1));
}

#[test]
fn the_descriptor_is_readable_exactly_while_frames_wait() {
    let (mut a, mut b) = ports(200);
    assert!(!readable(&b));
    (0..70).for_each(|_| a.copy_tx(&[1; 60]));
    assert!(readable(&b));
    let mut burst = Burst::new();
    b.rx_burst(&mut burst);
    assert!(readable(&b), "six frames still wait");
    burst.clear();
    b.rx_burst(&mut burst);
    assert_eq!(burst.len(), 6);
    assert!(!readable(&b));
}

#[test]
fn a_frame_that_comes_while_the_wake_up_is_cleared_is_not_slept_through() {
    let (mut sender, mut receiver) = direction(&MemConfig::default());
    let wake = |receiver: &Receiver| {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let fd = receiver.lane.wake.as_ref().unwrap();
        poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&now)).unwrap() == 1
    };
    sender.full.push(vec![1]).unwrap();
    sender.lane.signal();
    assert!(receiver.full.pop().is_ok() && receiver.full.pop().is_err());
    // The receiver has seen no more frames here, and has not cleared the signal yet.
    sender.full.push(vec![2]).unwrap();
    sender.lane.signal();
    receiver.clear();
    assert!(wake(&receiver));
    assert!(receiver.full.pop().is_ok());
    receiver.clear();
    assert!(!wake(&receiver));
}

#[test]
fn the_link_is_down_when_the_other_end_is_gone() {
    let (mut a, b) = ports(4);
    assert!(a.link_up());
    drop(b);
    assert!(!a.link_up());
    a.copy_tx(&[1; 60]);
    assert_eq!(a.counters().tx_link_down, 1);
}

#[test]
fn two_threads_lose_and_sleep_through_nothing() {
    const FRAMES: u32 = 50_000;
    let (a, b) = pair(64);
    let sender = thread::spawn(move || {
        let mut a = a.open().unwrap();
        let mut sent = 0;
        while sent < FRAMES {
            let before = a.counters().tx_frames;
            a.copy_tx(&sent.to_be_bytes());
            if a.counters().tx_frames == before {
                thread::yield_now();
            } else {
                sent += 1;
            }
        }
        // Keeps this end until the other has all frames, because dropping it also wakes the other.
        let mut burst = Burst::new();
        while burst.is_empty() {
            a.rx_burst(&mut burst);
            thread::yield_now();
        }
    });
    let mut b = b.open().unwrap();
    let mut expected = 0u32;
    let mut burst = Burst::new();
    while expected < FRAMES {
        let long = Timespec {
            tv_sec: 20,
            tv_nsec: 0,
        };
        let fd = b.fd().unwrap();
        let woken = poll(
            &mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)],
            Some(&long),
        )
        .unwrap();
        assert_eq!(woken, 1, "slept with {expected} frames received");
        b.rx_burst(&mut burst);
        for frame in burst.drain(..) {
            assert_eq!(frame.bytes(), expected.to_be_bytes());
            expected += 1;
        }
    }
    b.copy_tx(b"done");
    sender.join().unwrap();
}

#[test]
fn a_link_that_is_taken_down_is_seen_at_the_other_end_only() {
    let (mut a, b) = ports(8);
    assert!(a.set_link(false));
    assert!(a.link_up() && !b.link_up());
    assert!(a.set_link(true));
    assert!(a.link_up() && b.link_up());
}

/// The sender is stopped again and again at arbitrary places, as if it had lost its core. With a
/// queue whose reader waits for a started write, half of the stops would delay a call here. The
/// test measures the CPU time of a call, not its duration, because other tests use the cores too.
#[test]
#[expect(unsafe_code, reason = "a signal to one thread, and its handler")]
fn an_end_that_is_interrupted_does_not_hold_up_the_other() {
    const LASTS: Duration = Duration::from_secs(2);
    const STOP: Duration = Duration::from_millis(3);
    const SLOW: Duration = Duration::from_millis(1);
    /// Allowance: a stalled VM charges its stall to this thread's CPU time.
    const BY_OTHERS: usize = 30;
    extern "C" fn stop(_signal: libc::c_int) {
        thread::sleep(STOP);
    }
    let action = SigAction::new(
        SigHandler::Handler(stop),
        SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    // SAFETY: the handler sleeps, which POSIX allows (nanosleep); nothing else here uses this
    // signal.
    unsafe { sigaction(Signal::SIGUSR2, &action) }.unwrap();
    let over = AtomicBool::new(false);
    let (a, b) = pair(256);
    let (tell, told) = mpsc::channel();
    let slow = thread::scope(|scope| {
        let sender = scope.spawn(|| {
            // SAFETY: has no preconditions.
            tell.send(unsafe { libc::pthread_self() }).unwrap();
            let mut a = a.open().unwrap();
            let mut sent = 0_u64;
            while !over.load(Ordering::Relaxed) {
                a.copy_tx(&sent.to_be_bytes());
                sent += 1;
            }
            sent
        });
        let sender_id = told.recv().unwrap();
        let mut b = b.open().unwrap();
        let mut burst = Burst::new();
        let start = Instant::now();
        let mut slow = 0;
        let mut stops = 0;
        while start.elapsed() < LASTS {
            if start.elapsed() > 2 * STOP * stops {
                stops += 1;
                // SAFETY: that thread runs until `over`.
                let stopped = unsafe { libc::pthread_kill(sender_id, libc::SIGUSR2) };
                assert_eq!(stopped, 0);
            }
            let before = computed();
            b.rx_burst(&mut burst);
            slow += usize::from(computed() - before > SLOW);
            burst.clear();
        }
        over.store(true, Ordering::Relaxed);
        assert!(sender.join().unwrap() > 0 && b.counters().rx_frames > 0);
        slow
    });
    assert!(slow <= BY_OTHERS, "{slow} calls of more than {SLOW:?}");
}

/// The CPU time of this thread since its start.
fn computed() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
