use std::time::Instant;

use super::*;
use crate::frames::FLOWS;
use crate::rekey::load::hosts::{Flow, Run};
use crate::rekey::load::standstill::Placement;
use crate::size::FrameSize;

fn account(lost: u64, inside_us: u64, outside_us: u64) -> Account {
    let mut account = Account::new(Duration::from_secs(1));
    (account.frames, account.lost, account.switches) = (1_000_000, lost, 10);
    for _ in 0..TAIL_FRAMES {
        account.inside.record(inside_us * 1_000, false);
        account.outside.record(outside_us * 1_000, false);
    }
    account
}

fn row(on: Account, off: Account) -> Row {
    let offer = Offer {
        size: FrameSize::Octets(512),
        rate: 1e5,
        time: Duration::from_secs(1),
    };
    let cell = Cell {
        port: PortSetup::Mem,
        offer,
        load_percent: 50,
    };
    let mut row = Row::new(cell, Duration::from_secs(1));
    (row.on, row.off) = (on, off);
    row.safety.counted.nonces = 1_000_000;
    (row.safety.keys, row.safety.on_disk.saks) = (10, 10);
    row
}

fn why(row: &Row) -> String {
    let verdict = row.verdict();
    verdict.why().unwrap_or(verdict.word()).to_owned()
}

#[test]
fn a_row_without_loss_and_with_a_short_tail_passes() {
    assert_eq!(
        why(&row(account(0, 110, 100), account(0, 100, 100))),
        "PASS"
    );
    // As much lost without rekeying.
    assert_eq!(
        why(&row(account(5, 110, 100), account(5, 100, 100))),
        "PASS"
    );
}

#[test]
fn what_fails_a_row_is_named() {
    let off = account(0, 100, 100);
    let mut lossy = row(account(1, 100, 100), off.clone());
    lossy.drops.insert("InPktsNotUsingSA".to_owned(), 1);
    assert_eq!(why(&lossy), "lost 1 (InPktsNotUsingSA), without rekeying 0");
    let slow = row(account(0, 130, 100), off.clone());
    assert!(
        why(&slow).starts_with("p99.99 130 us in the windows"),
        "{}",
        why(&slow)
    );
    let mut stalled = row(account(0, 100, 100), off.clone());
    stalled.on.at_switches = vec![100_000, 5_000_000, 5_100_000];
    stalled.on.elsewhere = vec![90_000, 100_000, 30_000_000];
    assert!(
        why(&stalled).starts_with("stall: p50 5000 us right after"),
        "{}",
        why(&stalled)
    );
    // Elsewhere the machine stalls more often than not.
    stalled.on.elsewhere = vec![100_000, 9_000_000, 30_000_000];
    stalled.on.at_switches = vec![5_000_000, 5_100_000, 9_000_000];
    assert!(
        why(&stalled).starts_with("stall: p10 5000 us right after"),
        "{}",
        why(&stalled)
    );
    let mut dipped = row(account(0, 100, 100), off.clone());
    let window = dipped.on.windows.open(100.0);
    for arrival in 0..9_800 {
        // Two frames in a hundred are missing, and in one bin all.
        dipped.on.windows.arrive(window, 1 + arrival % 99);
    }
    assert_eq!(
        dipped.dip(),
        None,
        "not known whether the machine does that by itself"
    );
    dipped.bin_chance = Some(0.01);
    assert_eq!(dipped.dip(), None, "it may do that by itself");
    dipped.bin_chance = Some(0.001);
    assert_eq!(dipped.dip(), Some(-100.0));
    assert_eq!(why(&dipped), "PASS", "nothing was lost");
    let mut row = row(account(0, 100, 100), off);
    row.on.duplicated = 1;
    assert!(why(&row).contains("duplicated 1"));
    row.safety.on_disk.saks = 0;
    assert_eq!(why(&row), "no SAK was searched for on disk");
    row.safety.on_disk.found = vec!["site-a.toml".into()];
    assert_eq!(why(&row), "sak_on_disk, in site-a.toml");
    row.safety.grave = vec!["A: key_ID 7 was used twice (out)".to_owned()];
    assert_eq!(why(&row), "ledgers: A: key_ID 7 was used twice (out)");
    row.safety.counted.clear = 1;
    assert!(why(&row).contains("cleartext_frames_on_line 1"));
    row.unexplained.insert("red to black".to_owned(), 2);
    row.unexplained.insert("line".to_owned(), 1);
    assert_eq!(why(&row), "unexplained 3 (red to black)");
    row.on.switches = 0;
    assert_eq!(why(&row), "no switch");
}

