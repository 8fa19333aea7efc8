//! The whole table, and how a thin supply, an outage and a relapse go.

use core::time::Duration;

use wire::MacAddr;

use super::{Shortage, ShortageInput, ShortageStage, next_stage};
use crate::config::Config;
use crate::event::{Cause, KeyFailure};
use crate::limits;

const INPUTS: [ShortageInput; 8] = [
    ShortageInput::Late,
    ShortageInput::Long,
    ShortageInput::Limit,
    ShortageInput::Alone,
    ShortageInput::Fresh,
    ShortageInput::Well,
    ShortageInput::Proved,
    ShortageInput::Ended,
];

/// The table of section 6.3 of the specification; `-` means: ignored.
const TABLE: &str = "\
          late      long limit   alone fresh  well   proved    ended
starting  -         -    -       pqc   normal normal -         starting
normal    stretched held blocked pqc   -      -      -         starting
stretched sparse    held blocked pqc   -      -      normal    starting
sparse    -         held blocked pqc   -      -      stretched starting
held      -         -    blocked pqc   sparse normal -         starting
pqc       -         -    blocked -     sparse -      -         starting
blocked   -         -    -       pqc   sparse normal -         starting";

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn shortage(interval: u64, hold_max: u64) -> Shortage {
    let config = Config {
        interval: ms(interval),
        hold_max: ms(hold_max),
        ..Config::new(MacAddr([2, 0, 0, 0, 0, 1]))
    };
    Shortage::new(&config)
}

#[test]
fn rekey_50_the_transition_table_is_that_of_the_specification() {
    let rows = TABLE.lines().skip(1).map(|line| line.split_whitespace());
    for (stage, mut row) in ShortageStage::ALL.into_iter().zip(rows) {
        assert_eq!(row.next(), Some(stage.name()));
        for (input, cell) in INPUTS.into_iter().zip(row) {
            let expected = next_stage(stage, input).map_or("-", ShortageStage::name);
            assert_eq!(cell, expected, "{stage:?} on {input:?}");
        }
    }
}

/// No input but a fresh key leads out of the stages in which there is none, or an old one.
#[test]
fn rekey_50_only_a_fresh_key_ends_a_block() {
    for stage in [
        ShortageStage::Held,
        ShortageStage::Pqc,
        ShortageStage::Blocked,
    ] {
        for input in [
            ShortageInput::Late,
            ShortageInput::Long,
            ShortageInput::Proved,
        ] {
            assert_eq!(next_stage(stage, input), None);
        }
    }
}

#[test]
fn rekey_50_the_ages_at_3_s_and_at_100_ms() {
    let mut shortage = shortage(3000, 300_000);
    assert_eq!(shortage.due(ms(300_000), true), None, "nothing is in use");
    shortage.enter(ms(0), ShortageInput::Well);
    for (age, input, interval) in [
        (4500, ShortageInput::Late, 10_000),
        (15_000, ShortageInput::Late, 60_000),
        (90_000, ShortageInput::Long, 60_000),
        (300_000, ShortageInput::Limit, 3000),
    ] {
        assert_eq!(shortage.next_age(ms(age) - ms(1)), Some(ms(age)));
        assert_eq!(shortage.due(ms(age) - ms(1), true), None, "{age}");
        assert_eq!(shortage.due(ms(age), true), Some(input));
        shortage.enter(ms(age), input);
        assert_eq!(shortage.interval(), ms(interval));
    }
    let mut fast = self::shortage(100, 300_000);
    fast.enter(ms(0), ShortageInput::Well);
    assert_eq!(fast.due(ms(599), true), None, "no hiccup is a shortage");
    assert_eq!(fast.due(ms(600), true), Some(ShortageInput::Late));
}

#[test]
fn rekey_50_who_waits_for_the_peer_does_not_stretch() {
    let mut shortage = shortage(3000, 300_000);
    shortage.enter(ms(0), ShortageInput::Well);
    assert_eq!(shortage.due(ms(89_999), false), None);
    assert_eq!(shortage.due(ms(90_000), false), Some(ShortageInput::Long));
    shortage.enter(ms(90_000), ShortageInput::Long);
    let input = shortage.on_switch();
    assert_eq!(
        (input, next_stage(shortage.stage(), input)),
        (ShortageInput::Well, Some(ShortageStage::Normal))
    );
}

/// Whatever is configured, the ages come in their order and before the limit.
#[test]
fn rekey_50_no_setting_turns_the_stages_round() {
    for interval in [100, 500, 3000, 3_600_000] {
        for times in [2, 3, 10, 1000] {
            let shortage = shortage(interval, interval * times);
            let [first, second, third] = [0, 1, 2].map(|step| shortage.late_at(step));
            assert!(first <= second && second <= third && third <= shortage.hold_max);
            assert!(shortage.intervals.is_sorted() && shortage.intervals[0] < first);
        }
    }
}

/// A supply of one key per `every`, seen from a sender; the changes of stage in an hour.
fn changes(every: Duration) -> Vec<(Duration, ShortageStage)> {
    let mut shortage = shortage(3000, 300_000);
    shortage.enter(ms(0), ShortageInput::Well);
    let (mut switch, mut stock, mut pool, mut made) = (ms(0), 0, 1, every);
    let mut seen = Vec::new();
    for tick in 1..36_000 {
        let now = ms(tick * 100);
        if now >= made {
            (pool, made) = (pool + 1, made + every);
        }
        let age = now - switch;
        // Fetched one interval and a second ahead, as `Tx` does.
        if stock < 1 + usize::from(shortage.wants_proof())
            && age + ms(4000) >= shortage.probe_interval()
        {
            if pool > 0 {
                (pool, stock) = (pool - 1, stock + 1);
                let waiting = age < shortage.interval();
                if waiting && shortage.in_time(now) {
                    seen.extend(
                        shortage
                            .enter(now, ShortageInput::Proved)
                            .map(|(_, to)| (now, to)),
                    );
                }
            } else {
                shortage.failed();
            }
        }
        if let Some(input) = shortage.due(age, stock == 0) {
            seen.extend(shortage.enter(now, input).map(|(_, to)| (now, to)));
        }
        if stock > 0 && age >= shortage.interval() {
            (stock, switch) = (stock - 1, now);
            let input = shortage.on_switch();
            seen.extend(shortage.enter(now, input).map(|(_, to)| (now, to)));
            if stock > 0 && shortage.in_time(now) {
                seen.extend(
                    shortage
                        .enter(now, ShortageInput::Proved)
                        .map(|(_, to)| (now, to)),
                );
            }
        }
    }
    seen
}

