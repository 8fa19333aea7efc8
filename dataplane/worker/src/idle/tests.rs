use super::{Idle, Sleep, TooFewCores, Waited};
use crate::wake::Wake;
use port::{Burst, LinkState, Port, PortCounters};
use std::iter::empty;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// A port that never has a frame.
struct Silent {
    fd: Option<Wake>,
    link: LinkState,
}

impl Silent {
    fn new() -> Self {
        Self {
            fd: Some(Wake::new().unwrap()),
            link: LinkState::Up,
        }
    }

    /// A device that has gone and left its descriptor permanently ready.
    fn crying_wolf() -> Self {
        let port = Self::new();
        port.fd.as_ref().unwrap().ring();
        port
    }
}

impl Port for Silent {
    fn rx_burst(&mut self, _: &mut Burst) {}
    fn tx_burst(&mut self, from: &mut Burst) {
        from.clear();
    }
    fn copy_tx(&mut self, _: &[u8]) {}
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_ref().map(AsFd::as_fd)
    }
    fn mtu(&self) -> usize {
        1500
    }
    fn mac(&self) -> [u8; 6] {
        [2; 6]
    }
    fn counters(&self) -> PortCounters {
        PortCounters::default()
    }
    fn link_up(&self) -> bool {
        self.link == LinkState::Up
    }
    fn kind(&self) -> &'static str {
        "silent"
    }
    fn link_state(&self) -> LinkState {
        self.link
    }
}

fn timed(wait: impl FnOnce() -> Waited) -> (Waited, Duration) {
    let start = Instant::now();
    (wait(), start.elapsed())
}

#[test]
fn busy_needs_a_core_more_than_there_are_pollers() {
    let table = [
        (Idle::Busy, 1, 1, false),
        (Idle::Busy, 1, 2, true),
        (Idle::Busy, 2, 2, false),
        (Idle::Busy, 7, 8, true),
        (Idle::Busy, 8, 8, false),
        (Idle::default(), 9, 1, true),
    ];
    for (idle, pollers, cores, allowed) in table {
        let expected = if allowed {
            Ok(())
        } else {
            Err(TooFewCores { pollers, cores })
        };
        assert_eq!(
            idle.check(pollers, cores),
            expected,
            "{idle:?} {pollers} {cores}"
        );
    }
    let text = TooFewCores {
        pollers: 2,
        cores: 2,
    }
    .to_string();
    assert!(
        text.contains("2 workers on 2 cores") && text.contains("adaptive"),
        "{text}"
    );
}

#[test]
fn a_wait_ends_by_time_by_bell_and_by_frame() {
    let (red, black, bell) = (Silent::new(), Silent::new(), Wake::new().unwrap());
    let mut sleep = Sleep::default();
    let mut wait = || timed(|| sleep.wait([&red, &black], [0, 0], empty(), &bell));
    let (waited, time) = wait();
    assert_eq!(waited, Waited::TimedOut);
    assert!(time >= Duration::from_millis(95), "{time:?}");

    bell.ring();
    assert_eq!(wait().0, Waited::Woken);
    assert_eq!(wait().0, Waited::TimedOut, "the bell is answered");

    black.fd.as_ref().unwrap().ring();
    assert_eq!(wait().0, Waited::Woken);
}

#[test]
fn a_descriptor_that_is_ready_for_ever_does_not_make_it_spin() {
    let (red, black, bell) = (
        Silent::crying_wolf(),
        Silent::crying_wolf(),
        Wake::new().unwrap(),
    );
    let mut sleep = Sleep::default();
    let start = Instant::now();
    let mut waits = 0;
    while start.elapsed() < Duration::from_millis(300) {
        sleep.wait([&red, &black], [0, 0], empty(), &bell);
        waits += 1;
    }
    // Once distrusted, every other wait takes 10 ms.
    assert!((1..=100).contains(&waits), "{waits} waits in 300 ms");
}

#[test]
fn a_descriptor_that_brings_frames_stays_trusted() {
    let (red, black, bell) = (Silent::new(), Silent::crying_wolf(), Wake::new().unwrap());
    let mut sleep = Sleep::default();
    for frames in 0..50 {
        let waited = sleep.wait([&red, &black], [0, frames], empty(), &bell);
        assert_eq!(waited, Waited::Woken);
    }
    // The descriptor loses its trust here, and regains it with the first frame.
    for _ in 0..7 {
        sleep.wait([&red, &black], [0, 50], empty(), &bell);
    }
    assert_eq!(
        sleep.wait([&red, &black], [0, 51], empty(), &bell),
        Waited::Woken
    );
    assert_eq!(
        sleep.wait([&red, &black], [0, 52], empty(), &bell),
        Waited::Woken
    );
}

#[test]
fn a_port_without_descriptor_is_looked_at_often_unless_it_is_gone() {
    let (red, bell) = (Silent::new(), Wake::new().unwrap());
    let mut black = Silent {
        fd: None,
        link: LinkState::Up,
    };
    let mut sleep = Sleep::default();
    // Takes the shortest of 8 waits, since other programs may use this machine.
    let waits = [0; 8].map(|_| timed(|| sleep.wait([&red, &black], [0, 0], empty(), &bell)).1);
    assert!(
        waits.iter().any(|time| *time < Duration::from_millis(50)),
        "{waits:?}"
    );
    black.link = LinkState::Gone;
    let (_, time) = timed(|| sleep.wait([&red, &black], [0, 0], empty(), &bell));
    assert!(time >= Duration::from_millis(95), "{time:?}");
}
