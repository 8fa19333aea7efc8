//! Two sites, polled by hand on one thread. The test is the line between them.
//!
//! ```text
//! a.host ═ red [ worker a ] black ═ line.at_a   test   line.at_b ═ black [ worker b ] red ═ b.host
//! ```
#![allow(dead_code, reason = "each test uses its part")]

pub(crate) mod crew;

use gcm::Engine;
use port::mem::{Mem, MemConfig, MemPort, pair_with};
use port::{Burst, Port};
use secy::{
    Protection, RxConfig, RxSa, RxScs, SaId, Sak, Salt, Suite, TxSa, TxSc, TxScConfig,
    ValidateFrames,
};
use std::collections::VecDeque;
use std::sync::Arc;
use wire::{An, ETHERTYPE_REKEY, MacAddr, Sci, Ssci};
use worker::{
    Action, Command, ControlLink, Idle, Mailbox, Outcome, Parts, Policy, Stats, StatsSnapshot,
    Ticket, Worker,
};

/// MTU of the red side.
pub(crate) const MTU: usize = 1500;
pub(crate) const SUITE: Suite = Suite::GcmAesXpn256;

pub(crate) struct Site {
    pub(crate) worker: Worker,
    pub(crate) mailbox: Mailbox,
    pub(crate) control: ControlLink,
    pub(crate) stats: Arc<Stats>,
    pub(crate) host: MemPort,
    pub(crate) sci: Sci,
}

pub(crate) struct Sites {
    pub(crate) a: Site,
    pub(crate) b: Site,
    pub(crate) at_a: MemPort,
    pub(crate) at_b: MemPort,
}

pub(crate) fn mem(mtu: usize, capacity: usize) -> (Mem, Mem) {
    pair_with(MemConfig {
        capacity,
        mtu,
        ..MemConfig::default()
    })
}

/// The tx SC. Its limit is the longest protected frame of a red side with [`MTU`].
pub(crate) fn tx_config(sci: Sci, clear_vlan_tags: u8) -> TxScConfig {
    TxScConfig {
        sci,
        explicit_sci: true,
        protection: Protection::Confidentiality,
        clear_vlan_tags,
        frame_len_max: MTU + 14 + wire::OVERHEAD_MAX,
    }
}

pub(crate) fn rx_config(clear_vlan_tags: u8) -> RxConfig {
    RxConfig {
        replay_window: 64,
        validate: ValidateFrames::Strict,
        clear_vlan_tags,
    }
}

/// Upper limits for VLAN tags in front of frames on the line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tags {
    /// Left in clear by the sender.
    pub(crate) clear: u8,
    /// Added by the line.
    pub(crate) line: u8,
}

impl Site {
    pub(crate) fn new(name: u8, black: Mem, policy: Policy, tags: Tags) -> Self {
        let sci = Sci::new(MacAddr([2, 0, 0, 0, 0, name]), 1);
        let (red, host) = mem(MTU + 100, 1024);
        let (mailbox, inbox) = worker::mailbox::channel();
        let (control, link) = ControlLink::pair().unwrap();
        let stats = Arc::new(Stats::new());
        let worker = Worker::new(Parts {
            red: Box::new(red.open().unwrap()),
            black: Box::new(black.open().unwrap()),
            tx: TxSc::new(tx_config(sci, tags.clear)),
            rx: RxScs::new(rx_config(tags.clear)),
            policy,
            line_vlan_tags: tags.line,
            rekey_ethertype: ETHERTYPE_REKEY,
            idle: Idle::default(),
            inbox,
            link,
            stats: Arc::clone(&stats),
        });
        Self {
            worker,
            mailbox,
            control,
            stats,
            host: host.open().unwrap(),
            sci,
        }
    }

    /// Posts a command, runs one round, and returns the outcome.
    pub(crate) fn command(&mut self, command: Command) -> Outcome {
        let ticket: Ticket = self.mailbox.post(command).unwrap();
        self.worker.poll();
        self.mailbox
            .outcome(ticket)
            .expect("applied within one round")
    }

    /// Sends a frame from the host behind the red port.
    pub(crate) fn host_sends(&mut self, frame: &[u8]) {
        self.host.copy_tx(frame);
    }

