//! Gbit/s against frame size: the ports side by side, a line for each arm.

use clap::ValueEnum;

use super::rows::Row;
use super::{Arm, PortKind};
use crate::chart::{Chart, Panel, XAxis};
use crate::crypto::or_default;
use crate::machine::Machine;
use crate::throughput::Load;

/// The mix and TCP have no place on an axis of sizes.
pub(super) fn draw(rows: &[Row], machine: &Machine) -> String {
    let ports: Vec<PortKind> = rows.iter().map(|row| row.port).collect();
    let ports = or_default(&ports, Vec::new());
    let chart = Chart {
        title: "Two boxes on one core between two hosts, veth (KIND=LAB)".to_owned(),
        subtitle: machine.cpu.clone(),
        x_label: "octets of a frame, with FCS".to_owned(),
        x_axis: XAxis::Logarithmic,
        panels: ports.into_iter().map(|port| panel(rows, port)).collect(),
    };
    chart.draw()
}

fn panel(rows: &[Row], port: PortKind) -> Panel {
    let points = |arm: Arm| {
        let of_arm = |row: &&Row| (row.arm, row.port) == (arm, port);
        let point = |row: &Row| match row.load {
            Load::Frames(size) => Some((size.octets()? as f64, row.gbit_s)),
            Load::Tcp(_) => None,
        };
        rows.iter().filter(of_arm).filter_map(point).collect()
    };
    let arms = Arm::value_variants().iter();
    Panel::of(
        format!("{}, Gbit/s", port.as_str()),
        arms.map(|&arm| (arm.as_str().to_owned(), points(arm))),
    )
}
