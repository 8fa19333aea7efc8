//! The two ends of a QKD link.

use serde::{Deserialize, Serialize};

/// One of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The end that sends quantum signals.
    Alice,
    /// The end that measures them. Its values are the key.
    Bob,
}

impl Role {
    /// Name in texts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Bob => "bob",
        }
    }

    /// The end with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Alice, Self::Bob]
            .into_iter()
            .find(|role| role.name() == name)
    }
}
