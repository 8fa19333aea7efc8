//! The name of an SA.

use core::fmt;

use wire::An;

/// Which SA of a direction. An AN comes back after four keys, so it alone names nothing for long;
/// the epoch counts the keys of the direction and does not come back.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SaId {
    /// Association number, as on the line.
    pub an: An,
    /// Count of the direction's keys, as in the rekey protocol.
    pub epoch: u32,
}

impl fmt::Display for SaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AN {} epoch {}", self.an, self.epoch)
    }
}
