//! Tests of the lab's judgement: the results of a watch of the line, and the reasons for a FAIL.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use device::{DeviceReport, Role};
use qmacsec::ledger::{Finding, Verification};
use qmacsec::status::{Report, WorkerReport};

use super::args::Args;
use super::direction::DirectionVerdict;
use super::distillation::{DeviceLives, Distillation};
use super::faults::Victim;
use super::last_reports::last_reports;
use super::line_watch::{LineReport, LineWatch};
use super::lives::Lives;
use super::ping::{MARKER, PingReport};
use super::site::Site;
use super::sniff::Sniffed;
use super::transfer::TransferReport;
use super::verdict::{Crash, Evidence, StageWatch, Verdict, Word, switches_expected};

/// A frame of the line: encrypted MACsec with an SCI.
fn protected(sci: u8, an: u8, pn: u32) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xe5, 0x2c | an, 0];
    frame.extend(pn.to_be_bytes());
    frame.extend([2, 0, 0, 0, 0, sci, 0, 1]);
    frame.extend([0xaa; 80]);
    frame
}

fn watched(frames: &[Vec<u8>]) -> LineReport {
    let mut watch = LineWatch::new(0x88b5);
    for frame in frames {
        watch.observe(frame);
    }
    watch.report()
}

#[test]
fn a_clean_line_is_seen_as_one() {
    let mut frames: Vec<_> = (1..=5).map(|pn| protected(1, 0, pn)).collect();
    frames.extend((1..=3).map(|pn| protected(1, 1, pn)));
    frames.push([vec![0; 12], vec![0x88, 0xb5], vec![0; 100]].concat());
    let seen = watched(&frames);
    assert_eq!(
        seen,
        LineReport {
            frames: 9,
            protected: 8,
            rekey: 1,
            keys: 2,
            ..LineReport::default()
        }
    );
}

#[test]
fn what_is_not_encrypted_is_cleartext() {
    let integrity_only = {
        let mut frame = protected(1, 0, 1);
        frame[14] = 0x20;
        frame
    };
    let leaking = {
        let mut frame = protected(1, 0, 1);
        frame.extend(MARKER);
        frame
    };
    let ipv4 = [vec![0; 12], vec![0x08, 0x00], vec![0; 46]].concat();
    for frame in [integrity_only, leaking, ipv4, vec![0; 5]] {
        assert_eq!(
            watched(std::slice::from_ref(&frame)).cleartext,
            1,
            "{frame:02x?}"
        );
    }
}

#[test]
fn packet_numbers_are_followed_per_channel() {
    let seen = watched(&[
        protected(1, 0, 1),
        protected(2, 0, 1),
        protected(1, 0, 4),
        protected(1, 0, 4),
        protected(2, 0, 2),
        protected(1, 1, 7),
    ]);
    assert_eq!(
        (seen.skipped, seen.repeated, seen.keys, seen.keys_not_from_1),
        (2, 1, 3, 1)
    );
}

#[test]
fn a_sender_started_anew_may_use_the_same_an_from_1() {
    let seen = watched(&[
        protected(1, 0, 1),
        protected(1, 0, 2),
        protected(1, 0, 1),
        protected(1, 0, 2),
    ]);
    assert_eq!((seen.repeated, seen.keys), (0, 2));
}

#[test]
fn as_many_switches_are_expected_as_the_issue_asks() {
    let expected = |duration_s, interval_ms| {
        switches_expected(
            Duration::from_secs(duration_s),
            Duration::from_millis(interval_ms),
        )
    };
    assert_eq!(expected(30, 3000), 9);
    assert!(expected(30, 500) >= 50);
}

fn report(switches: u64, sent: u64, received: u64) -> Lives {
    Lives::one(process(switches, sent, received))
}

