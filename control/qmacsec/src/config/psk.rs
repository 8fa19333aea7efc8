//! The pre-shared secret of a pair of encryptors, read from its file.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use keyclient::file::{self, FileError};
use zeroize::Zeroizing;

use super::ConfigError;
use crate::limits;

/// Octets of the secret. Wiped when dropped.
pub struct Psk(Zeroizing<Vec<u8>>);

impl Psk {
    /// Reads a file of hex digits that only its owner may read or replace.
    ///
    /// # Errors
    /// Unreadable, open to other users, not hex, too short or too long, or not random. The error
    /// never shows the content.
    pub fn read(config: &Path, file: &Path) -> Result<Self, ConfigError> {
        let wrong = |problem: String| {
            ConfigError::new(config, "peer.psk_file", problem).value(file.display())
        };
        let text =
            file::read_secret(file, limits::PSK_FILE_LEN_MAX).map_err(|error| match error {
                FileError::Absent => wrong(format!("cannot be read: {error}")).fix(
                    "create one with `qmacsec pki --psk FILE` and carry it to both sites by hand",
                ),
                FileError::TooLong { len, .. } => {
                    wrong(format!("has {len} octets")).fix("64 to 128 hex digits, nothing else")
                }
                error => wrong(error.to_string()).fix(error.fix(file)),
            })?;
        let octets = from_hex(text.trim_ascii()).ok_or_else(|| {
            wrong("is not hex".to_owned()).fix("64 to 128 hex digits, nothing else")
        })?;
        if !(limits::PSK_LEN_MIN..=limits::PSK_LEN_MAX).contains(&octets.len()) {
            return Err(wrong(format!("holds {} octets", octets.len()))
                .fix("32 to 64 octets: 64 to 128 hex digits"));
        }
        if let Some(why) = not_random(&octets) {
            return Err(wrong(format!("is not a random number: {why}"))
                .fix("create one with `qmacsec pki --psk FILE` or `openssl rand -hex 32`"));
        }
        Ok(Self(octets))
    }

    /// Writes a fresh secret into a new file that only its owner may read.
    ///
    /// # Errors
    /// The file exists already, or cannot be written.
    pub fn create(file: &Path) -> io::Result<()> {
        let mut octets = Zeroizing::new([0; limits::PSK_LEN_MIN]);
        getrandom::fill(octets.as_mut_slice())?;
        let mut text = Zeroizing::new(String::with_capacity(2 * octets.len() + 1));
        for octet in octets.iter() {
            for digit in [octet >> 4, octet & 0xf] {
                // 4 bits are always one digit.
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        text.push('\n');
        // The file gets its name when it is complete: a full disk leaves no empty secret.
        let folder = file.parent().filter(|folder| *folder != Path::new(""));
        let fresh = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?; // mode 0600
        let mut out = fresh.as_file();
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        fresh.persist_noclobber(file).map_err(|error| error.error)?;
        Ok(())
    }

    /// The octets, only for the key schedule.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Returns the reason why these octets are not random. It finds values that people type by hand:
/// zeros, a repeated pattern, a count, words. It rejects one in 10^11 random values.
fn not_random(octets: &[u8]) -> Option<&'static str> {
    let different = octets.iter().collect::<BTreeSet<_>>().len();
    let repeats = |period: usize| octets.iter().zip(&octets[period..]).all(|(a, b)| a == b);
    let mut steps = octets.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let step = steps.next();
    if different == 1 {
        Some("all octets are the same")
    } else if (2..=octets.len() / 2).any(repeats) {
        Some("the same octets repeat again and again")
    } else if steps.all(|next| Some(next) == step) {
        Some("it counts")
    } else if different < limits::PSK_DIFFERENT_MIN {
        Some("a few octets occur too often")
    } else if octets
        .iter()
        .all(|octet| octet.is_ascii_graphic() || *octet == b' ')
    {
        Some("it is text")
    } else {
        None
    }
}

fn from_hex(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (pairs, rest) = text.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    // Exact capacity: a growing vector would leave copies of the secret behind.
    let mut octets = Zeroizing::new(Vec::with_capacity(pairs.len()));
    for &[high, low] in pairs {
        let digit = |octet: u8| char::from(octet).to_digit(16);
        octets.push(u8::try_from(digit(high)? << 4 | digit(low)?).ok()?);
    }
    Some(octets)
}
