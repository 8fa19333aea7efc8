//! The rows as JSON. Its shape is a promise: scripts read it.

use serde::Serialize;

use super::Op;
use super::rows::Row;
use crate::contender::Name;
use crate::machine::Machine;
use crate::size::Size;
use crate::stats::Spread;

#[derive(Serialize)]
struct Document<'a> {
    machine: &'a Machine,
    rows: Vec<JsonRow>,
}

#[derive(Serialize)]
struct JsonRow {
    engine: Name,
    op: Op,
    size: Size,
    burst: usize,
    ns_per_frame: Spread,
    gbit_s: f64,
    mpps: f64,
    /// Null where the CPU has no AES instructions.
    percent_of_floor: Option<f64>,
}

/// One document, with a line end.
pub(super) fn write(machine: &Machine, rows: &[Row]) -> Result<String, serde_json::Error> {
    let rows = rows.iter().map(|row| JsonRow {
        engine: row.name,
        op: row.op,
        size: row.size,
        burst: row.burst,
        ns_per_frame: row.ns,
        gbit_s: row.gbit_s(),
        mpps: row.mpps(),
        percent_of_floor: row.percent_of_floor(&machine.limits),
    });
    let document = Document {
        machine,
        rows: rows.collect(),
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}
