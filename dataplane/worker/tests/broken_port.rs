//! Ports that fail at run time: the worker either dies visibly, or keeps sleeping and recovers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of it is a test")]

mod line;
mod thread;

use line::{MTU, mem, rekey_frame};
use port::mem::{Mem, MemPort};
use port::{Burst, Port, PortCounters, PortError};
use rustix::event::{EventfdFlags, eventfd};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;
use thread::{command, config, wait};
use worker::{Command, Full, Opener, Openers, Outcome, spawn};

/// A port that panics at the first frame, or one whose descriptor is always ready without a frame.
struct Broken {
    line: MemPort,
    ready: OwnedFd,
    panics: bool,
}

impl Broken {
    fn open(line: Mem, panics: bool) -> Result<Self, PortError> {
        let ready = eventfd(1, EventfdFlags::NONBLOCK).unwrap();
        Ok(Self {
            line: line.open()?,
            ready,
            panics,
        })
    }
}

impl Port for Broken {
    fn rx_burst(&mut self, into: &mut Burst) {
        self.line.rx_burst(into);
        assert!(!self.panics || into.is_empty(), "a broken port");
    }
    fn tx_burst(&mut self, from: &mut Burst) {
        self.line.tx_burst(from);
    }
    fn copy_tx(&mut self, frame: &[u8]) {
        self.line.copy_tx(frame);
    }
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        if self.panics {
            self.line.fd()
        } else {
            Some(self.ready.as_fd())
        }
    }
    fn mtu(&self) -> usize {
        self.line.mtu()
    }
    fn mac(&self) -> [u8; 6] {
        self.line.mac()
    }
    fn counters(&self) -> PortCounters {
        self.line.counters()
    }
    fn link_up(&self) -> bool {
        self.line.link_up()
    }
    fn kind(&self) -> &'static str {
        "broken"
    }
}

#[test]
fn a_worker_that_panics_is_seen_to_be_dead() {
    let (red, _host) = mem(MTU, 8);
    let (black, line) = mem(MTU + 32, 8);
    let mut line = line.open().unwrap();
    let openers = Openers {
        red: Opener::new(|| red.open()),
        black: Opener::new(|| Broken::open(black, true)),
    };
    let mut handle = spawn(config(1), openers).unwrap();
    assert_eq!(command(&mut handle, Command::RetireTx), Outcome::Absent);
    assert!(handle.is_alive());
    line.copy_tx(&rekey_frame(1, 60));
    wait(&mut handle, |handle| !handle.is_alive());
    let acknowledged = handle.acknowledged();
    let Err(Full(Command::RetireAll)) = handle.post(Command::RetireAll) else {
        panic!("a dead worker took a command");
    };
    assert_eq!(handle.acknowledged(), acknowledged);
    assert_eq!(handle.join().unwrap_err().message, "a broken port");
}

#[test]
fn an_idle_worker_sleeps_even_if_a_port_has_vanished() {
    for vanished in [false, true] {
        let (red, _host) = mem(MTU, 8);
        let (black, line) = mem(MTU + 32, 8);
        let mut line = line.open().unwrap();
        let black = if vanished {
            Opener::new(|| Broken::open(black, false))
        } else {
            Opener::new(|| black.open())
        };
        let openers = Openers {
            red: Opener::new(|| red.open()),
            black,
        };
        let mut handle = spawn(config(1), openers).unwrap();
        let before = handle.stats.snapshot().worker.idle_waits;
        std::thread::sleep(Duration::from_millis(500));
        let waits = handle.stats.snapshot().worker.idle_waits - before;
        let most = if vanished { 200 } else { 10 };
        assert!(
            (1..=most).contains(&waits),
            "{waits} waits in 500 ms, vanished: {vanished}"
        );
        // The worker still runs, and recovers with the port.
        line.copy_tx(&rekey_frame(1, 60));
        wait(&mut handle, |handle| {
            handle.stats.snapshot().worker.in_control == 1
        });
        handle.join().unwrap();
    }
}
