//! The rows as tables for people.

use super::Op;
use super::rows::Row;
use crate::contender::Name;
use crate::machine::Machine;
use crate::size::Size;
use crate::text::{figure, line, or_dash, put};

/// The burst that the long tables are about.
pub(super) fn main_burst(bursts: &[usize]) -> usize {
    if bursts.contains(&32) {
        32
    } else {
        bursts.iter().copied().max().unwrap_or(32)
    }
}

/// The whole report.
pub(super) fn write(machine: &Machine, rows: &[Row], bursts: &[usize]) -> String {
    let mut out = String::new();
    machine.head(&mut out, "AES-256-GCM");
    let burst = main_burst(bursts);
    let ops: Vec<Op> = Op::ALL
        .into_iter()
        .filter(|&op| rows.iter().any(|row| row.op == op))
        .collect();
    for &op in &ops {
        speeds(&mut out, machine, rows, op, burst);
    }
    for &op in &ops {
        ratios(&mut out, rows, op, burst);
        if burst != 1 && bursts.contains(&1) {
            ratios(&mut out, rows, op, 1);
        }
    }
    if bursts.len() > 1 {
        for &op in &ops {
            by_burst(&mut out, rows, op);
        }
    }
    out
}

/// The sizes in the order of the rows, each once.
fn sizes(rows: &[Row]) -> Vec<Size> {
    super::or_default(
        &rows.iter().map(|row| row.size).collect::<Vec<_>>(),
        Vec::new(),
    )
}

/// The contenders in the order of the rows, each once.
fn names(rows: &[Row]) -> Vec<Name> {
    super::or_default(
        &rows.iter().map(|row| row.name).collect::<Vec<_>>(),
        Vec::new(),
    )
}

fn find(rows: &[Row], name: Name, op: Op, size: Size, burst: usize) -> Option<&Row> {
    rows.iter()
        .find(|row| row.name == name && row.op == op && row.size == size && row.burst == burst)
}

fn speeds(out: &mut String, machine: &Machine, rows: &[Row], op: Op, burst: usize) {
    line!(out, "\n{} in bursts of {burst}", op.as_str().to_uppercase());
    line!(
        out,
        "  size  engine         ns a frame: min   median      max     Mpps   Gbit/s  cycles/B  % of AES floor"
    );
    for size in sizes(rows) {
        for name in names(rows) {
            let Some(row) = find(rows, name, op, size, burst) else {
                continue;
            };
            let floor = row.percent_of_floor(&machine.limits);
            line!(
                out,
                "{size:>6}  {name:<12} {:>17.1} {:>8.1} {:>8.1} {:>8.2} {:>8.1} {:>9.3} {:>15}",
                row.ns.min,
                row.ns.median,
                row.ns.max,
                row.mpps(),
                row.gbit_s(),
                row.cycles_per_octet(&machine.limits),
                figure(floor, 0),
            );
        }
        line!(out);
    }
}

/// How many times as fast as each other contender the first one is.
fn ratios(out: &mut String, rows: &[Row], op: Op, burst: usize) {
    let names = names(rows);
    let Some((&first, others)) = names.split_first() else {
        return;
    };
    if others.is_empty() {
        return;
    }
    line!(
        out,
        "\n{first} is so many times as fast, {} in bursts of {burst}: by medians | by minima",
        op.as_str()
    );
    put!(out, "{:<12}", "");
    let sizes = sizes(rows);
    for size in &sizes {
        put!(out, " {size:>11}");
    }
    line!(out);
    for &other in others {
        put!(out, "{other:<12}");
        for &size in &sizes {
            let pair = find(rows, first, op, size, burst).zip(find(rows, other, op, size, burst));
            let ratios = pair.map(|(first, other)| {
                format!(
                    "{:.2} |{:>5.2}",
                    other.ns.median / first.ns.median,
                    other.ns.min / first.ns.min
                )
            });
            put!(out, " {:>11}", or_dash(ratios));
        }
        line!(out);
    }
}

fn by_burst(out: &mut String, rows: &[Row], op: Op) {
    line!(
        out,
        "\n{} by burst, ns a frame (median)",
        op.as_str().to_uppercase()
    );
    put!(out, "{:<12} {:>5}", "engine", "burst");
    let sizes = sizes(rows);
    for size in &sizes {
        put!(out, " {size:>8}");
    }
    line!(out);
    let bursts = super::or_default(
        &rows.iter().map(|row| row.burst).collect::<Vec<_>>(),
        Vec::new(),
    );
    for name in names(rows) {
        for &burst in &bursts {
            put!(out, "{name:<12} {burst:>5}");
            for &size in &sizes {
                let ns = find(rows, name, op, size, burst).map(|row| row.ns.median);
                put!(out, " {:>8}", figure(ns, 1));
            }
            line!(out);
        }
    }
}
