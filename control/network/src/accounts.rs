//! The accounts of one link end, in bits.

use serde::{Deserialize, Serialize};

/// Where the bits of a link have gone, as one end saw it, both directions together.
///
/// `bits_in = relayed + authentication + voided + left + lost_in_crash` at any time: `left` is
/// counted in the pool, not calculated.
///
/// The two ends compare by direction of use: what the sender of a direction has relayed or used for
/// authentication, its receiver has booked under the same heading, or under `voided` if the message
/// was lost. The receiver learns of a loss from the next message, so until then its `left` is
/// larger by the same bits. A block that came to one end only is `left` there and later `voided`,
/// and so is a block that the other end has lost, when the two lists of blocks are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounts {
    /// Bits of all blocks that were taken in.
    pub bits_in: u64,
    /// Bits that encrypted keys.
    pub relayed: u64,
    /// Bits that authenticated messages.
    pub authentication: u64,
    /// Bits given up: skipped after a lost message, or of a block that the other end never got.
    pub voided: u64,
    /// Bits in the pool.
    pub left: u64,
    /// Bits dropped because this node or its neighbour restarted: pools are in memory only.
    pub lost_in_crash: u64,
}

impl Accounts {
    /// Whether every bit has gone somewhere.
    #[must_use]
    pub const fn close(&self) -> bool {
        let out = self.relayed + self.authentication + self.voided + self.lost_in_crash;
        self.bits_in == out + self.left
    }

    /// The accounts with which the node starts again after its crash: what was left is lost.
    #[must_use]
    pub const fn after_crash(mut self) -> Self {
        self.lost_in_crash += self.left;
        self.left = 0;
        self
    }
}
