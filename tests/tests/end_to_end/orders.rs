//! Orders of an operator: a fresh key now, the end of all keys, and the comparison of the two ends'
//! ledgers.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use lab::site::Site;
use serde_json::Value;
use tests::daemon::DaemonPair;
use tests::patience::{hold_for, wait_until};
use tests::program::{self, Ended};
use tests::site::Settings;
use tests::{lab_run, namespace};

use super::PROGRAM;

fn order(command: &str, socket: &Path, more: &[&str]) -> Ended {
    let arguments = [OsStr::new(command), "--socket".as_ref(), socket.as_os_str()];
    program::run(
        PROGRAM,
        arguments.into_iter().chain(more.iter().map(OsStr::new)),
    )
}

#[test]
fn a_fresh_key_comes_at_once_and_zeroise_ends_all() {
    if !namespace::inside("orders::a_fresh_key_comes_at_once_and_zeroise_ends_all") {
        return;
    }
    let settings = Settings {
        interval: Duration::from_secs(120),
        ..Settings::default()
    };
    let mut pair = DaemonPair::start(PROGRAM, &settings);
    pair.hosts.speak();
    pair.wait_for_keys();
    let socket = pair.folder.socket(Site::A);

    let before = pair.status(Site::A).tx.key_id;
    let ordered = order("rekey", &socket, &[]);
    assert_eq!(ordered.code, Some(0), "{}", ordered.stderr);
    wait_until(
        "a fresh key, two minutes early",
        Duration::from_secs(10),
        || {
            let now = pair.status(Site::A).tx;
            now.key_id.is_some() && now.key_id != before
        },
    );

    // Zeroise works without KME and peer, which no longer answer.
    pair.kmes.kill();
    let refused = order("zeroise", &socket, &[]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    assert!(
        pair.status(Site::A).encrypting,
        "without --yes nothing happens"
    );
    let ended = order("zeroise", &socket, &["--yes", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let done: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(done["done"], true);
    assert_eq!(done["workers"], 1);
    assert!(done["took_ms"].as_f64().unwrap() < 100.0, "{done}");

    let status = pair.status(Site::A);
    assert!(!status.encrypting && status.tx.key_id.is_none() && status.rx.key_id.is_none());
    let protected = |site| {
        pair.status(site)
            .sum(|worker| &worker.tx, "OutPktsEncrypted")
    };
    // The worker publishes its last counts from before the wipe a moment later.
    let mut last = protected(Site::A);
    wait_until("the last numbers", Duration::from_secs(10), || {
        std::thread::sleep(Duration::from_millis(200));
        let before = std::mem::replace(&mut last, protected(Site::A));
        before == last
    });
    hold_for("no frame after zeroise", Duration::from_secs(2), || {
        protected(Site::A) == last
    });
    assert_eq!(
        order("rekey", &socket, &[]).code,
        Some(1),
        "a zeroised box takes no orders"
    );
    pair.wait_for_log(Site::A, &["ZEROISED"]);
}

#[test]
fn the_ledgers_of_both_ends_agree_with_each_other_and_with_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let capture = file("line.pcapng");
    let kept = folder.path().to_string_lossy().into_owned();
    let run = lab_run::Lab::start(
        PROGRAM,
        &[
            "--duration",
            "6s",
            "--rekey",
            "1s",
            "--rate",
            "20",
            "--pcap",
            &capture,
            "--ledgers",
            &kept,
            "--json",
        ],
    );
    let ended = run.wait(Duration::from_secs(90));
    let verdict = ended.verdict();
    assert_eq!(verdict["verdict"], "PASS", "{verdict}");
    assert!(verdict["ledger_keys"].as_u64().unwrap() >= 8, "{verdict}");

    let (a, b) = (file("site-a.ledger"), file("site-b.ledger"));
    let verify = |more: &[&str]| {
        let arguments = ["ledger", "verify", &a, &b];
        program::run(PROGRAM, arguments.into_iter().chain(more.iter().copied()))
    };
    // In-memory ports leave no capture. The ledgers exist in any case.
    let more: &[&str] = if verdict["black"] == "mem" {
        &[]
    } else {
        &["--pcap", &capture]
    };
    let sound = verify(more);
    assert_eq!(sound.code, Some(0), "{}\n{}", sound.stdout, sound.stderr);
    assert!(!sound.stdout.contains("GRAVE"), "{}", sound.stdout);

    let text = std::fs::read_to_string(&a).unwrap();
    std::fs::write(&a, text.replacen("\"epoch\":2", "\"epoch\":9", 1)).unwrap();
    let spoiled = verify(&[]);
    assert_eq!(spoiled.code, Some(1));
    assert!(
        spoiled.stderr.contains("site-a.ledger") && spoiled.stderr.contains("chain"),
        "{}",
        spoiled.stderr
    );
}
