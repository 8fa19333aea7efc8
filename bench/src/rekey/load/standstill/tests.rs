use super::*;
use crate::rekey::load::witness::NAP;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn us(us: u64) -> Duration {
    Duration::from_micros(us)
}

/// How long the computation takes usually.
const COMPUTED: Duration = Duration::from_micros(2);

/// Wake-ups of a core, one after the other.
struct Core {
    wakes: Vec<Wake>,
}

impl Core {
    /// One that has run as usual for that long.
    fn usual(time: Duration) -> Self {
        let mut core = Self {
            wakes: vec![Wake {
                at: Instant::now(),
                late: Duration::ZERO,
                computed: COMPUTED,
            }],
        };
        core.run(time);
        core
    }

    fn now(&self) -> Instant {
        self.wakes.last().unwrap().at
    }

    fn wake(&mut self, late: Duration, computed: Duration) {
        self.wakes.push(Wake {
            at: self.now() + NAP + late + computed,
            late,
            computed,
        });
    }

    /// As usual, for that long or little more.
    fn run(&mut self, time: Duration) {
        let end = self.now() + time;
        while self.now() < end {
            self.wake(LATE_USUAL / 2, COMPUTED);
        }
    }

    fn seen(&self) -> Vec<Standstill> {
        standstills(&self.wakes)
    }

    fn seen_once(&self) -> Standstill {
        let seen = self.seen();
        let &[still] = seen.as_slice() else {
            panic!("{seen:?}")
        };
        still
    }
}

#[test]
fn a_core_that_runs_as_usual_owes_nothing() {
    assert_eq!(standstills(&[]), []);
    let mut core = Core::usual(ms(1_000));
    core.wake(OWED_MIN + LATE_USUAL, COMPUTED);
    core.run(ms(100));
    // One computation was interrupted, others were a little slower.
    core.wake(us(20), us(50));
    core.run(ms(10));
    (0..1_000).for_each(|_| core.wake(us(20), COMPUTED * 21 / 20));
    core.run(ms(10));
    assert_eq!(core.seen(), []);
}

#[test]
fn a_core_that_stood_owes_that_for_ten_times_as_long() {
    let mut core = Core::usual(ms(100));
    let from = core.now();
    core.wake(ms(10) + LATE_USUAL, COMPUTED);
    core.run(ms(200));
    let still = core.seen_once();
    assert_eq!(still.from, from);
    assert_eq!((still.lost, still.slow), (ms(10), Duration::ZERO));
    let to = (still.to - from).as_secs_f64();
    assert!((0.109..0.111).contains(&to), "worked off after {to} s");

    // Also while it computed; and where the watch ends before.
    let mut core = Core::usual(ms(100));
    let from = core.now();
    core.wake(LATE_USUAL, ms(10));
    let still = core.seen_once();
    assert!((ms(9)..=ms(11)).contains(&still.lost));
    assert!((ms(105)..=ms(115)).contains(&(still.to - from)));
}

#[test]
fn standstills_add_up_until_they_are_worked_off() {
    // Each of them is too short to count by itself.
    let mut core = Core::usual(ms(1_000));
    (0..20).for_each(|_| core.wake(us(200), COMPUTED));
    core.run(ms(100));
    let still = core.seen_once();
    assert_eq!(still.lost, us(20 * 150));
    assert!((ms(33)..=ms(40)).contains(&(still.to - still.from)));
    // And farther apart they do not.
    let mut core = Core::usual(ms(100));
    for _ in 0..20 {
        core.wake(us(200), COMPUTED);
        core.run(ms(2));
    }
    assert_eq!(core.seen(), []);
}

#[test]
fn a_core_at_half_its_speed_owes_half_of_the_time() {
    let mut core = Core::usual(ms(1_000));
    let from = core.now();
    let slow = from + ms(200);
    while core.now() < slow {
        core.wake(us(20), 2 * COMPUTED);
    }
    core.run(ms(2_000));
    let still = core.seen_once();
    assert!((ms(99)..=ms(101)).contains(&still.lost), "{still:?}");
    assert_eq!(still.lost, still.slow);
    assert!(still.from - from < ms(1));
    assert!((ms(1_050)..=ms(1_150)).contains(&(still.to - from)));
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
        (700, 1_300, true),
        (800, 1_200, true),
        (2_000, 0, true),
    ] {
        let placed = Placement { inside, outside };
        assert_eq!(placed.come_with_switches(0.1), expected, "{placed:?}");
    }
}

#[test]
fn frames_are_disturbed_from_its_beginning_until_it_is_worked_off() {
    let start = Instant::now();
    let still = |from, to| Standstill {
        from: start + ms(from),
        to: start + ms(to),
        lost: ms(1),
        slow: ms(0),
    };
    // Two cores: one of theirs within another, two that overlap.
    let seen = [
        still(2_000, 2_055),
        still(600, 760),
        still(120, 230),
        still(100, 650),
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
    let still = |lost, slow| Standstill {
        from: start,
        to: start,
        lost: ms(lost),
        slow: ms(slow),
    };
    let mut all = Standstills::default();
    all.add(ms(1_000), [still(10, 5), still(30, 0)].iter());
    all.add(ms(500), [].iter());
    assert_eq!(
        all,
        Standstills {
            time: ms(1_500),
            standstills: 2,
            total: ms(40),
            slow: ms(5),
            longest: ms(30),
        }
    );
}
