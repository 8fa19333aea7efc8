//! The rows of `distill`, as tables and as JSON.

use serde::Serialize;

use super::Tally;
use crate::harness::error::Error;
use crate::harness::machine::Machine;
use crate::harness::text::{Table, line};
use crate::stats::Spread;

/// One row. Its JSON is a promise: scripts read it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Row {
    Decode(DecodeRow),
    Hash(HashRow),
}

/// One block size of privacy amplification.
#[derive(Debug, Serialize)]
pub(super) struct HashRow {
    what: &'static str,
    engine: &'static str,
    /// Bits that go in; an eighth comes out.
    block_mbit: f64,
    /// Input for each second of processor time, median and range.
    mbit_s: f64,
    min_mbit_s: f64,
    max_mbit_s: f64,
}

impl HashRow {
    pub(super) fn new(engine: &'static str, input_bits: usize, mbit_s: &Spread) -> Self {
        Self {
            what: "hash",
            engine,
            block_mbit: input_bits as f64 / 1e6,
            mbit_s: mbit_s.median,
            min_mbit_s: mbit_s.min,
            max_mbit_s: mbit_s.max,
        }
    }
}

/// One engine, rate and efficiency of the decoder.
#[derive(Debug, Serialize)]
pub(super) struct DecodeRow {
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

impl DecodeRow {
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
    let mut decoded = Vec::new();
    let mut hashed = Vec::new();
    for row in rows {
        match row {
            Row::Decode(row) => decoded.push(row),
            Row::Hash(row) => hashed.push(row),
        }
    }
    let table = Table::of::<DecodeRow>(
        &[
            ("engine", &|row| row.engine.to_owned()),
            ("rate", &|row| row.rate.to_string()),
            ("beta", &|row| format!("{:.4}", row.beta)),
            ("FER", &|row| format!("{:.3}", row.fer)),
            ("frames", &|row| row.frames.to_string()),
            ("iterations", &|row| format!("{:.1}", row.iterations)),
            ("Msym/s", &|row| format!("{:.2}", row.msym_s)),
        ],
        &decoded,
        |one, next| one.rate == next.rate,
    );
    table.print(
        &mut out,
        "Decoder, million quadratures for each second of processor time",
    );
    let table = Table::of::<HashRow>(
        &[
            ("engine", &|row| row.engine.to_owned()),
            ("Mbit a block", &|row| format!("{:.1}", row.block_mbit)),
            ("Mbit/s", &|row| format!("{:.0}", row.mbit_s)),
            ("min", &|row| format!("{:.0}", row.min_mbit_s)),
            ("max", &|row| format!("{:.0}", row.max_mbit_s)),
        ],
        &hashed,
        |_, _| true,
    );
    table.print(
        &mut out,
        "Privacy amplification to an eighth, input for each second of processor time",
    );
    line!(
        &mut out,
        "
beta: share of the Gaussian capacity, bits that stuck frames have disclosed taken off. FER: share of
frames that were lost. Every frame that counts as decoded is the word of the other end."
    );
    out
}
