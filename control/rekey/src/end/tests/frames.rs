//! Frames that are not the peer's: own, foreign, forged, cut, replayed.

use proptest::prelude::{any, prop};
use proptest::{prop_assert_eq, proptest};

use super::two::{MACS, Two, ms};
use crate::event::Event;
use crate::status::SessionState;

#[test]
fn rekey_12_own_and_foreign_frames_are_counted_and_dropped() {
    let mut two = Two::new(|side, config| config.peer = Some(MACS[1 - side]), [7, 7]);
    two.run(ms(1000));
    let own = two.frames[0].clone();
    let before = two.ends[0].status(two.now).counters;
    for frame in &own {
        two.ends[0].on_frame(two.now, frame);
    }
    let mut foreign = own[0].clone();
    foreign[11] = 0x77;
    two.ends[0].on_frame(two.now, &foreign);
    two.ends[0].on_frame(two.now, &own[0][..9]);
    two.settle();
    let after = two.ends[0].status(two.now).counters;
    assert_eq!(after.reflected - before.reflected, own.len() as u64);
    assert_eq!(
        (after.foreign, after.malformed, after.accepted),
        (1, 1, before.accepted)
    );
    assert_eq!(
        two.seen(0, |event| *event == Event::OwnAddress),
        1,
        "once a minute"
    );
}

#[test]
fn forged_frames_are_one_event_a_minute_with_their_number() {
    let mut two = Two::plain();
    two.run(ms(1000));
    let mut forged = two.frames[1][0].clone();
    forged[60] ^= 1;
    for _ in 0..10 {
        two.ends[0].on_frame(two.now, &forged);
        two.settle();
    }
    two.run(ms(61_000));
    two.ends[0].on_frame(two.now, &forged);
    two.settle();
    let count = |event: &Event| match event {
        Event::ForgedFrames { count } => Some(*count),
        _ => None,
    };
    let counts: Vec<u64> = two.events[0].iter().filter_map(count).collect();
    assert_eq!(counts, [1, 10]);
    assert_eq!(
        two.seen(0, |event| matches!(event, Event::WrongSecret { .. })),
        0
    );
}

proptest! {
    /// Forged, cut and replayed frames in any order leave both ends as they were.
    #[test]
    fn rekey_10_frames_without_the_secret_do_no_harm(
        picks in prop::collection::vec((any::<usize>(), any::<usize>(), 0_u8..5), 1..40)
    ) {
        let mut two = Two::plain();
        two.run(ms(3500));
        let (sealing, receiving) = (two.sealing, two.receiving.clone());
        let said = two.frames.clone();
        let accepted = [0, 1].map(|side| two.ends[side].status(two.now).counters.accepted);
        for (which, place, kind) in picks {
            let from = which % 2;
            let mut frame = said[from][which / 2 % said[from].len()].clone();
            let mut to = 1 - from;
            match kind {
                0 => {
                    let at = place % frame.len();
                    frame[at] ^= 1 << (place % 7);
                }
                1 => frame.truncate(place % frame.len()),
                2 => frame.extend([0; 3]),
                3 => to = from,
                _ => {}
            }
            two.ends[to].on_frame(two.now, &frame);
            two.settle();
        }
        prop_assert_eq!((two.sealing, two.receiving.clone()), (sealing, receiving));
        for (end, accepted) in two.ends.iter().zip(accepted) {
            let status = end.status(two.now);
            prop_assert_eq!(status.counters.accepted, accepted);
            prop_assert_eq!(status.session.state, SessionState::Agreed);
        }
    }
}