fn process(switches: u64, sent: u64, received: u64) -> Report {
    let mut worker = WorkerReport::default();
    worker.tx.insert("OutPktsEncrypted".to_owned(), sent);
    worker.rx.insert("InPktsOK".to_owned(), received);
    let mut report = Report {
        workers: vec![worker],
        ..Report::default()
    };
    report.tx.switches = switches + 1;
    report
}

#[test]
fn numbers_that_a_worker_has_not_published_yet_are_waited_for() {
    let asked = Cell::new(0);
    let reports = last_reports(|site| {
        asked.set(asked.get() + 1);
        // B's worker has passed the last frame, but publishes it only now.
        Ok(match (site, asked.get()) {
            (Site::A, _) => report(9, 1000, 900),
            (Site::B, ..=2) => report(9, 900, 999),
            (Site::B, _) => report(9, 900, 1000),
        })
    });
    let (a, b) = reports.expect("no report fails");
    assert_eq!(DirectionVerdict::between("a_to_b", &a, &b).lost, 0);
    assert_eq!(asked.get(), 4);
}

#[test]
fn a_frame_that_never_comes_is_lost_in_the_last_reports() {
    let (a, b) = last_reports(|site| {
        Ok(match site {
            Site::A => report(9, 1000, 900),
            Site::B => report(9, 900, 999),
        })
    })
    .expect("no report fails");
    assert_eq!(DirectionVerdict::between("a_to_b", &a, &b).lost, 1);
}

fn good() -> Evidence {
    let line = LineReport {
        frames: 1010,
        protected: 1000,
        rekey: 10,
        keys: 10,
        ..LineReport::default()
    };
    Evidence {
        red: "tap".to_owned(),
        black: "packet".to_owned(),
        duration: Duration::from_secs(30),
        stopped_before: None,
        interval: Duration::from_secs(3),
        a: report(9, 1000, 900),
        b: report(9, 900, 1000),
        line_at_a: Sniffed { line, missed: 0 },
        line_at_b: Sniffed { line, missed: 0 },
        pings: vec![PingReport {
            sent: 10,
            answered: 10,
            repeated: 0,
        }],
        transfers: vec![TransferReport {
            octets: 5,
            intact: true,
            failure: None,
        }],
        ledgers: Verification::default(),
        left_out: Vec::new(),
        troubles: Vec::new(),
        crashes: Vec::new(),
        kme_trouble: false,
        stages: StageWatch::default(),
        distillation: None,
    }
}

#[test]
fn good_evidence_passes() {
    let verdict = Verdict::from(&good());
    assert_eq!(verdict.verdict, Word::Pass, "{:?}", verdict.reasons);
    assert_eq!(verdict.line_frames, 2020);
    let json = serde_json::to_value(&verdict).unwrap();
    assert_eq!(json["verdict"], "PASS");
    assert_eq!(json["directions"][0]["name"], "a_to_b");
    assert_eq!(json["directions"][1]["sent"], 900);
}

/// Returns B's report with one frame counted under this name.
fn b_with(of: impl Fn(&mut WorkerReport) -> &mut BTreeMap<String, u64>, name: &str) -> Lives {
    let mut report = process(9, 900, 1000);
    of(&mut report.workers[0]).insert(name.to_owned(), 1);
    Lives::one(report)
}

/// A change of the evidence that spoils the run.
type Spoil = fn(&mut Evidence);

