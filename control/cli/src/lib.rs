//! The command line of `qmacsec`: its commands, and how an error is printed.
#![forbid(unsafe_code)]
#![deny(clippy::print_stderr, clippy::print_stdout)]

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use qmacsec::command::{
    check, distill, drill, keys, kme, ledger, link, network, node, nodes, order, pki, run, status,
};
use qmacsec::{limits, output};

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
  qmacsec lab                              run two sites with real frames and a key every 3 s
  qmacsec lab --rekey 500ms --duration 1m  the same, with faster rekeying, for 1 minute
  qmacsec link --km 50                     show the key rate of a modelled CV-QKD link
  qmacsec run --config site-a.toml         run one encryptor
  qmacsec status                           show if it encrypts, with which key, of which age";

#[derive(Subcommand)]
#[expect(clippy::large_enum_variant, reason = "a process has one command")]
enum Command {
    /// Run two sites on this machine: KMEs, encryptors, hosts, live table, verdict
    Lab(lab::Args),
    /// Run one encryptor until it is stopped
    Run(run::Args),
    /// Check the config of an encryptor and everything that it names; the network stays untouched
    Check(check::Args),
    /// Run lab KMEs, supplied by a modelled CV-QKD link
    Kme(kme::Args),
    /// Run one end of a QKD link with a simulated quantum channel: keys really distilled, and a KME
    #[command(subcommand)]
    Distill(distill::Command),
    /// Create lab certificates and pre-shared secrets
    Pki(pki::Args),
    /// Show the state of a running encryptor: key, age, counters, KME
    Status(status::Args),
    /// Order a fresh key for the transmit direction
    Rekey(order::RekeyArgs),
    /// Apply the policy of the config, without losing a frame
    Reload(order::ReloadArgs),
    /// Wipe every key of a running encryptor: no user frame passes until a restart
    Zeroise(order::ZeroiseArgs),
    /// Show the used keys from the ledger, newest last
    Keys(keys::Args),
    /// Compare the ledgers of both ends, and a capture of the line with them
    Ledger(ledger::Args),
    /// Show the secret key rate of the modelled CV-QKD link, with all inputs
    Link(link::Args),
    /// Plan, check, draw or run a network of QKD links with trusted relays
    #[command(subcommand)]
    Network(NetworkCommand),
}

/// Commands of `qmacsec network`.
#[derive(Subcommand)]
#[command(after_help = NETWORK_EXAMPLES)]
enum NetworkCommand {
    /// Check a topology: list every mistake with its line and its fix
    Check(network::CheckArgs),
    /// Show the load of each link, reserves, and the result of each single failure
    Plan(network::PlanArgs),
    /// Draw the network as an SVG picture, links coloured by load
    Map(network::MapArgs),
    /// Run every node on this machine: live table, keys for all pairs, verdict
    Run(lab::network::Args),
    /// Run one node until it is stopped
    Node(node::Args),
    /// Show links, pairs and accounts of running nodes
    Status(nodes::Args),
    /// Show which keys and frames an attacker can read who owns some nodes
    Drill(drill::Args),
}

const NETWORK_EXAMPLES: &str = "\
Examples:
  qmacsec network check --topology city.toml       list the mistakes of a topology file
  qmacsec network plan --topology metro-12         plan a built-in network
  qmacsec network map --topology ring-4 --out ring.svg
  qmacsec network run --topology metro-12          run its nodes, with keys for all pairs
  qmacsec network run --topology ring-4 --folder /tmp/net
  qmacsec network drill --compromise north /tmp/net     what an attacker at one node has read";

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
        Command::Distill(command) => distill::main(&command),
        Command::Pki(args) => pki::main(&args),
        Command::Status(args) => status::main(&args),
        Command::Rekey(args) => order::rekey(&args),
        Command::Reload(args) => order::reload(&args),
        Command::Zeroise(args) => order::zeroise(&args),
        Command::Keys(args) => keys::main(&args),
        Command::Ledger(args) => ledger::main(&args),
        Command::Link(args) => link::main(&args),
        Command::Network(NetworkCommand::Check(args)) => network::check(&args),
        Command::Network(NetworkCommand::Plan(args)) => network::plan(&args),
        Command::Network(NetworkCommand::Map(args)) => network::map(&args),
        Command::Network(NetworkCommand::Run(args)) => lab::network::main(&args),
        Command::Network(NetworkCommand::Node(args)) => node::main(&args),
        Command::Network(NetworkCommand::Status(args)) => nodes::main(&args),
        Command::Network(NetworkCommand::Drill(args)) => drill::main(&args),
    };
    outcome.unwrap_or_else(|error| {
        output::final_error(&in_words(&*error));
        ExitCode::from(limits::EXIT_FAILURE)
    })
}

/// Writes help and version to standard output, or an error in the arguments to standard error.
fn print_help(text: &clap::Error) -> ExitCode {
    let printed = text.print();
    let code = u8::try_from(text.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
    match output::ignore_closed_pipe(printed) {
        // An error in the arguments stays an error even if its message cannot be written.
        Err(_) if text.use_stderr() => code,
        Err(error) => {
            output::final_error(&in_words(&error));
            ExitCode::from(limits::EXIT_FAILURE)
        }
        Ok(()) => code,
    }
}

/// Returns an error and its causes as text.
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
