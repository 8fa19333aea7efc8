//! The program `icount` counts, and counts the same twice.

use std::path::Path;

use icount::{CountError, callgrind, step};

const ICOUNT: &str = env!("CARGO_BIN_EXE_icount");

#[test]
fn stepping_counts_the_same_twice_and_more_for_longer_frames() {
    let count = || step::count(Path::new(ICOUNT), &["child-step"]);
    let first = match count() {
        Err(why @ CountError::Cpu) => return eprintln!("skipped: {why}"),
        Err(CountError::Trace(why)) => return eprintln!("skipped: tracing is not allowed: {why}"),
        other => other.unwrap(),
    };
    assert_eq!(first, count().unwrap());
    let of = |name: &str| first[name];
    assert!(of("vaes512 seal 64") > 14.0, "{first:?}");
    assert!(
        of("vaes512 seal 1500") > 3.0 * of("vaes512 seal 64"),
        "{first:?}"
    );
    // Generic over its buffers, so it is compiled with this test, unoptimised: 100 in a release
    // build.
    assert!(
        of("secy protect") > 0.0 && of("secy protect") < 5000.0,
        "{first:?}"
    );
}

#[test]
fn callgrind_counts_the_same_twice() {
    let folder = tempfile::tempdir().unwrap();
    let count = || callgrind::count(Path::new(ICOUNT), &["child-callgrind"], folder.path());
    let first = match count() {
        Err(why @ CountError::NoValgrind) => return eprintln!("skipped: {why}"),
        other => other.unwrap(),
    };
    assert_eq!(first, count().unwrap());
    assert!(
        first["rustcrypto open 1500"] > first["rustcrypto open 64"],
        "{first:?}"
    );
    assert!(
        !first.contains_key("vaes512 seal 64"),
        "valgrind has no AVX-512"
    );
}