#[test]
fn each_fault_alone_fails_and_is_named() {
    let faults: [(&str, Spoil); 13] = [
        ("1 frames lost", |e| e.b = report(9, 900, 999)),
        ("8 changes of key", |e| e.a = report(8, 1000, 900)),
        ("came twice", |e| {
            e.b = b_with(|worker| &mut worker.rx, "InPktsDuplicate");
        }),
        ("dropped as InPktsNotValid", |e| {
            e.b = b_with(|worker| &mut worker.rx, "InPktsNotValid");
        }),
        ("dropped as receiver's black rx_ring_full", |e| {
            e.b = b_with(|worker| &mut worker.black.counters, "rx_ring_full");
        }),
        ("buffers of the red port of b", |e| {
            e.b = b_with(|worker| &mut worker.red.counters, "buffers_held");
        }),
        ("were not encrypted", |e| e.line_at_a.line.cleartext = 1),
        ("no protected frame", |e| e.line_at_b.line.protected = 0),
        ("went back under one key", |e| e.line_at_a.line.repeated = 1),
        ("did not start at packet number 1", |e| {
            e.line_at_a.line.keys_not_from_1 = 1;
        }),
        ("not intact: cut", |e| {
            e.transfers[0] = TransferReport {
                octets: 1,
                intact: false,
                failure: Some("cut".into()),
            };
        }),
        ("ledgers: key used twice", |e| {
            e.ledgers.findings.push(Finding {
                grave: true,
                text: "key used twice".into(),
            });
        }),
        ("pings were not answered", |e| e.pings[0].answered = 9),
    ];
    for (expected, spoil) in faults {
        let mut evidence = good();
        spoil(&mut evidence);
        let verdict = Verdict::from(&evidence);
        assert_eq!(verdict.verdict, Word::Fail, "{expected}");
        assert!(
            verdict
                .reasons
                .iter()
                .any(|reason| reason.contains(expected)),
            "{expected}: {:?}",
            verdict.reasons
        );
    }
}

#[test]
fn frames_that_the_watch_missed_prove_nothing_and_blame_nobody() {
    let mut evidence = good();
    evidence.line_at_b.missed = 3;
    let verdict = Verdict::from(&evidence);
    assert_eq!(verdict.verdict, Word::NotProven);
    assert_eq!(verdict.reasons, [""; 0]);
    assert!(verdict.text().contains("NOT PROVEN"), "{}", verdict.text());
    assert!(
        verdict.unproven[0].contains("missed 3 frames"),
        "{verdict:?}"
    );
    assert_eq!(
        serde_json::to_value(&verdict).unwrap()["verdict"],
        "NOT_PROVEN"
    );

    evidence.line_at_a.line.cleartext = 1;
    assert_eq!(Verdict::from(&evidence).verdict, Word::Fail);
}

#[test]
fn a_run_that_is_stopped_early_says_so() {
    let stopped = |duration_s: f64, changes| {
        let mut evidence = good();
        evidence.duration = Duration::from_secs_f64(duration_s);
        evidence.stopped_before = Some(Duration::from_secs(30));
        evidence.a = report(changes, 1000, 900);
        evidence.b = report(changes, 900, 1000);
        Verdict::from(&evidence)
    };
    let short = stopped(0.3, 0);
    assert_eq!(short.verdict, Word::NotProven);
    let text = short.text();
    assert!(
        text.contains("NOT PROVEN (stopped early, after 0.3 s)"),
        "{text}"
    );
    assert!(text.contains("of 30 s"), "{text}");
    let long = stopped(20.0, 6);
    assert_eq!(long.verdict, Word::Pass);
    assert!(long.stopped_early && long.text().contains("stopped early, after 20.0 s"));
}

#[test]
fn a_file_that_is_not_kept_is_named_beside_the_verdict() {
    let mut evidence = good();
    evidence.troubles = vec!["--ledgers: no space".to_owned()];
    let verdict = Verdict::from(&evidence);
    assert_eq!(verdict.verdict, Word::Pass);
    assert!(verdict.text().ends_with("not done: --ledgers: no space"));
}

#[test]
fn a_check_that_is_left_out_is_named_and_changes_no_verdict() {
    let mut evidence = good();
    evidence.left_out = vec!["a check: no file".to_owned()];
    let verdict = Verdict::from(&evidence);
    assert_eq!(verdict.verdict, Word::Pass);
    assert!(verdict.text().ends_with("left out: a check: no file"));
}

