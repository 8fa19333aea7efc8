use super::*;

const BINS: usize = 20;
const EVEN: u32 = 100;

/// Windows of an even flow. The machine stalls for `stall` bins in one of `every` windows, each
/// time at another place; the frames due meanwhile come in the next bin.
fn windows(count: usize, stall: usize, every: usize) -> Windows {
    let mut windows = Windows::new(BINS);
    for n in 0..count {
        let window = windows.open(f64::from(EVEN));
        let stalled = n % every == every / 2;
        let begin = n / every % (BINS - stall);
        for bin in 0..BINS {
            let arrivals = match bin.checked_sub(begin).filter(|_| stalled) {
                Some(after) if after < stall => 0,
                Some(after) if after == stall => EVEN * (1 + stall as u32),
                _ => EVEN,
            };
            (0..arrivals).for_each(|_| windows.arrive(window, bin));
        }
    }
    windows
}

/// Each window has a stall at the same place.
fn stalled_at_the_switch(count: usize, stall: usize) -> Windows {
    let mut windows = Windows::new(BINS);
    for _ in 0..count {
        let window = windows.open(f64::from(EVEN));
        for bin in 0..BINS {
            let arrivals = match bin.checked_sub(BINS / 2) {
                Some(after) if after < stall => 0,
                Some(after) if after == stall => EVEN * (1 + stall as u32),
                _ => EVEN,
            };
            (0..arrivals).for_each(|_| windows.arrive(window, bin));
        }
    }
    windows
}

#[test]
fn an_even_flow_is_within_the_bound_and_no_finding() {
    let even = windows(100, 0, 1000);
    assert_eq!(even.worst_percent(), Some(0.0));
    assert_eq!(even.percent(), vec![100.0; BINS]);
    assert_eq!(even.bin_chance(&even), Some(1.0));
    let none = Windows::new(BINS);
    assert_eq!((none.worst_percent(), none.bin_chance(&even)), (None, None));
    assert_eq!(even.bin_chance(&none), None);
}

#[test]
fn a_stall_at_each_switch_is_found_also_among_stalls_of_the_machine() {
    let sham = windows(100, 8, 10);
    let mut on = stalled_at_the_switch(100, 1);
    assert_eq!(
        on.worst_percent(),
        Some(100.0),
        "the bin behind it has both"
    );
    assert!(on.bin_chance(&sham).unwrap() <= CHANCE_MAX);
    // A tenth of the switches is enough.
    on = stalled_at_the_switch(20, 1);
    on.windows.extend(windows(180, 0, 1000).windows);
    assert_eq!(on.worst_percent(), Some(10.0));
    assert!(on.bin_chance(&windows(200, 0, 1000)).unwrap() <= CHANCE_MAX);
}

#[test]
fn a_stall_of_the_machine_is_no_finding_wherever_it_falls() {
    // 18 ms once in a hundred windows: 18 % too many in one bin.
    let once = windows(100, 18, 100);
    assert!(once.worst_percent().unwrap() > OFF_MAX);
    assert!(once.bin_chance(&windows(100, 0, 1000)).unwrap() > 0.2);
    // Ten times as often, in both.
    let often = windows(100, 8, 10);
    assert!(often.worst_percent().unwrap().abs() > OFF_MAX);
    assert!(often.bin_chance(&often).unwrap() > 0.05);
}

const MS_NS: u32 = 1_000_000;

/// Windows with their usual latest frames; some have a backlog of 3 ms in addition.
fn tails(windows: usize, backlog: impl Fn(usize) -> bool) -> Windows {
    let mut all = Windows::new(BINS);
    for n in 0..windows {
        let window = all.open(f64::from(EVEN));
        (0..2).for_each(|_| all.keep_latest(window, 10_000));
        if backlog(n) {
            (0..20).for_each(|n| all.keep_latest(window, 3 * MS_NS - n * 10_000));
        }
    }
    all
}

#[test]
fn a_tail_that_comes_with_switches_is_not_by_chance() {
    let quiet = tails(100, |_| false);
    for each in [1, 5] {
        let chance = tails(100, |n| n % each == 0).tail_chance(&quiet);
        assert!(chance.unwrap() <= CHANCE_MAX, "{chance:?}");
    }
}

#[test]
fn a_backlog_that_falls_to_a_window_is_by_chance() {
    let once = tails(100, |n| n == 41);
    assert!(once.tail_chance(&tails(100, |_| false)).unwrap() > 0.2);
    let often = tails(100, |n| n % 10 == 3);
    assert!(often.tail_chance(&often).unwrap() > 0.05);
    assert_eq!(often.tail_chance(&Windows::new(BINS)), None);
}
