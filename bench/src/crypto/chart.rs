//! Gbit/s against payload size: seal and open side by side.

use super::Op;
use super::rows::Row;
use crate::chart::{Chart, Panel, XAxis};
use crate::contender::Name;
use crate::machine::Machine;
use crate::size::Size;

/// At one burst. The mix has no place on an axis of sizes.
pub(super) fn draw(rows: &[Row], burst: usize, machine: &Machine) -> String {
    let chart = Chart {
        title: format!("AES-256-GCM on one core, bursts of {burst}"),
        subtitle: machine.cpu.clone(),
        x_label: "octets of payload".to_owned(),
        x_axis: XAxis::Logarithmic,
        panels: Op::ALL.map(|op| panel(rows, op, burst)).into(),
    };
    chart.draw()
}

fn panel(rows: &[Row], op: Op, burst: usize) -> Panel {
    let points = |name: Name| {
        let of_name = |row: &&Row| (row.name, row.op, row.burst) == (name, op, burst);
        let point = |row: &Row| match row.size {
            Size::Imix => None,
            Size::Octets(octets) => Some((octets as f64, row.gbit_s())),
        };
        rows.iter().filter(of_name).filter_map(point).collect()
    };
    let title = format!("{}, Gbit/s of payload", op.as_str());
    Panel::of(
        title,
        Name::ALL.map(|name| (name.to_string(), points(name))),
    )
}
