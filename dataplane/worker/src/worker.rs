//! The worker: one thread that owns both ports, one SecY and its keys.
//!
//! ```text
//!            mailbox ─ commands ─┐            control link
//!                                ▼             ▲      │
//! red rx ─ policy ──────────── protect ────────┼──────┴──▶ black tx
//!             └─ bypass ─▶      ◀─ bypass ─┐    │
//! red tx ◀──────────────────── validate ─ classify ◀────── black rx
//!                                  ▲            └─▶ other workers, for frames of their SCs
//!                                  └─ other workers
//! ```
//! [`Worker::poll`] is one round of the loop. A frame stays in its buffer from port to port: no
//! copy, no allocation, no lock, no log, no clock. Only frames for control or for another worker
//! are copied. Every other frame that is not sent on is dropped and counted in exactly one counter:
//! of the worker (policy, control link, handover), the SecY, or a port.
//!
//! Commands are applied between bursts only, so keys change only there. Control frames go first.

use crate::classify::{Class, by_policy, classify};
use crate::command::{Command, Outcome, Owned};
use crate::control_link::{Refused, WorkerEnd};
use crate::counters::WorkerCounters;
use crate::handover::{Neighbours, Seat};
use crate::idle::{Idle, Sleep, Waited};
use crate::limits::{CARRIER_EVERY, CARRIER_EVERY_SLEEPS, PUBLISH_EVERY};
use crate::line_tag::LineTags;
use crate::mailbox::Inbox;
use crate::policy::{Action, Policy};
use crate::stats::{Stats, StatsSnapshot};
use crate::through_secy::{Pass, Passing, drop_frame, remove_dropped};
use port::{BURST_MAX, Burst, Port, PortError};
use secy::{RxScs, TxSc};
use std::sync::Arc;

/// The parts that make up a worker.
pub struct Parts {
    /// Plaintext, towards the site.
    pub red: Box<dyn Port>,
    /// Ciphertext, towards the line.
    pub black: Box<dyn Port>,
    /// The one tx SC of this worker.
    pub tx: TxSc,
    /// The receive side.
    pub rx: RxScs,
    /// Selects the frames that are protected, dropped, or bypass.
    pub policy: Policy,
    /// The number of VLAN tags that the line may add in front of a frame. They are removed.
    pub line_vlan_tags: u8,
    /// Frames of this EtherType from the line go to control.
    pub rekey_ethertype: u16,
    /// The idle policy.
    pub idle: Idle,
    /// Delivers the commands.
    pub inbox: Inbox,
    /// The worker's end of the queues for control frames.
    pub link: WorkerEnd,
    /// Receives the published numbers.
    pub stats: Arc<Stats>,
}

/// A worker. It stays on the thread that opened its ports.
pub struct Worker {
    // Drop order: the keys are wiped, then the mailbox closes, then the link rings control.
    tx: TxSc,
    rx: RxScs,
    inbox: Inbox,
    link: WorkerEnd,
    red: Box<dyn Port>,
    black: Box<dyn Port>,
    policy: Policy,
    line_tags: LineTags,
    rekey_ethertype: u16,
    neighbours: Neighbours,
    idle: Idle,
    /// Empty between the steps of a round.
    burst: Burst,
    /// Frames received: red, black.
    received: [u64; 2],
    counters: WorkerCounters,
    running: bool,
    stats: Arc<Stats>,
    /// The last published numbers.
    published: StatsSnapshot,
    rounds_unpublished: u32,
    publications_without_carrier: u32,
    sleeps_without_carrier: u32,
}

