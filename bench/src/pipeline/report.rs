//! The rows as tables for people: T1, and what was aimed at.

use super::rows::{Row, find};
use super::{Arm, Op};
use crate::crypto::or_default;
use crate::frame_size::FrameSize;
use crate::machine::Machine;
use crate::text::{figure, line};

/// What one core is to reach, protect and validate each: size and million frames a second ...
const MPPS: (FrameSize, f64) = (FrameSize::Octets(64), 28.0);
/// ... and size and Gbit/s, ...
const GBIT_S: [(FrameSize, f64); 2] = [(FrameSize::Imix, 40.0), (FrameSize::Octets(1518), 75.0)];
/// ... with the engine taking at least so much of the time, in per cent, from this size on.
const CRYPTO: (usize, f64) = (512, 80.0);
/// How many times as much two cores are to reach.
const TWO_CORES: f64 = 1.9;

/// The whole report.
pub(super) fn write(machine: &Machine, rows: &[Row]) -> String {
    let mut out = String::new();
    machine.head(&mut out, "Worker between null ports");
    let counts: Vec<usize> = rows.iter().map(|row| row.cores).collect();
    for cores in or_default(&counts, Vec::new()) {
        for op in Op::ALL {
            throughput(&mut out, machine, rows, op, cores);
        }
    }
    targets(&mut out, rows);
    out
}

fn throughput(out: &mut String, machine: &Machine, rows: &[Row], op: Op, cores: usize) {
    line!(
        out,
        "\nT1 THROUGHPUT {} cores {cores} (sizes and Gbit/s with FCS; ns and cycles are of one core)",
        op.as_str()
    );
    line!(
        out,
        "size   arm           Mpps: median     min     max   Gbit/s  Gbit/s/core  ns/frame  cyc/frame  % of no-op  crypto %   lost"
    );
    let mut size_before = None;
    for row in rows.iter().filter(|row| (row.op, row.cores) == (op, cores)) {
        if size_before.is_some_and(|size| size != row.size) {
            line!(out);
        }
        size_before = Some(row.size);
        line!(
            out,
            "{:<6} {:<12} {:>13.2} {:>7.2} {:>7.2} {:>8.2} {:>12.2} {:>9.1} {:>10.1} {:>11} {:>9} {:>6}",
            row.size,
            row.arm.as_str(),
            row.mpps.median,
            row.mpps.min,
            row.mpps.max,
            row.gbit_s(),
            row.gbit_s() / cores as f64,
            row.ns(),
            row.ns() * machine.limits.core_ghz,
            figure(row.percent_of_no_op(rows), 1),
            figure(row.percent_crypto(rows), 1),
            row.lost,
        );
    }
}

/// What was aimed at and what came out, for what was measured.
fn targets(out: &mut String, rows: &[Row]) {
    line!(out, "\nTARGETS of xpn-256");
    for op in Op::ALL {
        let name = op.as_str();
        let on_one = |size| find(rows, Arm::Xpn256, op, size, 1);
        let (size, mpps) = MPPS;
        if let Some(row) = on_one(size) {
            let have = row.mpps.median;
            line!(
                out,
                "{name:<9} {size:>5}  {have:>6.1} Mpps     of {mpps:>5} {}",
                met(have >= mpps)
            );
        }
        for (size, gbit_s) in GBIT_S {
            if let Some(row) = on_one(size) {
                let have = row.gbit_s();
                line!(
                    out,
                    "{name:<9} {size:>5}  {have:>6.1} Gbit/s   of {gbit_s:>5} {}",
                    met(have >= gbit_s)
                );
            }
        }
        let (from, share) = CRYPTO;
        for row in rows
            .iter()
            .filter(|row| (row.arm, row.op, row.cores) == (Arm::Xpn256, op, 1))
        {
            let have = row.percent_crypto(rows);
            if let Some(have) = have.filter(|_| row.size.octets().is_some_and(|size| size >= from))
            {
                line!(
                    out,
                    "{name:<9} {:>5}  {have:>6.1} % crypto of {share:>5} {}",
                    row.size,
                    met(have >= share)
                );
            }
        }
        for row in rows
            .iter()
            .filter(|row| (row.arm, row.op, row.cores) == (Arm::Xpn256, op, 2))
        {
            if let Some(one) = on_one(row.size) {
                let have = row.mpps.median / one.mpps.median;
                line!(
                    out,
                    "{name:<9} {:>5}  {have:>6.2} x by two of {TWO_CORES:>5} {}",
                    row.size,
                    met(have >= TWO_CORES)
                );
            }
        }
    }
}

fn met(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}
