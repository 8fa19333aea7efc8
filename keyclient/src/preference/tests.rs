use core::time::Duration;

use super::{Ending, Preference};

const QUARANTINE: Duration = Duration::from_secs(10);

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The first KME fails at `now`: two failures, each served by the other KME.
fn fail(preference: &mut Preference, now: u64) {
    assert!(!preference.fresh_ended(at(now), 0, Ending::OtherDelivered));
    assert!(preference.fresh_ended(at(now), 0, Ending::OtherDelivered));
    assert_eq!(preference.active(), 1);
}

/// Seconds after `now` at which the first KME is active again, with one good probe per second.
fn recovers_after(preference: &mut Preference, now: u64) -> u64 {
    (1..1000)
        .find(|second| preference.probed(at(now + second), true))
        .expect("it comes back")
}

#[test]
fn one_failure_is_no_reason_to_leave() {
    let mut preference = Preference::new(QUARANTINE);
    for _ in 0..10 {
        assert!(!preference.fresh_ended(at(0), 0, Ending::OtherDelivered));
        assert!(!preference.fresh_ended(at(0), 0, Ending::Delivered));
    }
    assert_eq!(preference.active(), 0);
}

#[test]
fn while_both_fail_nobody_moves() {
    let mut preference = Preference::new(QUARANTINE);
    for _ in 0..10 {
        assert!(!preference.fresh_ended(at(0), 0, Ending::Nobody));
    }
    // The other KME recovers first, so the change helps.
    assert!(preference.fresh_ended(at(1), 0, Ending::OtherDelivered));
}

#[test]
fn it_goes_back_after_good_probes_in_a_row_and_the_quarantine() {
    let mut preference = Preference::new(QUARANTINE);
    fail(&mut preference, 100);
    for second in 101..109 {
        assert!(!preference.probed(at(second), true));
    }
    assert!(!preference.probed(at(110), false), "starts the count again");
    assert!(!preference.probed(at(111), true));
    assert!(!preference.probed(at(112), true));
    assert!(preference.probed(at(113), true));
    assert_eq!(preference.active(), 0);
}

#[test]
fn a_kme_that_flaps_is_trusted_later_and_later() {
    let mut preference = Preference::new(QUARANTINE);
    let mut now = 0;
    let mut waits = Vec::new();
    for _ in 0..7 {
        fail(&mut preference, now);
        let wait = recovers_after(&mut preference, now);
        waits.push(wait);
        now += wait + 1;
    }
    assert_eq!(waits, [10, 20, 40, 80, 160, 160, 160]);
    // After a long time without failures the quarantine is short again.
    fail(&mut preference, now + 1000);
    assert_eq!(recovers_after(&mut preference, now + 1000), 10);
}

#[test]
fn the_second_is_left_for_the_first_when_it_fails() {
    let mut preference = Preference::new(QUARANTINE);
    fail(&mut preference, 0);
    assert!(
        !preference.fresh_ended(at(1), 0, Ending::OtherDelivered),
        "asked before the move"
    );
    assert!(!preference.fresh_ended(at(1), 1, Ending::OtherDelivered));
    assert!(preference.fresh_ended(at(1), 1, Ending::OtherDelivered));
    assert_eq!(preference.active(), 0);
}
