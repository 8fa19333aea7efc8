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
//! ports, with its secrets in a `vault`.
//!
//! With distilled keys, two `devices` take the place of the KMEs.
//!
//! [`network`] is `qmacsec network run`: all nodes of a network instead of one link.
//!
//! The tests and the bench start pairs of encryptors with the same parts: [`site`], [`folder`]
//! (files and configs), [`kmes`], [`encryptor`] (in this process), [`line_watch`] and [`sniff`].
#![forbid(unsafe_code)]
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod args;
mod child;
mod devices;
mod direction;
mod distillation;
pub mod encryptor;
mod end;
mod faults;
pub mod folder;
mod frames;
mod keep;
pub mod kmes;
mod last_reports;
pub mod line_watch;
mod lives;
mod memory;
pub mod netns;
pub mod network;
mod paint;
pub mod patience;
pub mod ping;
mod processes;
pub mod sandbox;
pub mod site;
mod sites;
pub mod sniff;
mod stop;
mod table;
pub mod topology;
mod transfer;
mod vault;
mod verdict;

use std::fs::OpenOptions;
use std::io;
use std::time::Duration;

use qmacsec::command::Outcome;
use qmacsec::config::PortKind;
use qmacsec::modelled_link::ModelledLink;
use qmacsec::output::note;

pub use args::Args;
use args::{KeyOrigin, RedChoice};
use end::End;
use keep::Keep;
use stop::Stop;

#[cfg(test)]
mod tests;

/// Time limit for the first key of both directions.
const FIRST_KEY: Duration = Duration::from_secs(20);
/// The reason why a lab that is stopped too early proves nothing.
const BEFORE_THE_FIRST_KEY: &str = "stopped before the first key";
/// Interval of the checks of the running lab.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Runs the lab.
///
/// # Errors
/// The chain could not be built. A chain that runs and fails is a verdict, not an error.
pub fn main(args: &Args) -> Outcome {
    let end = match end_of(args) {
        Ok(end) => end,
        Err(error) => {
            if args.json {
                end::print(&end::error_document(&error))?;
            }
            return Err(error.into());
        }
    };
    note!("{}", end.text());
    if args.json {
        end::print(&end.document()?)?;
    }
    Ok(end.code())
}

/// Builds the lab, runs it and judges it.
fn end_of(args: &Args) -> Result<End, String> {
    args.check()?;
    args.choice()?;
    // A lab without keys proves nothing.
    if args.network.is_none()
        && args.keys == KeyOrigin::Modelled
        && let Some(no_key) = ModelledLink::of(&args.preset, args.km)?.no_key()
    {
        return Ok(End::NoKey(no_key));
    }
    let keep = Keep::prepare(args)?;
    let stop = Stop::on_signals().map_err(while_doing("watching for signals"))?;
    End::of(match red_port(args.red) {
        Ok(red) => processes::run(args, red, keep, &stop),
        Err(why) if args.network.is_some() => {
            return Err(format!(
                "--network needs network namespaces: {why}; fix: allow them, or leave it out"
            ));
        }
        Err(why) if args.keys == KeyOrigin::Distilled => {
            return Err(format!(
                "--keys distilled needs network namespaces: {why}; fix: allow them, or leave it out"
            ));
        }
        Err(why) => {
            note!("no network namespaces for the lab: {why}");
            note!("the same chain runs over in-memory ports instead, with frames of its own\n");
            memory::run(args, keep, &stop)
        }
    })
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
            "/dev/net/tun: {error}; fix: load the module tun, allow this user to open it"
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

/// Reports a completed step of the start.
fn done(step: &str) {
    note!("  ✓ {step}");
}

/// Adds the present action to an error.
fn while_doing(step: &str) -> impl FnOnce(io::Error) -> String + '_ {
    move |error| format!("{step}: {error}")
}
