//! The identity of an SA.

use core::fmt;

use wire::An;

/// Identifies an SA of one direction. An AN is reused after four keys, so it does not suffice. The
/// epoch counts the keys of the direction and is never reused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SaId {
    /// Association number, as in the SecTAG.
    pub an: An,
    /// Number of the direction's key, as in the rekey protocol.
    pub epoch: u32,
}

impl fmt::Display for SaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AN {} epoch {}", self.an, self.epoch)
    }
}
