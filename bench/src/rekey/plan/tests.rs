use super::*;
use crate::rekey::Options;
use crate::tests::parse;

fn plan(arguments: &str) -> Plan {
    Plan::new(&parse::<Options>(arguments).unwrap())
}

const SECOND: Duration = Duration::from_secs(1);

/// The switches in runs of this length, if each begins right after a switch.
fn switches(time: Duration, interval: Duration, pairs: u32) -> u64 {
    FLOWS as u64 * u64::from(pairs) * time.div_duration_f64(interval).floor() as u64
}

#[test]
fn runs_are_long_enough_for_the_switches_that_are_wanted() {
    for (arguments, wanted) in [
        ("--switches 1000 --pairs 10", 1000),
        ("--switches 7 --pairs 3", 7),
    ] {
        let plan = plan(arguments);
        for ms in [100, 300, 1000, 3000, 60_000] {
            let interval = Duration::from_millis(ms);
            let time = plan.run_time(Some(interval), 0, plan.pairs);
            assert!(switches(time, interval, plan.pairs) >= wanted, "{time:?}");
            assert!(time >= TIME_MIN + SETTLING);
        }
    }
}

#[test]
fn the_runs_that_are_left_make_up_for_those_before() {
    let plan = plan("--switches 1000 --pairs 10");
    let first = plan.run_time(Some(SECOND), 0, 10);
    assert!(
        plan.run_time(Some(SECOND), 80, 9) > first,
        "a fifth less than hoped for"
    );
    assert_eq!(
        plan.run_time(Some(SECOND), 1000, 1),
        TIME_MIN + SECOND.mul_f64(0.2)
    );
}

#[test]
fn a_full_form_has_as_many_switches_as_a_published_row_wants() {
    let full = plan("");
    assert!(switches(full.run_time(Some(SECOND), 0, 10), SECOND, 10) >= 1000);
    assert!(switches(full.run_time(Some(3 * SECOND), 0, 10), 3 * SECOND, 10) >= 200);
    assert_eq!(full.run_time(Some(60 * SECOND), 0, 10), full.time);
    for by_time in ["--time 5", "--quick", "--quick --time 5"] {
        let plan = plan(by_time);
        assert_eq!(plan.run_time(Some(SECOND), 0, 2), plan.time, "{by_time}");
    }
}

#[test]
fn long_runs_are_cut_and_nothing_is_lost_of_them() {
    assert_eq!(slices(SECOND, 1e6).collect::<Vec<_>>(), [SECOND]);
    let cut: Vec<Duration> = slices(100 * SECOND, 1e6).collect();
    assert_eq!(cut.len(), 4);
    assert_eq!(cut.iter().sum::<Duration>(), 100 * SECOND);
}

#[test]
fn a_rate_that_is_given_is_not_searched_for_peers() {
    let searched = |arguments| plan(arguments).searched_devices().collect::<Vec<_>>();
    let ours = Device::Xpn256;
    assert_eq!(searched("--rate 40000 --devices no-op"), [ours]);
    let devices = searched("--devices no-op,data-plane");
    assert_eq!(
        devices,
        [ours, Device::NoOp],
        "the data plane is our worker"
    );
}
