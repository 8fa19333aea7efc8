//! Arbitrary octets into any port of any worker: no panic; every frame is sent on or counted in one
//! named counter; only frames that were sealed or may bypass reach red; only frames that may bypass
//! leave in plaintext.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of it is a test")]

mod line;

use line::crew::{Crew, carry, rotate};
use line::{MTU, is_marked, receive, red_frame};
use port::Port;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::sample::Index;
use std::collections::HashSet;
use wire::{ETHERTYPE_MACSEC, ETHERTYPE_REKEY, EthernetFrame};
use worker::{Action, ETHERTYPE_MAC_CONTROL, Policy, Rule};

const BYPASSED: u16 = 0x88CC;

/// Octets that may form a frame.
#[derive(Clone, Debug)]
enum Octets {
    /// Random octets of any length, including none and too many.
    Any(Vec<u8>),
    /// Random octets behind a plausible header.
    Headed {
        group: bool,
        tags: Vec<u16>,
        ethertype: u16,
        /// TCI and SL, at their place in a SecTAG.
        tci: [u8; 2],
        /// The SCI of an existing worker.
        sci: Option<Index>,
        rest: Vec<u8>,
    },
    /// A sealed frame with one bit flipped, and possibly cut or extended.
    Spoilt {
        frame: Index,
        len: Option<Index>,
        bit: Index,
    },
}

/// The port at which the octets arrive.
#[derive(Clone, Debug)]
struct Arrival {
    worker: Index,
    black: bool,
    octets: Octets,
}

fn octets() -> impl Strategy<Value = Octets> {
    let some = |most| proptest::collection::vec(any::<u8>(), 0..most);
    let ethertype = prop_oneof![
        4 => Just(ETHERTYPE_MACSEC),
        1 => Just(ETHERTYPE_REKEY),
        2 => Just(BYPASSED),
        1 => Just(ETHERTYPE_MAC_CONTROL),
        1 => Just(0x0800),
        1 => any::<u16>(),
    ];
    let tpid = prop_oneof![Just(0x8100_u16), Just(0x88A8), Just(0x9100)];
    let headed = (
        any::<bool>(),
        proptest::collection::vec(tpid, 0..4),
        ethertype,
        any::<[u8; 2]>(),
        any::<Option<Index>>(),
        some(200),
    );
    let headed = headed.prop_map(|(group, tags, ethertype, tci, sci, rest)| Octets::Headed {
        group,
        tags,
        ethertype,
        tci,
        sci,
        rest,
    });
    let spoilt = (any::<Index>(), any::<Option<Index>>(), any::<Index>())
        .prop_map(|(frame, len, bit)| Octets::Spoilt { frame, len, bit });
    prop_oneof![
        2 => some(80).prop_map(Octets::Any),
        1 => some(MTU + 200).prop_map(Octets::Any),
        6 => headed,
        3 => spoilt,
    ]
}

fn arrival() -> impl Strategy<Value = Arrival> {
    let parts = (any::<Index>(), any::<bool>(), octets());
    parts.prop_map(|(worker, black, octets)| Arrival {
        worker,
        black,
        octets,
    })
}

impl Octets {
    fn into_frame(self, crew: &Crew, sealed: &[Vec<u8>]) -> Vec<u8> {
        match self {
            Self::Any(octets) => octets,
            Self::Headed {
                group,
                tags,
                ethertype,
                tci,
                sci,
                rest,
            } => {
                let mut frame = vec![u8::from(group), 0x80, 0xC2, 0, 0, 0x0E, 2, 0, 0, 0, 0, 9];
                for tpid in tags {
                    frame.extend(tpid.to_be_bytes());
                    frame.extend([0x20, 0x05]);
                }
                frame.extend(ethertype.to_be_bytes());
                frame.extend(tci);
                if let Some(sci) = sci {
                    frame.extend([0, 0, 0, 1]);
                    frame.extend(sci.get(&crew.scis()).to_bytes());
                }
                frame.extend(rest);
                frame
            }
            Self::Spoilt { frame, len, bit } => {
                let mut frame = frame.get(sealed).clone();
                let flipped = bit.index(frame.len() * 8);
                frame[flipped / 8] ^= 1 << (flipped % 8);
                if let Some(len) = len {
                    frame.resize(len.index(frame.len() + 40), 0);
                }
                frame
            }
        }
    }
}

/// True if the policy of this test lets the frame bypass, by its header.
fn may_bypass(frame: &[u8]) -> bool {
    EthernetFrame::parse(frame).is_some_and(|frame| frame.ethertype_after_tags(2) == BYPASSED)
}

fn policy() -> Policy {
    let rule = Rule {
        ethertype: Some(BYPASSED),
        action: Action::Bypass,
        ..Rule::default()
    };
    Policy::new(&[rule], Action::Protect).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn no_octets_get_through_that_should_not_and_none_get_lost_unnamed(
        workers in 1_usize..4,
        clear_vlan_tags in 0_u8..3,
        arrivals in proptest::collection::vec(arrival(), 0..150),
    ) {
        let crew = |name| Crew::with(name, workers, &policy(), clear_vlan_tags);
        let (mut a, mut b) = (crew(0xA), crew(0xB));
        rotate(&mut a, &mut b, 1);
        rotate(&mut b, &mut a, 1);
        // Sealed frames of a, held back from b: only damaged copies of them are sent below.
        for member in &mut a.members {
            for number in 0..3 {
                member.host.copy_tx(&red_frame(number, 100));
            }
        }
        a.breathe();
        let lines = a.members.iter_mut();
        let sealed: Vec<_> = lines.flat_map(|member| receive(&mut member.line)).collect();

        let (mut sent, mut on_line) = (HashSet::new(), HashSet::new());
        for Arrival { worker, black, octets } in arrivals {
            let frame = octets.into_frame(&a, &sealed);
            let member = &mut b.members[worker.index(workers)];
            if black {
                member.line.copy_tx(&frame);
                on_line.insert(frame);
            } else {
                member.host.copy_tx(&frame);
                sent.insert(frame);
            }
        }
        // From the line to red: only frames that may bypass, unchanged.
        b.breathe();
        for frame in b.arrived().concat() {
            assert!(may_bypass(&frame) && on_line.contains(&frame), "{frame:02x?}");
        }
        b.assert_closed();
        // From red to the line, and out of red at the other end: exactly the frames that were sent.
        for frame in carry(&mut b, &mut a, |at| at) {
            let own = sent.contains(&frame) && may_bypass(&frame);
            let sealed = EthernetFrame::parse(&frame).is_some_and(|view| {
                view.ethertype_after_tags(clear_vlan_tags.into()) == ETHERTYPE_MACSEC
            });
            assert!(own || sealed, "{frame:02x?}");
            assert!(own || !is_marked(&frame), "plaintext on the line");
        }
        for frame in a.arrived().concat() {
            assert!(sent.contains(&frame), "nobody sent this: {frame:02x?}");
        }
        a.assert_closed();
        b.assert_closed();
        for crew in [&mut a, &mut b] {
            for member in &mut crew.members {
                while member.control.recv().is_some() {}
            }
        }
    }
}
