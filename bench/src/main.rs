//! `qmacsec-bench`: see [`qmacsec_bench`].

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use qmacsec_bench::crypto;

/// Measures qmacsec and its peers on this machine.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// AES-256-GCM engines and their peers side by side
    Crypto(crypto::Options),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().what {
        What::Crypto(options) => crypto::run(&options),
    };
    match outcome {
        Ok(text) => print(&text),
        Err(error) => {
            eprintln!("qmacsec-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A reader that went away (`| head`) is no failure.
fn print(text: &str) -> ExitCode {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("qmacsec-bench: cannot write the report: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
