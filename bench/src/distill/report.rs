//! The rows of `distill`, as tables and as JSON.

use std::time::Duration;

use distill::protocol::BlockReport;
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
    Chain(ChainRow),
}

/// One block of the whole chain.
#[derive(Debug, Serialize)]
pub(super) struct ChainRow {
    what: &'static str,
    km: f64,
    symbols: u64,
    /// The proof whose key length counts.
    proof: &'static str,
    /// Secret bits for each second of processor time of simulation and both ends in one thread.
    kbit_s: f64,
    /// The same with the composable key length.
    composable_kbit_s: f64,
    /// Secret bits of the block by both proofs.
    key_bits: u64,
    composable_bits: u64,
    /// Share of frames that were lost.
    fer: f64,
    /// Symbols for each second of processor time.
    msym_s: f64,
    /// Highest memory of the process so far.
    peak_mib: f64,
}

impl ChainRow {
    pub(super) fn new(km: f64, report: &BlockReport) -> Self {
        let corrected = &report.corrected;
        let symbols = corrected.kept_symbols + corrected.lost_symbols;
        Self {
            what: "chain",
            km,
            symbols,
            proof: "lgg-2010",
            kbit_s: 0.0,
            composable_kbit_s: 0.0,
            key_bits: report.key_bits,
            composable_bits: report.secret.composable_bits,
            fer: corrected.lost_symbols as f64 / symbols as f64,
            msym_s: 0.0,
            peak_mib: 0.0,
        }
    }

    /// With its figures over processor time.
    pub(super) fn measured(self, time: Duration, peak_mib: f64) -> Self {
        let seconds = time.as_secs_f64();
        Self {
            kbit_s: self.key_bits as f64 / 1e3 / seconds,
            composable_kbit_s: self.composable_bits as f64 / 1e3 / seconds,
            msym_s: self.symbols as f64 / 1e6 / seconds,
            peak_mib,
            ..self
        }
    }
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
    let mut chains = Vec::new();
    for row in rows {
        match row {
            Row::Decode(row) => decoded.push(row),
            Row::Hash(row) => hashed.push(row),
            Row::Chain(row) => chains.push(row),
        }
    }
    if !chains.is_empty() {
        chain(&mut out, &chains);
        return out;
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

fn chain(out: &mut String, rows: &[&ChainRow]) {
    let table = Table::of::<ChainRow>(
        &[
            ("km", &|row| row.km.to_string()),
            ("symbols", &|row| row.symbols.to_string()),
            ("proof", &|row| row.proof.to_owned()),
            ("kbit/s", &|row| format!("{:.0}", row.kbit_s)),
            ("composable", &|row| format!("{:.0}", row.composable_kbit_s)),
            ("FER", &|row| format!("{:.3}", row.fer)),
            ("Msym/s", &|row| format!("{:.2}", row.msym_s)),
            ("peak MiB", &|row| format!("{:.0}", row.peak_mib)),
        ],
        rows,
        |_, _| true,
    );
    table.print(
        out,
        "Whole chain, secret kbit for each second of processor time of both ends and simulation",
    );
}
