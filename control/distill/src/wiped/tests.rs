//! Each buffer reports here after its wipe and before its memory is freed.

use std::cell::RefCell;

use super::{Value, Wiped};

thread_local! {
    /// One entry (values, all of them zero) for each [`Wiped`] dropped on this thread.
    static WIPED: RefCell<Vec<(usize, bool)>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn note_wiped<T: Value>(values: &[T]) {
    let zero = values.iter().all(|value| *value == T::default());
    // A thread that is ending no longer has the list, and no test reads it there.
    let _ = WIPED.try_with(|wiped| wiped.borrow_mut().push((values.len(), zero)));
}

/// Returns the entries of this thread since the last call.
pub(crate) fn take_wiped() -> Vec<(usize, bool)> {
    WIPED.with(|wiped| wiped.take())
}

#[test]
fn a_dropped_buffer_is_zero() {
    take_wiped();
    drop(Wiped::new(vec![0.5f32; 3].into()));
    drop(Wiped::new(vec![7u64; 4].into()));
    assert_eq!(take_wiped(), [(3, true), (4, true)]);
}
