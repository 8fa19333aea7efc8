//! A line that adds VLAN tags: the tags are removed where the config permits it, and reported where
//! it does not. Tags never let a frame bypass the SecY.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of it is a test")]

mod line;

use line::{Sites, Tags, assert_closed, red_frame, rekey_frame};
use port::Port;
use worker::{Action, LineTag, Policy, Rule};

const PRIORITY: (u16, u16) = (0x8100, 0xA000);
const VLAN_5: (u16, u16) = (0x8100, 0x0005);
const SERVICE: (u16, u16) = (0x88A8, 0x2064);

fn tagged(frame: &[u8], tags: &[(u16, u16)]) -> Vec<u8> {
    let mut out = frame[..12].to_vec();
    for (tpid, tci) in tags {
        out.extend(tpid.to_be_bytes());
        out.extend(tci.to_be_bytes());
    }
    [&out, &frame[12..]].concat()
}

fn sites(tags: Tags) -> Sites {
    let mut sites = Sites::with_tags([Policy::default(), Policy::default()], tags);
    sites.rotate(1);
    sites
}

/// Protected frames of A, as they leave.
fn on_the_line(sites: &mut Sites, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    frames.iter().for_each(|frame| sites.a.host_sends(frame));
    sites.a.breathe();
    line::receive(&mut sites.at_a)
}

#[test]
fn tags_of_the_line_are_taken_off_up_to_the_limit() {
    for (added, line_max) in [
        (&[PRIORITY][..], 1),
        (&[VLAN_5], 1),
        (&[SERVICE], 2),
        (&[SERVICE, VLAN_5], 2),
    ] {
        let mut sites = sites(Tags {
            clear: 0,
            line: line_max,
        });
        let frames: Vec<_> = (0..70)
            .map(|number| red_frame(number, 40 + number as usize * 9))
            .collect();
        for protected in on_the_line(&mut sites, &frames) {
            sites.at_b.copy_tx(&tagged(&protected, added));
        }
        let rekey = rekey_frame(7, 216);
        sites.at_b.copy_tx(&tagged(&rekey, added));
        sites.b.breathe();
        assert_eq!(sites.b.host_receives(), frames, "{added:04x?}");
        assert_eq!(sites.b.control.recv().unwrap().bytes(), rekey);
        let numbers = sites.b.numbers();
        assert_eq!(numbers.worker.in_line_tagged, 71);
        assert_eq!(
            numbers.line_tag,
            Some(LineTag {
                tpid: added[0].0,
                tci: added[0].1,
                tags: added.len() as u8,
                taken_off: true,
            })
        );
        assert_closed(&numbers, &Policy::default());
    }
}

#[test]
fn more_tags_than_the_limit_are_dropped_and_named() {
    for (added, line_max) in [(&[VLAN_5][..], 0), (&[SERVICE, VLAN_5], 1)] {
        let mut sites = sites(Tags {
            clear: 0,
            line: line_max,
        });
        for protected in on_the_line(&mut sites, &[red_frame(1, 100)]) {
            sites.at_b.copy_tx(&tagged(&protected, added));
        }
        sites.at_b.copy_tx(&tagged(&rekey_frame(7, 216), added));
        sites.b.breathe();
        assert_eq!(sites.b.host_receives(), [[0; 0]; 0]);
        assert!(sites.b.control.recv().is_none());
        let numbers = sites.b.numbers();
        assert_eq!(numbers.rx.in_pkts_no_tag, 2);
        let seen = numbers.line_tag.unwrap();
        assert!(
            !seen.taken_off && seen.tags == added.len() as u8,
            "{seen:?}"
        );
        assert_eq!(seen.vlan(), added[0].1 & 0xFFF);
        assert_closed(&numbers, &Policy::default());
    }
}

/// The sender leaves a tag in clear, and the line adds its own in front of it.
#[test]
fn tags_in_clear_stay_behind_those_of_the_line() {
    let mut sites = sites(Tags { clear: 1, line: 1 });
    let plain = tagged(&red_frame(3, 300), &[VLAN_5]);
    for protected in on_the_line(&mut sites, std::slice::from_ref(&plain)) {
        sites.at_b.copy_tx(&tagged(&protected, &[SERVICE]));
    }
    sites.b.breathe();
    assert_eq!(sites.b.host_receives(), [plain]);
    assert_eq!(sites.b.numbers().worker.in_line_tagged, 1);
}

/// The policy decides on a tagged frame that is neither MACsec nor rekey. A MACsec or rekey frame
/// never bypasses the SecY, with or without a tag.
#[test]
fn a_tag_lets_nothing_round_the_secy() {
    let vlan = Rule {
        vlan: Some(5),
        action: Action::Bypass,
        ..Rule::default()
    };
    let policy = Policy::new(&[vlan], Action::Protect).unwrap();
    let mut sites = Sites::with_tags([policy.clone(), policy.clone()], Tags { clear: 0, line: 1 });
    sites.rotate(1);
    let mut forged = rekey_frame(0x20, 80);
    forged[12..14].copy_from_slice(&wire::ETHERTYPE_MACSEC.to_be_bytes());
    let foreign = tagged(&red_frame(1, 60), &[VLAN_5]);
    sites.at_b.copy_tx(&tagged(&forged, &[VLAN_5]));
    sites.at_b.copy_tx(&foreign);
    sites.b.breathe();
    assert_eq!(
        sites.b.host_receives(),
        [foreign],
        "as it came, by the rule"
    );
    let numbers = sites.b.numbers();
    assert_eq!(
        (numbers.worker.in_bypass, numbers.worker.in_line_tagged),
        (1, 1)
    );
    assert_closed(&numbers, &policy);
}
