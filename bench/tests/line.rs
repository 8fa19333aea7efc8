//! `qmacsec-bench line` as a user runs it: in namespaces of its own, or not at all and saying why.

use std::process::Command;

use serde_json::{Value, json};

const ARMS: [&str; 4] = ["no-op", "integrity", "gcm-aes-256", "xpn-256"];

#[test]
fn frames_jumbo_and_tcp_come_through_every_arm() {
    let output = Command::new(env!("CARGO_BIN_EXE_qmacsec-bench"))
        .args([
            "line",
            "--sizes",
            "64,9000",
            "--ports",
            "packet,xdp",
            "--arms",
            "no-op,integrity,gcm-aes-256,xpn-256",
            "--rounds",
            "1",
            "--json",
        ])
        .output()
        .expect("the program of this crate");
    let said = String::from_utf8_lossy(&output.stderr);
    let not_here = ["namespace", "AF_XDP", "not permitted", "one core only"];
    if !output.status.success() && not_here.iter().any(|word| said.contains(word)) {
        println!("skipped: {said}");
        return;
    }
    assert!(output.status.success(), "{said}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("a document");
    let rows = document["rows"].as_array().expect("rows");
    let loads = [json!(64), json!(9000), json!("tcp")];
    for port in ["packet", "xdp"] {
        for arm in ARMS {
            for load in &loads {
                let mut found = rows
                    .iter()
                    .filter(|row| row["port"] == port && row["arm"] == arm && row["size"] == *load);
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
            }
        }
    }
    assert_eq!(rows.len(), 2 * ARMS.len() * loads.len());
}