    /// All frames that have arrived at the host.
    pub(crate) fn host_receives(&mut self) -> Vec<Vec<u8>> {
        receive(&mut self.host)
    }

    pub(crate) fn breathe(&mut self) {
        while self.worker.poll() > 0 {}
    }

    /// The numbers, published just now.
    pub(crate) fn numbers(&mut self) -> StatsSnapshot {
        self.worker.publish();
        self.stats.snapshot()
    }
}

impl Sites {
    pub(crate) fn new() -> Self {
        Self::with_policy(Policy::default())
    }

    pub(crate) fn with_policy(policy: Policy) -> Self {
        Self::with([policy.clone(), policy], 0)
    }

    /// Takes the policies of a and b, and the number of VLAN tags in clear.
    pub(crate) fn with(policies: [Policy; 2], clear: u8) -> Self {
        Self::with_tags(policies, Tags { clear, line: 0 })
    }

    /// Adds to [`Self::with`] a line that may add tags.
    pub(crate) fn with_tags([policy_a, policy_b]: [Policy; 2], tags: Tags) -> Self {
        let (black_a, at_a) = mem(MTU + 100, 1024);
        let (black_b, at_b) = mem(MTU + 100, 1024);
        Self {
            a: Site::new(0xA, black_a, policy_a, tags),
            b: Site::new(0xB, black_b, policy_b, tags),
            at_a: at_a.open().unwrap(),
            at_b: at_b.open().unwrap(),
        }
    }

    /// Installs a new key for each direction: first at the receivers, then the senders switch.
    pub(crate) fn rotate(&mut self, epoch: u32) {
        let (a, b) = (self.a.sci, self.b.sci);
        let rx_a = Command::InstallRx {
            sci: b,
            sa: Box::new(rx_sa(epoch, 0xB)),
        };
        let rx_b = Command::InstallRx {
            sci: a,
            sa: Box::new(rx_sa(epoch, 0xA)),
        };
        assert_eq!(self.a.command(rx_a), Outcome::Applied);
        assert_eq!(self.b.command(rx_b), Outcome::Applied);
        let tx_a = Command::InstallTx {
            sa: Box::new(tx_sa(epoch, 0xA)),
        };
        let tx_b = Command::InstallTx {
            sa: Box::new(tx_sa(epoch, 0xB)),
        };
        for outcome in [self.a.command(tx_a), self.b.command(tx_b)] {
            let done = matches!(outcome, Outcome::Applied | Outcome::Ended { .. });
            assert!(done, "{outcome:?}");
        }
    }

    /// Wipes the receivers' SAs of this epoch.
    pub(crate) fn retire_rx(&mut self, epoch: u32) -> (Outcome, Outcome) {
        let (a, b) = (self.a.sci, self.b.sci);
        (
            self.a.command(Command::RetireRx {
                sci: b,
                id: id(epoch),
            }),
            self.b.command(Command::RetireRx {
                sci: a,
                id: id(epoch),
            }),
        )
    }

    /// Carries every frame across the line unchanged, and returns copies: a to b, b to a.
    pub(crate) fn carry(&mut self) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        self.a.breathe();
        self.b.breathe();
        let there = receive(&mut self.at_a);
        let back = receive(&mut self.at_b);
        there.iter().for_each(|frame| self.at_b.copy_tx(frame));
        back.iter().for_each(|frame| self.at_a.copy_tx(frame));
        self.a.breathe();
        self.b.breathe();
        (there, back)
    }
}

pub(crate) fn receive(port: &mut MemPort) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut burst = Burst::new();
    loop {
        port.rx_burst(&mut burst);
        if burst.is_empty() {
            return frames;
        }
        frames.extend(burst.drain(..).map(|frame| frame.bytes().to_vec()));
    }
}

pub(crate) fn id(epoch: u32) -> SaId {
    SaId {
        an: An::from_tci((epoch % 4) as u8),
        epoch,
    }
}

/// A different key for each epoch and direction.
fn sak(epoch: u32, direction: u8) -> Sak {
    let mut octets = [direction; 32];
    octets[..4].copy_from_slice(&epoch.to_be_bytes());
    Sak::from_slice(SUITE, &octets).unwrap()
}

