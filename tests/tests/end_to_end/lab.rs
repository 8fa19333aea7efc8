//! `qmacsec lab` from start to end, over each kind of port: the verdict is PASS, its JSON has every
//! field, and nothing outlives the lab, whatever ends it.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use tests::lab_run::{Ended, Lab, Traces, folders_in_memory, gone_within, named_namespaces};
use tests::patience::wait_until;

use super::PROGRAM;

/// A short lab with a fresh key every half second, a rate that a busy machine can sustain.
const ARGS: [&str; 7] = [
    "--duration",
    "6s",
    "--rekey",
    "1s",
    "--rate",
    "20",
    "--json",
];
/// 6 s with keys of 1 s, and 100 ms for each exchange.
const SWITCHES: u64 = 5;
/// Time limit for start, run and drain, on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);
/// Time limit for the end of all processes of a killed lab.
const GONE: Duration = Duration::from_secs(2);

/// True if the lab reports that the machine has no namespaces. In that case there is nothing to
/// test.
pub(crate) fn cannot_run(test: &str, stderr: &str) -> bool {
    let why = stderr
        .lines()
        .find(|line| line.starts_with("no network namespaces for the lab"));
    if let Some(why) = why {
        println!("{test}: skipped, {why}");
    }
    why.is_some()
}

/// Checks the verdict of an undisturbed run.
pub(crate) fn assert_pass(ended: &Ended, red: &str, black: &str) {
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let verdict = ended.verdict();
    assert_eq!(verdict["verdict"], "PASS", "{verdict}");
    assert_eq!(verdict["reasons"], Value::Array(Vec::new()));
    assert_eq!(
        (&verdict["red"], &verdict["black"]),
        (&red.into(), &black.into()),
        "{verdict}"
    );
    assert_eq!(verdict["cleartext_frames"], 0, "{verdict}");
    assert_eq!(verdict["transfer_intact"], true, "{verdict}");
    assert!(verdict["line_frames"].as_u64().unwrap() > 1000, "{verdict}");
    let directions = verdict["directions"].as_array().unwrap();
    let names: Vec<_> = directions
        .iter()
        .map(|direction| direction["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a_to_b", "b_to_a"]);
    let mut sent = 0;
    for direction in directions {
        let number = |name: &str| {
            direction[name]
                .as_u64()
                .unwrap_or_else(|| panic!("no {name}: {direction}"))
        };
        assert!(number("switches") >= SWITCHES, "{direction}");
        assert!(number("sent") > 100, "{direction}");
        assert_eq!(number("received"), number("sent"), "{direction}");
        assert_eq!(
            (number("lost"), number("duplicated"), number("late")),
            (0, 0, 0),
            "{direction}"
        );
        assert_eq!(
            direction["drops"],
            Value::Object(serde_json::Map::new()),
            "{direction}"
        );
        sent += number("sent");
    }
    // The lab's own capture of the line saw every protected frame that its encryptors report as
    // sent.
    let rekey = verdict["rekey_frames"].as_u64().unwrap();
    assert!(
        rekey > 4 * SWITCHES,
        "an OFFER and a READY for each key: {verdict}"
    );
    let seen = verdict["line_frames"].as_u64().unwrap() - rekey;
    assert!(
        seen >= sent,
        "{seen} protected frames seen, {sent} sent: {verdict}"
    );
}

/// True, with a note, if a port needs more rights than this test has.
fn lacks_rights(test: &str, port: &str) -> bool {
    let lacks = port == "xdp" && !nix::unistd::geteuid().is_root();
    if lacks {
        println!("{test}: skipped, AF_XDP takes root, or CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW");
    }
    lacks
}

fn passes_and_leaves_nothing(red: &str, black: &str, more: &[&str]) {
    let test = format!("lab over {red} and {black} {more:?}");
    if lacks_rights(&test, black) {
        return;
    }
    let before = Traces::now();
    let args = [&ARGS[..], &["--red", red, "--black", black], more].concat();
    let mut lab = Lab::start(PROGRAM, &args);
    lab.wait_for_traffic();
    let (children, namespaces) = (lab.children(), lab.namespaces());
    let ended = lab.wait(LIMIT);
    if cannot_run(&test, &ended.stderr) {
        return;
    }
    assert!(
        children.len() >= 3,
        "KMEs and two encryptors are processes: {children:?}"
    );
    assert_pass(&ended, red, black);
    assert!(
        children.iter().all(|child| !child.runs()),
        "a process was left behind"
    );
    assert!(
        namespaces.len() >= 3,
        "two encryptors and KMEs: {namespaces:?}"
    );
    assert_eq!(named_namespaces(&namespaces), [""; 0]);
    assert_eq!(Traces::now(), before);
}

#[test]
fn passes_over_tap_and_leaves_nothing() {
    passes_and_leaves_nothing("tap", "packet", &[]);
}

#[test]
fn passes_over_af_packet_and_leaves_nothing() {
    passes_and_leaves_nothing("packet", "packet", &[]);
}

#[test]
fn passes_over_af_xdp_and_leaves_nothing() {
    passes_and_leaves_nothing("xdp", "xdp", &[]);
}

/// Jumbo frames consist of several chunks, and the program runs in the general path.
#[test]
fn passes_over_af_xdp_with_frames_of_9000_octets() {
    passes_and_leaves_nothing("xdp", "xdp", &["--mtu", "9000", "--xdp-mode", "skb"]);
}

