use super::{Calls, Fault, Faults, Times, Wrong};
use std::time::Duration;

#[test]
fn a_fault_strikes_its_calls_as_often_as_ordered() {
    let faults = Faults::default();
    assert!(faults.strike(Calls::EncKeys).is_empty());
    let slow = Fault::Latency(Duration::from_secs(1));
    let absent = Fault::Answer(Wrong::NotFound);
    faults.order(slow, Calls::Any, Times::Always);
    faults.clone().order(absent, Calls::DecKeys, Times::Next(2));
    faults.order(Fault::Wedge, Calls::Status, Times::Next(0));
    assert_eq!(faults.strike(Calls::EncKeys), [slow]);
    assert_eq!(faults.strike(Calls::DecKeys), [slow, absent]);
    assert_eq!(faults.in_force(), [slow, absent, Fault::Wedge]);
    assert_eq!(faults.strike(Calls::DecKeys), [slow, absent]);
    assert_eq!(faults.strike(Calls::DecKeys), [slow]);
    assert_eq!(faults.strike(Calls::Status), [slow]);
    faults.clear();
    assert!(faults.in_force().is_empty() && faults.strike(Calls::Status).is_empty());
}
