//! One file for each command of the program: its arguments, its help and its output.

pub mod check;
mod daemon;
pub mod distill;
pub mod drill;
pub mod keys;
pub mod kme;
pub mod ledger;
pub mod link;
pub mod network;
pub mod node;
pub mod nodes;
pub mod order;
pub mod pki;
pub mod run;
pub mod status;

/// The result of a command: an exit code, or a failure to be printed.
pub type Outcome = Result<std::process::ExitCode, Box<dyn std::error::Error>>;
