//! Workers on their own threads: start, commands, traffic, wakes, end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of it is a test")]

mod line;
mod thread;

use line::{MTU, mem, red_frame, rekey_frame, rx_sa, tx_sa};
use port::mem::MemPort;
use port::{Burst, Port, PortError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::time::{Duration, Instant};
use thread::{DEADLINE, command, config, openers, sci, wait};
use worker::{
    Action, Command, Handle, Idle, Opener, Openers, Outcome, Policy, Rule, SpawnError,
    WorkerConfig, spawn,
};

fn rotate(a: &mut Handle, b: &mut Handle, epoch: u32) {
    let install = Command::InstallRx {
        sci: sci(0xA),
        sa: Box::new(rx_sa(epoch, 0xA)),
    };
    assert_eq!(command(b, install), Outcome::Applied);
    let switch = Command::InstallTx {
        sa: Box::new(tx_sa(epoch, 0xA)),
    };
    assert!(matches!(
        command(a, switch),
        Outcome::Applied | Outcome::Ended { .. }
    ));
}

struct Line {
    a: Handle,
    b: Handle,
    host_a: MemPort,
    host_b: MemPort,
}

fn two_workers() -> Line {
    let (black_a, black_b) = mem(MTU + 32, 1024);
    let (red_a, host_a) = mem(MTU, 1024);
    let (red_b, host_b) = mem(MTU, 1024);
    Line {
        a: spawn(config(0xA), openers(red_a, black_a)).unwrap(),
        b: spawn(config(0xB), openers(red_b, black_b)).unwrap(),
        host_a: host_a.open().unwrap(),
        host_b: host_b.open().unwrap(),
    }
}

/// A different table for each epoch. None of its rules matches the frames of these tests.
fn policy_of(epoch: u32) -> Policy {
    let discard = |ethertype| Rule {
        ethertype: Some(ethertype),
        action: Action::Discard,
        ..Rule::default()
    };
    let rules: Vec<_> = (0x8800..).take(epoch as usize % 5).map(discard).collect();
    Policy::new(&rules, Action::Protect)
        .unwrap()
        .with_serial(epoch.into())
}

#[test]
fn a_hundred_thousand_frames_across_threads_while_keys_and_policies_change() {
    const FRAMES: u32 = 100_000;
    // Fewer frames in flight than the smallest queue holds, so that any loss is the worker's fault.
    const IN_FLIGHT: u32 = 500;
    let Line {
        mut a,
        mut b,
        mut host_a,
        mut host_b,
    } = two_workers();
    assert_eq!((a.red.kind, a.black.mtu), ("mem", MTU + 32));
    rotate(&mut a, &mut b, 1);
    let (mut sent, mut received, mut epoch) = (0, 0, 1);
    let mut burst = Burst::new();
    let mut last = Instant::now();
    while received < FRAMES {
        while sent < FRAMES && sent - received < IN_FLIGHT {
            host_a.copy_tx(&red_frame(sent, 100));
            sent += 1;
        }
        if sent / 1000 > epoch {
            epoch += 1;
            rotate(&mut a, &mut b, epoch);
            for worker in [&mut a, &mut b] {
                let policy = Box::new(policy_of(epoch));
                assert_eq!(
                    command(worker, Command::SetPolicy(policy)),
                    Outcome::Applied
                );
            }
            if epoch > 2 {
                let old = Command::RetireRx {
                    sci: sci(0xA),
                    id: line::id(epoch - 2),
                };
                assert!(matches!(command(&mut b, old), Outcome::Ended { .. }));
            }
        }
        host_b.rx_burst(&mut burst);
        for frame in burst.drain(..) {
            let number = u32::from_be_bytes(frame.bytes()[14..18].try_into().unwrap());
            assert_eq!(number, received, "lost, doubled or out of order");
            received += 1;
            last = Instant::now();
        }
        assert!(
            last.elapsed() < DEADLINE,
            "{received} of {sent}: {:?}",
            b.stats.snapshot()
        );
        std::thread::yield_now();
    }
    assert!(epoch >= 90, "{epoch} keys");
    wait(&mut b, |b| {
        b.stats.snapshot().rx.in_pkts_ok == u64::from(FRAMES)
    });
    wait(&mut a, |a| {
        a.stats.snapshot().tx.out_pkts_encrypted == u64::from(FRAMES)
    });
    // A worker may have published its last frames before it took the last policy.
    for worker in [&mut a, &mut b] {
        wait(worker, |worker| {
            worker.stats.snapshot().policy.serial == u64::from(epoch)
        });
    }
    for worker in [&a, &b] {
        let snapshot = worker.stats.snapshot();
        line::assert_flows_closed(&snapshot);
        assert_eq!(snapshot.drops().map(|(_, count)| count).sum::<u64>(), 0);
    }
    // Hits restart with each table: all are in the last line, and there are fewer hits than frames.
    let hits = a.stats.snapshot().policy.red;
    let last = policy_of(epoch).lines().count() - 1;
    assert_eq!(hits.iter().sum::<u64>(), hits[last]);
    assert!(hits[last] < u64::from(FRAMES));
    command(&mut a, Command::Shutdown);
    a.join().unwrap();
    b.join().unwrap();
}

/// Runs `run` 20 times against a sleeping worker. At least 10 runs must end before a sleep could
/// time out (100 ms). Other programs may use this machine, so not every run must.
fn is_prompt(mut run: impl FnMut(u8)) {
    let mut times = [0; 20].map(Duration::from_millis);
    for (number, time) in (0..).zip(&mut times) {
        std::thread::sleep(Duration::from_millis(5)); // asleep again
        let start = Instant::now();
        run(number);
        *time = start.elapsed();
    }
    let prompt = times
        .iter()
        .filter(|time| **time < Duration::from_millis(60))
        .count();
    assert!(prompt >= 10, "{times:?}");
}

#[test]
fn control_frames_cross_between_sleeping_workers() {
    let Line { mut a, mut b, .. } = two_workers();
    is_prompt(|number| {
        a.control.send(&rekey_frame(number, 128)).unwrap();
        let second = Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        };
        let start = Instant::now();
        let received = loop {
            if let Some(frame) = b.control.recv() {
                break frame;
            }
            assert!(start.elapsed() < DEADLINE);
            poll(&mut [PollFd::new(&b.control, PollFlags::IN)], Some(&second)).unwrap();
        };
        assert_eq!(received.bytes(), rekey_frame(number, 128));
    });
}

