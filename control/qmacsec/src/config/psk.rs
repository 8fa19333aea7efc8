//! The pre-shared secret of a pair of encryptors, read from its file.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::ConfigError;
use crate::limits;

/// Octets of the secret; wiped when dropped.
pub struct Psk(Zeroizing<Vec<u8>>);

impl Psk {
    /// Reads a file of hex digits that nobody but its owner may read.
    ///
    /// # Errors
    /// Unreadable, open to others, not hex, too short or too long; never shows the content.
    pub fn read(config: &Path, file: &Path) -> Result<Self, ConfigError> {
        let wrong = |problem: String| {
            ConfigError::new(config, "peer.psk_file", problem).value(file.display())
        };
        let metadata = fs::metadata(file).map_err(|error| {
            wrong(format!("cannot be read: {error}"))
                .mend("make one with `qmacsec pki --psk FILE` and carry it to both sites by hand")
        })?;
        if metadata.mode() & 0o077 != 0 {
            return Err(wrong(format!(
                "is open to others (mode {:o})",
                metadata.mode() & 0o777
            ))
            .mend(format!("chmod 600 {}", file.display())));
        }
        if metadata.len() > limits::PSK_FILE_LEN_MAX {
            return Err(wrong(format!("has {} octets", metadata.len()))
                .mend("64 to 128 hex digits, nothing else"));
        }
        let text = Zeroizing::new(
            fs::read_to_string(file).map_err(|error| wrong(format!("cannot be read: {error}")))?,
        );
        let octets = from_hex(text.trim()).ok_or_else(|| {
            wrong("is not hex".to_owned()).mend("64 to 128 hex digits, nothing else")
        })?;
        if !(limits::PSK_LEN_MIN..=limits::PSK_LEN_MAX).contains(&octets.len()) {
            return Err(wrong(format!("holds {} octets", octets.len()))
                .mend("32 to 64 octets: 64 to 128 hex digits"));
        }
        Ok(Self(octets))
    }

    /// The octets, for the key schedule only.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

fn from_hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    // Exact capacity: a growing vector would leave copies of the secret behind.
    let mut octets = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    for pair in text.as_bytes().chunks_exact(2) {
        let high = char::from(*pair.first()?).to_digit(16)?;
        let low = char::from(*pair.last()?).to_digit(16)?;
        octets.push(u8::try_from(high << 4 | low).ok()?);
    }
    Some(octets)
}
