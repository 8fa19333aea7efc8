//! Two ends with several workers each, polled by hand on one thread. The test chooses the worker
//! that gets a frame, as a kernel would.

use gcm::Engine;
use port::Port;
use port::mem::MemPort;
use secy::{RxSa, RxScs, Sak, Salt, TxSa, TxSc};
use std::sync::Arc;
use wire::{ETHERTYPE_REKEY, MacAddr, Sci, Ssci};
use worker::{
    Command, ControlLink, Idle, Mailbox, Outcome, Parts, Policy, Seat, Stats, StatsSnapshot,
    Worker, owner,
};

use super::{MTU, SUITE, assert_flows_closed, id, mem, numbers_in, receive, rx_config, tx_config};

/// One worker with its host on red and its end of the line.
pub(crate) struct Member {
    pub(crate) worker: Worker,
    mailbox: Mailbox,
    stats: Arc<Stats>,
    pub(crate) host: MemPort,
    pub(crate) line: MemPort,
    pub(crate) control: ControlLink,
}

/// All workers of one end.
pub(crate) struct Crew {
    name: u8,
    pub(crate) members: Vec<Member>,
}

impl Crew {
    pub(crate) fn new(name: u8, workers: usize) -> Self {
        Self::with(name, workers, &Policy::default(), 0)
    }

    /// A crew with this policy and this number of VLAN tags in clear.
    pub(crate) fn with(name: u8, workers: usize, policy: &Policy, clear_vlan_tags: u8) -> Self {
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
                tx: TxSc::new(tx_config(sci, clear_vlan_tags)),
                rx: RxScs::new(rx_config(clear_vlan_tags)),
                policy: policy.clone(),
                line_vlan_tags: 0,
                rekey_ethertype: ETHERTYPE_REKEY,
                idle: Idle::default(),
                inbox,
                link,
                stats: Arc::clone(&stats),
            };
            Member {
                worker: Worker::new(parts).among(seat, clear_vlan_tags).unwrap(),
                mailbox,
                stats,
                host: host.open().unwrap(),
                line: line.open().unwrap(),
                control,
            }
        });
        Self {
            name,
            members: members.collect(),
        }
    }

    pub(crate) fn scis(&self) -> Vec<Sci> {
        let ports = (1..).zip(&self.members);
        ports
            .map(|(port, _)| Sci::new(MacAddr([2, 0, 0, 0, 0, self.name]), port))
            .collect()
    }

    pub(crate) fn command(&mut self, member: usize, command: Command) -> Outcome {
        let member = &mut self.members[member];
        let ticket = member.mailbox.post(command).unwrap();
        member.worker.poll();
        member.mailbox.outcome(ticket).unwrap()
    }

    /// Polls all workers until none has anything to do.
    pub(crate) fn breathe(&mut self) {
        let poll = |member: &mut Member| member.worker.poll();
        while self.members.iter_mut().map(poll).sum::<usize>() > 0 {}
    }

    pub(crate) fn numbers(&mut self) -> Vec<StatsSnapshot> {
        let publish = |member: &mut Member| {
            member.worker.publish();
            member.stats.snapshot()
        };
        self.members.iter_mut().map(publish).collect()
    }

    pub(crate) fn total(&mut self, of: impl Fn(&StatsSnapshot) -> u64) -> u64 {
        self.numbers().iter().map(of).sum()
    }

    /// Checks the counters of each worker, and those of the frames handed between workers.
    pub(crate) fn assert_closed(&mut self) {
        let numbers = self.numbers();
        numbers.iter().for_each(assert_flows_closed);
        let sum = |of: fn(&StatsSnapshot) -> u64| numbers.iter().map(of).sum::<u64>();
        assert_eq!(
            sum(|n| n.worker.handed_over),
            sum(|n| n.worker.taken_over + n.worker.takeover_no_buffer)
        );
    }

    /// Frames that arrived at the hosts, by worker.
    pub(crate) fn arrived(&mut self) -> Vec<Vec<Vec<u8>>> {
        let hosts = self.members.iter_mut();
        hosts.map(|member| receive(&mut member.host)).collect()
    }

    /// The numbers of the frames that arrived, sorted.
    pub(crate) fn arrived_numbers(&mut self) -> Vec<u32> {
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

/// Installs a new key from one end to the other, in the driver's order: each rx SA at its owner
/// only, before any tx SA.
pub(crate) fn rotate(from: &mut Crew, to: &mut Crew, epoch: u32) {
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

/// Carries the frames of one end to the workers of the other end that `choose` selects.
pub(crate) fn carry(
    from: &mut Crew,
    to: &mut Crew,
    choose: impl Fn(usize) -> usize,
) -> Vec<Vec<u8>> {
    from.breathe();
    let mut crossed = Vec::new();
    let workers = to.members.len();
    for member in &mut from.members {
        for frame in receive(&mut member.line) {
            let gets_it = &mut to.members[choose(crossed.len()) % workers];
            gets_it.line.copy_tx(&frame);
            crossed.push(frame);
            // A port wakes its worker neither for every frame nor never.
            if crossed.len().is_multiple_of(48) {
                to.breathe();
            }
        }
    }
    to.breathe();
    crossed
}
