//! `qmacsec-bench line` as a user runs it. Without namespaces it says why, and the test passes.

#![allow(
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy knows functions with #[test] only, not the rest of a test"
)]

use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

const ARMS: [&str; 4] = ["no-op", "integrity", "gcm-aes-256", "xpn-256"];

/// Devices of two benches on one core would starve each other.
static CORE: Mutex<()> = Mutex::new(());

fn line(arguments: &[&str]) -> Output {
    let _alone = CORE.lock().unwrap_or_else(PoisonError::into_inner);
    let output = Command::new(env!("CARGO_BIN_EXE_qmacsec-bench"))
        .arg("line")
        .args(arguments)
        .output();
    output.expect("the program of this crate")
}

/// One round of every arm of ours over these ports, at 64 octets, jumbo and, if asked for, TCP:
/// `carried` says of each port whether it has jumbo.
fn every_arm_carries(carried: &[(&str, bool)], tcp: bool) {
    let ports: Vec<&str> = carried.iter().map(|(port, _)| *port).collect();
    let (ports, arms) = (ports.join(","), ARMS.join(","));
    let folder = tempfile::tempdir().expect("a folder");
    let svg = folder.path().join("line.svg");
    let svg_name = svg.to_str().expect("a name in UTF-8");
    let mut arguments = vec!["--sizes", "64,9000", "--rounds", "1", "--json"];
    arguments.extend(["--ports", &ports, "--arms", &arms, "--svg", svg_name]);
    arguments.extend((!tcp).then_some("--no-tcp"));
    let output = line(&arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    let not_here = ["namespace", "AF_XDP", "not permitted", "one core only"];
    if !output.status.success() && not_here.iter().any(|word| said.contains(word)) {
        println!("skipped: {said}");
        return;
    }
    assert!(output.status.success(), "{said}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("a document");
    let rows = document["rows"].as_array().expect("rows");
    let mut expected = 0;
    for (port, has_jumbo) in carried {
        let jumbo = has_jumbo.then_some(json!(9000));
        let tcp = tcp.then_some(json!("tcp"));
        for load in [json!(64)].into_iter().chain(tcp).chain(jumbo) {
            for arm in ARMS {
                let mut found = rows
                    .iter()
                    .filter(|row| row["port"] == *port && row["arm"] == arm && row["size"] == load);
                let row = found
                    .next()
                    .unwrap_or_else(|| panic!("no {port} {arm} {load}"));
                assert!(row["mpps"].as_f64().is_some_and(|mpps| mpps > 0.0), "{row}");
                assert!(
                    row["gbit_s"].as_f64().is_some_and(|rate| rate > 0.0),
                    "{row}"
                );
                assert_eq!(
                    (&row["bench"], &row["op"]),
                    (&"line".into(), &"both".into())
                );
                expected += 1;
            }
        }
    }
    assert_eq!(rows.len(), expected);
    let svg = std::fs::read_to_string(svg).expect("a chart");
    let chart = roxmltree::Document::parse(&svg).expect("a chart that is well formed");
    let points = chart
        .descendants()
        .filter(|node| node.has_tag_name("circle"));
    let of_frames = rows.iter().filter(|row| row["size"] != "tcp");
    assert_eq!(points.count(), of_frames.count());
}

#[test]
fn frames_jumbo_and_tcp_come_through_every_arm() {
    every_arm_carries(&[("packet", true), ("xdp", true)], true);
}

#[cfg(feature = "dpdk")]
#[test]
fn frames_and_jumbo_come_through_every_arm_over_dpdk() {
    every_arm_carries(&[("dpdk-af-packet", true), ("dpdk-af-xdp", false)], false);
}

#[cfg(not(feature = "dpdk"))]
#[test]
fn without_dpdk_it_says_how_to_build_it() {
    let output = line(&["--ports", "dpdk-af-xdp"]);
    let said = String::from_utf8_lossy(&output.stderr);
    // Without namespaces it does not come so far.
    let named = said.contains("--features dpdk") || said.contains("namespace");
    assert!(!output.status.success() && named, "{said}");
}
