//! Several workers at each end: each SC has one worker, whoever its frames come to; order, counters
//! and keys hold over all of them together.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of it is a test")]

mod line;

use gcm::Engine;
use line::{
    MTU, SUITE, assert_flows_closed, id, is_marked, mem, numbers_in, receive, red_frame, rx_config,
    tx_config,
};
use port::Port;
use port::mem::MemPort;
use proptest::prelude::{ProptestConfig, any, proptest};
use secy::{RxSa, RxScs, Sak, Salt, TxSa, TxSc};
use std::sync::Arc;
use wire::{ETHERTYPE_REKEY, MacAddr, Sci, Ssci};
use worker::{
    Command, ControlLink, Idle, Mailbox, Outcome, Parts, Policy, Seat, Stats, StatsSnapshot,
    Worker, owner,
};

/// One worker, its host on red and its end of the line.
struct Member {
    worker: Worker,
    mailbox: Mailbox,
    stats: Arc<Stats>,
    host: MemPort,
    line: MemPort,
    _control: ControlLink,
}

/// All workers of one end.
struct Crew {
    name: u8,
    members: Vec<Member>,
}

impl Crew {
    fn new(name: u8, workers: usize) -> Self {
        let seats = Seat::for_all(workers, MTU + 100);
        let members = (1..).zip(seats).map(|(port, seat)| {
            let sci = Sci::new(MacAddr([2, 0, 0, 0, 0, name]), port);
            let (red, host) = mem(MTU + 100, 2048);
            let (black, line) = mem(MTU + 100, 2048);
            let (mailbox, inbox) = worker::mailbox::channel();
            let (control, link) = ControlLink::pair().unwrap();
            let stats = Arc::new(Stats::new());
            let parts = Parts {
                red: Box::new(red.open().unwrap()),
                black: Box::new(black.open().unwrap()),
                tx: TxSc::new(tx_config(sci, 0)),
                rx: RxScs::new(rx_config(0)),
                policy: Policy::default(),
                rekey_ethertype: ETHERTYPE_REKEY,
                idle: Idle::default(),
                inbox,
                link,
                stats: Arc::clone(&stats),
            };
            Member {
                worker: Worker::new(parts).among(seat, 0).unwrap(),
                mailbox,
                stats,
                host: host.open().unwrap(),
                line: line.open().unwrap(),
                _control: control,
            }
        });
        Self {
            name,
            members: members.collect(),
        }
    }

    fn scis(&self) -> Vec<Sci> {
        let ports = (1..).zip(&self.members);
        ports
            .map(|(port, _)| Sci::new(MacAddr([2, 0, 0, 0, 0, self.name]), port))
            .collect()
    }

    fn command(&mut self, member: usize, command: Command) -> Outcome {
        let member = &mut self.members[member];
        let ticket = member.mailbox.post(command).unwrap();
        member.worker.poll();
        member.mailbox.outcome(ticket).unwrap()
    }

    /// Polls all until none has anything to do.
    fn breathe(&mut self) {
        let poll = |member: &mut Member| member.worker.poll();
        while self.members.iter_mut().map(poll).sum::<usize>() > 0 {}
    }

    fn numbers(&mut self) -> Vec<StatsSnapshot> {
        let publish = |member: &mut Member| {
            member.worker.publish();
            member.stats.snapshot()
        };
        self.members.iter_mut().map(publish).collect()
    }

    fn total(&mut self, of: impl Fn(&StatsSnapshot) -> u64) -> u64 {
        self.numbers().iter().map(of).sum()
    }

    /// Counters of each worker, and of what went from one to another.
    fn assert_closed(&mut self) {
        let numbers = self.numbers();
        numbers.iter().for_each(assert_flows_closed);
        let sum = |of: fn(&StatsSnapshot) -> u64| numbers.iter().map(of).sum::<u64>();
        assert_eq!(
            sum(|n| n.worker.handed_over),
            sum(|n| n.worker.taken_over + n.worker.takeover_no_buffer)
        );
    }

    /// Frames that arrived at the hosts, by worker.
    fn arrived(&mut self) -> Vec<Vec<Vec<u8>>> {
        let hosts = self.members.iter_mut();
        hosts.map(|member| receive(&mut member.host)).collect()
    }

    /// Their numbers, sorted.
    fn arrived_numbers(&mut self) -> Vec<u32> {
        let frames = self.arrived().concat();
        let mut numbers: Vec<_> = numbers_in(&frames).into();
        numbers.sort_unstable();
        numbers
    }
}

