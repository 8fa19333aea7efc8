//! `qmacsec network run`: every node of a topology as a process of its own on this machine, the
//! demand of every pair over ETSI 014, faults on order, and a verdict.
//!
//! ```text
//!   SAE x ─ 014 ─ node x ══ TLS ══ node y ══ TLS ══ node z ─ 014 ─ SAE z
//!     └────────────────── enc_keys, dec_keys: same bits? ──────────┘
//! ```
//! `layout` has the KMEs, of which an interworking node of two domains has two. `nodes` has their
//! processes and files, `demand` asks for keys as encryptors would, `watch`
//! shows the run and carries out the faults, `books` compares the accounts of both ends of each
//! link, `verdict` judges. `attached` runs the nodes behind a lab instead.

mod args;
mod attached;
mod books;
pub mod client;
mod demand;
mod layout;
mod nodes;
mod places;
mod table;
mod tally;
mod verdict;
mod watch;

use std::path::Path;
use std::process::ExitCode;

use qmacsec::command::Outcome;
use qmacsec::config::topology;
use qmacsec::output::note;

pub use args::Args;
pub(crate) use attached::{Attached, Choice};
use layout::Layout;
use verdict::Verdict;
use watch::Watch;

use crate::end;
use crate::stop::Stop;

/// Runs the network.
///
/// # Errors
/// The network could not be started. A network that runs and fails is a verdict, not an error.
pub fn main(args: &Args) -> Outcome {
    let verdict = match run(args) {
        Ok(verdict) => verdict,
        Err(error) => {
            if args.json {
                end::print(&verdict::error_document(&error))?;
            }
            return Err(error.into());
        }
    };
    note!("\n{}", verdict.text());
    if args.json {
        end::print(&serde_json::to_string(&verdict)?)?;
    }
    Ok(match verdict.passes() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn run(args: &Args) -> Result<Verdict, String> {
    let topology = topology(Path::new(""), &args.topology).map_err(|error| error.to_string())?;
    let topology = match args.interval {
        Some(interval) => topology.with_interval(interval),
        None => topology,
    };
    let faults = args.faults(&topology, &Layout::of(&topology))?;
    let stop = Stop::on_signals().map_err(crate::while_doing("watching for signals"))?;
    Watch::start(args, topology, faults, stop)?.run()
}
