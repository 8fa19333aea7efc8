//! Names of SAEs.

use std::fmt;
use std::sync::Arc;

use crate::limits;

/// The name of an SAE: 1 to 64 characters that RFC 3986 allows unescaped in a URI (ETSI 020).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SaeId(Arc<str>);

/// A name that no SAE can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" cannot name an SAE: use 1 to 64 letters, digits, '-', '.', '_' or '~'")]
pub struct BadSaeId(pub String);

impl SaeId {
    /// # Errors
    /// When it is empty, too long, or has a character that a URI would escape.
    pub fn new(name: &str) -> Result<Self, BadSaeId> {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
        if (1..=limits::SAE_ID_LEN_MAX).contains(&name.len()) && name.bytes().all(allowed) {
            Ok(Self(name.into()))
        } else {
            Err(BadSaeId(
                name.chars().take(limits::SAE_ID_LEN_MAX).collect(),
            ))
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SaeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::SaeId;

    #[test]
    fn a_name_needs_no_escape_in_a_uri() {
        assert!(SaeId::new(&"a".repeat(64)).is_ok());
        for bad in ["", "a b", "a/b", "a%20", "\u{e4}", &"a".repeat(65)] {
            assert!(SaeId::new(bad).is_err(), "{bad}");
        }
    }
}
