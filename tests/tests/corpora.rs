//! Replays the corpora of the fuzzers, so that an input that once failed is tested again.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "clippy knows functions with #[test] only, not the rest of a test"
)]

use std::fs;
use std::path::Path;

#[path = "../fuzz/src/targets.rs"]
mod targets;

fn replay(target: &str, run: fn(&[u8]), at_least: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut replayed = 0;
    for file in fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        println!("{}", path.display()); // shown when the run below panics
        run(&fs::read(&path).unwrap());
        replayed += 1;
    }
    assert!(replayed >= at_least, "{target}: only {replayed} cases");
}

#[test]
fn gcm_burst() {
    replay("gcm_burst", targets::gcm_burst, 30);
}

#[test]
fn sectag() {
    replay("sectag", targets::sectag, 15);
}

#[test]
fn validate() {
    replay("validate", targets::validate, 15);
}

#[test]
fn rekey_frame() {
    replay("rekey_frame", targets::rekey_frame, 15);
}

#[test]
fn etsi014_json() {
    replay("etsi014_json", targets::etsi014_json, 8);
}

#[test]
fn etsi020_json() {
    replay("etsi020_json", targets::etsi020_json, 10);
}