#[test]
fn a_command_wakes_a_sleeping_worker() {
    let Line { mut a, .. } = two_workers();
    is_prompt(|_| assert_eq!(command(&mut a, Command::RetireTx), Outcome::Absent));
}

#[test]
fn what_keeps_a_worker_from_starting_is_named() {
    let no_port = || -> Result<MemPort, PortError> {
        Err(PortError::NoInterface {
            ifname: "red0".to_owned(),
        })
    };
    let (red, _host) = mem(MTU, 8);
    let (black, _line) = mem(MTU + 31, 8);
    let start = |config: WorkerConfig, openers: Openers| spawn(config, openers).unwrap_err();

    let closed = || Openers {
        red: Opener::new(no_port),
        black: Opener::new(no_port),
    };
    let error = start(config(1), closed());
    assert!(matches!(error, SpawnError::Red(_)));
    assert_eq!(
        error.to_string(),
        "red port: no interface red0: `ip link` lists those of this network namespace"
    );
    let error = start(
        config(1),
        Openers {
            red: Opener::new(|| red.open()),
            ..closed()
        },
    );
    assert!(matches!(error, SpawnError::Black(_)), "{error}");

    let (red, _host) = mem(MTU, 8);
    let error = start(config(1), openers(red, black));
    assert!(
        matches!(
            error,
            SpawnError::LineTooNarrow {
                have: 1545,
                need: 1546
            }
        ),
        "{error}"
    );

    let error = start(
        WorkerConfig {
            core: Some(100_000),
            ..config(1)
        },
        closed(),
    );
    assert!(
        matches!(error, SpawnError::NoSuchCore { core: 100_000, .. }),
        "{error}"
    );

    let error = start(
        WorkerConfig {
            idle: Idle::Busy,
            pollers: 100_000,
            ..config(1)
        },
        closed(),
    );
    assert!(matches!(error, SpawnError::Idle(_)), "{error}");

    let panics = || -> Result<MemPort, PortError> { panic!("a broken driver") };
    let error = start(
        config(1),
        Openers {
            red: Opener::new(panics),
            ..closed()
        },
    );
    assert_eq!(
        error.to_string(),
        "the worker died while opening its ports: panic: a broken driver"
    );
}

#[test]
fn a_worker_runs_on_the_core_it_is_given() {
    let Some(core) = core_affinity::get_core_ids().and_then(|cores| cores.last().copied()) else {
        println!("skipped: this system does not tell its cores");
        return;
    };
    let (red, _host) = mem(MTU, 8);
    let (black, _line) = mem(MTU + 32, 8);
    let red = Opener::new(move || {
        let allowed = core_affinity::get_core_ids().unwrap();
        assert_eq!(allowed, [core], "pinned before the ports are opened");
        red.open()
    });
    let openers = Openers {
        red,
        black: Opener::new(|| black.open()),
    };
    let handle = spawn(
        WorkerConfig {
            core: Some(core.id),
            ..config(1)
        },
        openers,
    )
    .unwrap();
    handle.join().unwrap();
}

#[test]
fn dropping_the_handle_ends_a_worker_busy_or_not() {
    for idle in [Idle::default(), Idle::Busy] {
        let (red, host) = mem(MTU, 8);
        let (black, _line) = mem(MTU + 32, 8);
        let host = host.open().unwrap();
        let pollers = 1;
        let handle = match spawn(
            WorkerConfig {
                idle,
                pollers,
                ..config(1)
            },
            openers(red, black),
        ) {
            Ok(handle) => handle,
            Err(SpawnError::Idle(error)) => {
                println!("skipped {idle:?}: {error}");
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        assert!(host.link_up());
        drop(handle);
        let start = Instant::now();
        while host.link_up() {
            assert!(start.elapsed() < DEADLINE, "{idle:?}: still there");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
