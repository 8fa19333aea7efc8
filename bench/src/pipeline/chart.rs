//! Gbit/s against frame size: protect and validate side by side.

use clap::ValueEnum;

use super::rows::Row;
use super::{Arm, Op};
use crate::chart::{Chart, Panel, XAxis};
use crate::machine::Machine;

/// On the fewest cores measured. The mix has no place on an axis of sizes, the no-op forwarder none
/// beside what works: its line would flatten all others.
pub(super) fn draw(rows: &[Row], machine: &Machine) -> String {
    let cores = rows.iter().map(|row| row.cores).min().unwrap_or(1);
    let chart = Chart {
        title: format!("Worker between null ports, cores: {cores}"),
        subtitle: machine.cpu.clone(),
        x_label: "octets of a frame, with FCS".to_owned(),
        x_axis: XAxis::Logarithmic,
        panels: Op::ALL.map(|op| panel(rows, op, cores)).into(),
    };
    chart.draw()
}

fn panel(rows: &[Row], op: Op, cores: usize) -> Panel {
    let points = |arm: Arm| {
        let of_arm = |row: &&Row| (row.arm, row.op, row.cores) == (arm, op, cores);
        let of_arm = rows.iter().filter(of_arm).filter(|_| arm != Arm::NoOp);
        let point = |row: &Row| Some((row.size.octets()? as f64, row.gbit_s()));
        of_arm.filter_map(point).collect()
    };
    let arms = Arm::value_variants().iter();
    Panel::of(
        format!("{}, Gbit/s", op.as_str()),
        arms.map(|&arm| (arm.as_str().to_owned(), points(arm))),
    )
}
