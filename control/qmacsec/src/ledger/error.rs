//! Errors of a ledger.

use std::io;
use std::path::{Path, PathBuf};

/// The reason why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// An IO error.
    #[error("ledger {path}: {cause}; fix: a file in a folder that this user may write")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system error.
        cause: io::Error,
    },
    /// Another process writes to it.
    #[error("ledger {path}: another process writes it; fix: one ledger for each encryptor")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A line that is no entry.
    #[error(
        "ledger {path}, octet {at}: no entry stands here ({cause}); fix: keep the file as evidence, \
         `qmacsec ledger verify` tells how far it is whole; move it away with its segments, and a new ledger begins"
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// Octet at which the line begins.
        at: u64,
        /// The mistake.
        cause: String,
    },
    /// An entry that does not follow the one before it.
    #[error(
        "ledger {path}, entry {number}: the chain is broken here: this entry or the one before was \
         changed, or entries are missing; fix: keep the file as evidence; move it away with its segments, \
         and a new ledger begins"
    )]
    Chain {
        /// The file.
        path: PathBuf,
        /// Number in the entry.
        number: u64,
    },
    /// Sealed segments exist, but the live segment is missing.
    #[error(
        "ledger {path}: is missing or empty, and its sealed segments are there; fix: put it back, or move \
         them away, and a new ledger begins"
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A folder that does not hold exactly one ledger.
    #[error("ledger {path}: the folder holds {found} ledgers; fix: name the ledger's file")]
    NotOne {
        /// The folder.
        path: PathBuf,
        /// Number of ledgers found.
        found: usize,
    },
}

impl LedgerError {
    /// Adds the file name to a system error.
    pub(super) fn io(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        move |cause| Self::Io {
            path: path.to_path_buf(),
            cause,
        }
    }
}
