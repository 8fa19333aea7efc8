//! The rows as tables (T1, T5), targets and a chart.

use super::rows::LineRow;
use super::{ARMS, PortKind};
use crate::device::Arm;
use crate::harness::chart::{Chart, Panel};
use crate::harness::choice::{each_once, name};
use crate::harness::machine::Machine;
use crate::harness::report::by_size;
use crate::harness::row::{Load, Row, met};
use crate::harness::table::Table;
use crate::harness::text::{figure, line};
use crate::size::FrameSize;

/// Targets, in per cent of the no-op forwarders over AF_XDP: of their frame rate, and of their TCP.
const FRAMES: f64 = 95.0;
const TCP: f64 = 90.0;

/// The whole report.
pub(super) fn text(machine: &Machine, rows: &[LineRow]) -> String {
    let mut report = String::new();
    let out = &mut report;
    machine.head(out, "Two devices between two hosts, veth, KIND=LAB");
    let rounds = rows.iter().map(|row| row.rounds).max().unwrap_or(0);
    let samples: usize = rows.iter().map(|row| row.rounds).sum();
    let disturbed: usize = rows.iter().map(|row| row.disturbed).sum();
    line!(
        out,
        "{rounds} rounds; {disturbed} of {samples} measurements left out: the devices had to share \
         their core"
    );
    throughput(out, rows);
    drops(out, rows);
    targets(out, rows);
    report
}

fn throughput(out: &mut String, rows: &[LineRow]) {
    let mut table = Table::new(
        3,
        [
            "size",
            "port",
            "arm",
            "MRR_Mpps: median",
            "min",
            "max",
            "Gbit/s",
            "ns/frame",
            "% of no-op",
            "lost",
            "of sent at half load",
        ],
    );
    for of_load in rows.chunk_by(|a, b| (&a.row.port, a.row.size) == (&b.row.port, b.row.size)) {
        for LineRow { row, sent, .. } in of_load {
            table.row([
                row.size.to_string(),
                row.port.clone(),
                name(&row.arm),
                format!("{:.4}", row.mpps.median),
                format!("{:.4}", row.mpps.min),
                format!("{:.4}", row.mpps.max),
                format!("{:.3}", row.gbit_s),
                format!("{:.0}", row.ns()),
                figure(row.percent_of_no_op, 1),
                row.lost.to_string(),
                sent.to_string(),
            ]);
        }
        table.gap();
    }
    let title = "T1 THROUGHPUT of both devices on one core at full load \
                 (MRR; sizes and Gbit/s with FCS, of TCP its payload)";
    table.print(out, title);
}

fn drops(out: &mut String, rows: &[LineRow]) {
    let mut table = Table::new(4, ["size", "port", "arm", "counter", "frames"]);
    for LineRow { row, dropped, .. } in rows {
        for (counter, frames) in dropped {
            let (size, port) = (row.size.to_string(), row.port.clone());
            table.row([
                size,
                port,
                name(&row.arm),
                counter.clone(),
                frames.to_string(),
            ]);
        }
    }
    let title =
        "T5 DROPS by the devices, all rounds, mostly at full load, which is more than they carry";
    table.print(out, title);
}

/// The targets, and what was measured.
fn targets(out: &mut String, rows: &[LineRow]) {
    let mut table = Table::new(2, ["port", "size", "% of no-op", "target", ""]);
    let by_packet = [PortKind::Packet, PortKind::DpdkAfPacket].map(|port| name(&port));
    let rows = rows.iter().map(|row| &row.row);
    for row in rows.filter(|row| row.arm == Arm::Xpn256 && !by_packet.contains(&row.port)) {
        let target = match row.size {
            Load::Frames(FrameSize::Octets(64 | 1518)) => FRAMES,
            Load::Tcp => TCP,
            Load::Frames(_) => continue,
        };
        if let Some(have) = row.percent_of_no_op {
            let (port, size) = (row.port.clone(), row.size.to_string());
            let met = met(have >= target).to_owned();
            table.row([port, size, format!("{have:.1}"), target.to_string(), met]);
        }
    }
    table.print(out, "TARGETS of xpn-256");
}

/// Gbit/s against frame size: the ports side by side, a line for each arm.
pub(super) fn chart(machine: &Machine, rows: &[LineRow]) -> Chart {
    let rows = || rows.iter().map(|row| &row.row);
    let panels = each_once(rows().map(|row| &row.port))
        .into_iter()
        .map(|port| {
            let points = |arm: &Arm| {
                let like = rows().filter(|row| (row.arm, &row.port) == (*arm, port));
                (name(arm), like.filter_map(Row::point).collect())
            };
            Panel::of(format!("{port}, Gbit/s"), ARMS.iter().map(points))
        });
    let title = "Two devices on one core between two hosts, veth (KIND=LAB)".to_owned();
    by_size(title, machine, "a frame, with FCS", panels)
}
