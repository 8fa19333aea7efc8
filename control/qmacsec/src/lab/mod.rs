//! `qmacsec lab`: the whole chain on one machine, with real frames, and a verdict.
//!
//! ```text
//!   host a ══ red [encryptor a] black ═══ line ═══ black [encryptor b] red ══ host b
//!                     │ 014, mTLS         ▲ watched            │
//!                   KME a ~~~~~~ modelled CV-QKD link ~~~~~~ KME b
//! ```
//! `sandbox` creates namespaces that end with the lab, `topology` the cables, `sites` the
//! processes. `ping` and `transfer` are the hosts' traffic, and `sniff` watches the line.
//! `last_reports` collects the counters of the encryptors, and `verdict` judges them. `faults`
//! parses the faults on order. Without namespaces, `memory` runs the same chain over in-memory
//! ports.

mod args;
mod child;
mod direction;
mod faults;
mod frames;
mod keep;
mod last_reports;
mod line_watch;
mod lives;
mod memory;
pub mod netns;
mod ping;
mod processes;
pub mod sandbox;
mod sites;
mod sniff;
mod stop;
mod table;
pub mod topology;
mod transfer;
mod verdict;

use std::fs::OpenOptions;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

pub use args::Args;
use args::RedChoice;
pub(crate) use child::die_with_parent;
use keep::Keep;
use stop::Stop;
use verdict::{Verdict, Word};

use crate::command::{Outcome, kme};
use crate::config::PortKind;
use crate::output::{note, outln};

#[cfg(test)]
mod tests;

/// Time limit for the first key of both directions.
const FIRST_KEY: Duration = Duration::from_secs(20);
/// Interval of the checks of the running lab.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Exit code of a run whose result is not proven.
const NOT_PROVEN: u8 = 2;

/// Runs the lab.
///
/// # Errors
/// The chain could not be built. A chain that runs and fails is a verdict, not an error.
pub fn main(args: &Args) -> Outcome {
    args.check()?;
    if let Some(no_key) = kme::link_of(&args.preset, args.km)?.no_key() {
        return print_no_key(args, &no_key);
    }
    let keep = Keep::prepare(args)?;
    let stop = Stop::on_signals()?;
    let verdict = match red_port(args.red) {
        Ok(red) => processes::run(args, red, keep, &stop)?,
        Err(why) => {
            note!("no network namespaces for the lab: {why}");
            note!("the same chain runs over in-memory ports instead, with frames of its own\n");
            memory::run(args, keep, &stop)?
        }
    };
    print(args, &verdict)
}

/// Enters the sandbox and selects the red port. An error is the reason to use in-memory ports.
fn red_port(choice: RedChoice) -> Result<PortKind, String> {
    if choice == RedChoice::Mem {
        return Err("--red mem asks for none".to_owned());
    }
    let tun = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun");
    if let (RedChoice::Tap, Err(error)) = (choice, &tun) {
        return Err(format!(
            "/dev/net/tun: {error}; mend: load the module tun, allow this user to open it"
        ));
    }
    sandbox::enter().map_err(|error| error.to_string())?;
    match (choice, tun) {
        (RedChoice::Packet, _) => Ok(PortKind::Packet),
        (RedChoice::Xdp, _) => Ok(PortKind::Xdp),
        (RedChoice::Dpdk, _) => Ok(PortKind::Dpdk),
        (_, Ok(_)) => Ok(PortKind::Tap),
        (_, Err(error)) => {
            note!(
                "/dev/net/tun cannot be opened ({error}): red ports are veth pairs instead of TAP"
            );
            Ok(PortKind::Packet)
        }
    }
}

/// Reports a link without keys before the lab is built, because a lab without keys proves nothing.
fn print_no_key(args: &Args, no_key: &kme::NoKey) -> Outcome {
    note!("FAIL: {no_key}; fix: a shorter --km, or another --preset (qmacsec link --list)");
    if args.json {
        let verdict = serde_json::json!({ "verdict": Word::Fail, "no_key": no_key });
        outln!("{verdict}")?;
    }
    Ok(ExitCode::FAILURE)
}

fn print(args: &Args, verdict: &Verdict) -> Outcome {
    note!("\n{}", verdict.text());
    if args.json {
        outln!("{}", serde_json::to_string(verdict)?)?;
    }
    Ok(match verdict.verdict {
        // The line works, but a requested file is missing.
        Word::Pass if !verdict.troubles.is_empty() => ExitCode::FAILURE,
        Word::Pass => ExitCode::SUCCESS,
        Word::Fail => ExitCode::FAILURE,
        Word::NotProven => ExitCode::from(NOT_PROVEN),
    })
}

/// Reports a completed step of the start.
fn done(step: &str) {
    note!("  ✓ {step}");
}

/// Adds the present action to an error.
fn while_doing(step: &str) -> impl FnOnce(io::Error) -> String + '_ {
    move |error| format!("{step}: {error}")
}
