//! Faults that the lab injects on order: faults of the KMEs cost no frame, killed processes come
//! back, and no packet number is seen twice under a key. `qmacsec lab --kill-series 50` is the long
//! run.

use std::time::Duration;

use serde_json::Value;
use tests::lab_run::Lab;

use super::PROGRAM;
use super::lab::cannot_run;

fn verdict(name: &str, args: &[&str]) -> Option<Value> {
    let lab = Lab::start(PROGRAM, &[args, &["--json", "--rate", "3"]].concat());
    let ended = lab.wait(Duration::from_secs(150));
    if cannot_run(name, &ended.stderr) {
        return None;
    }
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let verdict = ended.verdict();
    assert_eq!(verdict["verdict"], "PASS", "{verdict}");
    Some(verdict)
}

#[test]
fn kmes_that_are_down_or_lose_replies_cost_no_frame_and_the_stages_are_told() {
    let faults = [
        "--kme-fault",
        "down@2s+5s",
        "--kme-fault",
        "lose-replies@13s+4s",
    ];
    let times = ["--duration", "22s", "--rekey", "1s"];
    let Some(verdict) = verdict("faults of the KMEs", &[&faults[..], &times[..]].concat()) else {
        return;
    };
    for direction in verdict["directions"].as_array().unwrap() {
        assert_eq!(direction["lost"], 0, "{direction}");
        let stages = direction["stages"].as_array().unwrap();
        let stages: Vec<_> = stages
            .iter()
            .map(|stage| stage[1].as_str().unwrap())
            .collect();
        assert!(stages.starts_with(&["normal", "stretched"]), "{stages:?}");
    }
}

#[test]
fn each_process_is_killed_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let pcap = folder.path().join("line.pcapng");
    let series = [
        "--kill-series",
        "1",
        "--rekey",
        "2s",
        "--pcap",
        pcap.to_str().unwrap(),
    ];
    let Some(verdict) = verdict("a series of kills", &series) else {
        return;
    };
    assert_eq!(verdict["crashes"], 3, "{verdict}");
    assert!(
        verdict["captured_frames"].as_u64().unwrap() > 500,
        "{verdict}"
    );
}
