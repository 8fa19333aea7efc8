use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::wiped::tests::take_wiped;

fn secret() -> Secret {
    let octets = (0..Secret::MIN_OCTETS).map(|at| (at * 7 + at / 251) as u8);
    Secret::new(Wiped::new(octets.collect())).expect("long enough")
}

/// The fate of one block.
#[derive(Clone, Copy, Debug)]
enum Step {
    Key,
    /// Alice's `End` is lost, or Bob's `Done`.
    NoEnd,
    NoDone,
    AliceRestarts,
    BobRestarts,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => Just(Step::Key),
        2 => Just(Step::NoEnd),
        2 => Just(Step::NoDone),
        1 => Just(Step::AliceRestarts),
        1 => Just(Step::BobRestarts),
    ];
    prop::collection::vec(step, 1..200)
}

proptest! {
    #[test]
    fn no_slot_is_used_twice_and_the_end_is_closed(steps in steps()) {
        let secret = secret();
        let (mut alice, mut bob) = (Reserve::new(0), Reserve::new(0));
        // Bits of the slot identify it: block and address name the same bits for ever.
        let (mut by_alice, mut by_bob) = (HashSet::new(), HashSet::new());
        for (block, step) in (1u64..).zip(steps) {
            if matches!(step, Step::AliceRestarts | Step::BobRestarts) {
                match step {
                    Step::AliceRestarts => alice = Reserve::new(alice.position()),
                    _ => bob = Reserve::new(bob.position()),
                }
                let position = alice.position().max(bob.position());
                for reserve in [&mut alice, &mut bob] {
                    reserve.forget_blocks();
                    reserve.skip_to(position);
                }
                continue;
            }
            let missing = alice.missing();
            let Some((address, _)) = alice.take(&secret) else {
                prop_assert_eq!(alice.position(), secret.slots().len() as u64);
                prop_assert!(alice.is_empty(&secret));
                continue;
            };
            prop_assert!(by_alice.insert(address), "{:?}", address);
            if matches!(step, Step::NoEnd) {
                continue;
            }
            prop_assert!(bob.find(&secret, address).is_some(), "Bob has what Alice has");
            bob.used(address);
            prop_assert!(bob.find(&secret, address).is_none(), "once only");
            prop_assert!(by_bob.insert(address));
            let slots = || Wiped::zeroed(missing as usize * SLOT_OCTETS);
            bob.top_up(block, slots());
            if matches!(step, Step::Key) {
                alice.top_up(block, slots());
                prop_assert!(alice.missing() <= 1);
            }
        }
    }

    #[test]
    fn another_transcript_has_another_tag(
        one in prop::collection::vec(prop::collection::vec(1u8.., 1..40), 1..5),
        other in prop::collection::vec(prop::collection::vec(1u8.., 1..40), 1..5),
    ) {
        let secret = secret();
        let tag = |messages: &[Vec<u8>]| {
            let mut transcript = secret.transcript(Direction::AliceToBob);
            messages.iter().for_each(|message| transcript.absorb(message));
            transcript.tag(&[0; 16])
        };
        prop_assert_eq!(tag(&one) == tag(&other), one == other);
        prop_assert_eq!(tag(&one), tag(&one));
    }
}

#[test]
fn messages_cannot_move_across_their_borders() {
    let secret = secret();
    let tag = |messages: &[&[u8]]| {
        let mut transcript = secret.transcript(Direction::BobToAlice);
        messages
            .iter()
            .for_each(|message| transcript.absorb(message));
        transcript.tag(&[7; 16])
    };
    let whole: &[u8] = &[9; 32];
    assert_ne!(tag(&[whole]), tag(&[&whole[..16], &whole[16..]]));
    assert_ne!(tag(&[&whole[..15]]), tag(&[&[&whole[..15], &[0]].concat()]));
}

#[test]
fn directions_have_their_own_points() {
    let secret = secret();
    let [one, other] = [Direction::AliceToBob, Direction::BobToAlice].map(|direction| {
        let mut transcript = secret.transcript(direction);
        transcript.absorb(b"message");
        transcript.tag(&[0; 16])
    });
    assert_ne!(one, other);
}

#[test]
fn a_short_secret_is_refused() {
    let short = Secret::new(Wiped::zeroed(1023)).err();
    assert_eq!(short, Some(WrongSecret { octets: 1023 }));
}

#[test]
fn secret_slots_and_reserve_are_wiped() {
    let secret = secret();
    let mut reserve = Reserve::new(0);
    reserve.top_up(1, Wiped::new(vec![1; 2 * SLOT_OCTETS].into()));
    let taken = reserve.take(&secret);
    take_wiped();
    drop((taken, reserve, secret));
    let sizes = [SLOT_OCTETS, 2 * SLOT_OCTETS, Secret::MIN_OCTETS];
    assert_eq!(take_wiped(), sizes.map(|octets| (octets, true)));
}
