use super::*;

#[test]
fn a_barrier_opens_for_all_at_once_and_again() {
    let barrier = Barrier::new(2);
    let inside = Arc::new(AtomicUsize::new(0));
    let other = {
        let (barrier, inside) = (Arc::clone(&barrier), Arc::clone(&inside));
        thread::spawn(move || {
            for _ in 0..100 {
                inside.fetch_add(1, Ordering::SeqCst);
                barrier.wait();
            }
        })
    };
    for round in 1..=100 {
        barrier.wait();
        assert!(inside.load(Ordering::SeqCst) >= round);
    }
    other.join().unwrap();
}

#[test]
fn a_core_that_waits_for_a_dead_one_is_told() {
    let barrier = Barrier::new(2);
    drop(Arc::clone(&barrier)); // the other core died before it came
    let waits = thread::spawn(move || barrier.wait());
    assert!(waits.join().is_err());
}

/// One core may be through and gone before the other has looked again.
#[test]
fn a_core_that_has_passed_may_leave() {
    for _ in 0..2_000 {
        let barrier = Barrier::new(2);
        let other = Arc::clone(&barrier);
        let leaves = thread::spawn(move || other.wait());
        barrier.wait();
        leaves.join().unwrap();
    }
}