#[test]
fn a_tail_of_too_few_frames_is_no_pass() {
    let mut on = account(0, 100, 100);
    on.inside = Latency::default();
    assert!(why(&row(on, account(0, 100, 100))).contains("too few frames"));
}

#[test]
fn a_standstill_of_the_machine_excuses_the_tail_but_no_loss() {
    let mut on = account(0, 100, 100);
    for _ in 0..TAIL_FRAMES {
        on.inside.record(20_000_000, true);
    }
    let off = account(0, 100, 100);
    assert!(on.inside.tail_of_all_us() > on.inside.tail_us());
    assert_eq!(why(&row(on.clone(), off.clone())), "PASS");
    on.lost = 1;
    assert!(why(&row(on, off)).starts_with("lost 1"));
}

/// 10 s of 10,000 frames a second in both directions, a switch in each 0.3 s. The machine stands
/// still for 10 to 20 ms in each 97 ms, at another place each time, and the sender for `stall_ns`
/// at each switch.
fn busy(stall_ns: u64) -> Account {
    const MS: u64 = 1_000_000;
    let offer = Offer {
        size: FrameSize::Octets(512),
        rate: 10_000.0,
        time: Duration::from_secs(10),
    };
    let frames = offer.frames();
    let switches_ns: Vec<u64> = (1..33).map(|n| n * 300 * MS).collect();
    let machine = (0..103).map(|n| {
        let begin = n * 97 * MS + n * 17 % 77 * MS;
        (begin, begin + (10 + n * 7 % 11) * MS)
    });
    let stalls: Vec<(u64, u64)> = switches_ns.iter().map(|at| (*at, at + stall_ns)).collect();
    let stalls: Vec<(u64, u64)> = machine.chain(stalls).collect();
    let flow = || {
        let mut flow = Flow::new(frames);
        for number in 0..frames {
            let due = offer.due_ns(number);
            let over = stalls
                .iter()
                .filter(|(from, to)| (*from..*to).contains(&due));
            let late = over.map(|(_, to)| to - due).max().unwrap_or(20_000);
            flow.arrive(number, late);
        }
        flow
    };
    let start = Instant::now();
    let run = Run {
        offer,
        start,
        took: offer.time,
        sent: [frames; FLOWS],
        flows: [flow(), flow()],
        standstills: None,
    };
    let switches = switches_ns
        .iter()
        .map(|&ns| start + Duration::from_nanos(ns));
    let mut account = Account::new(Duration::from_millis(300));
    account.add(&run, &[switches.clone().collect(), switches.collect()]);
    account
}

#[test]
fn a_stall_of_5_ms_at_each_switch_fails_also_beside_a_busy_machine() {
    let off = account(0, 100, 100);
    assert_eq!(why(&row(busy(0), off.clone())), "PASS");
    let why = why(&row(busy(5_000_000), off));
    assert!(why.starts_with("stall: p"), "{why}");
}

/// Then they would be ours, and would excuse our own tail.
#[test]
fn standstills_that_come_with_the_switches_fail_a_row() {
    let off = account(0, 100, 100);
    let mut on = off.clone();
    on.placement = Placement {
        inside: 40,
        outside: 40,
    };
    assert_eq!(why(&row(on.clone(), off.clone())), "PASS");
    // Three quarters of the time are outside now.
    for _ in 0..2 * TAIL_FRAMES {
        on.outside.record(100_000, false);
    }
    on.placement.inside = 160;
    on.placement.outside = 10;
    assert_eq!(
        why(&row(on, off)),
        "standstills 160 in the windows, 42 by chance: they come with the switches"
    );
}
