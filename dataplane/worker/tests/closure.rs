//! I8, I2 and I3 under random traffic, keys and attacks: every frame in is a frame out or is
//! counted in exactly one named counter; only MACsec, rekey and bypassing frames are on the line;
//! no forged frame reaches red.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of it is a test")]

mod line;

use line::{MTU, Sites, assert_closed, is_marked, receive, red_frame, rekey_frame};
use port::Port;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use std::collections::HashMap;
use wire::{ETHERTYPE_MACSEC, ETHERTYPE_REKEY, ethertype};
use worker::{Action, Command, Policy, Rule};

/// EtherType of frames that bypass.
const BYPASSED: u16 = 0x88CC;

#[derive(Clone, Debug)]
enum Step {
    /// Frames from both hosts: number and length.
    Traffic(u8, u16),
    /// Octets from a host that are no valid frame.
    HostGarbage(Vec<u8>),
    /// Octets on the line that were never sealed.
    LineGarbage(Vec<u8>),
    /// Repeats of MACsec frames seen before.
    Replay(u8),
    /// A frame seen before with one bit flipped.
    Flip(u16),
    /// Rekey frames from control and from the line.
    Control(u16),
    /// The line loses its frames.
    Lose,
    Rotate,
    RetireTx,
    RetireOldest,
    RetireAll,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (any::<u8>(), 20_u16..(MTU + 60) as u16).prop_map(|(n, len)| Step::Traffic(n, len)),
        2 => proptest::collection::vec(any::<u8>(), 0..80).prop_map(Step::HostGarbage),
        2 => garbage().prop_map(Step::LineGarbage),
        2 => any::<u8>().prop_map(Step::Replay),
        2 => any::<u16>().prop_map(Step::Flip),
        2 => (14_u16..700).prop_map(Step::Control),
        1 => Just(Step::Lose),
        4 => Just(Step::Rotate),
        1 => Just(Step::RetireTx),
        2 => Just(Step::RetireOldest),
        1 => Just(Step::RetireAll),
    ]
}

/// Half of the octets look like MACsec at first sight.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    (
        proptest::collection::vec(any::<u8>(), 0..120),
        any::<bool>(),
    )
        .prop_map(|(mut octets, tag)| {
            if let Some(place) = octets.get_mut(12..14).filter(|_| tag) {
                place.copy_from_slice(&ETHERTYPE_MACSEC.to_be_bytes());
            }
            octets
        })
}

/// The state of a run, seen from outside.
struct Run {
    sites: Sites,
    epoch: u32,
    number: u32,
    seen: Vec<Vec<u8>>,
    /// The number of copies of each frame that a's host sent and b's host has not received.
    under_way: HashMap<Vec<u8>, u32>,
}

impl Run {
    fn step(&mut self, step: Step) {
        match step {
            Step::Traffic(count, len) => self.traffic(count % 100, usize::from(len)),
            Step::HostGarbage(octets) => {
                self.sites.a.host_sends(&octets);
                *self.under_way.entry(octets).or_default() += 1;
            }
            Step::LineGarbage(octets) => self.sites.at_b.copy_tx(&octets),
            Step::Replay(count) => {
                let skip = self.seen.len().saturating_sub(usize::from(count));
                self.seen[skip..]
                    .iter()
                    .for_each(|frame| self.sites.at_b.copy_tx(frame));
            }
            Step::Flip(bit) => {
                if let Some(mut frame) = self.seen.last().cloned() {
                    let bit = usize::from(bit) % (frame.len() * 8);
                    frame[bit / 8] ^= 1 << (bit % 8);
                    self.sites.at_b.copy_tx(&frame);
                }
            }
            Step::Control(len) => {
                let frame = rekey_frame(len as u8, usize::from(len));
                // The link refuses a frame that is too long; on the line such a frame is a named
                // drop.
                let _ = self.sites.a.control.send(&frame);
                self.sites.at_b.copy_tx(&frame);
            }
            Step::Lose => {
                self.sites.a.breathe();
                let lost = receive(&mut self.sites.at_a);
                self.look_at_line(&lost);
            }
            Step::Rotate => {
                self.epoch += 1;
                if self.epoch > 3 {
                    self.sites.retire_rx(self.epoch - 4);
                    self.sites.retire_rx(self.epoch - 3);
                }
                self.sites.rotate(self.epoch);
            }
            Step::RetireTx => drop(self.sites.a.command(Command::RetireTx)),
            Step::RetireOldest => drop(self.sites.retire_rx(self.epoch.saturating_sub(1))),
            Step::RetireAll => drop(self.sites.b.command(Command::RetireAll)),
        }
        let (there, back) = self.sites.carry();
        self.look_at_line(&there);
        self.look_at_line(&back);
        // A bypassing frame is not authenticated: a second copy is accepted, and proves nothing.
        let protected = |frame: &Vec<u8>| ethertype(frame) != Some(BYPASSED);
        self.seen.extend(there.into_iter().filter(protected));
        self.look_at_hosts();
    }

    fn traffic(&mut self, count: u8, len: usize) {
        for _ in 0..count {
            self.number += 1;
            let mut frame = red_frame(self.number, len);
            if self.number.is_multiple_of(17) {
                frame[12..14].copy_from_slice(&[0x88, 0x08]);
            } else if self.number.is_multiple_of(19) {
                frame[12..14].copy_from_slice(&[0x86, 0xDD]);
            } else if self.number.is_multiple_of(13) {
                frame[12..14].copy_from_slice(&BYPASSED.to_be_bytes());
            }
            self.sites.a.host_sends(&frame);
            self.sites.b.host_sends(&frame);
            *self.under_way.entry(frame).or_default() += 1;
        }
    }

    fn look_at_line(&self, frames: &[Vec<u8>]) {
        for frame in frames {
            let ethertype = ethertype(frame);
            assert!(matches!(
                ethertype,
                Some(ETHERTYPE_MACSEC | ETHERTYPE_REKEY | BYPASSED)
            ));
            let in_clear = ethertype == Some(BYPASSED);
            assert!(in_clear || !is_marked(frame), "plaintext on the line");
        }
    }

    fn look_at_hosts(&mut self) {
        for frame in self.sites.b.host_receives() {
            let left = self.under_way.get_mut(&frame).filter(|left| **left > 0);
            *left.expect("a frame that nobody sent, or that arrived before") -= 1;
        }
        self.sites.a.host_receives();
    }
}

fn policy() -> Policy {
    let rule = |ethertype, action| Rule {
        ethertype: Some(ethertype),
        action,
        ..Rule::default()
    };
    let rules = [
        rule(0x86DD, Action::Discard),
        rule(BYPASSED, Action::Bypass),
    ];
    Policy::new(&rules, Action::Protect).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn every_frame_is_out_or_one_named_drop(steps in proptest::collection::vec(step(), 1..40)) {
        let mut run = Run {
            sites: Sites::with_policy(policy()),
            epoch: 0,
            number: 0,
            seen: Vec::new(),
            under_way: HashMap::new(),
        };
        for step in steps {
            run.step(step);
            for site in [&mut run.sites.a, &mut run.sites.b] {
                let numbers = site.numbers();
                assert_closed(&numbers, &policy());
                // The counters at the hosts and at the line's ends match those of the workers.
                assert_eq!(site.host.counters().rx_frames, numbers.red.tx_frames);
            }
            let on_line = run.sites.at_a.counters().rx_frames;
            assert_eq!(on_line, run.sites.a.numbers().black.tx_frames);
            assert!(run.sites.b.numbers().rx_sas.len() <= 4);
        }
    }
}
