//! `qmacsec-bench crypto`: engines and peers side by side, interleaved round by round.
//!
//! ```text
//! options ─▶ contenders ─▶ check: all equal to the first ─▶ rounds ─▶ rows ─▶ report | json, chart
//! ```

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::{Serialize, Serializer};

use crate::chart::NotWritten;
use crate::contender::{Contender, Name};
use crate::cpu::{Clock, Limits};
use crate::machine::Machine;
use crate::size::Size;
use crate::sweeps::Until;
use rounds::Rounds;
use rows::Row;

mod chart;
mod check;
mod json;
mod report;
mod rounds;
mod rows;

/// Seconds of measuring unless told otherwise.
const SECONDS: u64 = 20;
/// Rounds of a quick look.
const ROUNDS_QUICK: u32 = 20;

/// Options of `qmacsec-bench crypto`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Payload sizes in octets, and `imix` [default: 48 to 9000, and imix]
    #[arg(long, value_delimiter = ',')]
    pub sizes: Vec<Size>,
    /// Frames in a burst, 1 to 64 [default: 1,8,32,64]
    #[arg(long, value_delimiter = ',', value_parser = burst)]
    pub bursts: Vec<usize>,
    /// Who is measured [default: all that this machine has]
    #[arg(long, value_delimiter = ',')]
    pub engines: Vec<Name>,
    /// Seal, open or both [default: both]
    #[arg(long, value_delimiter = ',')]
    pub ops: Vec<Op>,
    /// How long to measure [default: 20]
    #[arg(long, conflicts_with = "rounds")]
    pub seconds: Option<u64>,
    /// How many rounds of each size and burst instead
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rounds: Option<u32>,
    /// A short look: 64, 1500 and imix, bursts of 1 and 32, twenty rounds
    #[arg(long)]
    pub quick: bool,
    /// JSON instead of tables
    #[arg(long)]
    pub json: bool,
    /// A chart of Gbit/s against payload size, written to this file
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Stay on this core
    #[arg(long, value_name = "N")]
    pub core: Option<usize>,
    /// Where the order of engines and of the mix starts from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

fn burst(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(frames) if (1..=gcm::BURST_MAX).contains(&frames) => Ok(frames),
        _ => Err(format!("a burst is 1 to {} frames", gcm::BURST_MAX)),
    }
}

/// What is timed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Op {
    /// Encrypt and write the ICV
    Seal,
    /// Check the ICV and decrypt
    Open,
}

impl Op {
    const ALL: [Self; 2] = [Self::Seal, Self::Open];

    fn as_str(self) -> &'static str {
        match self {
            Self::Seal => "seal",
            Self::Open => "open",
        }
    }
}

impl Serialize for Op {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such core, or not ours to use.
    #[error("cannot stay on core {0}: no such core, or not allowed to this process")]
    Core(usize),
    /// Nothing to measure.
    #[error("none of the engines asked for can run here: {0}")]
    Nobody(String),
    /// Somebody computes something else.
    #[error(
        "{name} {what} at size {size}, burst {burst}: its speed would mean nothing (a bug there)"
    )]
    Wrong {
        /// Who.
        name: Name,
        /// What it did.
        what: &'static str,
        /// At which size.
        size: Size,
        /// At which burst.
        burst: usize,
    },
    /// The chart.
    #[error(transparent)]
    Chart(#[from] NotWritten),
    /// The JSON.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// What is to be measured; the options with every default filled in.
#[derive(Clone, Debug)]
struct Plan {
    sizes: Vec<Size>,
    bursts: Vec<usize>,
    ops: Vec<Op>,
    names: Vec<Name>,
    until: Until,
}

impl Plan {
    fn new(options: &Options) -> Self {
        let (sizes, bursts) = if options.quick {
            (
                vec![Size::Octets(64), Size::Octets(1500), Size::Imix],
                vec![1, 32],
            )
        } else {
            (Size::USUAL.to_vec(), vec![1, 8, 32, 64])
        };
        let until = match (options.rounds, options.seconds) {
            (Some(rounds), _) => Until::Rounds(rounds),
            (None, Some(seconds)) => Until::Seconds(seconds),
            (None, None) if options.quick => Until::Rounds(ROUNDS_QUICK),
            (None, None) => Until::Seconds(SECONDS),
        };
        Self {
            sizes: or_default(&options.sizes, sizes),
            bursts: or_default(&options.bursts, bursts),
            ops: or_default(&options.ops, Op::ALL.to_vec()),
            names: or_default(&options.engines, Name::ALL.to_vec()),
            until,
        }
    }
}

/// What was asked for, each once; or else the default.
pub(crate) fn or_default<T: Clone + PartialEq>(asked: &[T], default: Vec<T>) -> Vec<T> {
    let mut once: Vec<T> = Vec::new();
    for item in asked {
        if !once.contains(item) {
            once.push(item.clone());
        }
    }
    if once.is_empty() { default } else { once }
}

/// Measures; returns what is to be printed.
///
/// # Errors
///
/// When nothing can be measured, or a contender computes something else than the others.
pub fn run(options: &Options) -> Result<String, Error> {
    if let Some(core) = options.core {
        stay_on(core)?;
    }
    let plan = Plan::new(options);
    let (contenders, absent) = find(&plan.names);
    if contenders.is_empty() {
        return Err(Error::Nobody(absent.join("; ")));
    }
    let clock = Clock::measure();
    let limits = Limits::measure(&clock);
    let mut rounds = Rounds::new(&plan, &contenders, clock, options.seed)?;
    rounds.run(plan.until);
    let (measured, disturbance, core_ghz) = rounds.finish();
    let limits = Limits { core_ghz, ..limits };
    let rows: Vec<Row> = measured
        .into_iter()
        .filter(|row| plan.ops.contains(&row.op))
        .collect();
    let machine = Machine {
        pinned_to_core: options.core,
        disturbance,
        builds: contenders.iter().filter_map(Contender::build).collect(),
        absent,
        ..Machine::this(&clock, limits)
    };
    crate::chart::write(options.svg.as_deref(), || {
        chart::draw(&rows, report::main_burst(&plan.bursts), &machine)
    })?;
    if options.json {
        Ok(json::write(&machine, &rows)?)
    } else {
        Ok(report::write(&machine, &rows, &plan.bursts))
    }
}

/// Pins this thread.
pub(crate) fn stay_on(core: usize) -> Result<(), Error> {
    let ids = core_affinity::get_core_ids().unwrap_or_default();
    let id = ids
        .into_iter()
        .find(|id| id.id == core)
        .ok_or(Error::Core(core))?;
    if core_affinity::set_for_current(id) {
        Ok(())
    } else {
        Err(Error::Core(core))
    }
}

/// Those that are there, and in words why the others are not.
pub(crate) fn find(names: &[Name]) -> (Vec<Contender>, Vec<String>) {
    let mut here = Vec::new();
    let mut absent = Vec::new();
    for &name in names {
        match Contender::find(name) {
            Ok(contender) => here.push(contender),
            Err(why) => absent.push(format!("{name}: {why}")),
        }
    }
    (here, absent)
}

#[cfg(test)]
mod tests;
