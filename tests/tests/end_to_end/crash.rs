//! kill -9 of an encryptor: within two intervals of its restart traffic runs again, under keys
//! never used before, with packet numbers from 1 (invariants I1, I6, I9). kill -9 of the KMEs:
//! frames go on under the key in use (I10).

use std::collections::BTreeSet;
use std::time::Duration;

use lab::site::Site;
use qmacsec::status::Report;
use tests::capture::{self, Story};
use tests::daemon::DaemonPair;
use tests::lab_run::{Ended, Lab};
use tests::namespace;
use tests::patience::{hold_for, wait_until};
use tests::site::Settings;

use super::PROGRAM;
use super::lab::cannot_run;

const INTERVAL: Duration = Duration::from_secs(2);

/// The key_IDs of one end's transmit direction, in the order in which its status showed them.
#[derive(Default)]
struct KeysSeen {
    /// The key_IDs before and after the restart of the process.
    keys: Vec<Vec<String>>,
    uptime_ms: u64,
}

impl KeysSeen {
    fn look(&mut self, report: &Report) {
        if self.keys.is_empty() || report.uptime_ms < self.uptime_ms {
            self.keys.push(Vec::new());
        }
        self.uptime_ms = report.uptime_ms;
        let life = self.keys.last_mut().unwrap();
        if let Some(key) = report
            .tx
            .key_id
            .as_ref()
            .filter(|key| life.last() != Some(key))
        {
            life.push(key.clone());
        }
    }

    fn all(&self) -> Vec<&String> {
        self.keys.iter().flatten().collect()
    }
}

fn killed_and_restarted(who: Site) {
    let folder = tempfile::tempdir().unwrap();
    let pcap = folder.path().join("line.pcapng");
    let kill = format!("{}@3s", who.letter());
    let args = [
        "--duration",
        "12s",
        "--rekey",
        "2s",
        "--rate",
        "5",
        "--json",
        "--kill",
        &kill,
        "--pcap",
        pcap.to_str().unwrap(),
    ];
    let mut lab = Lab::start(PROGRAM, &args);
    lab.wait_for_traffic();
    if cannot_run("crash of an encryptor", &lab.stderr()) {
        return;
    }
    let mut seen = [KeysSeen::default(), KeysSeen::default()];
    while !lab.stderr().contains("the hosts go quiet") && lab.runs() {
        for site in Site::BOTH {
            if let Some(report) = lab.status(site) {
                seen[site.index()].look(&report);
            }
        }
        std::thread::sleep(Duration::from_millis(40));
    }
    let ended = lab.wait(Duration::from_secs(60));
    assert_recovered(&ended);
    assert_no_key_twice(&seen, who);
    assert_fresh_on_the_line(&capture::story(&capture::read(&pcap)), &seen);
}

fn assert_recovered(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let verdict = ended.verdict();
    let recovered_ms = verdict["recovered_ms"].as_u64().unwrap();
    assert!(
        u128::from(recovered_ms) <= 2 * INTERVAL.as_millis(),
        "{verdict}"
    );
    assert_eq!(verdict["cleartext_frames"], 0, "{verdict}");
    assert_eq!(verdict["transfer_intact"], true, "{verdict}");
    // Hosts send all the time. Frames to the dead encryptor are lost and counted as lost.
    let lost = |direction: usize| verdict["directions"][direction]["lost"].as_u64().unwrap();
    assert!(lost(0) + lost(1) > 0, "{verdict}");
    let said = format!("{} frames were lost around the crashes", lost(0) + lost(1));
    assert!(ended.stderr.contains(&said), "{}", ended.stderr);
}

/// I6: each key_ID occurs once in each direction; none is reused after a restart.
fn assert_no_key_twice(seen: &[KeysSeen; 2], killed: Site) {
    let lives = &seen[killed.index()].keys;
    assert_eq!(
        lives.len(),
        2,
        "a life before and one after the crash: {lives:?}"
    );
    assert!(
        lives.iter().all(|keys| keys.len() >= 2),
        "keys changed before and after: {lives:?}"
    );
    let all: Vec<_> = seen.iter().flat_map(KeysSeen::all).collect();
    let different: BTreeSet<_> = all.iter().collect();
    assert_eq!(
        different.len(),
        all.len(),
        "a key_ID was used twice: {all:?}"
    );
}