#[test]
fn counters_of_killed_processes_are_not_forgotten() {
    let mut b = report(3, 400, 500);
    b.end(Some(process(3, 401, 502)));
    b.see(process(2, 10, 20));
    let verdict = DirectionVerdict::between("a_to_b", &report(9, 1000, 0), &b);
    assert_eq!((verdict.received, verdict.lost), (522, 478));
    assert_eq!(
        DirectionVerdict::between("b_to_a", &b, &report(9, 0, 411)).lost,
        0
    );
    assert_eq!(b.key_changes(), 5);

    // If a process no longer answers, its last report counts.
    b.end(None);
    b.see(process(0, 1, 1));
    assert_eq!(
        DirectionVerdict::between("b_to_a", &b, &report(9, 0, 0)).sent,
        412
    );
}

#[test]
fn after_a_crash_recovery_counts_and_loss_does_not() {
    let with = |recovered| {
        let mut evidence = good();
        evidence.b = report(9, 900, 500);
        let who = Victim::Encryptor(Site::B);
        evidence.crashes = vec![Crash {
            who,
            recovered,
            allowed: evidence.interval * 2,
        }];
        Verdict::from(&evidence)
    };
    assert_eq!(with(Some(Duration::from_secs(1))).verdict, Word::Pass);
    assert_eq!(with(Some(Duration::from_secs(1))).recovered_ms, Some(1000));
    assert_eq!(with(Some(Duration::from_secs(7))).verdict, Word::Fail);
    assert_eq!(with(None).verdict, Word::Fail);
}

#[test]
fn distilled_keys_never_mix_with_others_and_every_bit_is_accounted_for() {
    let run = |origins: &[(&str, u64)], lost_bits: u64| {
        let mut evidence = good();
        let origins = origins
            .iter()
            .map(|(name, keys)| ((*name).to_owned(), *keys));
        evidence.ledgers.origins = origins.collect();
        let mut report = DeviceReport::default();
        report.books.distilled_bits = 512 + lost_bits;
        report.books.stocked_bits = 512;
        let mut lives = DeviceLives::default();
        let [alice, bob] = [report.clone(), report];
        lives.see(Distillation { alice, bob });
        lives.end(Role::Alice, None);
        evidence.distillation = lives.finish();
        Verdict::from(&evidence)
    };
    let pass = run(&[("distilled", 12)], 0);
    assert_eq!(pass.verdict, Word::Pass, "{:?}", pass.reasons);
    let [alice, bob] = pass.distillation.unwrap();
    // The keys of a killed process are void.
    assert_eq!((alice.processes, alice.books.voided_bits), (2, 512));
    assert_eq!((bob.processes, bob.books.voided_bits), (1, 0));
    let mixed = run(&[("distilled", 12), ("modelled", 1)], 0);
    assert_eq!(mixed.reasons, ["1 keys of the run are modelled"]);
    assert_eq!(run(&[("distilled", 12)], 1).verdict, Word::Fail);
}

/// The arguments as on a command line.
#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

#[test]
fn options_of_distilled_keys_go_with_distilled_keys() {
    let check = |line: &str| {
        let words = ["lab"].into_iter().chain(line.split(' '));
        let line: Line = clap::Parser::try_parse_from(words).expect("valid options");
        line.args.check()
    };
    for (line, fix) in [
        ("--eve loss-tap=0.2@2s", "add --keys distilled"),
        ("--keys distilled --eve loss-tap=0.2", "has no begin"),
        ("--keys distilled --kill kmes@2s", "--kill alice@TIME"),
        ("--keys distilled --kill carol@2s", "alice nor bob"),
        ("--keys distilled --block-symbols 9", "262144"),
        (
            "--keys distilled --red mem --black mem",
            "other ports than mem",
        ),
        ("--kill alice@2s", "neither a, b nor kmes"),
    ] {
        let wrong = check(line).expect_err(line);
        assert!(wrong.contains(fix), "{line}: {wrong}");
    }
    let eve = "--eve raman=10@3s+4s";
    let line = format!("--keys distilled --km 25 --kill alice@2s {eve}");
    assert_eq!(check(&line), Ok(()));
}
