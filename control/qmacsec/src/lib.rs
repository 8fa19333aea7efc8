//! The line encryptor: config, commands, status, ledger, and the driver that connects ports,
//! workers, the rekey protocol and the KME client.
//!
//! In an encryptor, this crate has the clock of the protocol, the status socket, the log and all
//! files but certificates. Those and the connections to a KME belong to `keyclient`. This crate
//! holds no protocol logic (that is `rekey`) and touches no frame (that is `worker`).
//!
//! Entry points: [`encryptor`] builds one encryptor, [`driver`] is its loop, and [`command`] has the
//! commands of the program. The command line is the crate `cli`. The crate `lab` runs two
//! encryptors.
#![forbid(unsafe_code)]
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod capture;
pub mod command;
pub mod config;
pub mod driver;
pub mod encryptor;
pub mod harden;
mod heap;
pub mod ledger;
pub mod limits;
pub mod log;
pub mod modelled_link;
mod numa;
pub mod output;
mod panics;
pub mod parent;
pub mod ports;
pub mod preflight;
pub mod run_error;
pub mod size;
mod stack;
pub mod status;
pub mod stop;
pub mod thread_priority;