/// I1, I2, checked on the frames of the line.
fn assert_fresh_on_the_line(story: &Story, seen: &[KeysSeen; 2]) {
    assert_eq!((story.clear, story.repeated), (0, 0));
    for run in &story.runs {
        assert_eq!(
            run.first, 1,
            "a key that does not start at packet number 1: {run:?}"
        );
        assert_eq!(
            u64::from(run.last),
            run.frames,
            "packet numbers were skipped on a line that loses nothing: {run:?}"
        );
    }
    let scis: BTreeSet<_> = story.runs.iter().map(|run| &run.sci).collect();
    assert_eq!(scis.len(), 2, "one SC in each direction: {scis:?}");
    // The line shows as many keys as status: every new key had its own name.
    let named: usize = seen.iter().map(|seen| seen.all().len()).sum();
    assert!(
        story.runs.len() >= named,
        "{} keys on the line, {named} in status",
        story.runs.len()
    );
    for sci in scis {
        let ans: Vec<_> = story
            .runs
            .iter()
            .filter(|run| &run.sci == sci)
            .map(|run| run.an)
            .collect();
        // AN follows AN. The sequence restarts once, with the session.
        let jumps = ans
            .windows(2)
            .filter(|pair| pair[1] != (pair[0] + 1) % 4)
            .count();
        assert!(jumps <= 1, "{ans:?}");
    }
}

#[test]
fn encryptor_b_comes_back_with_fresh_keys() {
    killed_and_restarted(Site::B);
}

#[test]
fn encryptor_a_comes_back_with_fresh_keys() {
    killed_and_restarted(Site::A);
}

#[test]
fn frames_go_on_when_the_kmes_are_killed() {
    if !namespace::inside("crash::frames_go_on_when_the_kmes_are_killed") {
        return;
    }
    let interval = Duration::from_secs(1);
    let mut pair = DaemonPair::start(
        PROGRAM,
        &Settings {
            interval,
            ..Settings::default()
        },
    );
    pair.wait_for_keys();
    pair.hosts.speak();
    wait_until("a change of key", interval * 10, || {
        pair.status(Site::A).tx.switches > 2
    });

    pair.kmes.kill();
    wait_until("both in want of a key", interval * 10, || {
        Site::BOTH.iter().all(|&site| {
            let report = pair.status(site);
            report.kme.state == "failing" && report.tx.key_age_ms > Some(1500)
        })
    });
    let keys = Site::BOTH.map(|site| pair.status(site).tx.key_id);
    let received = Site::BOTH.map(|site| pair.hosts.flow(site).received);
    hold_for("encrypting under the key in use", interval * 3, || {
        Site::BOTH.iter().all(|&site| {
            let report = pair.status(site);
            report.encrypting && report.tx.key_id == keys[site.index()]
        })
    });
    for site in Site::BOTH {
        let report = pair.status(site);
        assert!(
            pair.hosts.flow(site).received > received[site.index()] + 100,
            "frames from {site:?} stand still"
        );
        assert!(report.kme.since_ms >= 3000, "{:?}", report.kme);
        pair.wait_for_log(site, &["no connection"]);
    }

    pair.start_kmes(PROGRAM);
    let fresh = wait_until("fresh keys", interval * 10, || {
        Site::BOTH
            .iter()
            .all(|&site| pair.status(site).tx.key_id != keys[site.index()])
    });
    assert!(
        fresh <= interval * 2,
        "fresh keys only {fresh:?} after the KMEs came back"
    );
    pair.hosts.all_went_well();
    for site in Site::BOTH {
        pair.wait_for_log(site, &["gives fresh keys again, after"]);
    }
}
