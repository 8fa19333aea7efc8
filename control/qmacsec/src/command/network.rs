//! `qmacsec network check`, `plan` and `map`: a network before any of it runs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use network::plan::{DomainPlan, Options, Plan, domains};
use network::topology::{INTERVAL_MAX, INTERVAL_MIN};
use network::{Topology, map};
use serde_json::json;

use super::Outcome;
use crate::config::{TopologyError, topology};
use crate::limits;
use crate::output::{self, outln};

/// The topology that a command works on.
#[derive(clap::Args)]
pub struct TopologyArgs {
    /// Topology file (TOML), or a built-in topology: metro-12, metro-12-fast, ring-4, line-3,
    /// two-domains
    #[arg(long, value_name = "FILE|NAME")]
    topology: String,
}

impl TopologyArgs {
    /// Reads the topology.
    ///
    /// # Errors
    /// There is none, it cannot be read, or it has mistakes.
    pub fn read(&self) -> Result<Topology, TopologyError> {
        topology(Path::new(""), &self.topology)
    }
}

/// Arguments of `qmacsec network check`.
#[derive(clap::Args)]
#[command(after_help = "\
Exit code: 0 if there is no mistake, otherwise 1.

Examples:
  qmacsec network check --topology city.toml
  qmacsec network check --topology city.toml --json | jq '.mistakes[].line'")]
pub struct CheckArgs {
    #[command(flatten)]
    topology: TopologyArgs,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

/// Checks a topology.
///
/// # Errors
/// All mistakes of the file; output that cannot be written.
pub fn check(args: &CheckArgs) -> Outcome {
    let topology = match args.topology.read() {
        Err(TopologyError::Mistakes(mistakes)) if args.json => {
            outln!("{}", json!({ "fine": false, "mistakes": mistakes.all() }))?;
            return Ok(ExitCode::from(limits::EXIT_FAILURE));
        }
        read => read?,
    };
    let digest = topology.digest().to_string();
    let domains = domains(&topology);
    if args.json {
        outln!(
            "{}",
            json!({ "fine": true, "mistakes": [], "digest": digest, "domains": domains })
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    let demand = topology.demand();
    outln!("{} is fine:", args.topology.topology)?;
    outln!(
        "  {} nodes, {} links",
        topology.nodes().len(),
        topology.links().len()
    )?;
    outln!(
        "  {} pairs of sites, keys every {}, disjoint paths: {}",
        demand.pairs.len(),
        humantime::format_duration(demand.interval),
        demand.paths.count()
    )?;
    match domains[..] {
        [_] => outln!("  digest {digest}")?,
        _ => {
            for DomainPlan { domain, digest } in domains {
                outln!("  digest of {domain}: {digest}")?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Arguments of `qmacsec network plan`.
#[derive(clap::Args)]
#[command(after_help = "\
Rates come from the model of each link at its worst hour of the day, in finite blocks. The reserve \
is the number of blocks that the pool of a link must hold so that it runs dry with a probability of \
at most 1e-6; `dry` is the probability itself, from a simulation of block arrivals.
Exit code: 0 if every pair is served and no link is loaded beyond its supply, otherwise 1.

Examples:
  qmacsec network plan --topology metro-12
  qmacsec network plan --topology metro-12 --interval 100ms
  qmacsec network plan --topology city.toml --json | jq '.links[] | select(.load > 0.5)'")]
pub struct PlanArgs {
    #[command(flatten)]
    demand: DemandArgs,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

/// The topology, and assumptions other than those of the file.
#[derive(clap::Args)]
struct DemandArgs {
    #[command(flatten)]
    topology: TopologyArgs,
    /// Time between two switches of keys, such as 3s; default: that of the topology
    #[arg(long, value_name = "TIME", value_parser = interval)]
    interval: Option<Duration>,
    /// Bits of link key that authenticate one relayed key on one link; default: as many as the
    /// relays take at this interval
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u32).range(0..=65_536))]
    authentication_bits: Option<u32>,
    /// Seed of the simulation
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match (INTERVAL_MIN..=INTERVAL_MAX).contains(&interval) {
        true => Ok(interval),
        false => Err(format!(
            "not {INTERVAL_MIN:?} to {INTERVAL_MAX:?}; fix: such as 3s"
        )),
    }
}

impl DemandArgs {
    fn plan(&self) -> Result<(Topology, Plan), TopologyError> {
        let mut topology = self.topology.read()?;
        if let Some(interval) = self.interval {
            topology = topology.with_interval(interval);
        }
        let options = Options {
            authentication_bits: self.authentication_bits,
            seed: self.seed,
        };
        let plan = Plan::of(&topology, options);
        Ok((topology, plan))
    }
}

/// Prints a plan.
///
/// # Errors
/// The topology cannot be used, or the output cannot be written.
pub fn plan(args: &PlanArgs) -> Outcome {
    let (_, plan) = args.demand.plan()?;
    if args.json {
        outln!("{}", serde_json::to_string(&plan)?)?;
    } else {
        output::write(&plan)?;
    }
    Ok(match plan.fits {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(limits::EXIT_FAILURE),
    })
}

/// Arguments of `qmacsec network map`.
#[derive(clap::Args)]
#[command(after_help = "\
The picture follows the light or dark scheme of the reader. It shows the loads of \
`qmacsec network plan` with the same options.

Examples:
  qmacsec network map --topology metro-12 --out metro-12.svg
  qmacsec network map --topology metro-12 --interval 100ms >metro-12.svg")]
pub struct MapArgs {
    #[command(flatten)]
    demand: DemandArgs,
    /// File to write; default: standard output
    #[arg(long, value_name = "FILE.svg")]
    out: Option<PathBuf>,
}

/// Draws a network.
///
/// # Errors
/// The topology cannot be used, or the picture cannot be written.
pub fn map(args: &MapArgs) -> Outcome {
    let (topology, plan) = args.demand.plan()?;
    let svg = map::svg(&topology, &plan);
    match &args.out {
        None => output::write(svg)?,
        Some(path) => {
            std::fs::write(path, svg).map_err(|error| {
                let path = path.display();
                format!(
                    "{path} cannot be written ({error}); fix: name a file in a folder that is \
                         there and writable"
                )
            })?;
            outln!("{}", path.display())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
