use std::hint::black_box;

use super::super::cores::Cores;
use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn a_witness_that_wakes_in_time_saw_nothing() {
    let from = Instant::now();
    assert_eq!(Standstill::between(from, from + NAP), None);
    let in_time = from + NAP + LATE_MIN;
    assert_eq!(Standstill::between(from, in_time), None);
    let to = in_time + Duration::from_nanos(1);
    assert_eq!(Standstill::between(from, to), Some(Standstill { from, to }));
}

#[test]
fn standstills_that_come_with_switches_are_not_the_machine_s() {
    // A tenth of the time is in windows.
    for (inside, outside, expected) in [
        (0, 0, false),
        (0, 200, false),
        (20, 180, false),
        // Thrice as many, but that few may be chance.
        (4, 6, false),
        // Twice as many is no chance, but a beat of the machine may do it.
        (400, 1_600, false),
        (800, 1_200, true),
        (2_000, 0, true),
    ] {
        let placed = Placed { inside, outside };
        assert_eq!(placed.come_with_switches(0.1), expected, "{placed:?}");
    }
    // By a table of the distribution 0.0527 and 2.0e-5: the bound is above, and not by much.
    assert!((0.0527..0.3).contains(&chance_of(5, 2.0)));
    assert!((2.0e-5..3e-4).contains(&chance_of(15, 4.0)));
}

#[test]
fn a_standstill_and_its_aftermath_disturb() {
    let start = Instant::now();
    let still = |from, to| Standstill {
        from: start + ms(from),
        to: start + ms(to),
    };
    // With aftermath: 100 to 650 ms, in which the second is; the third adds 110 ms; 2000 to 2055 ms.
    let seen = [
        still(2_000, 2_005),
        still(600, 610),
        still(120, 130),
        still(100, 150),
    ];
    let disturbed = Disturbed::of(&seen, start);
    let touches = |from: i64, to: i64| disturbed.touches(from * 1_000_000..=to * 1_000_000);
    for (from, to, expected) in [
        (0, 99, false),
        (0, 100, true),
        (0, 3_000, true),
        (300, 300, true),
        (760, 800, true),
        (761, 1_999, false),
        (1_999, 2_000, true),
        (2_055, 2_060, true),
        (2_056, 9_000, false),
    ] {
        assert_eq!(touches(from, to), expected, "{from} to {to} ms");
    }
    assert!(!Disturbed::default().touches(0..=i64::MAX));
    // One that began before the run.
    let early = Disturbed::of(&[still(0, 10)], start + ms(5));
    assert!(early.touches(0..=0));
}

#[test]
fn runs_add_up() {
    let start = Instant::now();
    let still = |from, to| Standstill {
        from: start + ms(from),
        to: start + ms(to),
    };
    let mut all = Watched::of(ms(1_000), &[still(10, 20), still(500, 530)]);
    all.merge(&Watched::of(ms(500), &[]));
    assert_eq!(
        all,
        Watched {
            time: ms(1_500),
            standstills: 2,
            total: ms(40),
            longest: ms(30),
        }
    );
}

/// Where real-time priority is not permitted there are no witnesses, and nothing to test.
#[test]
fn a_busy_thread_on_the_core_is_no_standstill_of_the_machine() {
    let work = || {
        let core = *Cores::part()
            .expect("cores")
            .of_frames()
            .expect("cores")
            .first()?;
        let witnesses = Witnesses::start(&[core])?;
        cores::pin(core).expect("a core of this machine");
        // The machine may stand still by itself meanwhile: it does not each time.
        let quiet = |_| {
            witnesses.take();
            let begun = Instant::now();
            while begun.elapsed() < ms(30) {
                black_box(&witnesses);
            }
            witnesses.take().is_empty()
        };
        Some((0..100).any(quiet))
    };
    match thread::spawn(work).join().expect("no panic") {
        Some(quiet) => assert!(
            quiet,
            "30 ms of work count as a standstill in each of 100 runs"
        ),
        None => eprintln!("skipped: real-time priority needs CAP_SYS_NICE"),
    }
}
