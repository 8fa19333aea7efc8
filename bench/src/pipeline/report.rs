//! The rows as a table (T1), targets and a chart.

use crate::device::Device;
use crate::harness::chart::{Chart, Panel};
use crate::harness::choice::{each_once, name};
use crate::harness::machine::Machine;
use crate::harness::report::by_size;
use crate::harness::row::{Load, Op, Row, met};
use crate::harness::text::{Column, Table, figure};
use crate::size::FrameSize;

use super::core_thread::OPS;

/// Targets of one core, for protect and validate each: size and million frames a second,
const MPPS: (FrameSize, f64) = (FrameSize::Octets(64), 28.0);
/// size and Gbit/s,
const GBIT_S: [(FrameSize, f64); 2] = [(FrameSize::Imix, 40.0), (FrameSize::Octets(1518), 75.0)];
/// and the least share of the engine in the time, in per cent, from this size on.
const CRYPTO: (usize, f64) = (512, 80.0);
/// The target of two cores, as a multiple of one.
const TWO_CORES: f64 = 1.9;

pub(super) fn text(machine: &Machine, rows: &[Row]) -> String {
    let mut out = String::new();
    machine.head(&mut out, "Worker between null ports");
    for cores in each_once(rows.iter().map(|row| row.cores)) {
        for op in OPS {
            throughput(&mut out, machine, rows, op, cores);
        }
    }
    targets(&mut out, rows);
    out
}

fn find(rows: &[Row], key: (Device, Op, Load, usize)) -> Option<&Row> {
    rows.iter()
        .find(|row| (row.device, row.op, row.size, row.cores) == key)
}

/// Share of the engine alone in the time; `None` where it was not measured.
fn percent_crypto(row: &Row, rows: &[Row]) -> Option<f64> {
    let engine = find(rows, (Device::Engine, row.op, row.size, row.cores))?;
    let encrypts = matches!(row.device, Device::GcmAes256 | Device::Xpn256);
    encrypts.then_some(100.0 * engine.ns() / row.ns())
}

fn throughput(out: &mut String, machine: &Machine, rows: &[Row], op: Op, cores: usize) {
    let columns: [Column<'_, Row>; 12] = [
        ("size", &|row| row.size.to_string()),
        ("device", &|row| name(&row.device)),
        ("Mpps: median", &|row| format!("{:.2}", row.mpps.median)),
        ("min", &|row| format!("{:.2}", row.mpps.min)),
        ("max", &|row| format!("{:.2}", row.mpps.max)),
        ("Gbit/s", &|row| format!("{:.2}", row.gbit_s)),
        ("Gbit/s/core", &|row| {
            format!("{:.2}", row.gbit_s / cores as f64)
        }),
        ("ns/frame", &|row| format!("{:.1}", row.ns())),
        ("cycles/frame", &|row| {
            format!("{:.1}", row.ns() * machine.limits.core_ghz)
        }),
        ("% of no-op", &|row| figure(row.percent_of_no_op, 1)),
        ("crypto %", &|row| figure(percent_crypto(row, rows), 1)),
        ("lost", &|row| row.lost.to_string()),
    ];
    let shown = rows.iter().filter(|row| (row.op, row.cores) == (op, cores));
    let table = Table::of(&columns, &shown.collect::<Vec<_>>(), |a, b| {
        a.size == b.size
    });
    let op = name(&op);
    let title = format!(
        "T1 THROUGHPUT {op} cores {cores} (sizes and Gbit/s with FCS; ns and cycles of one core)"
    );
    table.print(out, &title);
}

fn targets(out: &mut String, rows: &[Row]) {
    let mut table = Table::new(["", "size", "measured", "target", "", ""]);
    for op in OPS {
        let mut target = |size: Load, decimals, have: f64, target: f64, unit: &str| {
            table.row([
                name(&op),
                size.to_string(),
                format!("{have:.decimals$}"),
                format!("{target}"),
                unit.to_owned(),
                met(have >= target).to_owned(),
            ]);
        };
        let on_one = |size| find(rows, (Device::Xpn256, op, size, 1));
        let frames = |size| on_one(Load::Frames(size));
        if let Some(row) = frames(MPPS.0) {
            target(row.size, 1, row.mpps.median, MPPS.1, "Mpps");
        }
        for (size, gbit_s) in GBIT_S {
            if let Some(row) = frames(size) {
                target(row.size, 1, row.gbit_s, gbit_s, "Gbit/s");
            }
        }
        let ours = rows
            .iter()
            .filter(|row| (row.device, row.op) == (Device::Xpn256, op));
        for row in ours.clone().filter(|row| row.cores == 1) {
            let is_long = row.size.octets().is_some_and(|size| size >= CRYPTO.0);
            if let Some(have) = percent_crypto(row, rows).filter(|_| is_long) {
                target(row.size, 1, have, CRYPTO.1, "% crypto");
            }
        }
        for row in ours.filter(|row| row.cores == 2) {
            if let Some(one) = on_one(row.size) {
                let times = row.mpps.median / one.mpps.median;
                target(row.size, 2, times, TWO_CORES, "times one core");
            }
        }
    }
    table.print(out, "TARGETS of xpn-256");
}

/// Gbit/s against frame size on the fewest cores measured: protect and validate side by side. The
/// no-op forwarder has no line: it would flatten all others.
pub(super) fn chart(machine: &Machine, rows: &[Row]) -> Chart {
    let cores = rows.iter().map(|row| row.cores).min().unwrap_or(1);
    let panels = OPS.map(|op| {
        let points = |device: &Device| {
            let key = (*device, op, cores);
            let like = rows
                .iter()
                .filter(|row| (row.device, row.op, row.cores) == key);
            let like = like.filter(|row| row.device != Device::NoOp);
            (name(device), like.filter_map(Row::point).collect())
        };
        Panel::of(
            format!("{}, Gbit/s", name(&op)),
            super::DEVICES.iter().map(points),
        )
    });
    let title = format!("Worker between null ports, cores: {cores}");
    by_size(title, machine, "a frame, with FCS", panels)
}
