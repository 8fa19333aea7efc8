//! Two encryptors whose pre-shared secrets differ: both report it within 5 s, in the log and in
//! status, and only rekey frames are on the line.

use std::time::Duration;

use lab::site::Site;
use serde_json::Value;
use tests::daemon::DaemonPair;
use tests::patience::{hold_for, wait_until};
use tests::site::Settings;
use tests::{namespace, program};

use super::PROGRAM;

/// The text that log and status must contain.
const WORDS: &str = "wrong pre-shared secret";

#[test]
fn is_said_within_5_s_and_no_frame_passes() {
    if !namespace::inside("wrong_secret::is_said_within_5_s_and_no_frame_passes") {
        return;
    }
    let pair = DaemonPair::start(
        PROGRAM,
        &Settings {
            same_secret: false,
            ..Settings::default()
        },
    );
    pair.hosts.speak();
    let said = |site| {
        pair.log(site).contains(WORDS)
            && pair
                .status(site)
                .events
                .iter()
                .any(|(_, event)| event.contains(WORDS))
    };
    wait_until("a clear line on both sides", Duration::from_secs(5), || {
        Site::BOTH.into_iter().all(said)
    });

    for site in Site::BOTH {
        let line = pair
            .log(site)
            .lines()
            .find(|line| line.contains(WORDS))
            .unwrap()
            .to_owned();
        assert!(
            line.contains("ERROR") && line.contains("fix") && line.contains("psk_file"),
            "{line}"
        );
        let socket = pair.folder.socket(site);
        let status = program::run(
            PROGRAM,
            [
                "status".as_ref(),
                "--json".as_ref(),
                "--socket".as_ref(),
                socket.as_os_str(),
            ],
        );
        assert_eq!(status.code, Some(3), "{}\n{}", status.stdout, status.stderr);
        let report: Value = serde_json::from_str(&status.stdout).unwrap();
        assert_eq!(report["encrypting"], false);
        assert!(
            report["rekey_frames"]["forged"].as_u64().unwrap() >= 4,
            "{}",
            report["rekey_frames"]
        );
        let status = program::run(
            PROGRAM,
            ["status".as_ref(), "--socket".as_ref(), socket.as_os_str()],
        );
        assert_eq!(status.code, Some(3));
        assert!(
            status.stdout.contains("no user frame passes") && status.stdout.contains(WORDS),
            "{}",
            status.stdout
        );
    }

    hold_for("no key", Duration::from_secs(1), || {
        Site::BOTH.iter().all(|&site| !pair.status(site).encrypting)
    });
    for site in Site::BOTH {
        let report = pair.status(site);
        assert_eq!(report.sum(|worker| &worker.tx, "OutPktsEncrypted"), 0);
        assert!(
            report.sum(|worker| &worker.tx, "OutPktsNoSA") > 0,
            "every user frame is counted where it ends"
        );
        let flow = pair.hosts.flow(site);
        assert!(
            flow.sent > 0 && flow.received == 0 && flow.foreign == 0,
            "{flow:?}"
        );
        let seen = pair.line(site);
        assert!(
            seen.rekey > 0 && seen.protected == 0 && seen.cleartext == 0,
            "towards {site:?}: {seen:?}"
        );
    }
    // The message does not fill the log.
    for site in Site::BOTH {
        assert_eq!(
            pair.log(site).matches(WORDS).count(),
            1,
            "{}",
            pair.log(site)
        );
    }
}
