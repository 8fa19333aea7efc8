use super::*;

const MS: i64 = 1_000_000;
const HALF: i64 = 50 * MS;
/// Of a run of 100 s; a switch each second.
const SPAN: (i64, i64) = (0, 100_000 * MS);
/// A frame in 10 us.
const FRAMES: u64 = 10_000_000;

/// A run in which a backlog of 300 frames begins at each of these moments; everything else takes 10 us.
fn run(backlogs: impl Iterator<Item = i64>) -> Tails {
    let mut frames: Vec<(i64, u32)> = (0..5_000).map(|n| (n * 20 * MS, 10_000)).collect();
    for at in backlogs {
        frames.extend((0..300).map(|n| (at + n * 10_000, 3_010_000 - 10_000 * n as u32)));
    }
    let switches: Vec<i64> = (0..100).map(|n| n * 1_000 * MS + 500 * MS).collect();
    let mut tails = Tails::new(HALF);
    tails.add(frames.into_iter(), &switches, SPAN);
    tails
}

fn chance(tails: &Tails) -> f64 {
    let chance = tails.chance(FRAMES / 10, FRAMES * 9 / 10);
    chance.expect("frames at both places")
}

#[test]
fn what_comes_with_every_switch_is_no_luck() {
    let each = (0..100).map(|n| n * 1_000 * MS + 501 * MS);
    assert!(chance(&run(each)) <= chance::CHANCE_MAX);
}

#[test]
fn what_comes_with_some_switches_is_no_luck_either() {
    let some = (0..100).step_by(10).map(|n| n * 1_000 * MS + 501 * MS);
    assert!(chance(&run(some)) <= chance::CHANCE_MAX);
}

#[test]
fn one_backlog_in_a_window_is_luck() {
    // A tenth of the time is inside.
    let chance = chance(&run([40_510 * MS].into_iter()));
    assert!((0.03..0.3).contains(&chance), "{chance}");
}

#[test]
fn backlogs_of_their_own_beat_are_luck() {
    let every = (0..).map(|n| n * 703 * MS).take(140);
    let chance = chance(&run(every));
    assert!(chance > 0.01, "{chance}");
}

#[test]
fn without_frames_at_both_places_nothing_is_said() {
    let tails = run(core::iter::empty());
    assert_eq!(tails.chance(0, 100), None);
    assert_eq!(tails.chance(100, 0), None);
    let mut twice = tails.clone();
    twice.merge(&tails);
    assert_eq!(twice.windows.len(), 2 * tails.windows.len());
}

#[test]
fn every_late_frame_has_its_place() {
    let tails = run([0, 450 * MS, 551 * MS, 99_990 * MS].into_iter());
    assert_eq!((tails.windows.len(), tails.pieces.len()), (100, 900));
    let kept = |of: &[Vec<u32>]| of.iter().map(Vec::len).sum::<usize>();
    assert_eq!(
        kept(&tails.windows) + kept(&tails.pieces),
        5_000 + 4 * 300,
        "none is left out"
    );
    assert_eq!(tails.windows[0].len(), 300 + 5, "from 450 ms to 550 ms");
    assert!(tails.pieces[0].len() >= 300 && tails.pieces[899].len() >= 300);
}
