use super::{Calls, Fault, Faults, Times, Wrong};
use std::time::Duration;

#[test]
fn a_fault_applies_to_its_calls_as_often_as_ordered() {
    let faults = Faults::default();
    assert!(faults.take_for(Calls::EncKeys).is_empty());
    let slow = Fault::Latency(Duration::from_secs(1));
    let absent = Fault::Answer(Wrong::NotFound);
    faults.order(slow, Calls::Any, Times::Always);
    faults.clone().order(absent, Calls::DecKeys, Times::Next(2));
    faults.order(Fault::Wedge, Calls::Status, Times::Next(0));
    assert_eq!(faults.take_for(Calls::EncKeys), [slow]);
    assert_eq!(faults.take_for(Calls::DecKeys), [slow, absent]);
    assert_eq!(faults.in_force(), [slow, absent, Fault::Wedge]);
    assert_eq!(faults.take_for(Calls::DecKeys), [slow, absent]);
    assert_eq!(faults.take_for(Calls::DecKeys), [slow]);
    assert_eq!(faults.take_for(Calls::Status), [slow]);
    faults.clear();
    assert!(faults.in_force().is_empty() && faults.take_for(Calls::Status).is_empty());
}
