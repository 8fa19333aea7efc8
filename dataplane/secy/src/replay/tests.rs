use std::collections::BTreeSet;

use proptest::prelude::{Just, Strategy, prop, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};
use wire::Pn;

use super::{Replay, ReplayWindow};
use crate::limits::REPLAY_WINDOW_MAX;

use Replay::{Duplicate, Fresh, Late};

fn window(len: u32, lowest: u64) -> ReplayWindow {
    let mut window = ReplayWindow::new();
    window.start_at(Pn::new(lowest).unwrap());
    window.set_len(len);
    window
}

#[test]
fn in_order() {
    let mut window = window(0, 1);
    for pn in 1..1000 {
        assert_eq!((window.lowest(), window.next()), (pn, pn));
        assert_eq!(window.test_and_mark(pn), Fresh);
        assert_eq!(window.test_and_mark(pn), Late);
    }
}

#[test]
fn a_window_of_8() {
    let mut window = window(8, 1);
    assert_eq!(window.test_and_mark(20), Fresh);
    assert_eq!((window.lowest(), window.next()), (13, 21));
    let table = [
        (12, Late),
        (13, Fresh),
        (13, Duplicate),
        (20, Duplicate),
        (19, Fresh),
        (21, Fresh),
    ];
    for (pn, replay) in table {
        assert_eq!(window.test_and_mark(pn), replay, "PN {pn}");
    }
    // 21 moved the window, and 13 is now below it.
    assert_eq!((window.lowest(), window.test_and_mark(13)), (14, Late));
}

#[test]
fn the_test_alone_marks_nothing() {
    let mut window = window(8, 1);
    assert_eq!([window.test(5), window.test(5)], [Fresh, Fresh]);
    assert_eq!(
        (window.test_and_mark(5), window.test(5)),
        (Fresh, Duplicate)
    );
}

#[test]
fn pn_0_is_never_fresh() {
    assert_eq!(window(REPLAY_WINDOW_MAX, 1).test(0), Late);
}

#[test]
fn nothing_below_the_start() {
    let mut window = window(1000, 500);
    let table = [
        (499, Late),
        (500, Fresh),
        (700, Fresh),
        (499, Late),
        (501, Fresh),
    ];
    for (pn, replay) in table {
        assert_eq!(window.test_and_mark(pn), replay, "PN {pn}");
    }
}

#[test]
fn the_last_pn_is_taken_once() {
    for len in [0, 1, 64, REPLAY_WINDOW_MAX] {
        let mut window = window(len, u64::MAX - 3);
        assert_eq!(window.test_and_mark(u64::MAX), Fresh, "window {len}");
        assert_eq!(window.test_and_mark(u64::MAX), Duplicate, "window {len}");
        assert_eq!(window.next(), u64::MAX);
    }
}

#[test]
fn a_window_too_long_is_cut() {
    let mut window = window(u32::MAX, 1);
    let pn = u64::from(u32::MAX);
    assert_eq!(window.test_and_mark(pn), Fresh);
    let lowest = pn + 1 - u64::from(REPLAY_WINDOW_MAX);
    assert_eq!(
        (window.test(lowest), window.test(lowest - 1)),
        (Fresh, Late)
    );
}

/// Tests the whole bitmap with the longest window, at every alignment of the words.
#[test]
fn no_bit_is_shared_in_the_longest_window() {
    let len = u64::from(REPLAY_WINDOW_MAX);
    for highest in (len..len + 65).chain([1 << 32, u64::MAX - 9]) {
        let mut window = window(REPLAY_WINDOW_MAX, 1);
        assert_eq!(window.test_and_mark(highest), Fresh);
        assert_eq!(
            window.test_and_mark(highest + 1 - len),
            Fresh,
            "highest {highest}"
        );
        for pn in highest + 2 - len..highest {
            assert_eq!(window.test(pn), Fresh, "PN {pn}, highest {highest}");
        }
    }
}

#[test]
fn xpn_recovery() {
    const HALF: u64 = 1 << 31;
    const FULL: u64 = 1 << 32;
    // (lowest acceptable PN, PN sent)
    let recovered = [
        (1, 1),
        (1, HALF),
        (1, FULL - 1),
        // Around 2^31: seven late, with the lowest acceptable PN below the boundary, and after it.
        (HALF - 59, HALF - 2),
        (HALF - 59, HALF + 5),
        (HALF, HALF),
        (HALF, FULL + HALF - 1),
        // Around 2^32.
        (FULL - 59, FULL - 2),
        (FULL - 59, FULL),
        (FULL - 59, FULL + 5),
        (FULL, FULL),
        (FULL + 1, FULL + 1),
        // The same cases one cycle of the low half later.
        (2 * FULL - 33, 2 * FULL - 2),
        (2 * FULL - 33, 2 * FULL + 98),
        (2 * FULL + HALF - 1, 2 * FULL + HALF + 1),
        (u64::MAX - 10, u64::MAX),
    ];
    for (lowest, pn) in recovered {
        assert_eq!(
            window(64, lowest).recover(pn as u32),
            pn,
            "lowest {lowest:#x}"
        );
    }
    // Below the lowest acceptable PN the recovered PN may be wrong, but it is never a PN sent
    // before the window: it is late, or so far ahead that the ICV fails.
    assert_eq!(
        window(64, FULL + 5).recover(0xffff_fffe),
        FULL + 0xffff_fffe
    );
    assert_eq!(window(64, FULL + 5).recover(3), FULL + 3);
    // After the last PN there is none: the result is too low.
    assert_eq!(window(64, u64::MAX - 10).recover(3), 3);
}

