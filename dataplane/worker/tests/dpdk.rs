//! A worker on DPDK ring devices. A ring device receives the frames it sent. With one as its black
//! port, the worker is its own peer: it must validate the frames that it protects.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of it is a test")]

mod line;

use line::{assert_closed, id, red_frame, rx_config, rx_sa, tx_config, tx_sa};
use port::dpdk::{Dpdk, DpdkConfig, Eal, EalConfig};
use port::limits::MBUFS_MIN;
use port::{Burst, Port};
use secy::{RxScs, TxSc};
use std::sync::Arc;
use wire::{ETHERTYPE_REKEY, MacAddr, Sci};
use worker::{
    Command, ControlLink, Idle, Mailbox, Outcome, Parts, Policy, Stats, StatsSnapshot, Worker,
};

/// A ring device. Each value of `extra` gives another mbuf pool.
fn ring(name: &str, extra: usize) -> Dpdk {
    let config = EalConfig {
        hugepages: false,
        ..EalConfig::default()
    };
    let eal = Eal::start(&config).unwrap();
    let mut config = DpdkConfig::new(name.parse().unwrap());
    (config.mtu_min, config.mbufs) = (1532, MBUFS_MIN + extra);
    Dpdk::open(eal, config).unwrap()
}

/// A worker whose peer is itself.
struct Loop {
    worker: Worker,
    mailbox: Mailbox,
    _control: ControlLink,
    stats: Arc<Stats>,
    sci: Sci,
}

impl Loop {
    fn new(red: impl Port + 'static, black: impl Port + 'static) -> Self {
        let sci = Sci::new(MacAddr([2, 0, 0, 0, 0, 0xA]), 1);
        let (mailbox, inbox) = worker::mailbox::channel();
        let (control, link) = ControlLink::pair().unwrap();
        let stats = Arc::new(Stats::new());
        let worker = Worker::new(Parts {
            red: Box::new(red),
            black: Box::new(black),
            tx: TxSc::new(tx_config(sci, 0)),
            rx: RxScs::new(rx_config(0)),
            policy: Policy::default(),
            line_vlan_tags: 0,
            rekey_ethertype: ETHERTYPE_REKEY,
            idle: Idle::default(),
            inbox,
            link,
            stats: Arc::clone(&stats),
        });
        Self {
            worker,
            mailbox,
            _control: control,
            stats,
            sci,
        }
    }

    /// Installs a new key for both directions in one round, and retires the rx SA before the last.
    fn rotate(&mut self, epoch: u32) {
        let (sci, sa) = (self.sci, Box::new(rx_sa(epoch, 0xA)));
        let mut post = |command| self.mailbox.post(command).unwrap();
        let rx = post(Command::InstallRx { sci, sa });
        let sa = Box::new(tx_sa(epoch, 0xA));
        let tx = post(Command::InstallTx { sa });
        let id = id(epoch.wrapping_sub(2));
        let old = (epoch > 2).then(|| post(Command::RetireRx { sci, id }));
        self.worker.poll();
        let ended = |outcome| matches!(outcome, Outcome::Ended { .. });
        assert_eq!(self.mailbox.outcome(rx), Some(Outcome::Applied));
        let switched = self.mailbox.outcome(tx).unwrap();
        assert!(switched == Outcome::Applied || ended(switched));
        assert!(old.is_none_or(|old| ended(self.mailbox.outcome(old).unwrap())));
    }

    fn breathe(&mut self, times: u32) -> StatsSnapshot {
        for _ in 0..times {
            self.worker.poll();
        }
        self.worker.publish();
        self.stats.snapshot()
    }
}

/// Red is a ring, too: the mbufs circulate through both sides of the SecY.
#[test]
fn a_million_frames_go_round_from_key_to_key() {
    const FRAMES: u32 = 500;
    const PER_KEY: u64 = 40_000;
    const KEYS: u32 = 25;
    let (mut red, black, spare) = (
        ring("net_ring0", 1),
        ring("net_ring1", 1),
        ring("net_ring2", 1),
    );
    let free = spare.mbufs_free(); // free mbufs in the pool that all three share
    for number in 0..FRAMES {
        red.copy_tx(&red_frame(number, 60 + number as usize % 1455));
    }
    let mut carousel = Loop::new(red, black);
    let mut numbers = StatsSnapshot::default();
    for epoch in 1..=KEYS {
        carousel.rotate(epoch);
        while numbers.rx.in_pkts_ok < u64::from(epoch) * PER_KEY {
            numbers = carousel.breathe(100);
        }
    }
    assert_eq!(numbers.drops().map(|(_, count)| count).sum::<u64>(), 0);
    assert_eq!(numbers.red.buffers_held + numbers.black.buffers_held, 0);
    assert_eq!(free - spare.mbufs_free(), FRAMES as usize, "all go round");
    numbers.red.tx_frames -= u64::from(FRAMES); // those sent by the test
    assert_closed(&numbers, &Policy::default());

    // Without a tx SA all frames are dropped, and their mbufs become free.
    carousel.mailbox.post(Command::RetireTx).unwrap();
    let numbers = carousel.breathe(100);
    assert_eq!(numbers.tx.out_pkts_no_sa, u64::from(FRAMES));
    assert_eq!(spare.mbufs_free(), free, "no mbuf is lost");
}

/// Red is no DPDK port, so frames are copied between the ports.
#[test]
fn frames_come_back_as_they_were() {
    let (red, host) = line::mem(line::MTU, 1024);
    let mut host = host.open().unwrap();
    let mut alone = Loop::new(red.open().unwrap(), ring("net_ring3", 2));
    alone.rotate(1);
    let sent: Vec<_> = (60..1514)
        .step_by(7)
        .zip(0..)
        .map(|(len, number)| red_frame(number, len))
        .collect();
    sent.iter().for_each(|frame| host.copy_tx(frame));
    let numbers = alone.breathe(100);
    assert!(line::receive(&mut host) == sent);
    assert_eq!(numbers.rx.in_pkts_ok, sent.len() as u64);
    assert_closed(&numbers, &Policy::default());
    let mut burst = Burst::new();
    host.rx_burst(&mut burst);
    assert!(burst.is_empty());
}
