//! Each buffer reports here after its wipe and before its memory is freed.

use super::KeyBytes;
use std::cell::RefCell;

thread_local! {
    /// One entry (octets, all of them zero) for each [`KeyBytes`] dropped on this thread.
    static WIPED: RefCell<Vec<(usize, bool)>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn note_wiped(octets: &[u8]) {
    let zero = octets.iter().all(|&octet| octet == 0);
    // A thread that is ending no longer has the list, and no test reads it there.
    let _ = WIPED.try_with(|wiped| wiped.borrow_mut().push((octets.len(), zero)));
}

/// Returns the entries of this thread since the last call.
pub(crate) fn take_wiped() -> Vec<(usize, bool)> {
    WIPED.with(|wiped| wiped.take())
}

#[test]
fn a_dropped_key_is_zero() {
    take_wiped();
    let key = KeyBytes::new(vec![0xa5; 32].into_boxed_slice());
    let second = key.second();
    assert_eq!(second.expose(), key.expose());
    drop(key);
    assert_eq!(second.expose(), [0xa5; 32]);
    drop(second);
    assert_eq!(take_wiped(), [(32, true), (32, true)]);
}
