//! The key policy: a SAK comes from QKD keys, the ratcheted root, or both.

use core::fmt;
use core::str::FromStr;

/// The policy of a pair; both ends must be set to the same (REKEY-40).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyPolicy {
    /// Each SAK comes from a QKD key and a root that at least one KEM exchange of this session went
    /// into.
    #[default]
    QkdAndPqc,
    /// Each SAK comes from a QKD key and the pre-shared secret. No KEM exchange takes place.
    Qkd,
    /// As `QkdAndPqc`, but when QKD keys have been short for as long as a key may be held, SAKs come
    /// from the root alone, until there are QKD keys again.
    PqcWhenShort,
}

/// A text that names no policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no key policy: choose qkd-and-pqc, qkd or pqc-when-short")]
pub struct UnknownPolicy;

impl KeyPolicy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::QkdAndPqc, Self::Qkd, Self::PqcWhenShort];

    /// As config files, logs and status write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::QkdAndPqc => "qkd-and-pqc",
            Self::Qkd => "qkd",
            Self::PqcWhenShort => "pqc-when-short",
        }
    }

    /// Whether the root is ratcheted by KEM exchanges.
    #[must_use]
    pub const fn ratchets(self) -> bool {
        match self {
            Self::QkdAndPqc | Self::PqcWhenShort => true,
            Self::Qkd => false,
        }
    }

    /// Whether SAKs may come from the root alone, when QKD keys are short (REKEY-52).
    #[must_use]
    pub const fn allows_pqc_alone(self) -> bool {
        match self {
            Self::PqcWhenShort => true,
            Self::QkdAndPqc | Self::Qkd => false,
        }
    }

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::QkdAndPqc => 1,
            Self::Qkd => 2,
            Self::PqcWhenShort => 3,
        }
    }

    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::QkdAndPqc),
            2 => Some(Self::Qkd),
            3 => Some(Self::PqcWhenShort),
            _ => None,
        }
    }
}

impl FromStr for KeyPolicy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        Self::ALL
            .into_iter()
            .find(|policy| policy.name() == text)
            .ok_or(UnknownPolicy)
    }
}

impl fmt::Display for KeyPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests;
