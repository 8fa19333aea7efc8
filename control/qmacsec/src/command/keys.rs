//! `qmacsec keys`: the used keys from the ledger. Never key material.

use std::path::PathBuf;
use std::process::ExitCode;

use node::passport::{Leg, legs};
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
    let mut legs = legs(&passport)?;
    if !out {
        legs.reverse(); // our own domain is the last one
    }
    let last = legs.len() - 1;
    let relays = |(number, leg): (usize, &Leg)| {
        // The ends of the whole way are sites.
        let (first, sites_after) = (usize::from(number == 0), usize::from(number == last));
        let path = |nodes: &Vec<String>| {
            let end = nodes.len().saturating_sub(sites_after);
            nodes.get(first..end).unwrap_or_default().join(", ")
        };
        leg.paths.iter().map(path).collect::<Vec<_>>().join(" | ")
    };
    let legs: Vec<_> = legs.iter().enumerate().map(relays).collect();
    Some(legs.join(" => "))
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
