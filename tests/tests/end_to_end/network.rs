//! `qmacsec network`: nodes as processes on the loopback, relayed keys for all pairs, faults, and a
//! verdict.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use kme::pki::{KmeName, LabPki, make_lab_pki};
use nix::sys::signal::Signal;
use serde_json::Value;
use tests::daemon::Daemon;
use tests::lab_run::{Ended, Lab, gone_within};
use tests::patience::wait_until;
use tests::program::run;

use super::PROGRAM;

/// Time limit for start, run and end, on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);

fn network(args: &[&str]) -> Lab {
    let mut command = Command::new(PROGRAM);
    command.args(["network", "run", "--json"]).args(args);
    Lab::start_command(command)
}

/// Checks the verdict of a run in which every reachable pair got its keys.
fn assert_pass(ended: &Ended) -> Value {
    let verdict = ended.verdict();
    assert_eq!(ended.code, Some(0), "{verdict}\n{}", ended.stderr);
    assert_eq!(verdict["verdict"], "PASS", "{verdict}");
    assert_eq!(verdict["reasons"], Value::Array(Vec::new()));
    assert_eq!(verdict["books_closed"], true);
    assert_eq!(verdict["delivered_twice"], 0);
    assert_eq!(verdict["delivered_to_others"], 0);
    for link in verdict["links"].as_array().unwrap() {
        let bits = |name: &str| {
            link[name]
                .as_u64()
                .unwrap_or_else(|| panic!("{name}: {link}"))
        };
        let parts = [
            "relayed",
            "authentication",
            "voided",
            "left",
            "lost_in_crash",
        ];
        assert_eq!(
            bits("bits_in"),
            parts.map(bits).iter().sum::<u64>(),
            "{link}"
        );
    }
    verdict
}

fn pair<'v>(verdict: &'v Value, a: &str, b: &str) -> &'v Value {
    let mut pairs = verdict["pairs"].as_array().unwrap().iter();
    let pair = pairs.find(|pair| pair["a"] == a && pair["b"] == b);
    pair.unwrap_or_else(|| panic!("no pair {a}-{b}: {verdict}"))
}

#[test]
fn two_sites_out_of_reach_get_the_same_keys_over_a_relay() {
    let args = [
        "--topology",
        "line-3",
        "--interval",
        "250ms",
        "--duration",
        "4s",
    ];
    let verdict = assert_pass(&network(&args).wait(LIMIT));
    let names: BTreeSet<_> = verdict
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "verdict",
        "reasons",
        "pairs",
        "links",
        "books_closed",
        "delivered_twice",
        "delivered_to_others",
    ];
    assert_eq!(names, BTreeSet::from(expected));
    let pair = pair(&verdict, "left", "right");
    assert_eq!(
        (&pair["hops"], &pair["missed"]),
        (&2.into(), &0.into()),
        "{pair}"
    );
    // 4 s with a key every 250 ms in each direction; a busy machine starts the last ones late.
    assert!(pair["delivered"].as_u64().unwrap() >= 20, "{pair}");
    assert_eq!(pair["demanded"], pair["delivered"]);
    let path = serde_json::json!(["left", "middle", "right"]);
    assert!(pair["paths"].as_array().unwrap().contains(&path), "{pair}");
    for link in verdict["links"].as_array().unwrap() {
        assert!(link["relayed"].as_u64().unwrap() >= 20 * 256, "{link}");
    }
}

#[test]
fn keys_flow_around_a_killed_node_and_a_cut_link() {
    let args = [
        "--topology",
        "ring-4",
        "--interval",
        "300ms",
        "--duration",
        "11s",
    ];
    let faults = ["--kill", "east@2s", "--cut", "north-west@8s"];
    let ended = network(&[&args[..], &faults[..]].concat()).wait(LIMIT);
    let verdict = assert_pass(&ended);
    for said in [
        "node east is killed; unreachable from now on: north-east, east-south, east-west",
        "link west-north is cut; unreachable from now on: north-south, north-west",
    ] {
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }
    // The pair that no fault has parted had keys to the end.
    let kept = pair(&verdict, "south", "west");
    assert!(kept["delivered"].as_u64().unwrap() >= 40, "{kept}");
    // In the 6 s between the faults the stock of another pair ran out, and its keys went the long
    // way.
    let moved = pair(&verdict, "north", "south");
    let paths = moved["paths"].as_array().unwrap();
    let around = ["north", "west", "south"].map(Value::from).to_vec();
    let back = around.iter().rev().cloned().collect();
    let around = [Value::Array(around), Value::Array(back)];
    assert!(paths.iter().any(|path| around.contains(path)), "{moved}");
}

