//! `qmacsec network status`: the state of running nodes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use node::NodeReport;

use super::Outcome;
use crate::output::{self, note, outln};
use crate::status::query;

/// Arguments of `qmacsec network status`.
#[derive(clap::Args)]
#[command(after_help = "\
Exit code: 0 if every node answers; 1 if one does not.

Examples:
  qmacsec network status --socket left.sock
  qmacsec network status --folder /tmp/net --json | jq '.[].links'
      the nodes of `qmacsec network run --folder /tmp/net`")]
#[command(group = clap::ArgGroup::new("where").required(true).args(["socket", "folder"]))]
#[group(skip)]
pub struct Args {
    /// Status socket of a node; may be given more than once
    #[arg(long, value_name = "PATH")]
    socket: Vec<PathBuf>,
    /// Folder with the status sockets of several nodes
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Print the reports as a JSON array, for scripts
    #[arg(long)]
    json: bool,
}

/// Queries the nodes and prints their state.
///
/// # Errors
/// The folder cannot be read, or the output cannot be written.
pub fn main(args: &Args) -> Outcome {
    let mut sockets = args.socket.clone();
    if let Some(folder) = &args.folder {
        sockets.extend(sockets_in(folder)?);
    }
    let mut reports = Vec::new();
    let mut silent = false;
    for socket in &sockets {
        match query::<NodeReport>(socket) {
            Ok(report) => reports.push(report),
            Err(error) => {
                silent = true;
                note!("qmacsec: {error}");
            }
        }
    }
    if args.json {
        outln!("{}", serde_json::to_string(&reports)?)?;
    } else {
        for report in &reports {
            output::write(text(report))?;
        }
    }
    Ok(match silent {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// Returns the sockets in a folder, in the order of their names.
fn sockets_in(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let unreadable = |problem: &dyn std::fmt::Display| {
        let folder = folder.display();
        format!("{folder}: {problem}; fix: name the folder of a running network")
    };
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(&error))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut sockets: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "sock"))
        .collect();
    sockets.sort();
    match sockets.is_empty() {
        true => Err(unreadable(&"there is no status socket")),
        false => Ok(sockets),
    }
}

fn text(report: &NodeReport) -> String {
    let mut out = format!(
        "{}  topology {}, up for {:.0} s, {} keys wait for their SAEs\n",
        report.node, report.topology, report.uptime_s, report.keys_held
    );
    for link in &report.links {
        let used = link.accounts.relayed + link.accounts.authentication;
        let _infallible = writeln!(
            out,
            "  link {:<26} {:<4} {:>8.1} kbit/s  {:>10} bits left  {:>10} used",
            link.name,
            link.state,
            link.rate_bit_s / 1e3,
            link.accounts.left,
            used
        );
    }
    for pair in &report.pairs {
        let paths: Vec<_> = pair.paths.iter().map(|path| path.join(" - ")).collect();
        let state = match &pair.without_keys {
            Some(reason) => format!("no keys: {reason}"),
            None => paths.join(" and "),
        };
        let _infallible = writeln!(
            out,
            "  to {:<18} {:>4} in stock  {:>7} delivered  {:>5} voided  {state}",
            pair.to, pair.stock, pair.delivered, pair.voided
        );
    }
    out
}

#[cfg(test)]
mod tests;
