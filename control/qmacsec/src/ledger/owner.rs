//! The encryptor to which a ledger belongs: its records tell the name.

use std::fs::File;
use std::path::Path;

use super::error::LedgerError;
use super::live::{Inspection, inspect, regular};
use super::reader::Source;
use super::tail::Tail;

/// Makes the checks of `run` for an encryptor with this name, without any change to the file.
///
/// # Errors
/// The ledger cannot be continued, or it belongs to another encryptor.
pub fn inspect_of(path: &Path, encryptor: &str) -> Result<Inspection, LedgerError> {
    refuse_another(path, encryptor)?;
    inspect(path)
}

/// Refuses the ledger of another encryptor.
///
/// # Errors
/// It belongs to another encryptor, or it is no regular file.
pub(super) fn refuse_another(path: &Path, encryptor: &str) -> Result<(), LedgerError> {
    regular(path)?;
    match owner(path) {
        Some(owner) if owner != encryptor => Err(LedgerError::OfAnother {
            path: path.to_path_buf(),
            owner,
            encryptor: encryptor.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Returns the encryptor in the last record. `None` without a record, and for a file that cannot be
/// read: the start reports why.
fn owner(path: &Path) -> Option<String> {
    let tail = File::open(path).ok().map(|file| Tail::read(path, &file));
    match tail {
        Some(Ok(Tail {
            encryptor: Some(owner),
            ..
        })) => Some(owner),
        // The file may just have begun: then the newest sealed segment tells.
        Some(Ok(_)) | None => {
            let last = Source::find(path).ok()?.last_records(1).ok()?.pop()?;
            Some(last.encryptor)
        }
        Some(Err(_)) => None,
    }
}
