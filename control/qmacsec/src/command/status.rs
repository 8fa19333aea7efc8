//! `qmacsec status`: whether the box encrypts now, and with which key, of which age and origin.

use std::path::PathBuf;
use std::process::ExitCode;

use super::Outcome;
use crate::limits;
use crate::output::{self, note, outln};
use crate::status::{
    DirectionReport, LedgerReport, PortReport, Report, StatusError, Switch, WorkerReport,
    prometheus, query,
};

/// Arguments of `qmacsec status`.
#[derive(clap::Args)]
#[command(after_help = "\
The first line is the headline. In these states, frames pass in both directions, protected:

  ENCRYPTING      keys arrive in time
  DEGRADED        keys are short or unrecorded, or the ends differ; the reason follows

In these states, frames do not pass. The status shows the first that applies:

  ZEROISED        `qmacsec zeroise` has wiped every key
  FAULTY          a thread of the program has died; the process ends
  LINE DOWN       the black port has no link, or its interface is gone
  RED DOWN        the red port has no link, or its interface is gone
  CANNOT HEAR     a port does not receive the frames of its interface
  ENDS DISAGREE   the two ends have different settings
  STARTING        in the first 10 s
  NO PEER         no peer has proved the pair's secret
  PEER LOST       the peer is silent
  NO KEY          a direction has no key, or its last key has reached its limit

Exit code: 0 if user frames pass in both directions, protected (ENCRYPTING, DEGRADED); 3 if they \
do not; 1 if no daemon answers, or the output cannot be written. A closed pipe does not change \
it.

Examples:
  qmacsec status
  qmacsec status --socket /run/qmacsec/site-a.sock --json | jq .tx.key_id
  qmacsec status --prometheus > qmacsec.tmp; mv qmacsec.tmp /var/lib/node_exporter/qmacsec.prom")]
pub struct Args {
    /// The daemon's status socket
    #[arg(long, value_name = "PATH", default_value = limits::STATUS_SOCKET)]
    socket: PathBuf,
    /// Print the whole report as JSON, for scripts
    #[arg(long)]
    json: bool,
    /// Print metrics in the text format of Prometheus, for node_exporter's textfile collector. The
    /// exit code is 0. Without a daemon, the only metric is `qmacsec_up 0`
    #[arg(long, conflicts_with = "json")]
    prometheus: bool,
}