fn sak(epoch: u32, direction: u8) -> Sak {
    let mut octets = [direction; 32];
    octets[..4].copy_from_slice(&epoch.to_be_bytes());
    Sak::from_slice(SUITE, &octets).unwrap()
}

/// A fresh key from one end to the other, as the driver installs it: each rx SA in its owner only,
/// before any tx SA.
fn rotate(from: &mut Crew, to: &mut Crew, epoch: u32) {
    let direction = from.name;
    let salt = || Salt([direction; 12]);
    let workers = to.members.len();
    for (ssci, sci) in (1..).zip(from.scis()) {
        let sak = sak(epoch, direction);
        let sa = RxSa::new(id(epoch), SUITE, &sak, salt(), Ssci(ssci), Engine::best());
        let sa = Box::new(sa);
        let install = Command::InstallRx { sci, sa };
        assert_eq!(to.command(owner(sci, workers), install), Outcome::Applied);
    }
    for (member, ssci) in (0..from.members.len()).zip(1..) {
        let sak = sak(epoch, direction);
        let sa = TxSa::new(id(epoch), SUITE, &sak, salt(), Ssci(ssci), Engine::best());
        from.command(member, Command::InstallTx { sa: Box::new(sa) });
    }
}

/// Carries what each worker of one end sent to whichever worker of the other `choose` says.
fn carry(from: &mut Crew, to: &mut Crew, choose: impl Fn(usize) -> usize) -> Vec<Vec<u8>> {
    from.breathe();
    let mut crossed = Vec::new();
    let workers = to.members.len();
    for member in &mut from.members {
        for frame in receive(&mut member.line) {
            assert!(!is_marked(&frame), "plaintext on the line");
            let gets_it = &mut to.members[choose(crossed.len()) % workers];
            gets_it.line.copy_tx(&frame);
            crossed.push(frame);
            // As a port would wake it: not every frame, not never.
            if crossed.len().is_multiple_of(48) {
                to.breathe();
            }
        }
    }
    to.breathe();
    crossed
}

#[test]
fn each_sc_is_validated_by_one_worker_whoever_gets_its_frames() {
    for (ours, theirs) in [(1, 1), (1, 2), (2, 1), (2, 2), (3, 2), (2, 3), (16, 16)] {
        let (mut a, mut b) = (Crew::new(0xA, ours), Crew::new(0xB, theirs));
        rotate(&mut a, &mut b, 1);
        let mut number = 0;
        let mut arrived = vec![Vec::new(); theirs];
        for round in 0..10 {
            for member in &mut a.members {
                for _ in 0..20 {
                    member.host.copy_tx(&red_frame(number, 100));
                    number += 1;
                }
            }
            // The right one by chance only.
            let crossed = carry(&mut a, &mut b, |at| at + round);
            assert_eq!(crossed.len(), 20 * ours);
            for (all, fresh) in arrived.iter_mut().zip(b.arrived()) {
                all.extend(numbers_in(&fresh));
            }
        }
        let mut all = arrived.concat();
        all.sort_unstable();
        let complete = all.into_iter().eq(0..number);
        assert!(complete, "{ours} to {theirs}: lost or doubled");
        for (at, numbers) in arrived.iter().enumerate() {
            let owned = |number: &u32| {
                let sc = *number as usize / 20 % ours;
                sc % theirs == at
            };
            assert!(numbers.iter().all(owned), "an SC at the wrong worker");
        }
        let handed = b.total(|n| n.worker.handed_over);
        assert_eq!(handed > 0, theirs > 1);
        a.assert_closed();
        b.assert_closed();
    }
}

#[test]
fn frames_that_come_to_their_owner_keep_their_order() {
    let (mut a, mut b) = (Crew::new(0xA, 2), Crew::new(0xB, 2));
    rotate(&mut a, &mut b, 1);
    for number in 0..600 {
        let sender = &mut a.members[number as usize % 2];
        sender.host.copy_tx(&red_frame(number, 60));
    }
    a.breathe();
    for (from, to) in a.members.iter_mut().zip(&mut b.members) {
        for frame in receive(&mut from.line) {
            to.line.copy_tx(&frame);
        }
    }
    b.breathe();
    for (parity, frames) in (0..).zip(b.arrived()) {
        let in_order = numbers_in(&frames).into_iter().eq((parity..600).step_by(2));
        assert!(in_order, "SC {parity}");
    }
    assert_eq!(b.total(|n| n.worker.handed_over), 0);
    b.assert_closed();
}

