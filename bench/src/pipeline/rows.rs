//! What was measured.

use super::{Arm, Op};
use crate::frame_size::FrameSize;
use crate::machine::Machine;
use crate::stats::Spread;
use crate::throughput::{self, JsonRow, Load};

/// One arm, op, size and number of cores.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) arm: Arm,
    pub(super) op: Op,
    pub(super) size: FrameSize,
    pub(super) cores: usize,
    /// Million frames a second, of all cores together.
    pub(super) mpps: Spread,
    /// Frames that went in and did not come out as they must.
    pub(super) lost: u64,
}

impl Row {
    /// Gbit/s of frames with FCS, by the median.
    pub(super) fn gbit_s(&self) -> f64 {
        self.size.gbit_s(self.mpps.median)
    }

    /// Core time for a frame, ns, by the median.
    pub(super) fn ns(&self) -> f64 {
        1e3 * self.cores as f64 / self.mpps.median
    }

    /// The row of another arm, all else equal.
    pub(super) fn beside<'a>(&self, arm: Arm, rows: &'a [Self]) -> Option<&'a Self> {
        find(rows, arm, self.op, self.size, self.cores)
    }

    /// Rate by that of the no-op forwarder; `None` where that was not measured.
    pub(super) fn percent_of_no_op(&self, rows: &[Self]) -> Option<f64> {
        let no_op = self.beside(Arm::NoOp, rows)?;
        Some(100.0 * self.mpps.median / no_op.mpps.median)
    }

    /// How much of the time the engine alone takes; `None` where that was not measured.
    pub(super) fn percent_crypto(&self, rows: &[Self]) -> Option<f64> {
        let engine = self.beside(Arm::Engine, rows)?;
        let by_engine = matches!(self.arm, Arm::GcmAes256 | Arm::Xpn256);
        by_engine.then_some(100.0 * engine.ns() / self.ns())
    }
}

pub(super) fn find(rows: &[Row], arm: Arm, op: Op, size: FrameSize, cores: usize) -> Option<&Row> {
    rows.iter()
        .find(|row| (row.arm, row.op, row.size, row.cores) == (arm, op, size, cores))
}

/// One document, with a line end.
pub(super) fn json(machine: &Machine, rows: &[Row]) -> Result<String, serde_json::Error> {
    let json_row = |row: &Row| JsonRow {
        bench: "pipeline",
        arm: row.arm.as_str(),
        op: row.op.as_str(),
        port: "null",
        size: Load::Frames(row.size),
        cores: row.cores,
        mpps: row.mpps.median,
        gbit_s: row.gbit_s(),
        lost: row.lost,
        percent_of_no_op: row.percent_of_no_op(rows),
    };
    throughput::json(machine, rows.iter().map(json_row))
}
