//! The output is valid for a scraper and agrees with the report.

use std::collections::BTreeSet;

use super::prometheus;
use crate::status::{LedgerReport, Link, PolicyLine, Report, State, WorkerReport};

/// Returns metric, labels and value of each sample. Panics on invalid lines.
fn samples(text: &str) -> Vec<(String, String, f64)> {
    let (mut typed, mut seen, mut samples) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            let (name, kind) = head.split_once(' ').expect("a kind");
            assert!(["gauge", "counter"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(typed.insert(name.to_owned()), "{name} comes twice");
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a value");
        assert!(seen.insert(series.to_owned()), "{series} comes twice");
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        assert!(typed.contains(name), "{name} has no type");
        assert!(
            name.bytes()
                .all(|octet| octet == b'_' || octet.is_ascii_lowercase())
        );
        let labels = labels.strip_suffix('}').expect("closed labels");
        samples.push((
            name.to_owned(),
            labels.to_owned(),
            value.parse().expect("a number"),
        ));
    }
    samples
}

fn value(samples: &[(String, String, f64)], name: &str, labels: &str) -> Option<f64> {
    let found = samples
        .iter()
        .find(|sample| sample.0 == name && sample.1 == labels);
    found.map(|sample| sample.2)
}

#[test]
fn a_report_becomes_metrics() {
    let mut worker = WorkerReport {
        alive: true,
        ..WorkerReport::default()
    };
    worker.tx.insert("OutPktsEncrypted".to_owned(), 17);
    worker.rx.insert("InPktsOK".to_owned(), 5);
    let mut report = Report {
        name: "site \"a\"\\\nx".to_owned(),
        encrypting: true,
        keys_in_stock: 2,
        workers: vec![worker.clone(), worker],
        ..Report::default()
    };
    report.tx.supply = "sparse".to_owned();
    report.tx.key_age_ms = Some(2500);
    report.tx.interval_ms = Some(60_000);
    report.tx.switches = 9;
    report.kme.keys = 12;
    report.held_down = Some("red".to_owned());
    report.state = State::Degraded;
    report.stops_in_ms = Some(7500);
    report.log_lines_lost = 3;
    report.peer.session = "agreed".to_owned();
    report.workers[0].red.deaf = Some("not_promiscuous".to_owned());
    for (port, state, losses) in [("red", "up", 0), ("black", "down", 2)] {
        let link = Link {
            state: state.to_owned(),
            since_ms: 1500,
            losses,
            ..Link::default()
        };
        report.links.insert(port.to_owned(), link);
    }
    report.ledger = Some(LedgerReport {
        state: "failing".to_owned(),
        failing_ms: Some(4500),
        waiting: 11,
        lost: 2,
        entries: 70,
        ..LedgerReport::default()
    });
    report.policy.push(PolicyLine {
        frames: "0x88cc".to_owned(),
        action: "bypass".to_owned(),
        red: 3,
        black: 4,
    });
    let text = prometheus(Some(&report));
    let samples = samples(&text);
    for (name, labels, expected) in [
        ("qmacsec_up", "", 1.0),
        ("qmacsec_encrypting", "", 1.0),
        ("qmacsec_state", "state=\"degraded\"", 1.0),
        ("qmacsec_state", "state=\"encrypting\"", 0.0),
        ("qmacsec_traffic_stops_seconds", "", 7.5),
        ("qmacsec_log_lines_lost_total", "", 3.0),
        ("qmacsec_peer_up", "", 1.0),
        ("qmacsec_link_up", "port=\"red\"", 1.0),
        ("qmacsec_link_up", "port=\"black\"", 0.0),
        ("qmacsec_link_seconds", "port=\"black\"", 1.5),
        ("qmacsec_link_losses_total", "port=\"black\"", 2.0),
        ("qmacsec_port_hears", "port=\"red\"", 0.0),
        ("qmacsec_port_hears", "port=\"black\"", 1.0),
        ("qmacsec_ledger_recording", "", 0.0),
        ("qmacsec_ledger_failing_seconds", "", 4.5),
        ("qmacsec_ledger_waiting", "", 11.0),
        ("qmacsec_ledger_lost_total", "", 2.0),
        ("qmacsec_ledger_entries_total", "", 70.0),
        ("qmacsec_supply_stage", "stage=\"sparse\"", 1.0),
        ("qmacsec_supply_stage", "stage=\"normal\"", 0.0),
        ("qmacsec_rekey_interval_seconds", "", 60.0),
        ("qmacsec_key_age_seconds", "direction=\"out\"", 2.5),
        ("qmacsec_keys_used_total", "direction=\"out\"", 9.0),
        ("qmacsec_keys_in_stock", "", 2.0),
        (
            "qmacsec_policy_frames_total",
            "line=\"0x88cc\",action=\"bypass\",from=\"black\"",
            4.0,
        ),
        ("qmacsec_link_held_down", "port=\"red\"", 1.0),
        ("qmacsec_link_held_down", "port=\"black\"", 0.0),
        ("qmacsec_kme_keys_total", "", 12.0),
        (
            "qmacsec_frames_total",
            "worker=\"1\",section=\"protect\",counter=\"OutPktsEncrypted\"",
            17.0,
        ),
    ] {
        assert_eq!(
            value(&samples, name, labels),
            Some(expected),
            "{name}{{{labels}}}\n{text}"
        );
    }
    let no_key = value(&samples, "qmacsec_key_age_seconds", "direction=\"in\"");
    assert_eq!(no_key, None, "no key has no age");
    assert!(text.contains(r#"name="site \"a\"\\\nx""#), "{text}");
}

#[test]
fn without_a_daemon_there_is_one_metric() {
    let samples = samples(&prometheus(None));
    assert_eq!(samples, [("qmacsec_up".to_owned(), String::new(), 0.0)]);
}
