use super::*;
use crate::rekey::load::standstill::Standstill;
use crate::size::FrameSize;

const T: Duration = Duration::from_secs(1);

/// A made-up second of 10,000 frames a second in each direction; every frame took 1 us.
fn run() -> Run {
    let size = FrameSize::Octets(64);
    let (rate, time) = (10_000.0, T);
    let mut run = Run {
        offer: Offer { size, rate, time },
        start: Instant::now(),
        took: T,
        sent: [10_000; FLOWS],
        flows: [(); FLOWS].map(|()| Flow::new(10_000)),
        standstills: None,
    };
    (0..FLOWS).for_each(|flow| with_latency(&mut run, flow, 1_000, 0..0, 0));
    run
}

/// Every frame took `late_ns`, but those of `slow`.
fn with_latency(
    run: &mut Run,
    flow: usize,
    late_ns: u64,
    slow: core::ops::Range<u64>,
    slow_ns: u64,
) {
    run.flows[flow] = Flow::new(10_000);
    for number in 0..10_000 {
        let late_ns = if slow.contains(&number) {
            slow_ns
        } else {
            late_ns
        };
        run.flows[flow].arrive(number, late_ns);
    }
}

#[test]
fn latencies_are_attributed_to_the_windows_of_their_own_direction() {
    let mut run = run();
    // A switch of the first direction at half a second: frames 4500 to 5499 are within 50 ms.
    with_latency(&mut run, 0, 1_000, 4500..5500, 9_000);
    with_latency(&mut run, 1, 1_000, 0..0, 0);
    let switches = [vec![run.start + Duration::from_millis(500)], vec![]];
    let mut account = Account::new(T);
    account.add(&run, &switches);
    assert_eq!(
        (account.switches, account.frames, account.lost),
        (1, 20_000, 0)
    );
    assert_eq!(account.inside.all.len(), 1000);
    assert!(
        (9_000..=9_010).contains(&account.inside.all.min()),
        "only slow frames inside"
    );
    assert!(
        account.outside.all.max() <= 1_010,
        "only fast frames outside"
    );
    // Frames of the first 200 ms are settling.
    assert_eq!(account.outside.all.len(), 2 * 8_000 - 1_000);
    assert_eq!(account.windows.len(), 1);
    let worst = account.windows.worst_percent().unwrap();
    assert!(worst.abs() < 11.0, "{:?}", account.windows);
}

#[test]
fn what_a_standstill_touches_is_told_apart_but_lost_is_lost() {
    let mut run = run();
    // Due from 300 ms on, the frames of 20 ms of the first direction came at once at 320 ms.
    with_latency(&mut run, 0, 1_000, 3_000..3_200, 20_000_000);
    with_latency(&mut run, 1, 1_000, 0..0, 0);
    let at = |ms| run.start + Duration::from_millis(ms);
    let switches = [vec![at(310), at(800)], vec![at(800)]];
    let mut unwatched = Account::new(T);
    unwatched.add(&run, &switches);
    assert_eq!(
        unwatched.inside.disturbed() + unwatched.outside.disturbed(),
        0
    );
    assert_eq!(
        (unwatched.windows.len(), unwatched.windows_disturbed),
        (3, 0)
    );
    assert!(unwatched.machine.time.is_zero());

    run.standstills = Some(vec![Standstill {
        from: at(300),
        to: at(520),
        lost: Duration::from_millis(20),
        slow: Duration::ZERO,
    }]);
    let mut account = Account::new(T);
    account.add(&run, &switches);
    assert_eq!((account.windows.len(), account.windows_disturbed), (2, 1));
    assert_eq!(account.machine.standstills, 1);
    // Until it was worked off, in both directions.
    let disturbed = account.inside.disturbed() + account.outside.disturbed();
    assert!((2 * 2_200..=2 * 2_201).contains(&disturbed), "{disturbed}");
    assert!(account.inside.undisturbed.max() < 2_000);
    assert!(account.inside.all.max() > 19_000_000);
    assert!(account.at_switches.iter().all(|late| *late < 2_000));
    assert_eq!(account.inside.all, unwatched.inside.all);
    assert_eq!(
        (account.lost, account.frames),
        (unwatched.lost, unwatched.frames)
    );
}

