//! `qmacsec keys`: the used keys from the ledger. Never key material.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::Value;

use super::Outcome;
use crate::ledger::{Record, Source};
use crate::output::outln;

/// Arguments of `qmacsec keys`.
#[derive(clap::Args)]
#[command(after_help = "\
The config names the ledger: [encryptor] ledger = \"site-a.ledger\".

Example:
  qmacsec keys --ledger site-a.ledger --last 10")]
pub struct Args {
    /// File of the ledger, or the folder that holds it
    #[arg(long, value_name = "FILE")]
    ledger: PathBuf,
    /// Number of keys to show, newest last
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: usize,
    /// Print JSON, one record per line
    #[arg(long)]
    json: bool,
}

/// Reads and prints the records.
///
/// # Errors
/// The ledger cannot be read, or its chain is broken.
pub fn main(args: &Args) -> Outcome {
    let records = Source::find(&args.ledger)?.last_records(args.last)?;
    if !args.json {
        outln!(
            "{:<4} {:<36} {:<10} {:>4} {:>2} {:>6} {:>10} {:>9}  suite",
            "way",
            "key_ID",
            "origin",
            "root",
            "AN",
            "epoch",
            "frames",
            "used"
        )?;
    }
    for record in &records {
        if args.json {
            outln!("{}", serde_json::to_string(record)?)?;
        } else {
            outln!("{}", row(record))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the names of the nodes that relayed a key, each path in turn, and each domain from the
/// initiator to the target. `out`: this end is the initiator.
fn relays(passport: &str, out: bool) -> Option<String> {
    let passport: Value = serde_json::from_str(passport).ok()?;
    match passport.get("neighbour") {
        None => leg(&passport, 1, 1),
        Some(neighbour) if out => {
            let (own, neighbour) = (leg(&passport, 1, 0)?, leg(neighbour, 0, 1)?);
            Some(format!("{own} => {neighbour}"))
        }
        Some(neighbour) => {
            let (own, neighbour) = (leg(&passport, 0, 1)?, leg(neighbour, 1, 0)?);
            Some(format!("{neighbour} => {own}"))
        }
    }
}

/// The nodes of each path in one domain, without the first and the last ones: those are sites.
fn leg(passport: &Value, first: usize, last: usize) -> Option<String> {
    let mut paths = Vec::new();
    for path in passport.get("paths")?.as_array()? {
        let nodes = path.get("nodes")?.as_array()?.iter();
        let nodes: Option<Vec<_>> = nodes.map(Value::as_str).collect();
        let nodes = nodes?;
        let end = nodes.len().saturating_sub(last);
        paths.push(nodes.get(first..end).unwrap_or_default().join(", "));
    }
    Some(paths.join(" | "))
}

fn row(record: &Record) -> String {
    let used_ms = record
        .last_frame_ms
        .zip(record.first_frame_ms)
        .map_or(0, |(last, first)| last.saturating_sub(first));
    format!(
        "{:<4} {:<36} {:<10} {:>4} {:>2} {:>6} {:>10} {:>7.1} s  {}",
        record.direction,
        record.key_id,
        record.origin,
        record.root,
        record.an,
        record.epoch,
        record.frames,
        used_ms as f64 / 1e3,
        record.suite
    ) + &record
        .passport
        .as_deref()
        .and_then(|passport| relays(passport, record.direction == "out"))
        .map_or_else(String::new, |relays| format!("  via {relays}"))
}

#[cfg(test)]
mod tests;
