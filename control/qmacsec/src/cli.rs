//! The command line: which command, with which arguments.

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::command::{check, keys, kme, ledger, link, order, pki, run, status};
use crate::output;
use crate::{lab, limits};

/// Line encryptor: protects Ethernet between two sites with MACsec (IEEE 802.1AE) and changes the
/// key every few seconds with keys from a QKD KME (ETSI GS QKD 014).
#[derive(Parser)]
#[command(name = "qmacsec", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  qmacsec lab                              two sites on this machine, real frames, a key every 3 s
  qmacsec lab --rekey 500ms --duration 1m  the same, faster and longer
  qmacsec link --km 50                     what the modelled CV-QKD link delivers, and why
  qmacsec run --config site-a.toml         one encryptor
  qmacsec status                           is it encrypting now, with which key, how old";

#[derive(Subcommand)]
enum Command {
    /// Two sites on this machine: KMEs, encryptors, hosts, live table, verdict
    Lab(lab::Args),
    /// One encryptor, until stopped
    Run(run::Args),
    /// Check an encryptor's config and what it names, without touching the network
    Check(check::Args),
    /// Lab KMEs fed by a modelled CV-QKD link
    Kme(kme::Args),
    /// Lab certificates, and pre-shared secrets
    Pki(pki::Args),
    /// What a running encryptor does: key, age, counters, KME
    Status(status::Args),
    /// A fresh key for our direction, now
    Rekey(order::RekeyArgs),
    /// Take over the policy of the config, without losing a frame
    Reload(order::ReloadArgs),
    /// Wipe every key of a running encryptor: no user frame passes until a restart
    Zeroise(order::ZeroiseArgs),
    /// The keys that were used: the ledger, newest last
    Keys(keys::Args),
    /// Check ledgers against each other, and a capture against them
    Ledger(ledger::Args),
    /// Secret key rate of the modelled CV-QKD link, all inputs shown
    Link(link::Args),
}

/// Runs the program with the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(help_or_mistake) => return print_help(&help_or_mistake),
    };
    let outcome = match cli.command {
        Command::Lab(args) => lab::main(&args),
        Command::Run(args) => run::main(&args),
        Command::Check(args) => check::main(&args),
        Command::Kme(args) => kme::main(&args),
        Command::Pki(args) => pki::main(&args),
        Command::Status(args) => status::main(&args),
        Command::Rekey(args) => order::rekey(&args),
        Command::Reload(args) => order::reload(&args),
        Command::Zeroise(args) => order::zeroise(&args),
        Command::Keys(args) => keys::main(&args),
        Command::Ledger(args) => ledger::main(&args),
        Command::Link(args) => link::main(&args),
    };
    outcome.unwrap_or_else(|error| {
        output::last_words(&in_words(&*error));
        ExitCode::from(limits::EXIT_FAILURE)
    })
}

/// Help and version on standard output, or a mistake in the arguments on standard error.
fn print_help(text: &clap::Error) -> ExitCode {
    let printed = text.print();
    let code = u8::try_from(text.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
    match output::forgive(printed) {
        // A mistake is an error even if its message cannot be written.
        Err(_) if text.use_stderr() => code,
        Err(error) => {
            output::last_words(&in_words(&error));
            ExitCode::from(limits::EXIT_FAILURE)
        }
        Ok(()) => code,
    }
}

/// An error and its causes.
fn in_words(error: &dyn Error) -> String {
    let mut words = format!("qmacsec: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        // Many errors include their cause in their own text.
        if !words.contains(&text) {
            words += &format!("\n  because: {text}");
        }
        source = cause.source();
    }
    words
}