#[test]
fn accounts_add_up() {
    let mut run = run();
    with_latency(&mut run, 0, 1_000, 0..0, 0);
    let switches = [vec![run.start + Duration::from_millis(500)], vec![]];
    let mut one = Account::new(T);
    one.add(&run, &switches);
    let mut two = one.clone();
    two.add(&run, &switches);
    assert_eq!((two.frames, two.switches), (2 * one.frames, 2));
    assert_eq!(two.inside.all.len(), 2 * one.inside.all.len());
    assert_eq!((one.windows.len(), two.windows.len()), (1, 2));
    assert_eq!(one.windows.percent(), two.windows.percent());
}

/// 8.7 frames in a millisecond are 8 or 9.
#[test]
fn few_frames_do_not_beat_with_bins() {
    let interval = Duration::from_millis(100);
    let mut run = run();
    run.offer.rate = 8_730.0;
    with_latency(&mut run, 0, 1_000, 0..0, 0);
    with_latency(&mut run, 1, 1_000, 0..0, 0);
    let leaves = |number| run.start + Duration::from_nanos(run.offer.due_ns(number) + 1_000);
    let switches: Vec<Instant> = (3..10).map(|n| leaves(n * 873)).collect();
    let mut account = Account::new(interval);
    account.add(&run, &[switches.clone(), switches]);
    assert_eq!(account.windows.len(), 14);
    let worst = account.windows.worst_percent().unwrap();
    assert!(
        worst.abs() < 3.0,
        "{worst}: {:?}",
        account.windows.percent()
    );
}

/// At the edges of a run a window would have empty bins that are no dip.
#[test]
fn only_whole_windows_have_bins() {
    let mut run = run();
    with_latency(&mut run, 0, 1_000, 0..0, 0);
    let at = |ms| run.start + Duration::from_millis(ms);
    let switches = [vec![at(10), at(240), at(960), at(999)], vec![]];
    let mut account = Account::new(T);
    account.add(&run, &switches);
    assert_eq!((account.switches, account.windows.len()), (4, 0));
}

#[test]
fn of_the_first_part_of_a_run_nothing_counts_that_was_due_later() {
    let mut run = run();
    for flow in 0..FLOWS {
        with_latency(&mut run, flow, 1_000, 5_000..10_000, 9_000);
    }
    let interval = Duration::from_millis(100);
    let at = |n: u64| run.start + Duration::from_millis(50 + 100 * n);
    let moments = [(); FLOWS].map(|()| (0..10).map(at).collect());
    let mut account = Account::new(interval);
    account.add_first(T / 2, &run, &moments);
    assert_eq!((account.switches, account.frames), (10, 10_000));
    // Half of the time is in windows, and the first 200 ms are settling.
    assert_eq!(
        (account.inside.all.len(), account.outside.all.len()),
        (3_000, 3_000)
    );
    assert!(account.inside.all.max() < 9_000 && account.outside.all.max() < 9_000);
    assert_eq!(account.windows.len(), 6);
}

#[test]
fn no_loss_is_bounded_by_three_in_n_and_blocked_time_is_lost_by_offered() {
    assert!((poisson_upper_95(0) - 3.0).abs() < 0.05);
    assert!((poisson_upper_95(10) - 16.96).abs() < 0.1);
    let mut account = Account::new(T);
    (account.frames, account.lost, account.switches) = (1_000_000, 500, 5);
    let blocked = account.blocked_us_per_switch(100_000.0);
    assert!((blocked - 1_000.0).abs() < 1e-9, "{blocked}");
}

#[test]
fn short_intervals_have_short_windows() {
    assert_eq!(window(Duration::from_secs(3)), WINDOW);
    assert_eq!(
        window(Duration::from_millis(100)),
        Duration::from_millis(25)
    );
}
