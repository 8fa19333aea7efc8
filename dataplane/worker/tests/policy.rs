//! The policy at work: which frames are discarded, which bypass, and that no other frame does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of it is a test")]

mod line;

use line::{MTU, Sites, assert_closed, is_marked, red_frame, rekey_frame};
use port::Port;
use wire::{ETHERTYPE_MACSEC, ETHERTYPE_REKEY, ethertype};
use worker::{Action, ETHERTYPE_MAC_CONTROL, Policy, Rule};

const LLDP: u16 = 0x88CC;

fn rule(ethertype: u16, action: Action) -> Rule {
    Rule {
        ethertype: Some(ethertype),
        action,
        ..Rule::default()
    }
}

fn policy(rules: &[Rule]) -> Policy {
    Policy::new(rules, Action::Protect).unwrap()
}

fn with_ethertype(ethertype: u16) -> Vec<u8> {
    let mut frame = red_frame(7, 60);
    frame[12..14].copy_from_slice(&ethertype.to_be_bytes());
    frame
}

/// Puts tags with these TPIDs and TCIs in front of the frame, outermost first.
fn tagged(frame: &[u8], tags: &[(u16, u16)]) -> Vec<u8> {
    let mut out = frame[..12].to_vec();
    for (tpid, tci) in tags {
        out.extend(tpid.to_be_bytes());
        out.extend(tci.to_be_bytes());
    }
    out.extend(&frame[12..]);
    out
}

#[test]
fn discards_are_counted_before_the_secy() {
    let policy = policy(&[rule(LLDP, Action::Discard)]);
    let mut sites = Sites::with_policy(policy.clone());
    sites.rotate(1);
    for ethertype in [ETHERTYPE_MAC_CONTROL, LLDP, 0x0800, LLDP, ETHERTYPE_REKEY] {
        sites.a.host_sends(&with_ethertype(ethertype));
    }
    sites.carry();
    // Rekey frames from the red side are ordinary user data and do not reach B's control.
    let expected = [with_ethertype(0x0800), with_ethertype(ETHERTYPE_REKEY)];
    assert_eq!(sites.b.host_receives(), expected);
    assert!(sites.b.control.recv().is_none());
    let numbers = sites.a.numbers();
    assert_eq!(numbers.policy.red[..2], [1, 2]);
    assert_eq!(numbers.worker.policy_discarded, 3);
    assert_closed(&numbers, &policy);
}

#[test]
fn a_frame_that_bypasses_crosses_in_clear_in_its_place_among_the_others() {
    let policy = policy(&[rule(LLDP, Action::Bypass)]);
    let mut sites = Sites::with_policy(policy.clone());
    sites.rotate(1);
    let sent: Vec<_> = [0x0800, LLDP, LLDP, 0x0806, LLDP, 0x86DD]
        .map(with_ethertype)
        .into();
    for frame in &sent {
        sites.a.host_sends(frame);
        sites.b.host_sends(frame);
    }
    let (there, _) = sites.carry();
    let in_clear: Vec<_> = there.iter().map(|frame| is_marked(frame)).collect();
    assert_eq!(in_clear, [false, true, true, false, true, false]);
    for (frame, on_line) in sent
        .iter()
        .zip(&there)
        .filter(|(_, on_line)| is_marked(on_line))
    {
        assert_eq!(frame, on_line, "as it is");
    }
    assert_eq!(sites.b.host_receives(), sent);
    assert_eq!(sites.a.host_receives(), sent);
    for site in [&mut sites.a, &mut sites.b] {
        let numbers = site.numbers();
        assert_eq!(
            (numbers.worker.out_bypass, numbers.worker.in_bypass),
            (3, 3)
        );
        assert_eq!((numbers.policy.red[1], numbers.policy.black[1]), (3, 3));
        assert_eq!(numbers.tx.out_pkts_encrypted, 3);
        assert_closed(&numbers, &policy);
    }
}

#[test]
fn what_bypasses_needs_no_key_and_bypasses_at_both_ends_or_not_at_all() {
    let bypass = policy(&[rule(LLDP, Action::Bypass)]);
    let mut sites = Sites::with([bypass.clone(), Policy::default()], 0);
    sites.a.host_sends(&with_ethertype(LLDP));
    sites.a.host_sends(&with_ethertype(0x0800));
    let (there, _) = sites.carry();
    assert_eq!(there, [with_ethertype(LLDP)], "no key: only what bypasses");
    assert!(sites.b.host_receives().is_empty());
    let numbers = sites.b.numbers();
    assert_eq!(numbers.rx.in_pkts_no_tag, 1, "b does not know that rule");
    assert_closed(&numbers, &Policy::default());
    assert_closed(&sites.a.numbers(), &bypass);
}

