//! `qmacsec ledger verify`: do the two ends tell the same of every key, and does the line agree?

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::Outcome;
use crate::ledger::{read, verify_capture, verify_pair};

/// Arguments of `qmacsec ledger`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Hold the ledgers of the two ends of a line against each other
    Verify(Verify),
}

/// Arguments of `qmacsec ledger verify`.
#[derive(clap::Args)]
#[command(after_help = "\
Checks both hash chains; that each key was used once, in one direction, with the same AN, epoch, suite and
origin at both ends; that no more frames were let through than protected. With a capture of the line: that
under one key no packet number came twice.
Exit code: 0 if nothing grave was found, 1 otherwise.

Example:
  qmacsec ledger verify site-a.ledger site-b.ledger --pcap line.pcapng")]
struct Verify {
    /// Ledger of one end
    #[arg(value_name = "A")]
    a: PathBuf,
    /// Ledger of the other end
    #[arg(value_name = "B")]
    b: PathBuf,
    /// A capture of the line between them (pcapng or pcap)
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
}

/// Verifies and prints what was found.
///
/// # Errors
/// A ledger or the capture cannot be read; a ledger's chain is broken.
#[expect(
    clippy::print_stdout,
    reason = "the findings are this command's output"
)]
pub fn main(args: &Args) -> Outcome {
    let Command::Verify(args) = &args.command;
    let (a, b) = (read(&args.a)?, read(&args.b)?);
    let mut verification = verify_pair(&a, &b);
    if let Some(capture) = &args.pcap {
        verify_capture(capture, [&a, &b], &mut verification)?;
    }
    println!("chains: {} and {} entries, unbroken", a.len(), b.len());
    println!("keys: {} told of alike by both ends", verification.keys);
    if args.pcap.is_some() {
        println!(
            "capture: {} frames, each under a key of the ledgers",
            verification.frames
        );
    }
    for finding in &verification.findings {
        println!(
            "{}: {}",
            if finding.grave { "GRAVE" } else { "note" },
            finding.text
        );
    }
    let sound = verification.sound();
    println!("{}", if sound { "sound" } else { "NOT SOUND" });
    Ok(if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
