//! The rows, from the samples of all rounds.

use serde::Serialize;

use crate::device::Device;
use crate::drops::{Drops, merge};
use crate::harness::choice::name;
use crate::harness::row::{Load, Op, Row};
use crate::ports::PortSetup;
use crate::stats::Spread;

#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// The devices had their core nearly all the time.
    pub(super) quiet: bool,
    /// Frames that arrived, millions a second.
    pub(super) mpps: f64,
    pub(super) gbit_s: f64,
    /// At half load: frames lost, and sent.
    pub(super) lost: u64,
    pub(super) sent: u64,
    /// Frames that the devices dropped, at every load.
    pub(super) drops: Drops,
}

/// A row of the JSON, and more for the tables.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LineRow {
    /// Frames lost at half load; the ratio to no-op is the median of the rounds' ratios.
    #[serde(flatten)]
    pub(super) row: Row,
    #[serde(skip)]
    pub(super) rounds: usize,
    /// Rounds in which the devices had to share their core.
    #[serde(skip)]
    pub(super) disturbed: usize,
    #[serde(skip)]
    pub(super) sent: u64,
    /// Frames that the devices dropped, in all rounds and at every load.
    #[serde(skip)]
    pub(super) drops: Drops,
}

impl LineRow {
    pub(super) fn of(
        device: Device,
        port: PortSetup,
        load: Load,
        samples: &[&Sample],
        no_op: &[&Sample],
    ) -> Option<Self> {
        // Where all samples are disturbed, all count.
        let any_quiet = samples.iter().any(|sample| sample.quiet);
        let counts = |sample: &Sample| sample.quiet || !any_quiet;
        let spread = |figure: fn(&Sample) -> f64| {
            let chosen = samples.iter().filter(|sample| counts(sample));
            Spread::of(&chosen.map(|sample| figure(sample)).collect::<Vec<_>>())
        };
        // The devices of a round are measured next to each other: what slows one slows the other.
        let pairs = samples.iter().zip(no_op);
        let pairs = pairs.filter(|(sample, no_op)| counts(sample) && no_op.gbit_s > 0.0);
        let ratios = pairs.map(|(sample, no_op)| 100.0 * sample.gbit_s / no_op.gbit_s);
        let ratios = Spread::of(&ratios.collect::<Vec<_>>());
        let mut drops = Drops::new();
        for sample in samples {
            merge(&mut drops, &sample.drops);
        }
        drops.retain(|_, frames| *frames > 0);
        Some(Self {
            row: Row {
                bench: "line",
                device,
                op: Op::Both,
                port: name(&port),
                size: load,
                cores: 1,
                mpps: spread(|sample| sample.mpps)?,
                gbit_s: spread(|sample| sample.gbit_s)?.median,
                lost: samples.iter().map(|sample| sample.lost).sum(),
                percent_of_no_op: ratios.map(|ratios| ratios.median),
            },
            rounds: samples.len(),
            disturbed: samples.iter().filter(|sample| !sample.quiet).count(),
            sent: samples.iter().map(|sample| sample.sent).sum(),
            drops,
        })
    }
}
