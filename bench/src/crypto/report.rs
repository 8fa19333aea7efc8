//! The rows: their figures, tables and chart.

use clap::ValueEnum;
use serde::Serialize;

use crate::contender::{Name, Op};
use crate::cpu::Limits;
use crate::harness::chart::{Chart, Panel};
use crate::harness::choice::{self, each_once, name};
use crate::harness::machine::Machine;
use crate::harness::report::by_size;
use crate::harness::text::{Column, Table, figure, or_dash};
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
    pub(super) gbit_s: f64,
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

fn main_burst(rows: &[Row]) -> usize {
    let bursts = each_once(rows.iter().map(|row| row.burst));
    let most = bursts.iter().copied().max().unwrap_or(32);
    if bursts.contains(&32) { 32 } else { most }
}

pub(super) fn text(machine: &Machine, rows: &[Row]) -> String {
    let mut out = String::new();
    machine.head(&mut out, "AES-256-GCM");
    let burst = main_burst(rows);
    let others = rows.iter().any(|row| row.burst != burst);
    let single = rows.iter().any(|row| row.burst == 1) && burst != 1;
    let ops = Op::value_variants().iter().copied();
    let ops = ops.filter(|op| rows.iter().any(|row| row.op == *op));
    for op in ops.clone() {
        speeds(&mut out, machine, rows, op, burst);
    }
    for op in ops.clone() {
        ratios(&mut out, rows, op, burst);
        if single {
            ratios(&mut out, rows, op, 1);
        }
    }
    for op in ops.filter(|_| others) {
        by_burst(&mut out, rows, op);
    }
    out
}

fn find(rows: &[Row], key: (Name, Op, PayloadSize, usize)) -> Option<&Row> {
    rows.iter()
        .find(|row| (row.engine, row.op, row.size, row.burst) == key)
}

fn speeds(out: &mut String, machine: &Machine, rows: &[Row], op: Op, burst: usize) {
    let cycles = |row: &Row| row.ns.median * machine.limits.core_ghz / row.size.mean();
    let columns: [Column<'_, Row>; 9] = [
        ("size", &|row| row.size.to_string()),
        ("engine", &|row| name(&row.engine)),
        ("ns/frame: min", &|row| format!("{:.1}", row.ns.min)),
        ("median", &|row| format!("{:.1}", row.ns.median)),
        ("max", &|row| format!("{:.1}", row.ns.max)),
        ("Mpps", &|row| format!("{:.2}", row.mpps)),
        ("Gbit/s", &|row| format!("{:.1}", row.gbit_s)),
        ("cycles/octet", &|row| format!("{:.3}", cycles(row))),
        ("% of AES floor", &|row| figure(row.percent_of_floor, 0)),
    ];
    let shown = rows.iter().filter(|row| (row.op, row.burst) == (op, burst));
    let table = Table::of(&columns, &shown.collect::<Vec<_>>(), |a, b| {
        a.size == b.size
    });
    let op = name(&op).to_uppercase();
    table.print(out, &format!("{op} in bursts of {burst}"));
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
    let mut table = Table::new(["engine".to_owned()].into_iter().chain(header));
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
    let mut table = Table::new(header.chain(sizes.iter().map(ToString::to_string)));
    for engine in each_once(rows.iter().map(|row| row.engine)) {
        for burst in each_once(rows.iter().map(|row| row.burst)) {
            let ns = |&size: &PayloadSize| {
                let row = find(rows, (engine, op, size, burst));
                figure(row.map(|row| row.ns.median), 1)
            };
            let labels = [name(&engine), burst.to_string()].into_iter();
            table.row(labels.chain(sizes.iter().map(ns)));
        }
    }
    let op = name(&op).to_uppercase();
    table.print(out, &format!("{op} by burst, ns a frame (median)"));
}

/// Gbit/s against payload size, at one burst: seal and open side by side. The mix has no place on
/// an axis of sizes.
pub(super) fn chart(machine: &Machine, rows: &[Row]) -> Chart {
    let burst = main_burst(rows);
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
