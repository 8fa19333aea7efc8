use std::thread;

use rustix::process::getpriority_process;

use super::*;

fn allowed() -> Vec<usize> {
    let set = sched_getaffinity(Pid::from_raw(0)).expect("a thread has cores");
    let is_set = |core: &usize| set.is_set(*core) == Ok(true);
    (0..CpuSet::count()).filter(is_set).collect()
}

/// Runs on a separate thread, because a thread does not get its priority and cores back.
fn after_giving_way_to(cores: Vec<usize>) -> (Vec<usize>, i32) {
    let thread = thread::spawn(move || {
        give_way_to(&cores);
        let nice = getpriority_process(None).expect("a thread has a nice value");
        (allowed(), nice)
    });
    thread.join().expect("no panic")
}

#[test]
fn control_leaves_the_workers_cores_and_has_a_lower_priority() {
    let cores = allowed();
    let (first, others) = cores.split_first().expect("this test runs somewhere");
    let (left, nice) = after_giving_way_to(vec![*first]);
    let expected = if others.is_empty() { &cores } else { others };
    assert_eq!(left, expected, "of {cores:?}");
    assert!(nice >= CONTROL_NICE, "{nice}");
}

#[test]
fn without_another_core_control_stays() {
    let cores = allowed();
    assert_eq!(after_giving_way_to(cores.clone()).0, cores);
    assert_eq!(after_giving_way_to(Vec::new()).0, cores);
}
