//! The requests to a KME.

use core::fmt;

/// A method of ETSI GS QKD 014, of SKIP, or of ETSI GS QKD 020.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Get status.
    Status,
    /// Get key.
    EncKeys,
    /// Get key with key IDs.
    DecKeys,
    /// SKIP: the capabilities of the key provider.
    SkipCapabilities,
    /// SKIP: a fresh key.
    SkipKey,
    /// SKIP: the key of an ID.
    SkipKeyById,
    /// ETSI GS QKD 020: the versions of the neighbour.
    Versions,
    /// ETSI GS QKD 020: keys for the neighbour.
    ExtKeys,
    /// ETSI GS QKD 020: what became of keys of the neighbour.
    ExtKeysAck,
    /// ETSI GS QKD 020: keys to be voided.
    ExtKeysVoid,
}

impl Call {
    /// Returns the bit of this call in a set of calls.
    pub(crate) fn bit(self) -> u16 {
        1 << self as u8
    }

    /// True if the call brings keys.
    pub(crate) fn brings_keys(self) -> bool {
        matches!(
            self,
            Self::EncKeys | Self::DecKeys | Self::SkipKey | Self::SkipKeyById
        )
    }

    /// True if the call requests a key by its name. The KME forgets such a key once it has
    /// answered.
    pub(crate) fn names_a_key(self) -> bool {
        matches!(self, Self::DecKeys | Self::SkipKeyById)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Status => "status",
            Self::EncKeys => "enc_keys",
            Self::DecKeys => "dec_keys",
            Self::SkipCapabilities => "SKIP capabilities",
            Self::SkipKey => "SKIP key",
            Self::SkipKeyById => "SKIP key by ID",
            Self::Versions => "versions",
            Self::ExtKeys => "ext_keys",
            Self::ExtKeysAck => "ext_keys/ack",
            Self::ExtKeysVoid => "ext_keys/void",
        })
    }
}
