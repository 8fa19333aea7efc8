//! The position in the pre-shared secret, in a file: a one-time bit must not be used again after a
//! restart. It is stored before a bit is used.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tempfile::NamedTempFile;

/// First line of the file.
const KIND: &str = "qmacsec distill position 1";
/// Separates the fingerprint from other uses of the secret.
const DOMAIN: &[u8] = b"qmacsec distill position file";

/// The file that holds the position.
pub(crate) struct PositionFile {
    path: PathBuf,
    /// Shows whether the position belongs to the present secret.
    fingerprint: String,
}

/// A file that gives no position.
#[derive(Debug, thiserror::Error)]
pub enum PositionError {
    /// It cannot be read or written.
    #[error(
        "{path}: {source}; fix: name a file in a folder that this user may write, on a disk with \
         room"
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// It holds something else.
    #[error("{0} is no position file; fix: name another file, or restore this one")]
    Unreadable(PathBuf),
    /// It belongs to another secret.
    #[error(
        "{0} belongs to another pre-shared secret; fix: if the secret is new at both ends, delete \
         this file at both"
    )]
    OtherSecret(PathBuf),
}

impl PositionFile {
    /// Opens the file, or creates it for a new secret, and returns the position.
    ///
    /// # Errors
    /// The file cannot be used.
    pub(crate) fn open(path: &Path, secret: &[u8]) -> Result<(Self, u64), PositionError> {
        let file = Self {
            path: path.to_path_buf(),
            fingerprint: fingerprint(secret),
        };
        let io = |source| PositionError::Io {
            path: path.to_path_buf(),
            source,
        };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                file.store(0).map_err(io)?;
                return Ok((file, 0));
            }
            Err(error) => return Err(io(error)),
        };
        let mut lines = text.lines();
        let position = match (lines.next(), lines.next(), lines.next(), lines.next()) {
            (Some(KIND), Some(secret), Some(position), None) => {
                if secret != file.fingerprint {
                    return Err(PositionError::OtherSecret(path.to_path_buf()));
                }
                position.parse().ok()
            }
            _ => None,
        };
        let position = position.ok_or_else(|| PositionError::Unreadable(path.to_path_buf()))?;
        // Found now, not when the first bit is used.
        file.store(position).map_err(io)?;
        Ok((file, position))
    }

    /// Makes the position durable.
    ///
    /// # Errors
    /// The file cannot be written; it holds the position before.
    pub(crate) fn store(&self, position: u64) -> io::Result<()> {
        let folder = self.path.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or(Path::new("."));
        let mut fresh = NamedTempFile::new_in(folder)?; // mode 0600
        write!(fresh, "{KIND}\n{}\n{position}\n", self.fingerprint)?;
        fresh.as_file().sync_all()?;
        fresh.persist(&self.path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    }
}

fn fingerprint(secret: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key of any length");
    let tag = mac.chain_update(DOMAIN).finalize().into_bytes();
    tag.iter()
        .take(8)
        .map(|octet| format!("{octet:02x}"))
        .collect()
}

#[cfg(test)]
mod tests;
