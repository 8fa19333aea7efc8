//! Two workers connected back to back: keys, switches, named drops.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of it is a test")]

mod line;

use line::{MTU, Sites, assert_closed, id, is_marked, red_frame, rx_sa, tx_sa};
use port::Port;
use secy::InstallError;
use wire::{ETHERTYPE_MACSEC, Pn, ethertype};
use worker::{Command, Outcome, Policy};

#[test]
fn frames_cross_both_ways_and_only_macsec_is_on_the_line() {
    let mut sites = Sites::new();
    sites.rotate(1);
    let sizes = [26, 60, 61, 500, 1513, MTU + 14];
    let frames: Vec<_> = (0..)
        .zip(sizes)
        .map(|(number, len)| red_frame(number, len))
        .collect();
    for frame in &frames {
        sites.a.host_sends(frame);
        sites.b.host_sends(frame);
    }
    let (there, back) = sites.carry();
    for on_line in there.iter().chain(&back) {
        assert_eq!(ethertype(on_line), Some(ETHERTYPE_MACSEC));
        assert!(!is_marked(on_line));
    }
    assert_eq!(there.len() + back.len(), 2 * frames.len());
    assert_eq!(sites.b.host_receives(), frames);
    assert_eq!(sites.a.host_receives(), frames);
    for site in [&mut sites.a, &mut sites.b] {
        let numbers = site.numbers();
        assert_closed(&numbers, &Policy::default());
        assert_eq!(numbers.rx.in_pkts_ok, 6);
        assert_eq!(numbers.tx_sa, Some(id(1)));
        assert_eq!(numbers.next_pn, Pn::new(7));
        assert_eq!(numbers.rx_sas.len(), 1);
        assert_eq!(
            (numbers.rx_sas[0].id, numbers.rx_sas[0].in_pkts_ok),
            (id(1), 6)
        );
        assert!(numbers.worker.bursts > 0);
    }
}

#[test]
fn without_a_tx_sa_nothing_leaves() {
    let mut sites = Sites::new();
    let send = |sites: &mut Sites| {
        for number in 0..100 {
            sites.a.host_sends(&red_frame(number, 100));
        }
        sites.carry().0.len()
    };
    assert_eq!(send(&mut sites), 0, "before the first key");
    sites.rotate(1);
    assert_eq!(send(&mut sites), 100);
    let ended = Outcome::Ended { frames: 100 };
    assert_eq!(sites.a.command(Command::RetireTx), ended);
    assert_eq!(send(&mut sites), 0, "after the key is retired");
    assert_eq!(sites.a.command(Command::RetireTx), Outcome::Absent);

    // A PN limit stops the SA, too: the PN does not wrap.
    let sa = tx_sa(2, 0xA).with_pn_limit(Pn::new(30).unwrap());
    assert_eq!(
        sites.a.command(Command::InstallTx { sa: Box::new(sa) }),
        Outcome::Applied
    );
    assert_eq!(send(&mut sites), 30);

    let numbers = sites.a.numbers();
    assert_eq!(numbers.tx.out_pkts_no_sa, 200);
    assert_eq!(numbers.tx.out_pkts_pn_exhausted, 70);
    assert_eq!(numbers.next_pn, None);
    assert_closed(&numbers, &Policy::default());
}

