use super::{Stats, StatsSnapshot, WORDS};
use crate::counters::WorkerCounters;
use crate::limits::{POLICY_LINES_MAX, RX_SAS_MAX};
use crate::line_tag::LineTag;
use crate::policy::PolicyHits;
use port::{LinkState, PortCounters};
use secy::{RxCounters, RxSaStatus, SaId, TxCounters};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use wire::{An, MacAddr, Pn, Sci};

/// A snapshot in which all numbers differ and depend on `seed`.
fn full(seed: u64) -> StatsSnapshot {
    let mut last = seed * 1_000_000;
    let mut number = || {
        last += 1;
        last
    };
    fn numbers<const N: usize>(mut number: impl FnMut() -> u64) -> [u64; N] {
        core::array::from_fn(|_| number())
    }
    StatsSnapshot {
        red: PortCounters::from_values(numbers(&mut number)),
        black: PortCounters::from_values(numbers(&mut number)),
        tx: TxCounters::from_values(numbers(&mut number)),
        rx: RxCounters::from_values(numbers(&mut number)),
        worker: WorkerCounters::from_values(numbers(&mut number)),
        policy: PolicyHits {
            serial: number(),
            red: numbers::<POLICY_LINES_MAX>(&mut number),
            black: numbers::<POLICY_LINES_MAX>(&mut number),
            red_rekey: numbers::<1>(&mut number)[0],
        },
        red_link: LinkState::Up,
        black_link: LinkState::Gone,
        line_tag: Some(LineTag {
            tpid: 0x88A8,
            tci: 0xFFFF,
            tags: 7,
            taken_off: true,
        }),
        tx_sa: Some(SaId {
            an: An::from_tci(3),
            epoch: u32::MAX,
        }),
        next_pn: Pn::new(number()),
        rx_sas: (0..RX_SAS_MAX)
            .map(|index| RxSaStatus {
                sci: Sci::new(MacAddr([2, 0, 0, 0, 0, 1]), index as u16),
                id: SaId {
                    an: An::from_tci(index as u8),
                    epoch: index as u32,
                },
                in_pkts_ok: number(),
                lowest_pn: Pn::new(number()).unwrap(),
                next_pn: Pn::new(number()).unwrap(),
            })
            .collect(),
    }
}

#[test]
fn what_is_published_is_what_is_read() {
    let stats = Stats::new();
    assert_eq!(stats.snapshot(), StatsSnapshot::default());
    stats.publish(&full(1));
    assert_eq!(stats.snapshot(), full(1));
    let mut words = 0;
    full(1).write(|_| words += 1);
    assert_eq!(
        words, WORDS,
        "the block has a word for each number and no more"
    );
    stats.publish(&StatsSnapshot::default());
    assert_eq!(
        stats.snapshot(),
        StatsSnapshot::default(),
        "nothing is left of the longer one"
    );
}

#[test]
fn a_snapshot_is_of_one_moment() {
    let stats = Arc::new(Stats::new());
    let done = Arc::new(AtomicBool::new(false));
    let writer = {
        let (stats, done) = (Arc::clone(&stats), Arc::clone(&done));
        thread::spawn(move || {
            let pair = [full(1), full(2)];
            for turn in 0..5_000 {
                stats.publish(&pair[turn % 2]);
                // A worker moves frames between publications. Without a gap no read would succeed.
                (0..500).for_each(|_| core::hint::spin_loop());
            }
            done.store(true, Ordering::Release);
        })
    };
    let pair = [StatsSnapshot::default(), full(1), full(2)];
    while !done.load(Ordering::Acquire) {
        let snapshot = stats.snapshot();
        assert!(pair.contains(&snapshot), "two publications mixed");
    }
    writer.join().unwrap();
}

#[test]
fn every_drop_has_its_name_once() {
    let mut snapshot = StatsSnapshot::default();
    snapshot.tx.out_pkts_no_sa = 3;
    snapshot.rx.in_pkts_late = 4;
    snapshot.worker.in_control_overrun = 5;
    let drops: Vec<_> = snapshot.drops().collect();
    let mut names: Vec<_> = drops.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), drops.len());
    assert_eq!(drops.iter().filter(|(_, count)| *count > 0).count(), 3);
    assert!(drops.contains(&("OutPktsNoSA", 3)));
    assert!(drops.contains(&("InPktsLate", 4)));
    assert!(drops.contains(&("InControlOverrun", 5)));
}
