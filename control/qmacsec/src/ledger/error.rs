//! What is wrong with a ledger.

use std::io;
use std::path::{Path, PathBuf};

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file system says no.
    #[error("ledger {path}: {cause}; fix: a file in a folder that this user may write")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Another process writes it.
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
        /// Where the line begins.
        at: u64,
        /// What is wrong.
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
        /// Number of the entry, as it says.
        number: u64,
    },
    /// Sealed segments are there, and the file that goes on from them is not.
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
        /// How many.
        found: usize,
    },
}

impl LedgerError {
    /// Adds the file to what the system said.
    pub(super) fn io(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        move |cause| Self::Io {
            path: path.to_path_buf(),
            cause,
        }
    }
}
