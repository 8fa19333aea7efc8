//! `qmacsec check`: reads a config and everything it names, and reports what would stop `run`.

use std::path::PathBuf;
use std::process::ExitCode;

use worker::Action;

use super::Outcome;
use crate::config::EncryptorConfig;
use crate::ledger;
use crate::output::{OutputError, outln};
use crate::preflight::{self, Examined};

/// Arguments of `qmacsec check`.
#[derive(clap::Args)]
#[command(after_help = "\
Makes the checks that `run` makes before it opens anything, with the rights of the present user: \
files and their rights, interfaces, cores, folders. It prints every mistake that it finds.
Exit code: 0 if it finds no mistake, otherwise 1.

Example:
  qmacsec check --config /etc/qmacsec/site-a.toml")]
pub struct Args {
    /// Config file of the encryptor (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Checks and prints a summary.
///
/// # Errors
/// All mistakes found, each with file, key, value and fix; output that cannot be written.
pub fn main(args: &Args) -> Outcome {
    let Examined { config, ledger } = preflight::examine(&args.config)?;
    outln!("{} is fine:", args.config.display())?;
    outln!(
        "  {}: red {} (MTU {}), black {}",
        config.encryptor.name,
        config.red.name(),
        config.red.mtu,
        config.black.name()
    )?;
    let count = config.worker.count;
    outln!("  frame workers for each direction: {count}")?;
    outln!(
        "  {}, engine {}",
        config.macsec.suite.0.name(),
        config.encryptor.engine.0.name()
    )?;
    outln!(
        "  peer {} (SAE {}), rekey interval {}, a key is used for {} at most",
        config.the_peer().name,
        config.the_peer().sae_id,
        config.rekey.interval,
        config.rekey.hold_max
    )?;
    for (url, _) in config.kme.addresses() {
        outln!("  KME {url}")?;
    }
    if let (Some(path), Some(found)) = (&config.encryptor.ledger, ledger) {
        outln!("  ledger {}: {}", path.display(), ledger_words(&found))?;
    }
    print_policy(&config)?;
    Ok(ExitCode::SUCCESS)
}

fn ledger_words(found: &ledger::Inspection) -> String {
    let cut = match found.cut {
        0 => String::new(),
        octets => format!(
            "; {octets} octets after the last entry are not an entry, as after a power cut: `run` \
             cuts them off"
        ),
    };
    let lost = found.lost.map_or_else(String::new, |lost| {
        format!(
            "; {lost}: `run` begins a new file after the last known entry, and moves any other \
             file aside"
        )
    });
    format!(
        "{} entries, segment {}{cut}{lost}",
        found.entries, found.segment
    )
}

/// Prints the policy table in the order that applies to frames from red.
fn print_policy(config: &EncryptorConfig) -> Result<(), OutputError> {
    let policy = &config.policy.table;
    outln!("  frames from red; the first line that matches applies:")?;
    for (line, action) in policy.lines() {
        let mark = match action {
            Action::Bypass => "   <- IN CLEAR on the line, both ways",
            Action::Protect | Action::Discard => "",
        };
        outln!("    {:<8} {line}{mark}", action.name())?;
    }
    let tags = config.macsec.clear_vlan_tags;
    if tags > 0 {
        outln!("  VLAN tags in clear on the line: {tags}, the outermost")?;
    }
    if policy.bypasses_of().next().is_some() {
        outln!(
            "  WARNING: frames that bypass are neither secret nor authentic; the other end must \
             have the same rules"
        )?;
    }
    Ok(())
}
