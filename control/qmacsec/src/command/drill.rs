//! `qmacsec network drill`: the keys, frames and seconds that an attacker knows who owns some
//! nodes.

mod what_if;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use node::drill::{Drill, Ledgers};
use serde::Serialize;

use super::Outcome;
use crate::config::topology;
use crate::ledger::Source;
use crate::output::{self, outln};
use what_if::{WhatIf, what_if};

/// Arguments of `qmacsec network drill`.
#[derive(clap::Args)]
#[command(after_help = "\
The folder holds the ledgers of the nodes (NAME.node-ledger, as 'network run --folder' leaves them). \
Ledgers of encryptors (*.ledger) in the same folder show which frames the known keys protected.

A SAK is derived from its QKD key and the root of the pair of encryptors. Who knows the QKD key \
still needs the root: the pre-shared secret and, after the first minute, the shared secret of an \
ML-KEM exchange.

With --topology it also shows what the attacker would know of the same keys if each had taken one \
path of the plan, and two.

Example:
  qmacsec network drill --compromise birch,cedar /tmp/net --topology ring-4")]
pub struct Args {
    /// Nodes that the attacker owned during the whole run
    #[arg(long, value_name = "NODE,…", value_delimiter = ',', required = true)]
    compromise: Vec<String>,
    /// The network's topology: shows the same keys with one path and with two
    #[arg(long, value_name = "FILE|NAME")]
    topology: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Folder with the ledgers
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// The whole result.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    drill: Drill,
    /// Lives of SAKs whose QKD key is known: one for each encryptor that sent under it.
    saks: Vec<Sak>,
    /// The same keys with one path and with two, if the topology was given.
    what_if: Vec<WhatIf>,
    /// Contradictions between the ledgers of the nodes.
    findings: Vec<String>,
}

/// A SAK whose QKD key the attacker knows.
#[derive(Serialize)]
struct Sak {
    encryptor: String,
    key_id: String,
    /// First and last frame, in milliseconds since 1970.
    from_ms: u64,
    until_ms: u64,
    frames: u64,
    /// The root that the attacker needs as well: 0 is the pre-shared secret; above that, it
    /// contains this number of ML-KEM exchanges.
    root: u32,
}

/// Reads the ledgers and prints what the attacker knows.
///
/// # Errors
/// A ledger cannot be read, or its chain is broken; an unknown node.
pub fn main(args: &Args) -> Outcome {
    let ledgers = Ledgers::read(&args.folder)?;
    let drill = ledgers.drill(&args.compromise)?;
    let saks = saks(&args.folder, &drill)?;
    let what_if = match &args.topology {
        None => Vec::new(),
        Some(named) => {
            let topology = topology(Path::new(""), named)?;
            what_if(&topology, &ledgers.keys_by_pair(), &args.compromise).into()
        }
    };
    let (findings, _) = ledgers.findings();
    let report = Report {
        drill,
        saks,
        what_if,
        findings: findings.to_vec(),
    };
    if args.json {
        outln!("{}", serde_json::to_string(&report)?)?;
    } else {
        output::write(text(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Finds the use of the known keys in the ledgers of encryptors.
fn saks(folder: &Path, drill: &Drill) -> Result<Vec<Sak>, Box<dyn std::error::Error>> {
    let mut files = Vec::new();
    for file in folder.read_dir()? {
        let path = file?.path();
        if path.extension().is_some_and(|end| end == "ledger") {
            files.push(path);
        }
    }
    files.sort();
    let mut saks = Vec::new();
    for file in files {
        for entry in Source::find(&file)?.entries()? {
            let entry = entry?;
            let Some(record) = entry.record() else {
                continue;
            };
            if record.direction == "out" && drill.known.contains(&record.key_id) {
                saks.push(Sak {
                    encryptor: record.encryptor.clone(),
                    key_id: record.key_id.clone(),
                    from_ms: record.first_frame_ms.unwrap_or(record.installed_ms),
                    until_ms: record.last_frame_ms.unwrap_or(record.installed_ms),
                    frames: record.frames,
                    root: record.root,
                });
            }
        }
    }
    Ok(saks)
}

fn text(report: &Report) -> String {
    let Report {
        drill,
        saks,
        what_if,
        findings,
    } = report;
    let mut text = String::new();
    let mut line = |words: std::fmt::Arguments<'_>| {
        let _never_fails = writeln!(text, "{words}");
    };
    line(format_args!("attacker at     {}", drill.nodes.join(", ")));
    line(format_args!(
        "keys            {} delivered to both SAEs",
        drill.keys
    ));
    line(format_args!(
        "  own sites     {} end at these nodes: known by definition",
        drill.keys_of_owned_sites
    ));
    line(format_args!("  other sites   {} known", drill.keys_known));
    line(format_args!(
        "  one share     {} of two paths, one of them through these nodes: not known",
        drill.keys_with_one_share_known
    ));
    for pair in &drill.pairs {
        let seconds = pair.last_ms.saturating_sub(pair.first_ms) as f64 / 1e3;
        line(format_args!(
            "  {} to {}: {} keys within {seconds:.1} s",
            pair.initiator, pair.target, pair.keys
        ));
    }
    for (case, heading) in what_if.iter().zip(["with one path", "with two"]) {
        line(format_args!(
            "{heading:<16}{} keys of other sites known; {} of pairs without such paths",
            case.keys_known, case.keys_without_paths
        ));
    }
    let frames: u64 = saks.iter().map(|sak| sak.frames).sum();
    let used = |sak: &Sak| sak.until_ms.saturating_sub(sak.from_ms);
    let seconds = saks.iter().map(used).sum::<u64>() as f64 / 1e3;
    line(format_args!(
        "SAKs            {} from known keys: {frames} frames in {seconds:.1} s",
        saks.len()
    ));
    let root_0 = saks.iter().filter(|sak| sak.root == 0).count();
    line(format_args!(
        "  to read them  the attacker also needs the pre-shared secret ({root_0} SAKs), or that and \
         ML-KEM ({})",
        saks.len() - root_0
    ));
    for finding in findings {
        line(format_args!("contradiction   {finding}"));
    }
    text
}

#[cfg(test)]
mod tests;
