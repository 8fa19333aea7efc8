//! Shared parts of the end-to-end tests: the program as a process, a lab run, a pair of encryptors
//! over a line in memory, daemons in a namespace, a reader of captures, waiting with a limit.
//!
//! The tests themselves are in `tests/tests`, one file for each subject. They check the program
//! from outside: exit codes, JSON, logs, status sockets, frames on the line.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a library of tests: it fails as tests do"
)]

pub mod capture;
pub mod daemon;
pub mod dying;
pub mod hosts;
pub mod lab_run;
pub mod line;
pub mod memory;
pub mod namespace;
pub mod nics;
pub mod pair;
pub mod patience;
pub mod processes;
pub mod program;
pub mod record;
pub mod recorded;
pub mod site;
