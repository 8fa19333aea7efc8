//! The rows: their figures, tables and chart.

use clap::ValueEnum;
use serde::Serialize;

use crate::contender::{Name, Op};
use crate::cpu::Limits;
use crate::harness::chart::{Chart, Panel};
use crate::harness::choice::{self, each_once, name};
use crate::harness::machine::Machine;
use crate::harness::report::by_size;
use crate::harness::table::Table;
use crate::harness::text::{figure, or_dash};
use crate::size::PayloadSize;
use crate::stats::Spread;

/// One contender, op, size and burst. Its JSON is a promise: scripts read it.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Row {
    #[serde(serialize_with = "choice::serialize")]
    pub(super) engine: Name,
    #[serde(serialize_with = "choice::serialize")]
    pub(super) op: Op,
    pub(super) size: PayloadSize,
    pub(super) burst: usize,
    #[serde(rename = "ns_per_frame")]
    pub(super) ns: Spread,
    /// Payload, by the median.
    pub(super) gbit_s: f64,
    /// Million frames a second, by the median.
    pub(super) mpps: f64,
    /// Share of the median that AES alone would take; null where the CPU has no AES instructions.
    pub(super) percent_of_floor: Option<f64>,
}

impl Row {
    pub(super) fn new(
        engine: Name,
        op: Op,
        size: PayloadSize,
        burst: usize,
        ns: Spread,
        limits: &Limits,
    ) -> Self {
        let floor = limits.aes_floor_ns(0).map(|_| {
            let floor_ns = |len| limits.aes_floor_ns(len).unwrap_or(0.0);
            100.0 * size.mean_of(floor_ns) / ns.median
        });
        Self {
            engine,
            op,
            size,
            burst,
            ns,
            gbit_s: size.mean() * 8.0 / ns.median,
            mpps: 1000.0 / ns.median,
            percent_of_floor: floor,
        }
    }
}

/// The burst of the long tables.
pub(super) fn main_burst(bursts: &[usize]) -> usize {
    let most = bursts.iter().copied().max().unwrap_or(32);
    if bursts.contains(&32) { 32 } else { most }
}

/// The whole report.
pub(super) fn text(machine: &Machine, rows: &[Row], bursts: &[usize]) -> String {
    let mut out = String::new();
    machine.head(&mut out, "AES-256-GCM");
    let burst = main_burst(bursts);
    let ops = each_once(rows.iter().map(|row| row.op));
    let ops = Op::value_variants().iter().filter(|op| ops.contains(op));
    for &op in ops.clone() {
        speeds(&mut out, machine, rows, op, burst);
    }
    for &op in ops.clone() {
        ratios(&mut out, rows, op, burst);
        if burst != 1 && bursts.contains(&1) {
            ratios(&mut out, rows, op, 1);
        }
    }
    for &op in ops.filter(|_| bursts.len() > 1) {
        by_burst(&mut out, rows, op);
    }
    out
}

fn find(rows: &[Row], key: (Name, Op, PayloadSize, usize)) -> Option<&Row> {
    rows.iter()
        .find(|row| (row.engine, row.op, row.size, row.burst) == key)
}

fn speeds(out: &mut String, machine: &Machine, rows: &[Row], op: Op, burst: usize) {
    let mut table = Table::new(
        2,
        [
            "size",
            "engine",
            "ns/frame: min",
            "median",
            "max",
            "Mpps",
            "Gbit/s",
            "cycles/octet",
            "% of AES floor",
        ],
    );
    let rows: Vec<_> = rows
        .iter()
        .filter(|row| (row.op, row.burst) == (op, burst))
        .collect();
    for of_size in rows.chunk_by(|a, b| a.size == b.size) {
        for row in of_size {
            let cycles = row.ns.median * machine.limits.core_ghz / row.size.mean();
            table.row([
                row.size.to_string(),
                name(&row.engine),
                format!("{:.1}", row.ns.min),
                format!("{:.1}", row.ns.median),
                format!("{:.1}", row.ns.max),
                format!("{:.2}", row.mpps),
                format!("{:.1}", row.gbit_s),
                format!("{cycles:.3}"),
                figure(row.percent_of_floor, 0),
            ]);
        }
        table.gap();
    }
    table.print(
        out,
        &format!("{} in bursts of {burst}", name(&op).to_uppercase()),
    );
}

/// The time of each other contender by the time of the first.
fn ratios(out: &mut String, rows: &[Row], op: Op, burst: usize) {
    let names = each_once(rows.iter().map(|row| row.engine));
    let sizes = each_once(rows.iter().map(|row| row.size));
    let [first, others @ ..] = &names[..] else {
        return;
    };
    if others.is_empty() {
        return;
    }
    let header = sizes.iter().map(ToString::to_string);
    let mut table = Table::new(1, ["engine".to_owned()].into_iter().chain(header));
    for other in others {
        let ratio = |&size: &PayloadSize| {
            let row = |name| find(rows, (name, op, size, burst)).map(|row| row.ns);
            let pair = row(*first).zip(row(*other));
            or_dash(pair.map(|(first, other)| {
                let (median, min) = (other.median / first.median, other.min / first.min);
                format!("{median:.2} | {min:.2}")
            }))
        };
        table.row([name(other)].into_iter().chain(sizes.iter().map(ratio)));
    }
    let (first, op) = (name(first), name(&op));
    let title = format!(
        "{op} in bursts of {burst}: time of each engine by that of {first}, by medians | by minima"
    );
    table.print(out, &title);
}

fn by_burst(out: &mut String, rows: &[Row], op: Op) {
    let sizes = each_once(rows.iter().map(|row| row.size));
    let header = ["engine", "burst"].map(str::to_owned).into_iter();
    let mut table = Table::new(1, header.chain(sizes.iter().map(ToString::to_string)));
    for engine in each_once(rows.iter().map(|row| row.engine)) {
        for burst in each_once(rows.iter().map(|row| row.burst)) {
            let ns = |&size: &PayloadSize| {
                figure(
                    find(rows, (engine, op, size, burst)).map(|row| row.ns.median),
                    1,
                )
            };
            let labels = [name(&engine), burst.to_string()].into_iter();
            table.row(labels.chain(sizes.iter().map(ns)));
        }
    }
    table.print(
        out,
        &format!("{} by burst, ns a frame (median)", name(&op).to_uppercase()),
    );
}

/// Gbit/s against payload size, at one burst: seal and open side by side. The mix has no place on
/// an axis of sizes.
pub(super) fn chart(machine: &Machine, rows: &[Row], burst: usize) -> Chart {
    let panels = Op::value_variants().iter().map(|&op| {
        let points = |engine: &Name| {
            let like = rows
                .iter()
                .filter(|row| (row.engine, row.op, row.burst) == (*engine, op, burst));
            let point = |row: &Row| Some((row.size.octets()? as f64, row.gbit_s));
            (name(engine), like.filter_map(point).collect())
        };
        let title = format!("{}, Gbit/s of payload", name(&op));
        Panel::of(title, Name::value_variants().iter().map(points))
    });
    let title = format!("AES-256-GCM on one core, bursts of {burst}");
    by_size(title, machine, "payload", panels)
}