/// Queries the daemon and prints its status.
///
/// # Errors
/// No daemon answers, or the output cannot be written.
pub fn main(args: &Args) -> Outcome {
    let report: Result<Report, StatusError> = query(&args.socket);
    if args.prometheus {
        if let Err(error) = &report {
            note!("qmacsec: {error}");
        }
        output::write(prometheus(report.ok().as_ref()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = report?;
    if args.json {
        outln!("{}", serde_json::to_string(&report)?)?;
    } else {
        output::write(text(&report))?;
    }
    Ok(if report.encrypting {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(limits::EXIT_NOT_ENCRYPTING)
    })
}

/// Formats the status for one screen.
pub(crate) fn text(report: &Report) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    let passes = if report.encrypting {
        ""
    } else {
        ", no user frame passes"
    };
    let reason = report.reason.as_ref();
    let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    let words = report.state.words();
    line(format!("{}: {words}{passes}{reason}", report.name));
    line(format!(
        "  {}, engine {}, up {} s",
        report.suite,
        report.engine,
        report.uptime_ms / 1000
    ));
    line(format!(
        "  peer {} (SAE {}): {}",
        report.peer.name, report.peer.sae_id, report.peer.session
    ));
    let root = &report.root;
    let age = root.age_ms.map_or_else(
        || "the pre-shared secret".to_owned(),
        |ms| format!("ML-KEM, {} s old", ms / 1000),
    );
    line(format!(
        "  root {} ({age}), policy {}, {} exchanges, {} failed",
        root.epoch, root.policy, root.exchanges, root.failures
    ));
    for (way, key) in [("out ", &report.tx), ("in  ", &report.rx)] {
        line(format!("  {way} {}", direction(key)));
        if let Some(last) = key.recent.last() {
            line(format!("       {}", switch(last)));
        }
        if !matches!(key.supply.as_str(), "" | "normal" | "starting") {
            let since_s = key
                .supply_ms
                .map_or_else(String::new, |ms| format!(" for {} s", ms / 1000));
            line(format!(
                "       supply of keys: {}{since_s}",
                key.supply.to_uppercase()
            ));
        }
        if let Some(trouble) = &key.trouble {
            let for_s = key.trouble_ms.unwrap_or(0) / 1000;
            line(format!("       no fresh key for {for_s} s: {trouble}"));
        }
    }
    let kme = &report.kme;
    line(format!(
        "  KME  {}{} {} since {} s, {} keys fetched, {} failures",
        if kme.fallback { "(fallback) " } else { "" },
        kme.url,
        kme.state,
        kme.since_ms / 1000,
        kme.keys,
        kme.failures
    ));
    if let Some(error) = kme
        .last_error
        .as_ref()
        .filter(|_| kme.state == "failing" || kme.fallback)
    {
        line(format!("       {error}"));
    }
    if let Some(ledger) = &report.ledger {
        line(format!("  {}", ledger_line(ledger)));
    }
    for hit in report.policy.iter().filter(|hit| hit.is_worth_a_line()) {
        let (frames, action) = (&hit.frames, &hit.action);
        line(format!(
            "  policy {frames}: {action}, {} out, {} in",
            hit.red, hit.black
        ));
    }
    if let Some(side) = &report.held_down {
        line(format!(
            "  {side} is held down because the other port has lost its link (link_loss_forwarding)"
        ));
    }
    if report.memory_locked == Some(false) {
        line("  memory is NOT LOCKED: keys can reach the swap; the log gives the fix".to_owned());
    }
    if let Some(tag) = &report.line_tag {
        line(format!("  {tag}"));
    }
    let several = report.workers.len() > 1;
    if several {
        line(format!("  {} workers together:", report.workers.len()));
        workers(&WorkerReport::total(&report.workers), &mut line);
    }
    for (number, worker) in report.workers.iter().enumerate() {
        if several {
            line(format!("  worker {number}:"));
        }
        workers(worker, &mut line);
    }
    line(format!(
        "  rekey frames: {}",
        non_zero(&report.rekey_frames)
    ));
    if report.log_lines_lost > 0 {
        line(format!(
            "  {} log lines are lost: is the disk of the log full, or its reader too slow?",
            report.log_lines_lost
        ));
    }
    for (at_ms, event) in &report.events {
        let ago_s = report.uptime_ms.saturating_sub(*at_ms) / 1000;
        line(format!("  {ago_s:>5} s ago  {event}"));
    }
    out
}

/// Formats the state of the ledger.
fn ledger_line(ledger: &LedgerReport) -> String {
    let lost = match ledger.lost {
        0 => String::new(),
        lost => format!(", {lost} records lost since the start"),
    };
    match (ledger.failing_ms, &ledger.error) {
        (Some(ms), error) => format!(
            "ledger: KEYS GO UNRECORDED for {} s: {}; {} records wait{lost}",
            ms / 1000,
            error.as_deref().unwrap_or("the disk takes no records"),
            ledger.waiting
        ),
        (None, _) => format!(
            "ledger: {} entries, segment {}{lost}",
            ledger.entries, ledger.segment
        ),
    }
}

/// Formats one worker, or all of them together.
fn workers(worker: &WorkerReport, line: &mut impl FnMut(String)) {
    if !worker.alive {
        line("  a worker has DIED: no frame passes it; fix: restart the daemon".to_owned());
    }
    for (name, port) in [("red  ", &worker.red), ("black", &worker.black)] {
        let PortReport {
            kind,
            interface,
            mtu,
            counters,
            link,
            ..
        } = port;
        line(format!(
            "  {name} {kind} {interface} (MTU {mtu}) link {link}: {}",
            non_zero(counters)
        ));
        if let Some(reason) = &port.deaf_reason {
            line(format!("        cannot hear: {reason}"));
        }
    }
    line(format!("  out  {}", non_zero(&worker.tx)));
    line(format!("  in   {}", non_zero(&worker.rx)));
    line(format!("       {}", non_zero(&worker.worker)));
}

fn direction(direction: &DirectionReport) -> String {
    let (Some(an), Some(epoch), Some(key_id)) = (direction.an, direction.epoch, &direction.key_id)
    else {
        return format!("no key ({})", direction.state);
    };
    format!(
        "AN {an}, epoch {epoch}, key_ID {key_id} ({}), {} ms old, {} switches, {}",
        direction.key_origin.as_deref().unwrap_or("unknown origin"),
        direction.key_age_ms.unwrap_or(0),
        direction.switches,
        direction.state,
    )
}

/// Formats the times of the last key switch.
fn switch(switch: &Switch) -> String {
    let between = |from: u64, to: u64| to.saturating_sub(from) as f64 / 1e3;
    format!(
        "last switch: {:.1} ms from offer to order, in all workers {:.1} ms later",
        between(switch.offered_us, switch.ordered_us),
        between(switch.ordered_us, switch.installed_us),
    )
}

fn non_zero(counters: &std::collections::BTreeMap<String, u64>) -> String {
    let shown: Vec<_> = counters
        .iter()
        .filter(|(_, value)| **value != 0)
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    if shown.is_empty() {
        "nothing yet".to_owned()
    } else {
        shown.join(", ")
    }
}
