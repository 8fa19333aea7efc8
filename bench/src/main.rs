//! `qmacsec-bench`: see [`qmacsec_bench`].

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use qmacsec_bench::{crypto, line, pipeline, rekey, timing};

/// Exit code of a measurement that found a fault.
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
    /// A whole worker between null ports, on one core and on several
    Pipeline(pipeline::Options),
    /// Two encryptors and a line between them, in network namespaces
    Line(line::Options),
    /// The cost of a change of key under load
    Rekey(rekey::Options),
    /// Looks for time that depends on keys, payloads or tags
    Timing(timing::Options),
}

fn main() -> ExitCode {
    let outcome: Result<_, Box<dyn Error>> = match Cli::parse().what {
        What::Crypto(options) => plain(crypto::run(&options)),
        What::Pipeline(options) => plain(pipeline::run(&options)),
        What::Line(options) => plain(line::run(&options)),
        What::Rekey(options) => rekey::run(&options)
            .map(|(text, passed)| (text, found(!passed)))
            .map_err(Into::into),
        What::Timing(options) => timing::run(&options)
            .map(|(text, verdict)| (text, found(verdict == timing::Verdict::Leak)))
            .map_err(Into::into),
    };
    match outcome {
        Ok((text, code)) => print(&text, code),
        Err(error) => {
            eprintln!("qmacsec-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A report without a verdict.
fn plain(
    report: Result<String, impl Error + 'static>,
) -> Result<(String, ExitCode), Box<dyn Error>> {
    Ok((report?, ExitCode::SUCCESS))
}

fn found(found: bool) -> ExitCode {
    if found {
        ExitCode::from(FOUND)
    } else {
        ExitCode::SUCCESS
    }
}

/// Prints the report. A reader that has gone (`| head`) is no failure.
fn print(text: &str, code: ExitCode) -> ExitCode {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("qmacsec-bench: cannot write the report: {error}");
            ExitCode::FAILURE
        }
        _ => code,
    }
}
