//! The identifier of a QKD key: ETSI GS QKD 014 `key_ID`.

use core::fmt;

#[cfg(test)]
mod tests;

/// A `key_ID` exactly as the KME wrote it: 1 to 64 visible ASCII characters.
///
/// The standard requires a UUID. Some KMEs also use other texts and upper-case UUIDs, and expect
/// their own spelling in requests. So the text is kept unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId {
    len: u8,
    text: [u8; Self::LEN_MAX],
}

/// The reasons why a text is not a `key_ID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyIdError {
    /// The text is empty, or longer than [`KeyId::LEN_MAX`].
    Length(usize),
    /// An octet is not a visible ASCII character.
    Octet(u8),
}

impl KeyId {
    /// Octets of the longest supported `key_ID`.
    pub const LEN_MAX: usize = 64;

    /// Checks a text.
    ///
    /// # Errors
    /// If the text is empty, too long, or not visible ASCII.
    pub fn new(text: &str) -> Result<Self, KeyIdError> {
        Self::from_bytes(text.as_bytes())
    }

    /// Checks octets from a rekey frame.
    ///
    /// # Errors
    /// The errors of [`KeyId::new`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyIdError> {
        if bytes.is_empty() || bytes.len() > Self::LEN_MAX {
            return Err(KeyIdError::Length(bytes.len()));
        }
        if let Some(&octet) = bytes.iter().find(|b| !b.is_ascii_graphic()) {
            return Err(KeyIdError::Octet(octet));
        }
        let mut text = [0; Self::LEN_MAX];
        text[..bytes.len()].copy_from_slice(bytes);
        #[expect(clippy::cast_possible_truncation, reason = "checked: at most 64")]
        Ok(Self {
            len: bytes.len() as u8,
            text,
        })
    }

    /// The octets of the text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..usize::from(self.len)]
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or("") // accepted only as visible ASCII
    }

    /// The first eight characters, short enough for a table on a screen.
    #[must_use]
    pub fn short(&self) -> &str {
        let text = self.as_str();
        text.get(..8).unwrap_or(text)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for KeyIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(len) => write!(
                f,
                "a key_ID has 1 to {} characters, not {len}",
                KeyId::LEN_MAX
            ),
            Self::Octet(octet) => write!(f, "a key_ID is visible ASCII, not octet {octet:#04x}"),
        }
    }
}

impl core::error::Error for KeyIdError {}
