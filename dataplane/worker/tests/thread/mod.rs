//! Helpers for workers on their own threads.
#![allow(dead_code, reason = "each test uses its part")]

use crate::line::{rx_config, tx_config};
use port::mem::Mem;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::time::{Duration, Instant};
use wire::{ETHERTYPE_REKEY, MacAddr, Sci};
use worker::{Command, Handle, Idle, Opener, Openers, Outcome, Policy, WorkerConfig};

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn sci(name: u8) -> Sci {
    Sci::new(MacAddr([2, 0, 0, 0, 0, name]), 1)
}

pub(crate) fn config(name: u8) -> WorkerConfig {
    WorkerConfig {
        name: format!("worker-{name:x}"),
        tx: tx_config(sci(name), 0),
        rx: rx_config(0),
        policy: Policy::default(),
        line_vlan_tags: 0,
        rekey_ethertype: ETHERTYPE_REKEY,
        idle: Idle::default(),
        pollers: 2,
        core: None,
    }
}

pub(crate) fn openers(red: Mem, black: Mem) -> Openers {
    Openers {
        red: Opener::new(|| red.open()),
        black: Opener::new(|| black.open()),
    }
}

/// Waits on the descriptor as control does, until `done` returns true.
pub(crate) fn wait(handle: &mut Handle, mut done: impl FnMut(&mut Handle) -> bool) {
    let start = Instant::now();
    loop {
        while handle.control.recv().is_some() {}
        if done(handle) {
            return;
        }
        assert!(start.elapsed() < DEADLINE, "waited for nothing: {handle:?}");
        // The bell rings only for frames, so poll for everything else.
        let a_while = Timespec {
            tv_sec: 0,
            tv_nsec: 1_000_000,
        };
        poll(
            &mut [PollFd::new(&handle.control, PollFlags::IN)],
            Some(&a_while),
        )
        .unwrap();
    }
}

pub(crate) fn command(handle: &mut Handle, command: Command) -> Outcome {
    let ticket = handle.post(command).unwrap();
    wait(handle, |handle| handle.is_done(ticket));
    handle.outcome(ticket).unwrap()
}
