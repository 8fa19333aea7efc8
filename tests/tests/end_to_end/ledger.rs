//! The ledger in service: a full disk, remains of a power cut, changed entries.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use lab::site::Site;
use nix::mount::{MsFlags, mount};
use qmacsec::ledger::{Entry, read};
use tests::daemon::{Daemon, DaemonPair};
use tests::namespace;
use tests::patience::wait_until;
use tests::program::{self, Ended};
use tests::site::Settings;

use super::PROGRAM;

/// Limit for each wait, on a busy machine.
const SOON: Duration = Duration::from_secs(60);

fn settings() -> Settings {
    Settings {
        interval: Duration::from_millis(500),
        ..Settings::default()
    }
}

/// Counts the keys in a ledger's file.
fn keys(path: &Path) -> usize {
    let entries = read(path).unwrap_or_default();
    entries.iter().filter_map(Entry::record).count()
}

#[test]
fn on_a_full_disk_records_wait_and_the_status_tells() {
    if !namespace::inside("ledger::on_a_full_disk_records_wait_and_the_status_tells") {
        return;
    }
    let small = tempfile::tempdir().unwrap();
    mount(
        Some("tmpfs"),
        small.path(),
        Some("tmpfs"),
        MsFlags::empty(),
        Some("size=1m"),
    )
    .unwrap();
    let mut pair = DaemonPair::start(
        PROGRAM,
        &Settings {
            ledgers: Some(small.path().to_path_buf()),
            ..settings()
        },
    );
    pair.wait_for_keys();
    let ledger = small.path().join("site-a.ledger");
    wait_until("the first records", SOON, || keys(&ledger) >= 4);

    let fill = small.path().join("fill");
    let mut file = fs::File::create(&fill).unwrap();
    while file.write(&[1; 512]).is_ok() {}
    let told = || pair.status(Site::A).ledger.unwrap();
    wait_until("records that wait", SOON, || {
        told().state == "failing" && told().waiting > 2
    });
    let status = pair.status(Site::A);
    assert!(status.encrypting, "frames go on");
    let reason = status.reason.unwrap_or_default();
    assert!(reason.contains("unrecorded"), "{reason}");
    let asked = |form: &str| {
        let socket = pair.folder.socket(Site::A).display().to_string();
        program::run(
            PROGRAM,
            ["status", "--socket", &socket, form].map(str::to_owned),
        )
    };
    let metrics = asked("--prometheus").stdout;
    assert!(
        metrics.contains("\nqmacsec_ledger_recording 0\n"),
        "{metrics}"
    );
    let before = keys(&ledger);

    drop(file);
    fs::remove_file(&fill).unwrap();
    wait_until("records that are written", SOON, || {
        told().state == "ok" && told().waiting == 0 && keys(&ledger) > before + 2
    });
    assert_eq!(told().lost, 0);
    assert!(
        asked("--prometheus")
            .stdout
            .contains("\nqmacsec_ledger_recording 1\n")
    );
    // A page freed by the other end's ledger may end the outage for a moment.
    pair.wait_for_log(Site::A, &["keys go unrecorded", "takes records again"]);

    for site in Site::BOTH {
        pair.encryptors[site.index()].terminate();
    }
    for daemon in &mut pair.encryptors {
        assert_eq!(daemon.wait(SOON), Some(0));
    }
    let files = ["a", "b"].map(|letter| format!("{}/site-{letter}.ledger", small.path().display()));
    let sound = program::run(PROGRAM, ["ledger", "verify", &files[0], &files[1]]);
    assert_eq!(sound.code, Some(0), "{}\n{}", sound.stdout, sound.stderr);
}

#[test]
fn a_power_cut_keeps_nobody_from_starting_and_check_says_what_run_does() {
    if !namespace::inside(
        "ledger::a_power_cut_keeps_nobody_from_starting_and_check_says_what_run_does",
    ) {
        return;
    }
    let mut pair = DaemonPair::start(PROGRAM, &settings());
    pair.wait_for_keys();
    let ledger = pair.folder.path().join("site-a.ledger");
    wait_until("some records", SOON, || keys(&ledger) >= 4);
    pair.encryptors[0].kill();
    let whole = fs::read(&ledger).unwrap();
    let entries = read(&ledger).unwrap().len();
    let before = keys(&ledger);

    let config = pair.folder.path().join("site-a.toml");
    let config = config.to_str().unwrap();
    let check = || -> Ended { program::run(PROGRAM, ["check", "--config", config]) };
    for nuls in [100, 4096, 100_000] {
        fs::write(&ledger, &whole).unwrap();
        let mut file = OpenOptions::new().append(true).open(&ledger).unwrap();
        file.write_all(b"{\"number\":").unwrap();
        file.write_all(&vec![0; nuls]).unwrap();
        drop(file);
        let checked = check();
        assert_eq!(checked.code, Some(0), "{}", checked.stderr);
        assert!(
            checked.stdout.contains("`run` cuts them off"),
            "{}",
            checked.stdout
        );
        let log = pair.folder.path().join("again.log");
        let mut again = Daemon::start(PROGRAM, &["run", "--config", config], &log);
        wait_until("records after the cut", SOON, || keys(&ledger) > before);
        again.wait_for_log(&["cut off"]);
        again.terminate();
        assert_eq!(again.wait(SOON), Some(0));
        let after = read(&ledger).unwrap();
        assert!(after.len() > entries);
        assert!(fs::read(&ledger).unwrap().starts_with(&whole));
    }

    let mut changed = whole.clone();
    changed[60] = b'x';
    fs::write(&ledger, &changed).unwrap();
    let refused = program::run(PROGRAM, ["run", "--config", config]);
    let checked = check();
    for ended in [&refused, &checked] {
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("site-a.ledger") && ended.stderr.contains("chain"),
            "{}",
            ended.stderr
        );
    }
    assert_eq!(
        fs::read(&ledger).unwrap(),
        changed,
        "evidence stays as it is"
    );
}
