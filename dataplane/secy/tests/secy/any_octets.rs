//! Arbitrary octets into a receiver in use: no panic, no valid output, one discard per frame.

use std::path::Path;

use proptest::prelude::{Just, Strategy, any, prop};
use proptest::{prop_assert, prop_assert_eq, prop_oneof, proptest};
use secy::{RxConfig, RxScs, Suite, TxSc, TxScConfig, ValidateFrames};

use crate::line::{Key, frame, id, protect, sci, tx_config, validate};

/// A receiver whose SAs of all suites are in use, and frames it has already received.
fn live(validate_frames: ValidateFrames, clear_vlan_tags: u8) -> (RxScs, Vec<Vec<u8>>) {
    let config = RxConfig {
        replay_window: 64,
        validate: validate_frames,
        clear_vlan_tags,
    };
    let mut rx = RxScs::new(config);
    let mut received = Vec::new();
    for (an, suite) in (0..).zip(Suite::ALL) {
        for port in [1, 2] {
            let key = Key {
                id: id(an, 1),
                ..Key::new(suite, an + 1)
            };
            let mut tx = TxSc::new(TxScConfig {
                sci: sci(port),
                explicit_sci: port == 2,
                clear_vlan_tags: 2,
                ..tx_config()
            });
            tx.install(key.tx());
            rx.install(sci(port), key.rx()).expect("a free AN");
            let sent = protect(&mut tx, &[frame(30), frame(47), frame(48), frame(200)]);
            received.extend(sent.into_iter().map(|outcome| outcome.expect("protected")));
        }
    }
    for outcome in validate(&mut rx, &received) {
        outcome.expect("authentic");
    }
    (rx, received)
}

/// A change to a frame that the receiver knows.
#[derive(Clone, Debug)]
enum Mutation {
    Overwrite(usize, Vec<u8>),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Truncate(usize),
}

impl Mutation {
    fn apply(&self, frame: &mut Vec<u8>) {
        let at = |place: usize| place % (frame.len() + 1);
        match self {
            Self::Overwrite(place, octets) => {
                let place = at(*place);
                frame
                    .iter_mut()
                    .skip(place)
                    .zip(octets)
                    .for_each(|(old, new)| *old = *new);
            }
            Self::Insert(place, octets) => {
                let place = at(*place);
                frame.splice(place..place, octets.iter().copied());
            }
            Self::Remove(place, len) => {
                let place = at(*place);
                let end = (place + len).min(frame.len());
                frame.drain(place..end);
            }
            Self::Truncate(len) => frame.truncate(*len),
        }
    }
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    // The first 40 octets hold most fields.
    let place = prop_oneof![3 => 0..40_usize, 1 => any::<usize>()];
    let octets = prop::collection::vec(any::<u8>(), 1..20);
    let mutation = prop_oneof![
        3 => (place.clone(), octets.clone()).prop_map(|(at, new)| Mutation::Overwrite(at, new)),
        1 => (place.clone(), octets).prop_map(|(at, new)| Mutation::Insert(at, new)),
        1 => (place, 1..30_usize).prop_map(|(at, len)| Mutation::Remove(at, len)),
        1 => (0..260_usize).prop_map(Mutation::Truncate),
    ];
    prop::collection::vec(mutation, 0..4)
}

/// A frame with a plausible SecTAG: more of its fields are valid than in random octets.
fn tagged() -> impl Strategy<Value = Vec<u8>> {
    let tag = prop_oneof![
        Just(vec![]),
        Just(vec![0x81, 0, 0, 5]),
        Just(vec![0x88, 0xa8, 0, 5])
    ];
    let tags = prop::collection::vec(tag, 0..3);
    let tail = prop::collection::vec(any::<u8>(), 0..120);
    (
        tags,
        any::<u8>(),
        prop_oneof![Just(0), 0..64_u8, any::<u8>()],
        0..200_u32,
        tail,
    )
        .prop_map(|(tags, tci, sl, pn, tail)| {
            let sectag = [&[0x88, 0xe5, tci, sl][..], &pn.to_be_bytes()].concat();
            [
                &frame(0)[..],
                &tags.concat(),
                &sectag,
                &sci(2).to_bytes(),
                &tail,
            ]
            .concat()
        })
}

