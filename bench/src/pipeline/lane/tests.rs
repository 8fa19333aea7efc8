use super::*;

#[test]
fn a_gate_opens_for_all_at_once_and_again() {
    let gate = Gate::new(2);
    let inside = Arc::new(AtomicUsize::new(0));
    let other = {
        let (gate, inside) = (Arc::clone(&gate), Arc::clone(&inside));
        thread::spawn(move || {
            for _ in 0..100 {
                inside.fetch_add(1, Ordering::SeqCst);
                gate.pass();
            }
        })
    };
    for round in 1..=100 {
        gate.pass();
        assert!(inside.load(Ordering::SeqCst) >= round);
    }
    other.join().unwrap();
}

#[test]
fn who_waits_for_a_dead_lane_is_told() {
    let gate = Gate::new(2);
    drop(Arc::clone(&gate)); // the other lane died before it came
    let waits = thread::spawn(move || gate.pass());
    assert!(waits.join().is_err());
}

/// One lane may be through and gone before the other has looked again.
#[test]
fn who_has_passed_may_leave() {
    for _ in 0..2_000 {
        let gate = Gate::new(2);
        let other = Arc::clone(&gate);
        let leaves = thread::spawn(move || other.pass());
        gate.pass();
        leaves.join().unwrap();
    }
}
