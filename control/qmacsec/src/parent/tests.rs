use super::*;

#[test]
fn a_child_hears_the_signals_that_its_parent_blocks() {
    // The mask belongs to a thread: the test has one of its own.
    let mut blocked = SigSet::empty();
    blocked.add(Signal::SIGTERM);
    blocked.thread_block().unwrap();
    unblock_signals().unwrap();
    let mask = SigSet::thread_get_mask().unwrap();
    assert!(!mask.contains(Signal::SIGTERM));
}