#[test]
fn a_frame_sent_to_every_worker_is_let_in_once() {
    let (mut a, mut b) = (Crew::new(0xA, 3), Crew::new(0xB, 3));
    rotate(&mut a, &mut b, 1);
    for member in &mut a.members {
        for number in 0..10 {
            member.host.copy_tx(&red_frame(number, 80));
        }
    }
    let crossed = carry(&mut a, &mut b, |_| 0);
    assert_eq!(b.arrived().concat().len(), 30);
    for member in &mut b.members {
        for frame in &crossed {
            member.line.copy_tx(frame);
        }
    }
    b.breathe();
    assert!(
        b.arrived().concat().is_empty(),
        "a replay came in by another worker"
    );
    assert_eq!(b.total(|n| n.rx.in_pkts_duplicate), 90);
    b.assert_closed();
}

#[test]
fn keys_change_under_traffic_and_no_frame_is_lost() {
    for (ours, theirs) in [(2, 2), (1, 2), (2, 1)] {
        let (mut a, mut b) = (Crew::new(0xA, ours), Crew::new(0xB, theirs));
        rotate(&mut a, &mut b, 1);
        let mut number = 0;
        for epoch in 2..22 {
            for member in &mut a.members {
                for _ in 0..30 {
                    let len = 60 + number as usize % 1400;
                    member.host.copy_tx(&red_frame(number, len));
                    number += 1;
                }
            }
            // The first worker's are sealed under the key before, the others' under the next.
            a.members[0].worker.poll();
            rotate(&mut a, &mut b, epoch);
            carry(&mut a, &mut b, |at| at / 3);
            let id = id(epoch - 1);
            for sci in a.scis() {
                let retire = Command::RetireRx { sci, id };
                let retired = b.command(owner(sci, theirs), retire);
                assert!(matches!(retired, Outcome::Ended { .. }), "{retired:?}");
            }
        }
        let complete = b.arrived_numbers().into_iter().eq(0..number);
        assert!(complete, "{ours} to {theirs}: lost or doubled");
        a.assert_closed();
        b.assert_closed();
    }
}

#[test]
fn a_full_line_between_workers_is_a_named_drop() {
    let (mut a, mut b) = (Crew::new(0xA, 1), Crew::new(0xB, 2));
    rotate(&mut a, &mut b, 1);
    for number in 0..1000 {
        a.members[0].host.copy_tx(&red_frame(number, 60));
    }
    a.breathe();
    // All of it to the wrong worker, while the right one sleeps.
    for frame in receive(&mut a.members[0].line) {
        b.members[1].line.copy_tx(&frame);
    }
    while b.members[1].worker.poll() > 0 {}
    let waiting = worker::limits::HANDOVER_FRAMES as u64;
    let numbers = b.numbers();
    assert_eq!(numbers[1].worker.handed_over, waiting);
    assert_eq!(numbers[1].worker.handover_overrun, 1000 - waiting);
    b.breathe();
    assert_eq!(b.arrived().concat().len() as u64, waiting);
    b.assert_closed();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn whatever_comes_to_whichever_worker_the_counters_close(
        workers in 1_usize..5,
        frames in proptest::collection::vec(
            (any::<u8>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..120)), 0..200),
    ) {
        let (mut a, mut b) = (Crew::new(0xA, workers), Crew::new(0xB, workers));
        rotate(&mut a, &mut b, 1);
        let sent = frames.len() as u64;
        for (to, tagged, mut octets) in frames {
            // Half of it looks like MACsec with an SCI, of any SC or of one there is.
            if tagged && octets.len() > 28 {
                octets[12..15].copy_from_slice(&[0x88, 0xE5, 0x2C]);
                if to > 100 {
                    let sci = a.scis()[usize::from(to) % workers];
                    octets[20..28].copy_from_slice(&sci.to_bytes());
                }
            }
            b.members[usize::from(to) % workers].line.copy_tx(&octets);
        }
        b.breathe();
        proptest::prop_assert!(b.arrived().concat().is_empty());
        proptest::prop_assert_eq!(b.total(|n| n.black.rx_frames), sent);
        a.assert_closed();
        b.assert_closed();
    }
}
