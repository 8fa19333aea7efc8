//! `qmacsec-bench rekey` over real interfaces: in namespaces of its own; without them it says why.
#![allow(clippy::print_stdout, reason = "a test that is skipped says why")]

use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

#[test]
fn keys_change_under_load_in_memory_and_over_af_xdp_and_tap() {
    keys_change_under_load("mem,xdp,tap", 3);
}

#[cfg(feature = "dpdk")]
#[test]
fn keys_change_under_load_over_dpdk() {
    keys_change_under_load("dpdk-af-packet", 1);
}

/// Two benches on a few cores would starve each other.
static CORES: Mutex<()> = Mutex::new(());

fn keys_change_under_load(ports: &str, count: usize) {
    let _alone = CORES.lock().unwrap_or_else(PoisonError::into_inner);
    let output = Command::new(env!("CARGO_BIN_EXE_qmacsec-bench"))
        .args([
            "rekey", "--ports", ports, "--sizes", "512", "--rate", "10000",
        ])
        .args([
            "--loads",
            "50",
            "--pairs",
            "1",
            "--time",
            "2",
            "--intervals",
            "0.3",
            "--devices",
            "no-op,integrity",
            "--json",
        ])
        .output()
        .expect("the program of this crate");
    let said = String::from_utf8_lossy(&output.stderr);
    let no_namespaces = said.contains("namespace");
    if output.stdout.is_empty() && no_namespaces {
        println!("skipped: {said}");
        return;
    }
    // 0: passed, 2: a row failed, which a busy machine may do to a tail.
    assert!(matches!(output.status.code(), Some(0 | 2)), "{said}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("a document");
    let rows = document["rows"].as_array().expect("rows");
    let absent = document["machine"]["absent"]
        .as_array()
        .expect("who is absent");
    absent
        .iter()
        .for_each(|why| println!("not measured: {why}"));
    assert_eq!(rows.len() + absent.len(), count, "{document}");
    let peers = document["peers"].as_array().expect("peers");
    assert_eq!(
        peers.len(),
        3 * rows.len(),
        "two, and ours without rekeying"
    );
    for peer in peers {
        let [frames, lost] = ["frames", "lost"].map(|count| peer[count].as_u64());
        assert!(frames > Some(0) && lost < frames, "{peer}");
    }
    for row in rows {
        // Both directions, 2 s: 13, less what a busy machine delays.
        assert!(row["switches"].as_u64() >= Some(2), "{row}");
        for zero in ["duplicated", "reordered", "unexplained"] {
            assert_eq!(row[zero], 0, "{zero}: {row}");
        }
    }
}
