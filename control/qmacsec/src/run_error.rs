//! The reason why an encryptor does not run, or has ended.

use std::io;

use port::PortError;

use crate::config::ConfigError;
use crate::ledger::LedgerError;
use crate::status::StatusError;

/// The reason why an encryptor does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A mistake in the config.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A port cannot be opened.
    #[error("port: {0}")]
    Port(#[from] PortError),
    /// Workers cannot be started.
    #[error(transparent)]
    Worker(#[from] worker::SpawnError),
    /// The KME client cannot be created.
    #[error("KME: {0}")]
    Kme(#[from] keyclient::Error),
    /// The ledger cannot be opened.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The status socket cannot be created.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// The AES-GCM engine fails its known-answer test, so nothing may be encrypted with it.
    #[error(
        "the self-test of the AES-GCM engine failed: {0}; fix: choose another encryptor.engine, \
         and report this"
    )]
    SelfTest(gcm::SelfTestError),
    /// The settings of the rekey protocol are invalid.
    #[error("rekey: {0}")]
    Rekey(#[from] rekey::ConfigError),
    /// A thread of the process has died: a bug. No frame passes without it.
    #[error("{0}; fix: restart it, and report this")]
    Fault(String),
    /// The system returned an error.
    #[error("{what}: {cause}")]
    System {
        /// The attempted action.
        what: String,
        /// The error of the system.
        cause: io::Error,
    },
}
