//! Workers on threads of their own: opening, commands, traffic, sleep, death.

mod line;

use line::{MTU, mem, red_frame, rekey_frame, rx_config, rx_sa, tx_config, tx_sa};
use port::mem::{Mem, MemPort};
use port::{Burst, Port, PortCounters, PortError};
use rustix::event::{PollFd, PollFlags, Timespec, eventfd, poll};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};
use wire::{ETHERTYPE_REKEY, MacAddr, Sci};
use worker::{
    Command, Full, Handle, Idle, Opener, Openers, Outcome, Policy, SpawnError, WorkerConfig, spawn,
};

const DEADLINE: Duration = Duration::from_secs(30);

fn sci(name: u8) -> Sci {
    Sci::new(MacAddr([2, 0, 0, 0, 0, name]), 1)
}

fn config(name: u8) -> WorkerConfig {
    WorkerConfig {
        name: format!("worker-{name:x}"),
        tx: tx_config(sci(name)),
        rx: rx_config(),
        policy: Policy::default(),
        rekey_ethertype: ETHERTYPE_REKEY,
        idle: Idle::default(),
        pollers: 2,
        core: None,
    }
}

fn openers(red: Mem, black: Mem) -> Openers {
    Openers {
        red: Opener::new(|| red.open()),
        black: Opener::new(|| black.open()),
    }
}

/// Waits on the descriptor as control does, until `done` says so.
fn wait(handle: &mut Handle, mut done: impl FnMut(&mut Handle) -> bool) {
    let start = Instant::now();
    loop {
        while handle.control.recv().is_some() {}
        if done(handle) {
            return;
        }
        assert!(start.elapsed() < DEADLINE, "waited for nothing: {handle:?}");
        let second = Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        };
        poll(
            &mut [PollFd::new(&handle.control, PollFlags::IN)],
            Some(&second),
        )
        .unwrap();
    }
}

fn command(handle: &mut Handle, command: Command) -> Outcome {
    let ticket = handle.post(command).unwrap();
    wait(handle, |handle| handle.is_done(ticket));
    handle.outcome(ticket).unwrap()
}

fn rotate(a: &mut Handle, b: &mut Handle, epoch: u32) {
    let install = Command::InstallRx {
        sci: sci(0xA),
        sa: Box::new(rx_sa(epoch, 0xA)),
    };
    assert_eq!(command(b, install), Outcome::Applied);
    let switch = Command::InstallTx {
        sa: Box::new(tx_sa(epoch, 0xA)),
    };
    assert_eq!(command(a, switch), Outcome::Applied);
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

#[test]
fn a_hundred_thousand_frames_across_threads_while_keys_change() {
    const FRAMES: u32 = 100_000;
    // Never more in flight than the narrowest queue holds, so that every loss would be ours.
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
            if epoch > 2 {
                let old = Command::RetireRx {
                    sci: sci(0xA),
                    id: line::id(epoch - 2),
                };
                assert_eq!(command(&mut b, old), Outcome::Applied);
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
    let snapshot = b.stats.snapshot();
    line::assert_closed(&snapshot, &Policy::default());
    assert_eq!(snapshot.drops().map(|(_, count)| count).sum::<u64>(), 0);
    command(&mut a, Command::Shutdown);
    a.join().unwrap();
    b.join().unwrap();
}

#[test]
fn control_frames_cross_between_sleeping_workers() {
    let Line { mut a, mut b, .. } = two_workers();
    std::thread::sleep(Duration::from_millis(50)); // both asleep
    let start = Instant::now();
    for number in 0..20 {
        a.control.send(&rekey_frame(number, 128)).unwrap();
        let second = Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        };
        let received = loop {
            if let Some(frame) = b.control.recv() {
                break frame;
            }
            assert!(start.elapsed() < DEADLINE);
            poll(&mut [PollFd::new(&b.control, PollFlags::IN)], Some(&second)).unwrap();
        };
        assert_eq!(received.bytes(), rekey_frame(number, 128));
    }
    // Twenty sleeps that ended by time-out would take two seconds.
    assert!(
        start.elapsed() < Duration::from_millis(1500),
        "{:?}",
        start.elapsed()
    );
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

/// A port that breaks, or whose descriptor is ready for ever without a frame.
struct Broken {
    line: MemPort,
    ready: OwnedFd,
    panics: bool,
}

impl Broken {
    fn open(line: Mem, panics: bool) -> Result<Self, PortError> {
        let ready = eventfd(1, rustix::event::EventfdFlags::NONBLOCK).unwrap();
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
        // It still works, and comes back with the port.
        line.copy_tx(&rekey_frame(1, 60));
        wait(&mut handle, |handle| {
            handle.stats.snapshot().worker.in_control == 1
        });
        handle.join().unwrap();
    }
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