impl Worker {
    /// A worker that is ready to poll and has no key.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts {
            red,
            black,
            tx,
            rx,
            policy,
            line_vlan_tags,
            rekey_ethertype,
            idle,
            inbox,
            link,
            stats,
        } = parts;
        let line_tags = LineTags::new(line_vlan_tags, rx.clear_vlan_tags());
        let mut worker = Self {
            tx,
            rx,
            inbox,
            link,
            red,
            black,
            policy,
            line_tags,
            rekey_ethertype,
            neighbours: Neighbours::none(),
            idle,
            burst: Burst::new(),
            received: [0; 2],
            counters: WorkerCounters::default(),
            running: true,
            stats,
            published: StatsSnapshot::default(),
            rounds_unpublished: 0,
            publications_without_carrier: 0,
            sleeps_without_carrier: 0,
        };
        worker.look_at_carrier();
        worker.publish();
        worker
    }

    /// Gives this worker a place among other workers. `clear_vlan_tags` is the value in the
    /// worker's [`secy::RxConfig`].
    ///
    /// # Errors
    /// There is no memory for the lines to the other workers.
    pub fn among(mut self, seat: Seat, clear_vlan_tags: u8) -> Result<Self, PortError> {
        self.neighbours = seat.open(clear_vlan_tags)?;
        Ok(self)
    }

    /// Runs one round: commands, control frames to the line, a burst each way. Returns the number
    /// of frames received, plus the control frames sent.
    pub fn poll(&mut self) -> usize {
        self.apply_commands();
        if !self.running {
            return 0;
        }
        let moved = self.control_to_black()
            + self.red_to_black()
            + self.black_to_red()
            + self.neighbours_to_red();
        if moved > 0 {
            self.counters.bursts += 1;
        }
        self.rounds_unpublished += 1;
        if self.rounds_unpublished >= PUBLISH_EVERY {
            self.publish();
        }
        moved
    }

    /// Polls until a shutdown command arrives or control has gone. Sleeps as the idle policy says.
    pub fn run(mut self) {
        let mut sleep = Sleep::default();
        let mut empty_rounds = 0_u32;
        while self.running {
            let moved = self.poll();
            empty_rounds = if moved > 0 {
                0
            } else {
                empty_rounds.saturating_add(1)
            };
            match self.idle {
                Idle::Busy if moved == 0 => core::hint::spin_loop(),
                Idle::Adaptive { spins } if empty_rounds >= spins => {
                    // After a wait that timed out, one empty round is enough.
                    empty_rounds = match self.sleep(&mut sleep) {
                        Waited::Woken => 0,
                        Waited::TimedOut => spins.saturating_sub(1),
                    };
                }
                // Partial burst: yield the core.
                Idle::Adaptive { .. } if moved < BURST_MAX => rustix::thread::sched_yield(),
                Idle::Busy | Idle::Adaptive { .. } => {}
            }
        }
        self.publish();
    }

    /// Step 1. A replaced SA is dropped, and so wiped, before the mailbox acknowledges the command.
    fn apply_commands(&mut self) {
        let Self {
            inbox,
            tx,
            rx,
            red,
            black,
            policy,
            running,
            counters,
            ..
        } = self;
        // Control polls for the acknowledgement. A ring would be a system call between two bursts,
        // and could wake a sleeping core.
        inbox.apply(|command| {
            *running &= !matches!(command, Command::Shutdown);
            let outcome = command.apply(Owned {
                tx,
                rx,
                policy,
                ports: [red, black],
            });
            counters.commands += 1;
            counters.commands_refused += u64::from(matches!(outcome, Outcome::Refused(_)));
            outcome
        });
    }

    /// Step 2: control frames go before any user frame.
    fn control_to_black(&mut self) -> usize {
        let mut sent = 0;
        while let Some(frame) = self.link.pop() {
            self.black.copy_tx(frame.bytes());
            sent += 1;
            if sent == BURST_MAX {
                break; // the rest goes in the next round, so that control cannot hold up the line
            }
        }
        self.counters.out_control += sent as u64;
        sent
    }

    /// Step 3: a burst from red to the line.
    fn red_to_black(&mut self) -> usize {
        let Self {
            red,
            black,
            burst,
            policy,
            rekey_ethertype,
            tx,
            counters,
            ..
        } = self;
        red.rx_burst(burst);
        let came = burst.len();
        if came > 0 {
            self.received[0] += came as u64;
            let mut passing = Passing::new();
            let mut dropped = 0;
            for frame in burst.iter_mut() {
                match policy.of_red(frame.bytes(), *rekey_ethertype) {
                    Action::Protect => passing.push(Pass(frame)),
                    Action::Bypass => counters.out_bypass += 1,
                    Action::Discard => {
                        counters.policy_discarded += 1;
                        drop_frame(frame);
                        dropped += 1;
                    }
                }
            }
            dropped += tx.protect(&mut passing);
            drop(passing);
            remove_dropped(burst, dropped);
            black.tx_burst(burst);
        }
        came
    }

    /// Step 4: a burst from the line to red.
    fn black_to_red(&mut self) -> usize {
        let Self {
            red,
            black,
            burst,
            rx,
            link,
            policy,
            line_tags,
            neighbours,
            counters,
            rekey_ethertype,
            ..
        } = self;
        black.rx_burst(burst);
        let came = burst.len();
        if came > 0 {
            self.received[1] += came as u64;
            let mut passing = Passing::new();
            let mut dropped = 0;
            for frame in burst.iter_mut() {
                let mut class = classify(frame.bytes(), *rekey_ethertype, policy);
                if class == Class::Tagged {
                    class = if line_tags.take_off(frame, *rekey_ethertype) {
                        counters.in_line_tagged += 1;
                        classify(frame.bytes(), *rekey_ethertype, policy)
                    } else {
                        by_policy(frame.bytes(), *rekey_ethertype, policy)
                    };
                }
                match class {
                    Class::Secure if neighbours.hand_over(frame.bytes()) => {}
                    // A tag that is still there is the sender's own: `take_off` has checked it.
                    Class::Secure | Class::Tagged => {
                        passing.push(Pass(frame));
                        continue;
                    }
                    Class::Bypass => {
                        counters.in_bypass += 1;
                        continue;
                    }
                    Class::Control => match link.push(frame.bytes()) {
                        Ok(()) => counters.in_control += 1,
                        Err(Refused::TooLong(_)) => counters.in_control_too_long += 1,
                        Err(Refused::Full) => counters.in_control_overrun += 1,
                    },
                }
                drop_frame(frame);
                dropped += 1;
            }
            dropped += rx.validate(&mut passing);
            drop(passing);
            remove_dropped(burst, dropped);
            red.tx_burst(burst);
        }
        came
    }

    /// Step 5: frames of this worker's SCs that arrived at other workers.
    fn neighbours_to_red(&mut self) -> usize {
        let Self {
            red,
            burst,
            neighbours,
            rx,
            ..
        } = self;
        let mut came = 0;
        for line in neighbours.lines() {
            line.rx_burst(burst);
            if !burst.is_empty() {
                came += burst.len();
                let mut passing: Passing<'_> = burst.iter_mut().map(Pass).collect();
                let dropped = rx.validate(&mut passing);
                drop(passing);
                remove_dropped(burst, dropped);
                red.tx_burst(burst);
            }
        }
        came
    }

    /// Publishes all numbers, then sleeps.
    fn sleep(&mut self, sleep: &mut Sleep) -> Waited {
        self.counters.idle_waits += 1;
        self.publish();
        if !self.running {
            return Waited::Woken;
        }
        let ports = [&*self.red, &*self.black];
        let lines = self.neighbours.fds();
        let waited = sleep.wait(ports, self.received, lines, self.link.wake());
        self.sleeps_without_carrier += 1;
        if waited == Waited::TimedOut || self.sleeps_without_carrier >= CARRIER_EVERY_SLEEPS {
            self.look_at_carrier();
        }
        waited
    }

    /// Copies all numbers to where control reads them, and returns them. Also checks whether
    /// control has gone.
    pub fn publish(&mut self) -> &StatsSnapshot {
        self.rounds_unpublished = 0;
        self.publications_without_carrier += 1;
        if self.publications_without_carrier >= CARRIER_EVERY {
            self.look_at_carrier();
        }
        let handed = self.neighbours.handed();
        let now = &mut self.published;
        now.red = self.red.counters();
        now.black = self.black.counters();
        now.tx = *self.tx.counters();
        now.rx = *self.rx.counters();
        now.worker = WorkerCounters {
            handed_over: handed.over,
            handover_overrun: handed.overrun,
            taken_over: handed.taken,
            takeover_no_buffer: handed.lost,
            ..self.counters
        };
        now.policy = *self.policy.hits();
        now.line_tag = self.line_tags.last();
        now.tx_sa = self.tx.sa();
        now.next_pn = self.tx.next_pn();
        now.rx_sas = self.rx.sas().collect(); // RX_SAS_MAX limits their number
        self.stats.publish(now);
        self.running &= !self.inbox.is_abandoned();
        &self.published
    }

    /// Costs a system call for each port, so it runs only now and then.
    fn look_at_carrier(&mut self) {
        self.publications_without_carrier = 0;
        self.sleeps_without_carrier = 0;
        self.published.red_link = self.red.link_state();
        self.published.black_link = self.black.link_state();
    }
}
