use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::code::Rate;
use crate::wiped::Wiped;

static CODE: LazyLock<Code> = LazyLock::new(|| Code::build(Rate::Fifth, 512, 1));

proptest! {
    #[test]
    fn any_octets_are_a_message_or_none(
        kind in 0..=20u8,
        rest in prop_oneof![vec(any::<u8>(), 0..100), vec(any::<u8>(), 40_000..50_000)],
    ) {
        let message = [&[kind][..], &rest].concat();
        if let Some(parsed) = Message::parse(&message, &CODE) {
            prop_assert!(parsed.covered >= HEADER);
            prop_assert!((kind::FRAME..=kind::ABORT).contains(&kind));
        }
        Hello::parse(&message);
        parse_ready(&message);
    }

    #[test]
    fn a_hello_comes_as_it_went(numbers in any::<[u64; 2]>(), octets in any::<[u8; 16]>()) {
        let hello = Hello {
            version: VERSION,
            incarnation: Incarnation(octets),
            setup: [octets, octets].concat().try_into().unwrap(),
            next_block: numbers[0],
            position: numbers[1],
            nonce: octets,
        };
        let message = [&hello.octets()[..], &[7; 32]].concat();
        let (parsed, covered, mac) = Hello::parse(&message).unwrap();
        prop_assert_eq!((parsed, mac), (hello, &[7; 32]));
        prop_assert_eq!(covered, hello.octets());
    }

    #[test]
    fn an_end_comes_as_it_went(numbers in any::<[u64; 4]>(), sums in any::<[i32; 2]>()) {
        let end = End {
            sent_squared: sums[0].into(),
            product: sums[1].into(),
            key_bits: numbers[0],
            slots: numbers[1],
            address: Address { block: numbers[2], index: numbers[3] },
        };
        let message = [header(kind::END, 3, 4), end.body(), vec![9; TAG_OCTETS]].concat();
        let parsed = Message::parse(&message, &CODE).unwrap();
        prop_assert_eq!((parsed.block, parsed.number), (3, 4));
        prop_assert_eq!(parsed.covered, message.len() - TAG_OCTETS);
        let same = matches!(parsed.body, Body::End(parsed, tag) if parsed == end && tag == [9; 16]);
        prop_assert!(same);
    }
}

#[test]
fn both_ends_use_the_rounded_rotation() {
    let groups = CODE.word_len() / DIMENSIONS;
    let quadratures = |at: usize| [at as f64, 1.0, -2.0, 0.3, 0.1, -7.0, 0.0, 1.5];
    let (octets, norms): (Vec<_>, Vec<_>) = (0..groups)
        .map(|at| group(&Rotation::to_bits(&quadratures(at), at as u8).unwrap()).unwrap())
        .unzip();
    let word = CODE.word(Wiped::zeroed(512)).unwrap();
    let syndrome = CODE.syndrome(&word);
    let body = Frame::body(5, &octets, &syndrome);
    let frame = Frame::parse(&body, &CODE).unwrap();
    assert_eq!((frame.number, frame.syndrome), (5, syndrome));
    assert_eq!(
        Frame::norms_squared(frame.rotations.iter().map(Rotation::norm)),
        Frame::norms_squared(norms.into_iter())
    );
    for (at, rotation) in frame.rotations.iter().enumerate() {
        for (x, y) in rotation.recover(at as u8).iter().zip(quadratures(at)) {
            assert!((x - y).abs() < 1e-3 * rotation.norm());
        }
    }
    assert!(Frame::parse(&body[1..], &CODE).is_none());
}

#[test]
fn a_group_without_a_norm_is_none() {
    let vanishing = Rotation::to_bits(&[1e-60; DIMENSIONS], 0).unwrap();
    assert!(group(&vanishing).is_none());
    let huge = Rotation::to_bits(&[1e60; DIMENSIONS], 0).unwrap();
    assert!(group(&huge).is_none());
}
