//! The control protocols of Ethernet that a line encryptor meets. A config can use their names
//! instead of numbers, and each has a line in the table, so that its frames are counted.

use core::fmt;
use core::str::FromStr;
use wire::{MacAddr, MacPattern};

use super::{Action, Rule};
use crate::limits::PROTOCOLS;

/// A control protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Protocol {
    /// Port access control, IEEE 802.1X.
    Eapol,
    /// Slow protocols: LACP, link OAM. IEEE 802.3 annex 57A.
    Slow,
    /// Station and neighbour discovery, IEEE 802.1AB.
    Lldp,
    /// Connectivity fault management, IEEE 802.1ag and ITU-T Y.1731.
    Cfm,
    /// Clock synchronization over Ethernet, IEEE 1588 annex E. Bypass gives better timing, but the
    /// frames can then be forged.
    Ptp,
    /// Spanning tree of customer bridges, IEEE 802.1Q: matched by address, since it has no
    /// EtherType.
    Stp,
}

impl Protocol {
    /// All protocols in the order of the table. Spanning tree is last, since other protocols use
    /// its address too.
    pub const ALL: [Self; PROTOCOLS] = [
        Self::Eapol,
        Self::Slow,
        Self::Lldp,
        Self::Cfm,
        Self::Ptp,
        Self::Stp,
    ];

    /// The name in the config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eapol => "eapol",
            Self::Slow => "slow",
            Self::Lldp => "lldp",
            Self::Cfm => "cfm",
            Self::Ptp => "ptp",
            Self::Stp => "stp",
        }
    }

    /// The rule that matches the protocol's frames.
    #[must_use]
    pub const fn rule(self, action: Action) -> Rule {
        let (destination, ethertype) = match self {
            Self::Eapol => (None, Some(0x888E)),
            Self::Slow => (None, Some(0x8809)),
            Self::Lldp => (None, Some(0x88CC)),
            Self::Cfm => (None, Some(0x8902)),
            Self::Ptp => (None, Some(0x88F7)),
            Self::Stp => (
                Some(MacPattern::exactly(MacAddr([0x01, 0x80, 0xC2, 0, 0, 0]))),
                None,
            ),
        };
        Rule {
            destination,
            ethertype,
            vlan: None,
            action,
        }
    }
}

/// No protocol has this name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("is no protocol of the table: eapol, slow, lldp, cfm, ptp, stp")]
pub struct UnknownProtocol;

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(name: &str) -> Result<Self, UnknownProtocol> {
        let mut all = Self::ALL.into_iter();
        all.find(|protocol| protocol.name() == name)
            .ok_or(UnknownProtocol)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
