//! Errors of a ledger.

use std::io;
use std::path::{Path, PathBuf};

/// The reason why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// An IO error.
    #[error("ledger {path}: {cause}; fix: {}", advice(cause))]
    Io {
        /// The file.
        path: PathBuf,
        /// The system error.
        cause: io::Error,
    },
    /// Another process writes to it.
    #[error("ledger {path}: another process writes to it; fix: give each encryptor its own ledger")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A line that is no entry.
    #[error(
        "ledger {path}, octet {at}: this is not an entry ({cause}); fix: keep the file as \
         evidence; move it away with its segments, and a new ledger begins"
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
        "ledger {path}, entry {number}: the chain is broken: this entry or the one before was \
         changed, or entries are missing; fix: keep the file as evidence; move it away with its \
         segments, and a new ledger begins"
    )]
    Chain {
        /// The file.
        path: PathBuf,
        /// Number in the entry.
        number: u64,
    },
    /// A file that does not begin like a ledger.
    #[error(
        "ledger {path}: this file is not a ledger and stays unchanged; fix: name a ledger, or a \
         new file"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A ledger of another encryptor.
    #[error(
        "ledger {path}: it belongs to {owner}, but this encryptor is {encryptor}; fix: name \
         another ledger; if the encryptor has a new name, move the old ledger away with its \
         segments, and a new one begins"
    )]
    OfAnother {
        /// The file.
        path: PathBuf,
        /// The encryptor that wrote it.
        owner: String,
        /// The encryptor that asks for it.
        encryptor: String,
    },
    /// A folder that does not hold exactly one ledger.
    #[error("ledger {path}: the folder holds {found} ledgers; fix: name the file of the ledger")]
    NotOne {
        /// The folder.
        path: PathBuf,
        /// Number of ledgers found.
        found: usize,
    },
}

/// Returns the fix for a system error.
fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::NotFound => "name an existing file or folder",
        io::ErrorKind::PermissionDenied => "give this user the right to read and write it",
        io::ErrorKind::Unsupported | io::ErrorKind::IsADirectory => "name a regular file",
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            "restore the file from a copy or move it away: it is cut, or not a gzip file"
        }
        io::ErrorKind::StorageFull => "make room there",
        _ => "check that the file is complete and that its disk works",
    }
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