fn nothing_passes(frames: &[Vec<u8>]) {
    for clear_vlan_tags in 0..3 {
        let (mut rx, _) = live(ValidateFrames::Strict, clear_vlan_tags);
        let known = rx.counters().passed();
        // `validate` checks that each frame is counted once.
        assert!(
            validate(&mut rx, frames).iter().all(Result::is_err),
            "{frames:02x?}"
        );
        assert_eq!(rx.counters().passed(), known);
        for mode in [ValidateFrames::Check, ValidateFrames::Disabled] {
            let (mut rx, _) = live(mode, clear_vlan_tags);
            let ok = rx.counters().in_pkts_ok;
            validate(&mut rx, frames);
            assert_eq!(rx.counters().in_pkts_ok, ok);
        }
    }
}

proptest! {
    #[test]
    fn octets_of_chance(frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..40)) {
        nothing_passes(&frames);
    }

    #[test]
    fn sectags_of_chance(frames in prop::collection::vec(tagged(), 1..40)) {
        nothing_passes(&frames);
    }

    #[test]
    fn spoilt_frames(picks in prop::collection::vec((any::<prop::sample::Index>(), mutations()), 1..40)) {
        let (mut rx, known) = live(ValidateFrames::Strict, 2);
        let ok = rx.counters().passed();
        let frames: Vec<_> = picks
            .into_iter()
            .map(|(pick, mutations)| {
                let mut frame = pick.get(&known).clone();
                mutations.iter().for_each(|mutation| mutation.apply(&mut frame));
                frame
            })
            .collect();
        prop_assert!(validate(&mut rx, &frames).iter().all(Result::is_err));
        prop_assert_eq!(rx.counters().passed(), ok);
    }

    /// Arbitrary frames from the red port are sent with a SecTAG, or have one discard.
    #[test]
    fn octets_of_chance_to_protect(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..40),
        clear_vlan_tags in 0..3_u8,
        frame_len_max in prop_oneof![Just(1546), 0..200_usize],
    ) {
        let mut tx = TxSc::new(TxScConfig { clear_vlan_tags, frame_len_max, ..tx_config() });
        tx.install(Key::new(Suite::GcmAesXpn256, 1).tx());
        for (plain, outcome) in frames.iter().zip(protect(&mut tx, &frames)) {
            if let Ok(protected) = outcome {
                prop_assert_eq!(protected.len(), plain.len() + 32);
                prop_assert!(protected.len() <= frame_len_max);
            }
        }
    }
}

/// Reads every file of the corpus: hex, one frame per line, # starts a comment.
#[test]
fn corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/secy/corpus");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus") {
        let path = entry.expect("a file").path();
        if path.extension().is_none_or(|extension| extension != "hex") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("text");
        let frames: Vec<Vec<u8>> = text
            .lines()
            .map(|line| line.split('#').next().unwrap_or("").trim())
            .filter(|line| !line.is_empty())
            .map(octets)
            .collect();
        count += frames.len();
        nothing_passes(&frames);
    }
    assert!(count >= 40, "only {count} frames in the corpus");
}

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|pair| {
            pair.iter()
                .fold(0, |octet, digit| octet << 4 | *digit as u8)
        })
        .collect()
}

#[test]
fn longer_than_the_engines_take() {
    let (mut rx, _) = live(ValidateFrames::Strict, 2);
    let outcomes = [9296, 9297, 65_535].map(|len| {
        let mut frame = [&frame(0)[..], &[0x88, 0xe5, 0x2c, 0, 0, 0, 0, 99]].concat();
        frame.extend(sci(2).to_bytes());
        frame.resize(len, 0x33);
        validate(&mut rx, &[frame]).remove(0)
    });
    let (not_valid, too_long) = (secy::Discard::InPktsNotValid, secy::Discard::InPktsTooLong);
    assert_eq!(outcomes, [Err(not_valid), Err(too_long), Err(too_long)]);
}
