//! What was measured.

use super::boxes::Dropped;
use super::rounds::Sample;
use super::{Arm, PortKind};
use crate::machine::Machine;
use crate::stats::Spread;
use crate::throughput::{self, JsonRow, Load};

/// One arm, port and load.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) arm: Arm,
    pub(super) port: PortKind,
    pub(super) load: Load,
    pub(super) rounds: usize,
    /// Of these, the boxes had to share their core.
    pub(super) disturbed: usize,
    /// Million frames a second that arrived at full load.
    pub(super) mpps: Spread,
    /// By the median.
    pub(super) gbit_s: f64,
    /// At half load: frames lost, and sent.
    pub(super) lost: u64,
    pub(super) sent: u64,
    /// Median of the rounds' ratios; `None` without a no-op forwarder.
    pub(super) percent_of_no_op: Option<f64>,
    /// By the boxes, in all rounds and at every load.
    pub(super) dropped: Dropped,
}

impl Row {
    /// From one sample of each round; `None` without any.
    pub(super) fn of(
        arm: Arm,
        port: PortKind,
        load: Load,
        samples: &[Sample],
        no_op: Option<&[Sample]>,
    ) -> Option<Self> {
        // Where there is nothing better than disturbed samples, these.
        let any_quiet = samples.iter().any(|sample| sample.quiet);
        let counts = |sample: &Sample| sample.quiet || !any_quiet;
        let chosen: Vec<&Sample> = samples.iter().filter(|sample| counts(sample)).collect();
        let spread = |of: fn(&Sample) -> f64| {
            Spread::of(&chosen.iter().map(|sample| of(sample)).collect::<Vec<_>>())
        };
        // A round's arms were next to each other: what slowed one slowed the other.
        let ratios = |no_op: &[Sample]| {
            let pairs = samples.iter().zip(no_op);
            let pairs = pairs.filter(|(sample, no_op)| counts(sample) && no_op.gbit_s > 0.0);
            let ratios = pairs.map(|(sample, no_op)| 100.0 * sample.gbit_s / no_op.gbit_s);
            Spread::of(&ratios.collect::<Vec<_>>()).map(|ratios| ratios.median)
        };
        let mut dropped = Dropped::new();
        for (name, frames) in samples.iter().flat_map(|sample| &sample.dropped) {
            match dropped.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum += frames,
                None => dropped.push((name.clone(), *frames)),
            }
        }
        Some(Self {
            arm,
            port,
            load,
            rounds: samples.len(),
            disturbed: samples.iter().filter(|sample| !sample.quiet).count(),
            mpps: spread(|sample| sample.mpps)?,
            gbit_s: spread(|sample| sample.gbit_s)?.median,
            lost: samples.iter().map(|sample| sample.lost).sum(),
            sent: samples.iter().map(|sample| sample.sent).sum(),
            percent_of_no_op: no_op.and_then(ratios),
            dropped,
        })
    }
}

/// One document, with a line end.
pub(super) fn json(machine: &Machine, rows: &[Row]) -> Result<String, serde_json::Error> {
    let json_row = |row: &Row| JsonRow {
        bench: "line",
        arm: row.arm.as_str(),
        op: "both",
        port: row.port.as_str(),
        size: row.load,
        cores: 1,
        mpps: row.mpps.median,
        gbit_s: row.gbit_s,
        lost: row.lost,
        percent_of_no_op: row.percent_of_no_op,
    };
    throughput::json(machine, rows.iter().map(json_row))
}