/// The model for the bitmap: the set of received PNs and the lowest acceptable one.
struct Oracle {
    received: BTreeSet<u64>,
    start: u64,
    len: u64,
}

impl Oracle {
    fn test_and_mark(&mut self, pn: u64) -> Replay {
        let next = self
            .received
            .last()
            .map_or(self.start, |last| last.saturating_add(1));
        let lowest = self.start.max(next.saturating_sub(self.len));
        if pn < lowest {
            Late
        } else if self.received.insert(pn) {
            Fresh
        } else {
            Duplicate
        }
    }
}

/// Starts include the boundaries, and window lengths those of a word. PNs are steps that mostly
/// stay near the window and sometimes jump.
fn sequences() -> impl Strategy<Value = (u64, u32, Vec<i64>)> {
    let start = prop_oneof![
        Just(1),
        1..200u64,
        (1u64 << 31) - 300..(1 << 31) + 300,
        (1u64 << 32) - 300..(1 << 32) + 300,
        u64::MAX - 100_000..=u64::MAX - 50_000,
    ];
    let len = prop_oneof![
        Just(0),
        Just(1),
        Just(63),
        Just(64),
        Just(65),
        0..300u32,
        Just(1024),
        Just(REPLAY_WINDOW_MAX)
    ];
    let step = prop_oneof![
        8 => -80..80i64,
        2 => -1100..1100i64,
        1 => -17_000..17_000i64,
    ];
    (start, len, prop::collection::vec(step, 0..400))
}

#[test]
fn what_is_no_run_is_not_marked() {
    let pns = |pns: &[u64]| -> Vec<Pn> { pns.iter().map(|&pn| Pn::new(pn).unwrap()).collect() };
    let mut window = window(8, 1);
    assert!(window.mark_run(&[]));
    for none in [&[2, 4][..], &[2, 2], &[3, 2], &[2, 3, 5, 4]] {
        assert!(!window.mark_run(&pns(none)), "{none:?}");
    }
    assert_eq!((window.lowest(), window.next()), (1, 1));
    assert!(window.mark_run(&pns(&[2, 3])));
    assert_eq!(
        [1, 2, 3, 4].map(|pn| window.test(pn)),
        [Fresh, Duplicate, Duplicate, Fresh]
    );
    for behind in [&[3, 4][..], &[1], &[1, 2]] {
        assert!(!window.mark_run(&pns(behind)), "{behind:?}");
    }
    assert_eq!([1, 4].map(|pn| window.test(pn)), [Fresh, Fresh]);
    let mut window = self::window(8, u64::MAX - 3);
    assert!(window.mark_run(&pns(&[u64::MAX - 1, u64::MAX])));
    assert_eq!(
        (window.test(u64::MAX), window.next()),
        (Duplicate, u64::MAX)
    );
}

proptest! {
    #[test]
    fn equals_a_set((start, len, steps) in sequences(), runs in prop::collection::vec(1..=64u64, 400)) {
        let mut window = window(len, start);
        let mut oracle = Oracle { received: BTreeSet::new(), start, len: len.into() };
        let mut near = start;
        for (step, run) in steps.into_iter().zip(runs) {
            let pn = near.saturating_add_signed(step).clamp(1, u64::MAX - 65);
            let (early, recovered) = (window.test(pn), window.recover(pn as u32));
            // Every third step is a run.
            let run = if run % 3 == 0 { run } else { 1 };
            let pns: Vec<_> = (pn..pn + run).map(|pn| Pn::new(pn).unwrap()).collect();
            let ahead = pn >= window.next();
            let replays: Vec<_> = pns.iter().map(|pn| oracle.test_and_mark(pn.value())).collect();
            prop_assert_eq!(early, replays[0]);
            if run > 1 && window.mark_run(&pns) {
                prop_assert!(ahead && replays.iter().all(|replay| *replay == Fresh));
            } else {
                prop_assert!(run == 1 || !ahead);
                for (pn, replay) in pns.iter().zip(&replays) {
                    prop_assert_eq!(window.test_and_mark(pn.value()), *replay, "PN {:?}", pn);
                }
            }
            for pn in &pns {
                prop_assert!(window.test(pn.value()) != Fresh);
            }
            prop_assert_eq!(window.next(), oracle.received.last().map_or(start, |last| last + 1));
            if replays[0] != Late {
                prop_assert_eq!(recovered, pn);
            }
            if replays.iter().any(|replay| *replay != Late) {
                near = near.max(pn + run - 1);
            }
        }
    }
}
