//! `qmacsec-bench relay`: keys over trusted relays, for each second of processor time.
//!
//! ```text
//! core:  [Node] ═ [Node] ═ …            messages in memory, one thread
//! node:  SAE ─ 014 ─ [node] ══ TLS ══ [node] ══ … ─ 014 ─ SAE
//!          └─── enc_keys, dec_keys: same bits? ───────────┘
//! ```
//! Nodes stand in a line, and every node but the two ends is a relay. `core` is the protocol of
//! `network` alone. `node` is whole nodes with modelled QKD devices and ledgers, and clients at
//! both ends. A public relay in the same cases stands beside them (`peer`).

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use nix::time::{ClockId, clock_gettime};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Serialize;

use crate::cpu::{Clock, Limits};
use crate::harness::choice;
use crate::harness::error::Error;
use crate::harness::machine::Machine;
use crate::harness::rounds::{self, Until, order};
use peer::Peer;
use report::Row;

mod core_line;
mod node_line;
mod peer;
mod report;

/// Options of `qmacsec-bench relay`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    qmacsec-bench relay\n  \
    scripts/trusted-node-peer >peer.json; qmacsec-bench relay --peer peer.json\n\
    Exit code 2 when a case of whole nodes is below 20 times the peer. Ratios take the processor \
    time of the peer's nodes alone, without its KMEs and its broker.")]
pub(crate) struct Options {
    /// Rounds of each case
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Seed of the order of the cases
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Output of `scripts/trusted-node-peer`: a public relay, measured on this machine
    #[arg(long, value_name = "FILE")]
    pub peer: Option<PathBuf>,
    /// JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// The part of our relay that is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Part {
    Core,
    Node,
}

/// Links between the two ends.
const HOPS: [usize; 2] = [1, 3];
/// Keys of one request.
const NUMBERS: [usize; 3] = [1, 10, 50];

/// Requests of one case and round: many batches, so that the stock at the start counts for little.
/// All keys of a round are within the fair share that a pair has of full pools.
fn requests(keys_per_request: usize) -> usize {
    (10_000 / keys_per_request).min(2000)
}

/// One line of nodes, and what is asked of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
struct Case {
    #[serde(serialize_with = "choice::serialize")]
    part: Part,
    hops: usize,
    keys_per_request: usize,
}

/// One case in one round.
#[derive(Clone, Copy, Debug)]
struct Sample {
    case: Case,
    keys: usize,
    wall: Duration,
    /// Processor time of the nodes.
    nodes: Duration,
    /// Processor time of the clients at both ends.
    clients: Duration,
}

/// Relays keys between the ends of a line.
trait Line {
    /// Gets keys at one end, and the same keys at the other.
    fn transfer(&mut self, number: usize) -> Result<(), Error>;
}

/// The plan: a cell is a part of our relay and a number of hops.
struct Rig;

impl Rig {
    fn cells() -> Vec<(Part, usize)> {
        let parts = Part::value_variants().iter();
        parts
            .flat_map(|&part| HOPS.map(|hops| (part, hops)))
            .collect()
    }
}

impl rounds::Rig for Rig {
    type Round = Vec<Sample>;

    fn cells(&self) -> usize {
        Self::cells().len()
    }

    /// Each round has nodes of its own: pools and places in memory are new.
    fn round(&mut self, cell: usize, rng: &mut ChaCha8Rng) -> Result<Vec<Sample>, Error> {
        let (part, hops) = Self::cells()[cell];
        let mut line: Box<dyn Line> = match part {
            Part::Core => Box::new(core_line::CoreLine::new(hops)?),
            Part::Node => Box::new(node_line::NodeLine::start(hops)?),
        };
        let numbers = order(NUMBERS.len(), rng).into_iter().map(|at| NUMBERS[at]);
        let samples = numbers.map(|keys_per_request| {
            let case = Case {
                part,
                hops,
                keys_per_request,
            };
            measure(case, line.as_mut())
        });
        samples.collect()
    }
}

fn measure(case: Case, line: &mut dyn Line) -> Result<Sample, Error> {
    // Connections open and caches warm.
    line.transfer(case.keys_per_request)?;
    let requests = requests(case.keys_per_request);
    let begun = Times::now()?;
    for _ in 0..requests {
        line.transfer(case.keys_per_request)?;
    }
    let ended = Times::now()?;
    let own = ended.thread - begun.thread;
    let (nodes, clients) = match case.part {
        // One thread is all.
        Part::Core => (own, Duration::ZERO),
        // This thread is the clients; all others are the nodes.
        Part::Node => (ended.process - begun.process - own, own),
    };
    Ok(Sample {
        case,
        keys: requests * case.keys_per_request,
        wall: ended.wall - begun.wall,
        nodes,
        clients,
    })
}

/// Times so far.
struct Times {
    wall: Duration,
    process: Duration,
    thread: Duration,
}

impl Times {
    fn now() -> Result<Self, Error> {
        let read = |clock: ClockId| -> Result<Duration, Error> {
            Ok(clock_gettime(clock).map_err(std::io::Error::from)?.into())
        };
        Ok(Self {
            wall: read(ClockId::CLOCK_MONOTONIC)?,
            process: read(ClockId::CLOCK_PROCESS_CPUTIME_ID)?,
            thread: read(ClockId::CLOCK_THREAD_CPUTIME_ID)?,
        })
    }
}

/// Measures. Returns the output, and whether every case is fast enough beside the peer.
pub(crate) fn run(options: &Options) -> Result<(String, bool), Error> {
    let peer = options.peer.as_deref().map(Peer::read).transpose()?;
    let _log = qmacsec::log::start("off");
    let clock = Clock::measure();
    let machine = Machine::this(&clock, Limits::measure(&clock));
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let samples = rounds::run(&mut Rig, Until::Rounds(options.rounds), &mut rng)?.concat();
    let rows = Row::all(&samples, peer.as_ref());
    let output = match options.json {
        true => report::json(&machine, &rows)?,
        false => report::text(&machine, &rows),
    };
    Ok((output, rows.iter().all(Row::fast_enough)))
}

#[cfg(test)]
mod tests;
