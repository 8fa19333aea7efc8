//! One flipped bit anywhere in a protected frame: one named drop and no output.
//!
//! VLAN tags in clear are not protected. If a bit in the PCP, DEI or VID of such a tag is flipped,
//! the frame passes with that bit flipped. Anyone on the line can do that.

use std::collections::BTreeSet;

use gcm::Engine;
use secy::Discard;

use crate::line::{Outcome, validate};
use crate::vectors::{Vector, vectors};

fn with_flipped(frame: &[u8], bit: usize) -> Vec<u8> {
    let mut flipped = frame.to_vec();
    flipped[bit / 8] ^= 0x80 >> (bit % 8);
    flipped
}

fn in_clear(vector: &Vector, bit: usize) -> bool {
    let octet = bit / 8;
    let tags = 12..12 + 4 * usize::from(vector.clear_vlan_tags);
    tags.contains(&octet) && (octet - 12) % 4 >= 2
}

#[test]
fn each_is_one_named_drop() {
    let mut names = BTreeSet::new();
    for engine in Engine::available() {
        for vector in vectors() {
            let mut rx = vector.rx(engine, 0, vector.pn);
            let bits: Vec<usize> = (0..vector.protected.len() * 8)
                .filter(|&bit| !in_clear(&vector, bit))
                .collect();
            let frames: Vec<_> = bits
                .iter()
                .map(|&bit| with_flipped(&vector.protected, bit))
                .collect();
            // `validate` checks that each frame is counted once.
            for (bit, outcome) in bits.iter().zip(validate(&mut rx, &frames)) {
                let Err(discard) = outcome else {
                    panic!("{}: bit {bit} got through", vector.name)
                };
                names.insert(discard.name());
            }
            assert_eq!(rx.counters().passed(), 0);
            // The unchanged frame is still valid: none of the others moved the replay window.
            let good: Vec<Outcome> = validate(&mut rx, core::slice::from_ref(&vector.protected));
            assert_eq!(good, [Ok(vector.plain.clone())], "{}", vector.name);
        }
    }
    let all = [
        Discard::InPktsNoTag,
        Discard::InPktsBadTag,
        Discard::InPktsForKay,
        Discard::InPktsNoSci,
        Discard::InPktsNotUsingSa,
        Discard::InPktsLate,
        Discard::InPktsNotValid,
    ];
    assert_eq!(names, all.map(Discard::name).into_iter().collect());
}

#[test]
fn vlan_tags_in_clear_are_as_they_come() {
    for vector in vectors().iter().filter(|vector| vector.clear_vlan_tags > 0) {
        for bit in (0..vector.protected.len() * 8).filter(|&bit| in_clear(vector, bit)) {
            let mut rx = vector.rx(Engine::best(), 0, vector.pn);
            let outcome = validate(&mut rx, &[with_flipped(&vector.protected, bit)]);
            assert_eq!(outcome, [Ok(with_flipped(&vector.plain, bit))], "bit {bit}");
        }
    }
}