#[test]
fn nothing_that_looks_like_ours_is_let_round_the_secy() {
    // The widest possible rules: all group addresses, and a VLAN.
    let group = Rule {
        destination: Some("x1:xx:xx:xx:xx:xx".parse().unwrap()),
        action: Action::Bypass,
        ..Rule::default()
    };
    let vlan = Rule {
        vlan: Some(5),
        action: Action::Bypass,
        ..Rule::default()
    };
    let policy = policy(&[group, vlan]);
    for clear_vlan_tags in 0..=2 {
        let mut sites = Sites::with([policy.clone(), policy.clone()], clear_vlan_tags);
        sites.rotate(1);
        let mut forged = Vec::new();
        for ethertype in [ETHERTYPE_MACSEC, ETHERTYPE_REKEY] {
            let mut plain = rekey_frame(0x20, 80);
            plain[12..14].copy_from_slice(&ethertype.to_be_bytes());
            let once = tagged(&plain, &[(0x8100, 5)]);
            let twice = tagged(&plain, &[(0x88A8, 5), (0x8100, 5)]);
            forged.extend([plain, once, twice]);
        }
        // From red: each frame is protected as user data, and is restored at the other end.
        forged.iter().for_each(|frame| sites.a.host_sends(frame));
        let (there, _) = sites.carry();
        assert_eq!(there.len(), forged.len());
        assert!(there.iter().all(|on_line| !forged.contains(on_line)));
        assert_eq!(sites.b.host_receives(), forged);
        assert!(sites.b.control.recv().is_none(), "no rekey frame from red");
        // From the line: none reaches red unchanged.
        forged.iter().for_each(|frame| sites.at_b.copy_tx(frame));
        sites.b.breathe();
        assert!(sites.b.host_receives().is_empty());
        assert!(sites.b.control.recv().is_some(), "the untagged rekey frame");
        assert!(sites.b.control.recv().is_none());
        for site in [&mut sites.a, &mut sites.b] {
            let numbers = site.numbers();
            assert_eq!(
                (numbers.worker.out_bypass, numbers.worker.in_bypass),
                (0, 0)
            );
            assert_closed(&numbers, &policy);
        }
    }
}

#[test]
fn vlan_tags_in_clear_stay_in_front_and_come_back() {
    let plain = red_frame(1, 200);
    let tags = [(0x88A8, 0x2007), (0x8100, 0x0065)];
    for clear in 0..=2_usize {
        let mut sites = Sites::with([Policy::default(), Policy::default()], clear as u8);
        sites.rotate(1);
        let sent = [
            plain.clone(),
            tagged(&plain, &tags[1..]),
            tagged(&plain, &tags),
        ];
        for frame in &sent {
            sites.a.host_sends(frame);
            sites.b.host_sends(frame);
        }
        let (there, back) = sites.carry();
        for on_line in [&there, &back] {
            for (own, on_line) in on_line.iter().enumerate() {
                let in_clear = own.min(clear);
                let shown = &on_line[12..12 + 4 * in_clear];
                assert_eq!(shown, &sent[own][12..12 + 4 * in_clear]);
                let behind = &on_line[12 + 4 * in_clear..];
                assert_eq!(behind[..2], ETHERTYPE_MACSEC.to_be_bytes());
                assert_eq!(on_line.len(), sent[own].len() + 32);
                assert!(!is_marked(on_line));
            }
        }
        assert_eq!(sites.b.host_receives(), sent);
        assert_eq!(sites.a.host_receives(), sent);
        for site in [&mut sites.a, &mut sites.b] {
            assert_closed(&site.numbers(), &Policy::default());
        }
    }
}

#[test]
fn a_receiver_without_clear_tags_takes_no_frame_that_has_them() {
    let mut sites = Sites::with([Policy::default(), Policy::default()], 0);
    sites.rotate(1);
    sites.a.host_sends(&red_frame(1, 100));
    let on_line = sites.carry().0.remove(0);
    sites.b.host_receives();
    sites.at_b.copy_tx(&tagged(&on_line, &[(0x8100, 5)]));
    sites.b.breathe();
    assert!(sites.b.host_receives().is_empty());
    assert_eq!(sites.b.numbers().rx.in_pkts_no_tag, 1);
}

#[test]
fn a_frame_too_long_for_the_line_is_named_with_and_without_clear_tags() {
    for clear in 0..=2 {
        let mut sites = Sites::with([Policy::default(), Policy::default()], clear);
        sites.rotate(1);
        let fits = tagged(&red_frame(1, MTU + 14 - 4), &[(0x8100, 5)]);
        assert_eq!(fits.len(), MTU + 14);
        let mut too_long = fits.clone();
        too_long.push(0);
        sites.a.host_sends(&fits);
        sites.a.host_sends(&too_long);
        let (there, _) = sites.carry();
        assert_eq!(there.len(), 1);
        assert_eq!(
            ethertype(&there[0]),
            Some(if clear == 0 { ETHERTYPE_MACSEC } else { 0x8100 })
        );
        assert_eq!(sites.b.host_receives(), [fits]);
        assert_eq!(sites.a.numbers().tx.out_pkts_too_long, 1);
    }
}
