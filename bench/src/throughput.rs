//! The JSON of `pipeline` and `line`. Its shape is a promise: scripts read it.

use serde::Serialize;

use crate::frame_size::FrameSize;
use crate::machine::Machine;

/// What was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Load {
    /// Frames.
    Frames(FrameSize),
    /// What the kernel's TCP makes of a transfer.
    Tcp(Tcp),
}

/// One word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tcp {
    /// Of one connection.
    Tcp,
}

/// One row.
#[derive(Serialize)]
pub(crate) struct JsonRow {
    pub(crate) bench: &'static str,
    pub(crate) arm: &'static str,
    pub(crate) op: &'static str,
    pub(crate) port: &'static str,
    pub(crate) size: Load,
    pub(crate) cores: usize,
    pub(crate) mpps: f64,
    pub(crate) gbit_s: f64,
    pub(crate) lost: u64,
    /// Null where no no-op forwarder was measured.
    pub(crate) percent_of_no_op: Option<f64>,
}

#[derive(Serialize)]
struct Document<'a> {
    machine: &'a Machine,
    rows: Vec<JsonRow>,
}

/// One document, with a line end.
pub(crate) fn json(
    machine: &Machine,
    rows: impl Iterator<Item = JsonRow>,
) -> Result<String, serde_json::Error> {
    let rows = rows.collect();
    Ok(serde_json::to_string_pretty(&Document { machine, rows })? + "\n")
}
