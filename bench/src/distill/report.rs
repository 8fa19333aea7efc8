//! The rows of `distill`, as a table and as JSON.

use serde::Serialize;

use super::Tally;
use crate::harness::error::Error;
use crate::harness::machine::Machine;
use crate::harness::text::{Table, line};

/// One engine, rate and efficiency. Its JSON is a promise: scripts read it.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    what: &'static str,
    engine: &'static str,
    rate: f64,
    /// Reconciliation efficiency, bits that stuck frames have disclosed taken off.
    beta: f64,
    /// Share of frames that were lost.
    fer: f64,
    frames: u32,
    iterations: f64,
    /// Million bits of words for each second of processor time.
    msym_s: f64,
}

#[derive(Serialize)]
struct Document<'a> {
    machine: &'a Machine,
    rows: &'a [Row],
}

impl Row {
    pub(super) fn new(
        engine: &'static str,
        rate: f64,
        beta: f64,
        bits: usize,
        tally: &Tally,
    ) -> Self {
        let frames = f64::from(tally.frames);
        let bits = frames * bits as f64;
        Self {
            what: "decode",
            engine,
            rate,
            beta: beta * (1.0 - tally.disclosed as f64 / (bits * rate)),
            fer: f64::from(tally.lost) / frames,
            frames: tally.frames,
            iterations: f64::from(tally.iterations) / frames,
            msym_s: bits / tally.time.as_secs_f64() / 1e6,
        }
    }
}

pub(super) fn json(machine: &Machine, rows: &[Row]) -> Result<String, Error> {
    Ok(serde_json::to_string_pretty(&Document { machine, rows })? + "\n")
}

pub(super) fn text(machine: &Machine, rows: &[Row]) -> String {
    let mut out = String::new();
    machine.head(&mut out, "Distilled keys");
    let table = Table::of::<Row>(
        &[
            ("engine", &|row| row.engine.to_owned()),
            ("rate", &|row| row.rate.to_string()),
            ("beta", &|row| format!("{:.4}", row.beta)),
            ("FER", &|row| format!("{:.3}", row.fer)),
            ("frames", &|row| row.frames.to_string()),
            ("iterations", &|row| format!("{:.1}", row.iterations)),
            ("Msym/s", &|row| format!("{:.2}", row.msym_s)),
        ],
        &rows.iter().collect::<Vec<_>>(),
        |one, next| one.rate == next.rate,
    );
    table.print(
        &mut out,
        "Decoder, million quadratures for each second of processor time",
    );
    line!(
        &mut out,
        "
beta: share of the Gaussian capacity, bits that stuck frames have disclosed taken off. FER: share of
frames that were lost. Every frame that counts as decoded is the word of the other end."
    );
    out
}
