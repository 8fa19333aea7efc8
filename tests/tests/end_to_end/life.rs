//! The life of the daemons' processes: events that must not end them, and their end after a thread
//! has died.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use lab::site::Site;
use qmacsec::status::Report;
use tests::daemon::{Daemon, DaemonPair};
use tests::dying::{FAULT, Fault, WHEN};
use tests::namespace::inside;
use tests::pair::NAMED_PORTS;
use tests::patience::{wait_until, waited};
use tests::site::{Folder, LogTo, Settings};

use super::PROGRAM;

/// Limit for each wait, on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);

/// Both encryptors and the KMEs log a lot, to a destination that accepts no data.
fn goes_on_without_a_log(name: &str, log: LogTo) {
    if !inside(name) {
        return;
    }
    let settings = Settings {
        interval: Duration::from_millis(300),
        log,
        ..Settings::default()
    };
    let mut pair = DaemonPair::start(PROGRAM, &settings);
    pair.wait_for_keys();
    pair.hosts.speak();
    // The daemon keeps running long after the pipe is full.
    wait_until("lost lines of the log", LIMIT, || {
        Site::BOTH
            .iter()
            .all(|&site| pair.status(site).log_lines_lost > 100)
    });
    let before = Site::BOTH.map(|site| pair.status(site).tx.switches);
    wait_until("changes of key", LIMIT, || {
        Site::BOTH
            .iter()
            .all(|&site| pair.status(site).tx.switches > before[site.index()] + 20)
    });
    pair.hosts.all_went_well();
    assert!(pair.kmes.runs());
    // A blocked log does not prevent their end either.
    for daemon in &mut pair.encryptors {
        daemon.terminate();
        assert_eq!(daemon.wait(LIMIT), Some(0));
    }
    pair.kmes.terminate();
    assert_eq!(pair.kmes.wait(LIMIT), Some(0));
}

#[test]
fn a_log_on_a_full_disk_stops_nothing() {
    goes_on_without_a_log("life::a_log_on_a_full_disk_stops_nothing", LogTo::FullDisk);
}

#[test]
fn a_log_at_its_size_limit_stops_nothing() {
    goes_on_without_a_log(
        "life::a_log_at_its_size_limit_stops_nothing",
        LogTo::LimitedFile,
    );
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    goes_on_without_a_log(
        "life::a_log_that_nobody_reads_stops_nothing",
        LogTo::UnreadPipe,
    );
}

#[test]
fn a_log_whose_reader_has_gone_stops_nothing() {
    goes_on_without_a_log(
        "life::a_log_whose_reader_has_gone_stops_nothing",
        LogTo::ClosedPipe,
    );
}

/// An encryptor over ports in memory, without peer and KME. Its fault occurs when the file appears.
struct Doomed {
    daemon: Daemon,
    folder: Folder,
    when: PathBuf,
}

impl Doomed {
    fn start(fault: Fault, log: LogTo) -> Self {
        let folder = Folder::new(&Settings::default());
        let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
        let config = folder.encryptor(Site::A, NAMED_PORTS, nobody);
        let when = folder.path().join("now");
        let mut run = Command::new(PROGRAM);
        run.args(["run", "--config"])
            .arg(config)
            .env(FAULT, fault.name())
            .env(WHEN, &when);
        let daemon = Daemon::start_with(&mut run, &folder.path().join("a.log"), log);
        Self {
            daemon,
            folder,
            when,
        }
    }

    fn answers(&self) -> bool {
        qmacsec::status::query::<Report>(&self.folder.socket(Site::A)).is_ok()
    }
}

#[test]
fn a_thread_that_dies_ends_the_process_with_a_code_of_its_own() {
    for (fault, words) in [
        (
            Fault::Worker,
            ["thread frames-0-site-a panicked", "a fault of a worker"],
        ),
        (
            Fault::Control,
            ["thread main panicked", "a fault of control"],
        ),
        (Fault::Task, ["thread main panicked", "a fault of a task"]),
    ] {
        let mut doomed = Doomed::start(fault, LogTo::File);
        wait_until("it is up", LIMIT, || doomed.answers());
        assert!(
            waited(Duration::from_millis(300), || !doomed.daemon.runs()).is_none(),
            "{}",
            doomed.daemon.log()
        );
        fs::write(&doomed.when, "").unwrap();
        let code = doomed.daemon.wait(LIMIT);
        let log = doomed.daemon.log();
        assert_eq!(code, Some(70), "{fault:?}:\n{log}");
        for words in words {
            assert!(log.contains(words), "{words:?}:\n{log}");
        }
        assert!(
            log.contains("ERROR") && log.contains("report this"),
            "{log}"
        );
    }
}

#[test]
fn a_thread_that_dies_ends_the_process_also_where_nobody_reads_the_log() {
    for log in [LogTo::UnreadPipe, LogTo::FullDisk] {
        let mut doomed = Doomed::start(Fault::Worker, log);
        wait_until("it is up", LIMIT, || doomed.answers());
        fs::write(&doomed.when, "").unwrap();
        assert_eq!(doomed.daemon.wait(LIMIT), Some(70), "{log:?}");
    }
}

#[test]
fn changes_of_key_are_summed_up_in_the_log() {
    if !inside("life::changes_of_key_are_summed_up_in_the_log") {
        return;
    }
    let settings = Settings {
        interval: Duration::from_millis(300),
        ..Settings::default()
    };
    let pair = DaemonPair::start(PROGRAM, &settings);
    pair.wait_for_keys();
    wait_until("forty changes of key", LIMIT, || {
        Site::BOTH
            .iter()
            .all(|&site| pair.status(site).tx.switches > 40)
    });
    for site in Site::BOTH {
        let log = pair.log(site);
        // The first key of each direction. On a stalled machine, also the first key of another
        // session.
        let told = log.matches("switched to AN").count();
        assert!((2..=6).contains(&told), "{told} lines:\n{log}");
    }
}
