//! The rows as tables (T1, T5), targets and a chart.

use super::DEVICES;
use super::rows::LineRow;
use crate::device::Device;
use crate::harness::chart::{Chart, Panel};
use crate::harness::choice::{each_once, name};
use crate::harness::machine::Machine;
use crate::harness::report::by_size;
use crate::harness::row::{Load, Row, met};
use crate::harness::text::{Column, Table, figure, line};
use crate::ports::PortSetup;
use crate::size::FrameSize;

/// Targets, in per cent of the no-op forwarders over AF_XDP: of their frame rate, and of their TCP.
const FRAMES: f64 = 95.0;
const TCP: f64 = 90.0;

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
    let columns: [Column<'_, LineRow>; 11] = [
        ("size", &|row| row.row.size.to_string()),
        ("port", &|row| row.row.port.clone()),
        ("device", &|row| name(&row.row.device)),
        ("MRR_Mpps: median", &|row| {
            format!("{:.4}", row.row.mpps.median)
        }),
        ("min", &|row| format!("{:.4}", row.row.mpps.min)),
        ("max", &|row| format!("{:.4}", row.row.mpps.max)),
        ("Gbit/s", &|row| format!("{:.3}", row.row.gbit_s)),
        ("ns/frame", &|row| format!("{:.0}", row.row.ns())),
        ("% of no-op", &|row| figure(row.row.percent_of_no_op, 1)),
        ("lost", &|row| row.row.lost.to_string()),
        ("of sent at half load", &|row| row.sent.to_string()),
    ];
    let cell = |row: &LineRow| (row.row.port.clone(), row.row.size);
    let table = Table::of(&columns, &rows.iter().collect::<Vec<_>>(), |a, b| {
        cell(a) == cell(b)
    });
    let title = "T1 THROUGHPUT of both devices on one core at full load \
                 (MRR; sizes and Gbit/s with FCS, of TCP its payload)";
    table.print(out, title);
}

fn drops(out: &mut String, rows: &[LineRow]) {
    let mut table = Table::new(["size", "port", "device", "counter", "frames"]);
    for LineRow { row, drops, .. } in rows {
        for (counter, frames) in drops {
            let (size, device) = (row.size.to_string(), name(&row.device));
            let (port, counter) = (row.port.clone(), counter.clone());
            table.row([size, port, device, counter, frames.to_string()]);
        }
    }
    let title =
        "T5 DROPS by the devices, all rounds, mostly at full load, which is more than they carry";
    table.print(out, title);
}

fn targets(out: &mut String, rows: &[LineRow]) {
    let mut table = Table::new(["port", "size", "% of no-op", "target", ""]);
    let by_packet = [PortSetup::Packet, PortSetup::DpdkAfPacket].map(|port| name(&port));
    let rows = rows.iter().map(|row| &row.row);
    for row in rows.filter(|row| row.device == Device::Xpn256 && !by_packet.contains(&row.port)) {
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

/// Gbit/s against frame size: the ports side by side, a line for each device.
pub(super) fn chart(machine: &Machine, rows: &[LineRow]) -> Chart {
    let rows = || rows.iter().map(|row| &row.row);
    let ports = each_once(rows().map(|row| &row.port)).into_iter();
    let panels = ports.map(|port| {
        let points = |device: &Device| {
            let like = rows().filter(|row| (row.device, &row.port) == (*device, port));
            (name(device), like.filter_map(Row::point).collect())
        };
        Panel::of(format!("{port}, Gbit/s"), DEVICES.iter().map(points))
    });
    let title = "Two devices on one core between two hosts, veth (KIND=LAB)".to_owned();
    by_size(title, machine, "a frame, with FCS", panels)
}
