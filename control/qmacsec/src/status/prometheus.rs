//! The report as metrics, in the text exposition format of Prometheus (version 0.0.4). Names and
//! labels are an interface: dashboards and alarms read them.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use rekey::{SessionState, ShortageStage};

use super::{Report, State};

/// Builds the text one metric at a time: its head, then its samples.
struct Text(String);

/// Name and value of each label of a sample.
type Labels<'a> = &'a [(&'a str, &'a str)];

impl Text {
    fn metric(&mut self, name: &str, kind: &str, help: &str) -> Metric<'_> {
        put(
            &mut self.0,
            format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"),
        );
        Metric {
            out: &mut self.0,
            name: name.to_owned(),
        }
    }

    fn gauge(&mut self, name: &str, help: &str) -> Metric<'_> {
        self.metric(name, "gauge", help)
    }

    fn counter(&mut self, name: &str, help: &str) -> Metric<'_> {
        self.metric(name, "counter", help)
    }
}

struct Metric<'a> {
    out: &'a mut String,
    name: String,
}

impl Metric<'_> {
    fn sample(&mut self, labels: Labels<'_>, value: impl Display) {
        let labels: Vec<_> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        put(self.out, format_args!("{}{labels} {value}\n", self.name));
    }

    /// Writes nothing if there is no value.
    fn seconds(&mut self, labels: Labels<'_>, ms: Option<u64>) {
        if let Some(ms) = ms {
            self.sample(labels, ms as f64 / 1e3);
        }
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes everything");
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// Returns all metrics of a report. Without a report, only `qmacsec_up` with the value 0.
#[must_use]
pub fn prometheus(report: Option<&Report>) -> String {
    let mut out = Text(String::new());
    let mut up = out.gauge("qmacsec_up", "1 if the daemon answers.");
    up.sample(&[], u8::from(report.is_some()));
    if let Some(report) = report {
        whole(&mut out, report);
        keys(&mut out, report);
        sources(&mut out, report);
        ledger(&mut out, report);
        frames(&mut out, report);
    }
    out.0
}

fn whole(out: &mut Text, report: &Report) {
    let labels = [
        ("name", report.name.as_str()),
        ("version", &report.version),
        ("suite", &report.suite),
        ("engine", &report.engine),
        ("policy", &report.root.policy),
        ("peer", &report.peer.name),
    ];
    out.gauge(
        "qmacsec_info",
        "Name, version and settings of this encryptor.",
    )
    .sample(&labels, 1);
    out.gauge(
        "qmacsec_uptime_seconds",
        "Time since the start of the daemon.",
    )
    .seconds(&[], Some(report.uptime_ms));
    out.gauge(
        "qmacsec_encrypting",
        "1 if user frames pass, protected, in both directions.",
    )
    .sample(&[], u8::from(report.encrypting));
    let mut state = out.gauge(
        "qmacsec_state",
        "State of the encryptor: 1 for the present state, 0 for the others.",
    );
    for of in State::ALL {
        state.sample(&[("state", of.name())], u8::from(report.state == of));
    }
    out.gauge(
        "qmacsec_traffic_stops_seconds",
        "Time until traffic stops if no key arrives, while keys are short.",
    )
    .seconds(&[], report.stops_in_ms);
    out.counter(
        "qmacsec_log_lines_lost_total",
        "Log lines that could not be written.",
    )
    .sample(&[], report.log_lines_lost);
    links(out, report);
    out.gauge(
        "qmacsec_peer_up",
        "1 if the peer has proved the pair's secret and its frames arrive.",
    )
    .sample(
        &[],
        u8::from(report.peer.session == SessionState::Agreed.name()),
    );
    out.gauge(
        "qmacsec_peer_silence_seconds",
        "Time since the last frame of the peer.",
    )
    .seconds(&[], report.peer.silence_ms);
    let mut session = out.gauge(
        "qmacsec_session",
        "State of the session with the peer: 1 for the present state, 0 for the others.",
    );
    let states = SessionState::ALL.map(SessionState::name);
    for state in states.into_iter().chain([State::Zeroised.name()]) {
        session.sample(&[("state", state)], u8::from(report.peer.session == state));
    }
}

fn links(out: &mut Text, report: &Report) {
    let mut up = out.gauge("qmacsec_link_up", "1 if the port has a link.");
    for (port, link) in &report.links {
        up.sample(&[("port", port)], u8::from(link.state == "up"));
    }
    let mut hears = out.gauge(
        "qmacsec_port_hears",
        "0 if the port does not receive the frames of its interface, otherwise 1.",
    );
    // Workers share the interfaces; the first one watches them.
    if let Some(first) = report.workers.first() {
        for (side, port) in [("red", &first.red), ("black", &first.black)] {
            hears.sample(&[("port", side)], u8::from(port.deaf.is_none()));
        }
    }
    let mut since = out.gauge(
        "qmacsec_link_seconds",
        "Time since the last change of the link of the port.",
    );
    for (port, link) in &report.links {
        since.seconds(&[("port", port)], Some(link.since_ms));
    }
    let mut losses = out.counter(
        "qmacsec_link_losses_total",
        "Losses of the link, without very short ones.",
    );
    for (port, link) in &report.links {
        losses.sample(&[("port", port)], link.losses);
    }
}

/// Writes nothing if no ledger is kept.
fn ledger(out: &mut Text, report: &Report) {
    let Some(ledger) = &report.ledger else {
        return;
    };
    out.gauge(
        "qmacsec_ledger_recording",
        "1 if the ledger's disk takes records; 0 while keys go unrecorded.",
    )
    .sample(&[], u8::from(ledger.failing_ms.is_none()));
    out.gauge(
        "qmacsec_ledger_failing_seconds",
        "Time since the ledger's disk last took records; 0 if it takes them.",
    )
    .seconds(&[], ledger.failing_ms.or(Some(0)));
    out.counter("qmacsec_ledger_entries_total", "Entries of the ledger.")
        .sample(&[], ledger.entries);
    out.gauge("qmacsec_ledger_segment", "Number of the live segment.")
        .sample(&[], ledger.segment);
    out.gauge(
        "qmacsec_ledger_waiting",
        "Records that wait for the ledger's disk.",
    )
    .sample(&[], ledger.waiting);
    out.counter(
        "qmacsec_ledger_lost_total",
        "Records lost since the start because too many waited.",
    )
    .sample(&[], ledger.lost);
}

fn keys(out: &mut Text, report: &Report) {
    let mut stage = out.gauge(
        "qmacsec_supply_stage",
        "Stage of the supply of transmit keys: 1 for the present stage, 0 for the others.",
    );
    for of in ShortageStage::ALL {
        stage.sample(
            &[("stage", of.name())],
            u8::from(report.tx.supply == of.name()),
        );
    }
    out.gauge("qmacsec_supply_stage_seconds", "Time in the present stage.")
        .seconds(&[], report.tx.supply_ms);
    out.counter("qmacsec_supply_changes_total", "Changes of the stage.")
        .sample(&[], report.tx.supply_changes.unwrap_or(0));
    out.gauge(
        "qmacsec_rekey_interval_seconds",
        "Time for which a key is to be used in the present stage.",
    )
    .seconds(&[], report.tx.interval_ms);
    let ways = [("out", &report.tx), ("in", &report.rx)];
    let mut age = out.gauge(
        "qmacsec_key_age_seconds",
        "Age of the key in use; absent without a key.",
    );
    for (way, direction) in ways {
        age.seconds(&[("direction", way)], direction.key_age_ms);
    }
    let mut used = out.counter(
        "qmacsec_keys_used_total",
        "Keys that have protected user frames.",
    );
    for (way, direction) in ways {
        used.sample(&[("direction", way)], direction.switches);
    }
    let mut pn = out.gauge(
        "qmacsec_next_packet_number",
        "Next packet number of the key in use, the highest of all workers.",
    );
    if let Some(next) = report.tx.next_pn {
        pn.sample(&[], next);
    }
}

fn sources(out: &mut Text, report: &Report) {
    out.gauge(
        "qmacsec_keys_in_stock",
        "QKD keys fetched but not used yet.",
    )
    .sample(&[], report.keys_in_stock);
    let kme = &report.kme;
    out.gauge("qmacsec_kme_up", "1 if the KME in use answers.")
        .sample(&[("url", &kme.url)], u8::from(kme.state == "ok"));
    out.gauge("qmacsec_kme_fallback", "1 while the second KME is in use.")
        .sample(&[], u8::from(kme.fallback));
    out.counter("qmacsec_kme_keys_total", "Keys that KMEs gave.")
        .sample(&[], kme.keys);
    out.counter(
        "qmacsec_kme_failures_total",
        "Requests to KMEs that failed.",
    )
    .sample(&[], kme.failures);
    let root = &report.root;
    out.gauge(
        "qmacsec_root",
        "Number of the root in force: 0 is the pre-shared secret.",
    )
    .sample(&[], root.epoch);
    out.gauge(
        "qmacsec_root_age_seconds",
        "Time since the last ML-KEM exchange.",
    )
    .seconds(&[], root.age_ms);
    let mut exchanges = out.counter("qmacsec_kem_exchanges_total", "ML-KEM exchanges.");
    let done = root.exchanges.to_string();
    exchanges.sample(&[("result", "done")], done);
    exchanges.sample(&[("result", "failed")], root.failures);
}

fn frames(out: &mut Text, report: &Report) {
    let mut rekey = out.counter(
        "qmacsec_rekey_frames_total",
        "Frames of the rekey protocol by their fate.",
    );
    for (fate, count) in &report.rekey_frames {
        rekey.sample(&[("fate", fate)], count);
    }
    let mut policy = out.counter(
        "qmacsec_policy_frames_total",
        "Frames that matched each line of the policy since it came into force; from black only \
         those that bypass.",
    );
    for line in &report.policy {
        for (side, frames) in [("red", line.red), ("black", line.black)] {
            let labels = [
                ("line", line.frames.as_str()),
                ("action", &line.action),
                ("from", side),
            ];
            policy.sample(&labels, frames);
        }
    }
    let mut held = out.gauge(
        "qmacsec_link_held_down",
        "1 if the port is held down because the other port has lost its link.",
    );
    for side in ["red", "black"] {
        held.sample(
            &[("port", side)],
            u8::from(report.held_down.as_deref() == Some(side)),
        );
    }
    let mut alive = out.gauge("qmacsec_worker_alive", "1 if the worker runs.");
    for (number, worker) in report.workers.iter().enumerate() {
        alive.sample(&[("worker", &number.to_string())], u8::from(worker.alive));
    }
    let mut counters = out.counter(
        "qmacsec_frames_total",
        "All counters of the workers, in frames and octets; those of protect and validate have \
         their 802.1AE names.",
    );
    for (number, worker) in report.workers.iter().enumerate() {
        let number = number.to_string();
        let sections: [(&str, &BTreeMap<String, u64>); 5] = [
            ("protect", &worker.tx),
            ("validate", &worker.rx),
            ("worker", &worker.worker),
            ("red", &worker.red.counters),
            ("black", &worker.black.counters),
        ];
        for (section, named) in sections {
            for (name, count) in named {
                counters.sample(
                    &[("worker", &number), ("section", section), ("counter", name)],
                    count,
                );
            }
        }
    }
}

#[cfg(test)]
mod tests;
