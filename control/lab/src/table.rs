//! The live table: repainted in place on a terminal; elsewhere a line at intervals.

use std::time::{Duration, Instant};

use qmacsec::status::{DirectionReport, KmeReport};

use super::distillation::Distillation;
use super::line_watch::LineReport;
use super::lives::Lives;
use super::paint::Paint;

/// The state of the running lab at one time.
pub(crate) struct Snapshot {
    pub(crate) at: Instant,
    pub(crate) left: Duration,
    pub(crate) a: Lives,
    pub(crate) b: Lives,
    pub(crate) kmes: KmeReport,
    /// The QKD devices, if the keys are distilled.
    pub(crate) devices: Option<Distillation>,
    pub(crate) line: [LineReport; 2],
}

/// Shows snapshots.
pub(crate) struct Table {
    paint: Paint,
    before: Option<Snapshot>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self {
            paint: Paint::new(),
            before: None,
        }
    }

    /// Shows a new snapshot in place of the one before.
    pub(crate) fn show(&mut self, now: Snapshot) {
        let rows = rows(&now, self.before.as_ref());
        let few = rows.get(1..).unwrap_or_default();
        self.paint.show(&rows, few, now.at);
        self.before = Some(now);
    }
}

fn rows(now: &Snapshot, before: Option<&Snapshot>) -> Vec<String> {
    let mut rows = vec![
        String::new(),
        format!(
            "{:<8} {:>2} {:>5} {:<9} {:>7} {:>10} {:>8} {:>8} {:>5} {:>5}   {:>3.0} s left",
            "",
            "AN",
            "epoch",
            "key_ID",
            "age",
            "frames",
            "Mbit/s",
            "switches",
            "lost",
            "late",
            now.left.as_secs_f64()
        ),
    ];
    let seconds = before.map_or(0.0, |before| (now.at - before.at).as_secs_f64());
    let directions = [
        (
            "a -> b",
            &now.a,
            &now.b,
            before.map(|before| (&before.a, &before.b)),
        ),
        (
            "b -> a",
            &now.b,
            &now.a,
            before.map(|before| (&before.b, &before.a)),
        ),
    ];
    for (name, from, to, earlier) in directions {
        let octets = to.sum(|worker| &worker.rx, "InOctetsDecrypted");
        let mbit_s = earlier.filter(|_| seconds > 0.0).map_or(0.0, |(_, to)| {
            let fresh = octets.saturating_sub(to.sum(|worker| &worker.rx, "InOctetsDecrypted"));
            fresh as f64 * 8e-6 / seconds
        });
        let received = to.sum(|worker| &worker.rx, "InPktsOK");
        // A frame that was sent before the last check and has not arrived by now is lost.
        let lost = earlier.map_or(0, |(from, _)| {
            from.sum(|worker| &worker.tx, "OutPktsEncrypted")
                .saturating_sub(received)
        });
        rows.push(row(
            name,
            &from.now().tx,
            from.key_changes(),
            received,
            mbit_s,
            lost,
            to.sum(|worker| &worker.rx, "InPktsLate"),
        ));
    }
    let kmes = &now.kmes;
    rows.push(format!(
        "KMEs     {} {} keys in the pool, {} delivered; link {}: {:.1} kbit/s",
        kmes.pool_keys,
        kmes.origin,
        kmes.keys_delivered,
        kmes.link,
        kmes.rate_bit_s / 1e3
    ));
    rows.extend(now.devices.iter().flat_map(Distillation::rows));
    let line = |of: fn(&LineReport) -> u64| now.line.iter().map(of).sum::<u64>();
    rows.push(format!(
        "line     {} frames, {} protected, {} rekey, {} in clear",
        line(|end| end.frames),
        line(|end| end.protected),
        line(|end| end.rekey),
        line(|end| end.cleartext)
    ));
    rows
}

fn row(
    name: &str,
    key: &DirectionReport,
    switches: u64,
    frames: u64,
    mbit_s: f64,
    lost: u64,
    late: u64,
) -> String {
    let (Some(an), Some(epoch), Some(key_id)) = (key.an, key.epoch, &key.key_id) else {
        return format!("{name:<8} no key ({}, {})", key.state, key.supply);
    };
    let stage = match key.supply.as_str() {
        "" | "normal" => String::new(),
        stage => format!("  {stage}"),
    };
    format!(
        "{name:<8} {an:>2} {epoch:>5} {:<9} {:>5.2} s {frames:>10} {mbit_s:>8.1} {switches:>8} \
         {lost:>5} {late:>5}{stage}",
        key_id.get(..8).unwrap_or(key_id),
        key.key_age_ms.unwrap_or(0) as f64 / 1e3,
    )
}
