//! Benchmarks of qmacsec.
//!
//! - `crypto` compares the AES-GCM engines of `gcm` and their peers.
//! - `pipeline` measures a whole worker between null ports, and its ceilings.
//! - `line` measures two encryptors and a line between them, over the ports of real interfaces.
//! - `rekey` measures two whole encryptors while they change their keys under load.
//! - `relay` measures keys over trusted relays, beside a public relay.
//! - `distill` measures the error correction of distilled keys.
//! - `timing` looks for time that depends on secrets.
//!
//! The crate `icount` counts instructions, which do not depend on the noise of a machine.
//!
//! ```text
//! crypto:   size ─▶ window (frames in memory) ─▶ contender (engine or peer) ─┐
//! pipeline: size ─▶ set of frames ─▶ device in a testbed, on a core thread ──┤
//! line:     size ─▶ traffic ─▶ devices in namespaces ────────────────────────┤
//!                                    harness: rounds ─▶ rows ─▶ text, JSON, chart
//! cpu (clock, calibrator, AES floor) ─▶ harness: which rounds count
//! ```
//! Unsafe code is in two files: `cpu/x86.rs` (the clock and the CPU's own limits) and
//! `contender/ipsec_mb.rs` (a C library found at run time).
#![deny(unsafe_code)]

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod background;
mod contender;
mod cpu;
mod crypto;
mod device;
mod distill;
mod drops;
mod frames;
mod harness;
mod keyed;
mod line;
mod network;
mod pipeline;
mod ports;
mod rekey;
mod relay;
mod size;
mod stats;
#[cfg(test)]
mod tests;
mod timing;
mod vdev;
mod window;

const FOUND: u8 = 2;

/// Measures qmacsec and its peers on this machine.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// AES-256-GCM engines and their peers side by side
    Crypto(crypto::Options),
    /// A whole worker between null ports, on one core and on several
    Pipeline(pipeline::Options),
    /// Two encryptors and a line between them, in network namespaces
    Line(line::Options),
    /// The cost of a change of key under load
    Rekey(rekey::Options),
    /// Keys over trusted relays, for each second of processor time
    Relay(relay::Options),
    /// Error correction of distilled keys, on one core
    Distill(distill::Options),
    /// Looks for time that depends on keys, payloads or tags
    Timing(timing::Options),
}

/// The program `qmacsec-bench`.
#[must_use]
pub fn main() -> ExitCode {
    let measured = measure(&Cli::parse().bench);
    let printed = measured.and_then(|(text, found)| {
        match std::io::stdout().lock().write_all(text.as_bytes()) {
            // A reader that has gone (`| head`) is no failure.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(found),
        }
    });
    match printed {
        Ok(true) => ExitCode::from(FOUND),
        Ok(false) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("qmacsec-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the report, and whether it has found a fault.
fn measure(bench: &Bench) -> Result<(String, bool), Box<dyn Error>> {
    Ok(match bench {
        Bench::Crypto(options) => (crypto::run(options)?, false),
        Bench::Pipeline(options) => (pipeline::run(options)?, false),
        Bench::Line(options) => (line::run(options)?, false),
        Bench::Rekey(options) => {
            let (text, passed) = rekey::run(options)?;
            (text, !passed)
        }
        Bench::Relay(options) => {
            let (text, passed) = relay::run(options)?;
            (text, !passed)
        }
        Bench::Distill(options) => (distill::run(options)?, false),
        Bench::Timing(options) => {
            let (text, verdict) = timing::run(options)?;
            (text, verdict == timing::Verdict::Leak)
        }
    })
}
