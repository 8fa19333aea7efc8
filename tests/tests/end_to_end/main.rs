//! The program from end to end, as a user meets it: commands, daemons, the lab. One file for each
//! subject. A test that cannot run on a machine (no namespaces) reports that and passes;
//! `--nocapture` shows it.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy knows functions with #[test] only, not the rest of a test"
)]

mod cli;
mod config_errors;
mod crash;
mod disagreement;
mod distill;
mod flood;
mod headline;
mod key_sources;
mod kme_faults;
mod lab;
mod ledger;
mod life;
mod line_noise;
mod line_tag;
mod link_loss;
mod memory;
mod network;
mod orders;
mod output;
mod policy;
mod preflight;
mod trouble;
mod unit_file;
mod unprivileged;
mod workers;
mod wrong_secret;

/// The program.
const PROGRAM: &str = env!("CARGO_BIN_EXE_qmacsec-under-test");