#[cfg(feature = "dpdk")]
#[test]
fn passes_over_dpdk_and_leaves_nothing() {
    passes_and_leaves_nothing("dpdk", "dpdk", &[]);
}

/// Two kinds of ports in one worker, so frames are copied; and mbufs of 16 KiB.
#[cfg(feature = "dpdk")]
#[test]
fn passes_over_tap_and_dpdk_with_frames_of_9000_octets() {
    passes_and_leaves_nothing("tap", "dpdk", &["--mtu", "9000"]);
}

/// A program built without DPDK says so and names the build command.
#[cfg(not(feature = "dpdk"))]
#[test]
fn without_dpdk_it_says_how_to_build_it() {
    let ended = Lab::start(PROGRAM, &["--red", "dpdk"]).wait(LIMIT);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("--features dpdk"), "{}", ended.stderr);
}

fn ends_by(signal: Signal) -> Option<Ended> {
    let before = Traces::now();
    let args = [
        "--duration",
        "60s",
        "--rekey",
        "500ms",
        "--rate",
        "20",
        "--json",
        "--red",
        "packet",
    ];
    let mut lab = Lab::start(PROGRAM, &args);
    lab.wait_for_traffic();
    if cannot_run(&format!("lab ended by {signal}"), &lab.stderr()) {
        return None;
    }
    std::thread::sleep(Duration::from_secs(2));
    let (children, namespaces) = (lab.children(), lab.namespaces());
    assert!(
        children.len() >= 3 && children.iter().all(tests::processes::Process::runs),
        "{children:?}"
    );
    lab.signal(signal);
    let ended = lab.wait(Duration::from_secs(30));
    gone_within(&children, GONE);
    assert_eq!(named_namespaces(&namespaces), [""; 0]);
    assert_eq!(Traces::now(), before);
    Some(ended)
}

#[test]
fn interrupted_in_mid_run_concludes_and_leaves_nothing() {
    let Some(ended) = ends_by(Signal::SIGINT) else {
        return;
    };
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let verdict = ended.verdict();
    assert_eq!(verdict["verdict"], "PASS", "{verdict}");
    assert!(verdict["duration_s"].as_f64().unwrap() < 30.0, "{verdict}");
    assert_eq!(verdict["stopped_early"], true, "{verdict}");
    assert!(ended.stderr.contains("stopped early"), "{}", ended.stderr);
}

#[test]
fn a_folder_that_cannot_be_written_is_named_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("a/b");
    let started = std::time::Instant::now();
    let args = ["--ledgers", missing.to_str().unwrap(), "--duration", "60s"];
    let ended = Lab::start(PROGRAM, &args).wait(LIMIT);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("--ledgers"), "{}", ended.stderr);
    assert!(started.elapsed() < Duration::from_secs(60));
}

/// A capture by two threads is in chronological order, and ends at its limit.
#[test]
fn a_capture_is_in_order_and_within_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let pcap = folder.path().join("line.pcapng");
    let args = [&ARGS[..], &["--pcap", pcap.to_str().unwrap()]].concat();
    let ended = Lab::start(PROGRAM, &[&args[..], &["--pcap-max", "1MB"]].concat()).wait(LIMIT);
    if cannot_run("capture of the lab", &ended.stderr) {
        return;
    }
    let verdict = ended.verdict();
    assert_eq!(verdict["verdict"], "PASS", "{verdict}");
    assert!(
        verdict["troubles"][0].as_str().unwrap().contains("--pcap"),
        "{verdict}"
    );
    let size = pcap.metadata().unwrap().len();
    assert!((1_000_000..1_200_000).contains(&size), "{size} octets");
    let frames = tests::capture::read(&pcap);
    let times: Vec<_> = frames.iter().map(|frame| frame.time).collect();
    assert!(times.is_sorted(), "frames are not in the order of time");
}

#[test]
fn killed_in_mid_run_leaves_nothing() {
    if let Some(ended) = ends_by(Signal::SIGKILL) {
        assert_eq!(ended.code, None);
    }
}

/// One test for all runs in memory, because each checks the same folder.
#[test]
fn in_memory_passes_and_leaves_nothing() {
    let before = folders_in_memory();
    let start = |duration: &str| {
        let args = [
            "--duration",
            duration,
            "--rekey",
            "500ms",
            "--rate",
            "20",
            "--json",
            "--red",
            "mem",
            "--black",
            "mem",
        ];
        let mut lab = Lab::start(PROGRAM, &args);
        lab.wait_for_traffic();
        let folders: Vec<_> = folders_in_memory()
            .into_iter()
            .filter(|folder| !before.contains(folder))
            .collect();
        assert!(!folders.is_empty(), "where are the secrets of this lab?");
        (lab, folders)
    };

    let (lab, folders) = start("6s");
    let ended = lab.wait(LIMIT);
    assert_pass(&ended, "mem", "mem");
    assert!(!folders.iter().any(|folder| folder.exists()), "{folders:?}");

    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let (lab, folders) = start("60s");
        let children = lab.children();
        lab.signal(signal);
        let _a_verdict_or_none = lab.wait(Duration::from_secs(30));
        wait_until("the end of the folder with secrets", GONE, || {
            !folders.iter().any(|folder| folder.exists())
        });
        gone_within(&children, GONE);
    }
}
