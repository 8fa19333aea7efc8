//! The rows as tables for people: T1, T5 and what was aimed at.

use super::rows::Row;
use super::{Arm, PortKind};
use crate::frame_size::FrameSize;
use crate::machine::Machine;
use crate::text::{figure, line, put};
use crate::throughput::Load;

/// Per cent of the no-op forwarders' frame rate over AF_XDP, and of their TCP.
const FRAMES: f64 = 95.0;
const TCP: f64 = 90.0;

/// The whole report.
pub(super) fn write(machine: &Machine, rows: &[Row]) -> String {
    let mut report = String::new();
    let out = &mut report;
    machine.head(out, "Two boxes between two hosts, veth, KIND=LAB");
    let rounds = rows.iter().map(|row| row.rounds).max().unwrap_or(0);
    let samples: usize = rows.iter().map(|row| row.rounds).sum();
    let disturbed: usize = rows.iter().map(|row| row.disturbed).sum();
    line!(
        out,
        "{rounds} rounds; {disturbed} of {samples} measurements left out: the boxes had to share their core"
    );
    line!(
        out,
        "\nT1 THROUGHPUT of both boxes on one core at full load (MRR; sizes and Gbit/s with FCS, of TCP its payload)"
    );
    line!(
        out,
        "size   port           arm         MRR_Mpps: median     min     max   Gbit/s  ns/frame  % of no-op  lost of sent at half load"
    );
    let mut before = None;
    for row in rows {
        if before.is_some_and(|before| before != (row.port, row.load)) {
            line!(out);
        }
        before = Some((row.port, row.load));
        line!(
            out,
            "{:<6} {:<14} {:<10} {:>17.4} {:>7.4} {:>7.4} {:>8.3} {:>9.0} {:>11} {:>9} of {}",
            name(row.load),
            row.port.as_str(),
            row.arm.as_str(),
            row.mpps.median,
            row.mpps.min,
            row.mpps.max,
            row.gbit_s,
            1e3 / row.mpps.median,
            figure(row.percent_of_no_op, 1),
            row.lost,
            row.sent,
        );
    }
    drops(out, rows);
    targets(out, rows);
    report
}

fn name(load: Load) -> String {
    match load {
        Load::Frames(size) => size.to_string(),
        Load::Tcp(_) => "tcp".to_owned(),
    }
}

fn drops(out: &mut String, rows: &[Row]) {
    line!(
        out,
        "\nT5 DROPS by the boxes, all rounds, mostly at full load: offered is more than they carry"
    );
    for row in rows.iter().filter(|row| !row.dropped.is_empty()) {
        put!(
            out,
            "{:<6} {:<14} {:<10}",
            name(row.load),
            row.port.as_str(),
            row.arm.as_str()
        );
        for (counter, frames) in &row.dropped {
            put!(out, "  {counter} {frames}");
        }
        line!(out);
    }
}

/// What was aimed at and what came out, for what was measured.
fn targets(out: &mut String, rows: &[Row]) {
    line!(out, "\nTARGETS of xpn-256");
    let by_packet = [PortKind::Packet, PortKind::DpdkAfPacket];
    let aimed_at = |row: &&Row| row.arm == Arm::Xpn256 && !by_packet.contains(&row.port);
    for row in rows.iter().filter(aimed_at) {
        let at_least = match row.load {
            Load::Frames(FrameSize::Octets(64 | 1518)) => FRAMES,
            Load::Tcp(_) => TCP,
            Load::Frames(_) => continue,
        };
        if let Some(have) = row.percent_of_no_op {
            let met = if have >= at_least { "met" } else { "MISSED" };
            let (load, port) = (name(row.load), row.port.as_str());
            line!(
                out,
                "{port:<14} {load:<5} {have:>6.1} % of no-op, of {at_least} {met}"
            );
        }
    }
}