#[test]
fn a_hundred_thousand_frames_over_two_hundred_switches() {
    const FRAMES: u32 = 100_000;
    const PER_KEY: u32 = 500;
    let mut sites = Sites::new();
    let (mut sent, mut at_b, mut at_a) = (0, 0, 0);
    let mut epoch = 0;
    while sent < FRAMES {
        // At a switch, frames under the old key are in the worker, on the line and at the peer.
        for _ in 0..37 {
            if sent < FRAMES && epoch > 0 {
                sites
                    .a
                    .host_sends(&red_frame(sent, 60 + (sent % 200) as usize));
                sites
                    .b
                    .host_sends(&red_frame(sent, 60 + (sent % 200) as usize));
                sent += 1;
            }
        }
        if sent >= epoch * PER_KEY {
            epoch += 1;
            sites.rotate(epoch);
            if epoch > 2 {
                let (a, b) = sites.retire_rx(epoch - 2);
                assert!(matches!(a, Outcome::Ended { .. }), "{a:?}");
                assert!(matches!(b, Outcome::Ended { .. }), "{b:?}");
            }
        }
        sites.carry();
        for (site, expected) in [(&mut sites.b, &mut at_b), (&mut sites.a, &mut at_a)] {
            for number in line::numbers_in(&site.host_receives()) {
                assert_eq!(number, *expected, "lost, doubled or out of order");
                *expected += 1;
            }
        }
    }
    assert_eq!((at_a, at_b, epoch), (FRAMES, FRAMES, FRAMES / PER_KEY + 1));
    for site in [&mut sites.a, &mut sites.b] {
        let numbers = site.numbers();
        assert_closed(&numbers, &Policy::default());
        assert_eq!(numbers.rx.in_pkts_ok, u64::from(FRAMES));
        assert_eq!(numbers.drops().map(|(_, count)| count).sum::<u64>(), 0);
        assert_eq!(numbers.rx_sas.len(), 2, "the one in use and the one before");
    }
}

#[test]
fn a_retired_rx_sa_opens_nothing_any_more() {
    let mut sites = Sites::new();
    sites.rotate(1);
    sites.a.host_sends(&red_frame(1, 200));
    sites.a.host_sends(&red_frame(2, 200));
    sites.a.breathe();
    let kept = line::receive(&mut sites.at_a);
    sites.at_b.copy_tx(&kept[0]);
    sites.b.breathe();
    assert_eq!(sites.b.host_receives().len(), 1);

    // The same AN with another epoch is a different SA.
    let other = secy::SaId { epoch: 5, ..id(1) };
    let sci = sites.a.sci;
    assert_eq!(
        sites.b.command(Command::RetireRx { sci, id: other }),
        Outcome::Absent
    );
    assert_eq!(sites.b.numbers().rx_sas.len(), 1);
    // An install does not overwrite an SA in use.
    let again = Command::InstallRx {
        sci,
        sa: Box::new(rx_sa(5, 0xA)),
    };
    assert_eq!(
        sites.b.command(again),
        Outcome::Refused(InstallError::InUse(id(1)))
    );
    assert_eq!(sites.b.numbers().worker.commands_refused, 1);

    assert_eq!(
        sites.b.command(Command::RetireRx { sci, id: id(1) }),
        Outcome::Ended { frames: 1 }
    );
    assert_eq!(sites.b.numbers().rx_sas.len(), 0);
    sites.at_b.copy_tx(&kept[1]);
    sites.b.breathe();
    assert!(sites.b.host_receives().is_empty());
    let numbers = sites.b.numbers();
    assert_eq!(
        numbers.rx.in_pkts_no_sci + numbers.rx.in_pkts_not_using_sa,
        1
    );
    assert_closed(&numbers, &Policy::default());
}

#[test]
fn retire_all_and_shutdown_leave_no_sa() {
    for last in [Command::RetireAll, Command::Shutdown] {
        let ends = matches!(last, Command::Shutdown);
        let mut sites = Sites::new();
        sites.rotate(1);
        sites.rotate(2);
        assert_eq!(sites.a.command(last), Outcome::Applied);
        let numbers = sites.a.numbers();
        assert_eq!((numbers.tx_sa, numbers.rx_sas.len()), (None, 0));
        sites.a.host_sends(&red_frame(1, 100));
        assert_eq!(sites.carry().0.len(), 0);
        let read = sites.a.numbers().red.rx_frames;
        assert_eq!(read, u64::from(!ends), "a worker that ends moves no frame");
    }
}