#[test]
fn two_domains_lose_no_key_when_a_node_of_each_side_and_a_kme_between_them_are_killed() {
    let args = [
        "--topology",
        "two-domains",
        "--interval",
        "1s",
        "--duration",
        "12s",
    ];
    let kills = ["library@2s", "ferry@5s", "gate.east@8s"];
    let kills = kills.iter().flat_map(|kill| ["--kill", kill]);
    let words: Vec<_> = args.into_iter().chain(kills).collect();
    let ended = network(&words).wait(LIMIT);
    let verdict = assert_pass(&ended);
    let said = "node gate.east is killed; every other pair stays reachable";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    // 12 s with a key every second in each direction; a busy machine starts the last ones late.
    let crossing = pair(&verdict, "townhall", "lighthouse");
    assert!(crossing["delivered"].as_u64().unwrap() >= 20, "{crossing}");
    let path = ["townhall", "gate.west", "gate.east", "lighthouse"];
    let paths = crossing["paths"].as_array().unwrap();
    assert!(paths.contains(&path.as_slice().into()), "{crossing}");
    // The books of the KMEs that are left.
    let kmes = verdict["interworking"].as_array().unwrap();
    let names: Vec<_> = kmes
        .iter()
        .map(|kme| kme["kme"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["gate.west", "weir.east", "weir.west"]);
    for kme in kmes {
        for side in ["sent", "received"] {
            let keys = |what: &str| kme[side][what].as_u64().unwrap();
            let ends = ["released", "voided", "failed", "held"].map(keys);
            assert_eq!(keys("taken"), ends.iter().sum::<u64>(), "{kme}");
            assert!(keys("released") > 0, "{kme}");
        }
    }
}

#[test]
fn nothing_is_left_of_a_killed_run_and_an_interrupted_run_says_so() {
    let args = ["--topology", "line-3", "--duration", "60s"];
    let mut killed = network(&args);
    let mut interrupted = network(&args);
    for run in [&mut killed, &mut interrupted] {
        run.wait_for("pairs have keys in both directions");
    }
    // Three nodes, and the shell that removes the folder.
    let children = killed.children();
    assert_eq!(children.len(), 4);
    let stderr = killed.stderr();
    let said = stderr
        .lines()
        .find_map(|line| line.split_once("3 nodes, in "));
    let folder = Path::new(said.expect("the folder of the run").1.trim());
    assert!(folder.join("left.toml").exists());
    killed.signal(Signal::SIGKILL);
    gone_within(&children, Duration::from_secs(5));
    assert!(!folder.exists(), "{}", folder.display());
    interrupted.signal(Signal::SIGINT);
    let ended = interrupted.wait(LIMIT);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let reason = ended.verdict()["reasons"][0].as_str().unwrap().to_owned();
    assert!(reason.starts_with("stopped early:"), "{reason}");
}

#[test]
fn two_encryptors_of_the_lab_lose_no_frame_when_a_relay_of_their_keys_dies() {
    assert_no_frame_lost("ring-4", "north,south", "east@2s");
}

#[test]
fn two_encryptors_in_two_domains_lose_no_frame_when_a_kme_between_them_dies() {
    assert_no_frame_lost("two-domains", "library,ferry", "gate.east@2s");
}

fn assert_no_frame_lost(network: &str, sites: &str, kill: &str) {
    let mut command = Command::new(PROGRAM);
    command.args(["lab", "--network", network, "--sites", sites]);
    command.args(["--kill", kill, "--duration", "8s", "--rekey", "1s"]);
    command.args(["--rate", "5", "--json"]);
    let ended = Lab::start_command(command).wait(LIMIT);
    if ended.stderr.contains("--network needs network namespaces") {
        println!("skipped: {}", ended.stderr);
        return;
    }
    let verdict = ended.verdict();
    assert_eq!(ended.code, Some(0), "{verdict}\n{}", ended.stderr);
    assert_eq!(verdict["verdict"], "PASS", "{verdict}");
    for direction in verdict["directions"].as_array().unwrap() {
        assert_eq!(direction["lost"], 0, "{direction}");
        assert!(direction["switches"].as_u64().unwrap() >= 5, "{direction}");
    }
}

/// Writes certificates and the configs of `left` and `middle` of line-3. Returns their configs.
fn two_nodes(folder: &Path, intervals: [&str; 2]) -> [String; 2] {
    let names = ["left", "middle"].map(|id| KmeName {
        id: id.to_owned(),
        hosts: Vec::new(),
    });
    let pki = LabPki {
        kmes: names.into(),
        saes: vec!["sae-left".to_owned()],
        ..LabPki::default()
    };
    make_lab_pki(&folder.join("pki"), &pki).unwrap();
    // Free until a moment ago.
    let port = || {
        TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
    };
    let middle = port();
    let config = |name: &str, listen, interval: &str, neighbours: &str| {
        let text = format!(
            "name = \"{name}\"\ntopology = \"line-3\"\ninterval = \"{interval}\"\n\
             listen = \"{listen}\"\nkme_listen = \"127.0.0.1:0\"\nca = \"pki/ca.pem\"\n\
             cert = \"pki/{name}.pem\"\nkey = \"pki/{name}.key\"\n\
             status_socket = \"{name}.sock\"\n{neighbours}"
        );
        let file = folder.join(format!("{name}.toml"));
        fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let neighbours = format!("[neighbours]\nmiddle = \"{middle}\"\n");
    [
        config("left", port(), intervals[0], &neighbours),
        config(
            "middle",
            middle,
            intervals[1],
            "[neighbours]\nright = \"127.0.0.1:1\"\n",
        ),
    ]
}

#[test]
fn a_node_with_another_topology_is_refused_by_its_hash() {
    let folder = tempfile::tempdir().unwrap();
    let [left, middle] = two_nodes(folder.path(), ["3s", "2s"]);
    let start = |name: &str, config: &str| {
        let log = folder.path().join(format!("{name}.log"));
        Daemon::start(PROGRAM, &["network", "node", "--config", config], &log)
    };
    let nodes = [start("left", &left), start("middle", &middle)];
    for (node, neighbour) in nodes.iter().zip(["middle", "left"]) {
        let said = format!("{neighbour} has another topology (hash ");
        wait_until(&said, LIMIT, || node.log().contains(&said));
        let log = node.log();
        let line = log.lines().find(|line| line.contains(&said)).unwrap();
        assert!(
            line.ends_with("fix: give both nodes the same file"),
            "{line}"
        );
    }
    // The status shows that no link is up.
    let socket = folder.path().join("left.sock").display().to_string();
    let status = run(
        PROGRAM,
        ["network", "status", "--json", "--socket", &socket],
    );
    let reports: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(reports[0]["links"][0]["state"], "down", "{reports}");
}

#[test]
fn mistakes_of_a_node_are_one_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let [left, _] = two_nodes(folder.path(), ["3s", "3s"]);
    let text = fs::read_to_string(&left).unwrap();
    for (from, to, error) in [
        (
            "\"left\"",
            "\"moon\"",
            "name: the topology line-3 has no node \"moon\"",
        ),
        (
            "\nmiddle =",
            "\nright =",
            "neighbours: neighbour middle has no address",
        ),
        ("pki/left.pem", "pki/middle.pem", "no such DNS name"),
        ("\"line-3\"", "\"line-9\"", "there is no file"),
        (
            "listen = \"127.0.0.1",
            "listen = \"192.0.2.1",
            "cannot listen",
        ),
    ] {
        fs::write(&left, text.replacen(from, to, 1)).unwrap();
        let ended = run(PROGRAM, ["network", "node", "--config", &left]);
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains(error), "{error}: {}", ended.stderr);
        assert!(ended.stderr.contains("fix: "), "{}", ended.stderr);
    }
    for (args, error) in [
        (
            ["--topology", "line-3", "--kill", "moon@1s"],
            "there is no such node; fix: name one of",
        ),
        (
            ["--topology", "line-9", "--kill", "left@1s"],
            "no built-in topology of this name; fix:",
        ),
    ] {
        let ended = run(PROGRAM, [&["network", "run"], &args[..]].concat());
        assert_eq!(ended.code, Some(1));
        assert!(ended.stderr.contains(error), "{}", ended.stderr);
    }
}