pub(crate) fn tx_sa(epoch: u32, direction: u8) -> TxSa {
    let salt = Salt([direction; 12]);
    TxSa::new(
        id(epoch),
        SUITE,
        &sak(epoch, direction),
        salt,
        Ssci(1),
        Engine::best(),
    )
}

pub(crate) fn rx_sa(epoch: u32, direction: u8) -> RxSa {
    let salt = Salt([direction; 12]);
    RxSa::new(
        id(epoch),
        SUITE,
        &sak(epoch, direction),
        salt,
        Ssci(1),
        Engine::best(),
    )
}

/// A red frame that holds a number, and a mark that must never appear on the line.
pub(crate) fn red_frame(number: u32, len: usize) -> Vec<u8> {
    let mut frame = vec![0x5A; len.max(26)];
    frame[..6].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 2]);
    frame[12..14].copy_from_slice(&[0x08, 0x00]);
    frame[14..18].copy_from_slice(&number.to_be_bytes());
    frame[18..26].copy_from_slice(MARK);
    frame
}

pub(crate) const MARK: &[u8; 8] = b"PLAINTXT";

pub(crate) fn is_marked(frame: &[u8]) -> bool {
    frame.windows(MARK.len()).any(|window| window == MARK)
}

/// A rekey frame with the header fields that a worker checks.
pub(crate) fn rekey_frame(fill: u8, len: usize) -> Vec<u8> {
    let mut frame = vec![fill; len.max(14)];
    frame[..6].copy_from_slice(&[1, 0x80, 0xC2, 0, 0, 3]);
    frame[12..14].copy_from_slice(&ETHERTYPE_REKEY.to_be_bytes());
    frame
}

/// I8: every frame in is a frame out or is counted in one named counter.
pub(crate) fn assert_closed(n: &StatsSnapshot, policy: &Policy) {
    let hits_of = |wanted: Action| -> u64 {
        let lines = policy.lines().zip(n.policy.red);
        lines
            .filter(|((_, action), _)| *action == wanted)
            .map(|(_, hits)| hits)
            .sum()
    };
    assert_eq!(
        n.policy.red.iter().sum::<u64>(),
        n.red.rx_frames,
        "each frame hits one line"
    );
    assert_eq!(hits_of(Action::Discard), n.worker.policy_discarded);
    assert_eq!(hits_of(Action::Bypass), n.worker.out_bypass);
    assert_eq!(n.policy.black.iter().sum::<u64>(), n.worker.in_bypass);
    assert_flows_closed(n);
}

/// Checks all of that except the policy's hits: the table may have changed during the run.
pub(crate) fn assert_flows_closed(n: &StatsSnapshot) {
    assert_eq!(
        n.red.rx_frames,
        n.worker.policy_discarded + n.worker.out_bypass + n.tx.discarded() + n.tx.passed(),
        "red in: {n:?}"
    );
    assert_eq!(
        n.tx.passed() + n.worker.out_bypass + n.worker.out_control,
        n.black.tx_frames + n.black.tx_dropped(),
        "black out: {n:?}"
    );
    assert_eq!(
        n.black.rx_frames,
        n.worker.in_control
            + n.worker.in_bypass
            + n.worker.discarded()
            + n.worker.handed_over
            + n.worker.handover_overrun
            + n.rx.discarded()
            + n.rx.passed()
            - n.worker.taken_over,
        "black in: {n:?}"
    );
    assert_eq!(
        n.rx.passed() + n.worker.in_bypass,
        n.red.tx_frames + n.red.tx_dropped(),
        "red out: {n:?}"
    );
    let named: u64 = n.drops().map(|(_, count)| count).sum();
    assert_eq!(
        named,
        n.worker.policy_discarded
            + n.tx.discarded()
            + n.rx.discarded()
            + n.worker.discarded()
            + n.worker.handover_overrun
            + n.worker.takeover_no_buffer
    );
}

/// Numbers of the frames that arrived.
pub(crate) fn numbers_in(frames: &[Vec<u8>]) -> VecDeque<u32> {
    frames
        .iter()
        .map(|frame| u32::from_be_bytes(frame[14..18].try_into().unwrap()))
        .collect()
}
