//! The announcement in a HELLO: settings of the data plane that both ends must share, and the head
//! of the sender's ledger (REKEY-60).
//!
//! The protocol compares the settings once for each session and passes the head on. Keys are agreed
//! even if settings differ: frames that fit both ends still pass.

use core::fmt;

/// Settings of the data plane that must be the same at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineSettings {
    /// Octets of the longest packet that red takes, without its Ethernet header.
    pub mtu: u16,
    /// VLAN tags that stay in clear in front of the SecTAG.
    pub clear_vlan_tags: u8,
}

/// The last synced entry of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerHead {
    /// Number of the entry.
    pub number: u64,
    /// Its hash, SHA-256; never zero.
    pub hash: [u8; 32],
}

/// The announcement in a HELLO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) settings: LineSettings,
    /// `None`: the sender keeps no ledger, or nothing is in it yet.
    pub(crate) ledger: Option<LedgerHead>,
}

impl LineSettings {
    /// The settings that differ, each as `name: theirs there, ours here`.
    #[must_use]
    pub fn differences(self, theirs: Self) -> Vec<Difference> {
        let pairs = [
            ("red.mtu", theirs.mtu, self.mtu),
            (
                "macsec.clear_vlan_tags",
                theirs.clear_vlan_tags.into(),
                self.clear_vlan_tags.into(),
            ),
        ];
        let differ = |&(_, theirs, ours): &(_, u16, u16)| theirs != ours;
        pairs
            .into_iter()
            .filter(differ)
            .map(|(name, theirs, ours)| Difference { name, theirs, ours })
            .collect()
    }
}

/// A setting that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its name in the config.
    pub name: &'static str,
    /// Its value at the peer.
    pub theirs: u16,
    /// Its value here.
    pub ours: u16,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, theirs, ours } = self;
        write!(f, "{name} is {theirs} at the peer and {ours} here")
    }
}

#[cfg(test)]
mod tests;
