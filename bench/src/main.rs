//! `qmacsec-bench`: see [`qmacsec_bench`].

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use qmacsec_bench::{crypto, timing};

/// Exit code where a measurement found what must not be.
const FOUND: u8 = 2;

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
    /// Looks for time that depends on keys, payloads or tags
    Timing(timing::Options),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().what {
        What::Crypto(options) => crypto::run(&options).map(|text| (text, ExitCode::SUCCESS)),
        What::Timing(options) => timing::run(&options).map(|(text, verdict)| {
            let found = verdict == timing::Verdict::Leak;
            (
                text,
                if found {
                    ExitCode::from(FOUND)
                } else {
                    ExitCode::SUCCESS
                },
            )
        }),
    };
    match outcome {
        Ok((text, code)) => print(&text, code),
        Err(error) => {
            eprintln!("qmacsec-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A reader that went away (`| head`) is no failure.
fn print(text: &str, code: ExitCode) -> ExitCode {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("qmacsec-bench: cannot write the report: {error}");
            ExitCode::FAILURE
        }
        _ => code,
    }
}