#[test]
fn rekey_51_a_supply_that_suffices_changes_nothing() {
    assert_eq!(changes(ms(2900)), []);
}

/// Without hysteresis, each key of a thin supply would change the stage twice.
#[test]
fn rekey_51_a_thin_supply_settles() {
    for every in [4000, 5000, 8000, 20_000, 50_000, 80_000].map(ms) {
        let changes = changes(every);
        let (first, last) = changes.split_at(changes.len() / 2);
        assert!(changes.len() < 60, "{every:?}: {} changes", changes.len());
        let spread = |part: &[(Duration, ShortageStage)]| {
            Some(part.last()?.0.saturating_sub(part.first()?.0))
        };
        assert!(spread(last) >= spread(first), "{every:?}: {changes:?}");
    }
}

/// After an outage with keys enough the way back takes one key of each stage.
#[test]
fn rekey_51_the_way_back_is_one_stage_a_key() {
    let mut shortage = shortage(3000, 300_000);
    shortage.enter(ms(0), ShortageInput::Well);
    for input in [
        ShortageInput::Late,
        ShortageInput::Late,
        ShortageInput::Long,
    ] {
        shortage.enter(ms(90_000), input);
    }
    assert_eq!(shortage.on_switch(), ShortageInput::Fresh);
    shortage.enter(ms(100_000), ShortageInput::Fresh);
    assert_eq!(
        (shortage.stage(), shortage.probe_interval()),
        (ShortageStage::Sparse, ms(10_000))
    );
    for to in [ShortageStage::Stretched, ShortageStage::Normal] {
        assert!(shortage.in_time(ms(106_000)));
        assert!(!shortage.in_time(ms(106_001)), "one key counts once");
        shortage.enter(ms(106_000), ShortageInput::Proved);
        assert_eq!(shortage.stage(), to);
        shortage.on_switch();
    }
    // Short again soon: twice as many keys, and no failure in between.
    shortage.enter(ms(120_000), ShortageInput::Late);
    assert_eq!((shortage.need, shortage.probe_interval()), (2, ms(10_000)));
    assert!(!shortage.in_time(ms(121_000)));
    shortage.on_switch();
    shortage.failed();
    assert!(!shortage.in_time(ms(131_000)), "it counts from one again");
    assert!(shortage.wants_proof());
    shortage.on_switch();
    assert!(!shortage.in_time(ms(141_000)));
    shortage.on_switch();
    assert!(shortage.in_time(ms(151_000)));
    shortage.enter(ms(151_000), ShortageInput::Proved);
    // Well for long: as if nothing had been.
    let calm = ms(60_000) * limits::RELAPSE_INTERVALS;
    assert!(!shortage.in_time(ms(151_000) + calm));
    shortage.enter(ms(151_000) + calm, ShortageInput::Late);
    assert_eq!(shortage.need, 1);
}

#[test]
fn a_shortfall_says_why_and_until_when() {
    let mut shortage = shortage(1000, 60_000);
    assert_eq!(shortage.shortfall(None), None);
    let fresh = shortage.on_switch();
    shortage.enter(ms(0), fresh);
    shortage.blame(None);
    assert_eq!(shortage.shortfall(Some(ms(500))), None, "keys come in time");

    // Late because of missing keys: ends when one key comes in time.
    let why = Some(Cause::Key(KeyFailure::NoKeys));
    shortage.enter(ms(2000), ShortageInput::Late);
    shortage.blame(why);
    let shortfall = shortage.shortfall(Some(ms(2000))).unwrap();
    assert_eq!(
        (shortfall.cause, shortfall.in_time, shortfall.needed),
        (why, 0, 1)
    );
    assert_eq!(shortfall.stops_in, Some(ms(58_000)));
    assert_eq!(shortfall.better_in, ms(0), "the next key may come at once");

    // A relapse needs two keys. The second one counts only after the next switch.
    shortage.enter(ms(3000), ShortageInput::Proved);
    shortage.blame(None);
    assert_eq!(shortage.shortfall(Some(ms(10))), None);
    shortage.enter(ms(4000), ShortageInput::Late);
    shortage.blame(why);
    shortage.on_switch();
    assert!(!shortage.in_time(ms(4500)));
    let interval = shortage.interval();
    let shortfall = shortage.shortfall(Some(ms(500))).unwrap();
    assert_eq!((shortfall.in_time, shortfall.needed), (1, 2));
    assert_eq!(shortfall.better_in, interval - ms(500));
    assert_eq!(shortfall.cause, why, "a switch does not make it forgotten");

    // Held: any fresh key ends this stage.
    shortage.enter(ms(9000), ShortageInput::Long);
    shortage.blame(None);
    let shortfall = shortage.shortfall(Some(ms(50_000))).unwrap();
    assert_eq!((shortfall.cause, shortfall.better_in), (why, ms(0)));
    assert_eq!(shortfall.stops_in, Some(ms(10_000)));
}