#[test]
fn replayed_and_flipped_frames_never_reach_red() {
    let mut sites = Sites::new();
    sites.rotate(1);
    for number in 0..200 {
        sites.a.host_sends(&red_frame(number, 90));
    }
    let (there, _) = sites.carry();
    assert_eq!(sites.b.host_receives().len(), 200);

    there.iter().for_each(|frame| sites.at_b.copy_tx(frame));
    sites.b.breathe();
    assert!(sites.b.host_receives().is_empty());
    let numbers = sites.b.numbers();
    // The window is 64.
    assert_eq!(
        (numbers.rx.in_pkts_late, numbers.rx.in_pkts_duplicate),
        (136, 64)
    );

    sites.a.host_sends(&red_frame(200, 90));
    sites.a.breathe();
    let fresh = line::receive(&mut sites.at_a).pop().unwrap();
    for bit in 0..fresh.len() * 8 {
        let mut flipped = fresh.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let before = sites.b.numbers().rx.discarded();
        sites.at_b.copy_tx(&flipped);
        sites.b.breathe();
        assert!(sites.b.host_receives().is_empty(), "bit {bit}");
        assert_eq!(
            sites.b.numbers().rx.discarded(),
            before + 1,
            "bit {bit}: one named drop"
        );
    }
    sites.at_b.copy_tx(&fresh);
    sites.b.breathe();
    assert_eq!(
        sites.b.host_receives(),
        [red_frame(200, 90)],
        "the true one still passes"
    );
    assert_closed(&sites.b.numbers(), &Policy::default());
}

#[test]
fn frames_too_long_or_too_short_are_dropped_by_name() {
    let mut sites = Sites::new();
    sites.rotate(1);
    for len in [MTU + 15, MTU + 14, MTU + 100] {
        sites.a.host_sends(&red_frame(0, len));
    }
    sites.a.host_sends(&[2; 13]);
    let (there, _) = sites.carry();
    assert_eq!(
        there.iter().map(Vec::len).collect::<Vec<_>>(),
        [MTU + 14 + wire::OVERHEAD_MAX]
    );
    let numbers = sites.a.numbers();
    assert_eq!(numbers.tx.out_pkts_too_long, 2);
    assert_closed(&numbers, &Policy::default());
    let short = numbers.tx.out_pkts_too_short + numbers.red.rx_malformed;
    assert_eq!(short, 1, "by the port or by the SecY: {numbers:?}");
}

#[test]
fn what_is_no_macsec_is_dropped_on_black() {
    let mut sites = Sites::new();
    sites.rotate(1);
    sites.at_b.copy_tx(&red_frame(1, 100));
    sites.at_b.copy_tx(&[0xFF; 60]);
    sites.at_b.copy_tx(&[
        1, 0x80, 0xC2, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x88, 0x08, 0, 1, 0xFF, 0xFF,
    ]);
    sites.b.breathe();
    assert!(sites.b.host_receives().is_empty());
    let numbers = sites.b.numbers();
    assert_eq!(numbers.rx.in_pkts_no_tag, 3);
    assert_closed(&numbers, &Policy::default());
}

#[test]
fn buffers_all_come_back() {
    let mut sites = Sites::new();
    sites.rotate(1);
    for round in 0..20 {
        for number in 0..500 {
            sites.a.host_sends(&red_frame(number, 60));
            sites
                .at_b
                .copy_tx(&red_frame(number, if round % 2 == 0 { 60 } else { 1600 }));
        }
        sites.carry();
        sites.b.host_receives();
    }
    let numbers = (sites.a.numbers(), sites.b.numbers());
    // The pools hold 1024: with 10,000 frames each way a leak would have emptied them.
    assert_eq!(numbers.0.red.rx_no_buffer + numbers.1.black.rx_no_buffer, 0);
    assert_eq!(numbers.1.rx.in_pkts_ok, 10_000);
    assert_eq!(sites.at_a.counters().rx_no_buffer, 0);
}
