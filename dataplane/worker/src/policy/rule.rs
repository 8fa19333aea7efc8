//! One rule of the policy: the frames it matches and the action for them.

use core::fmt;
use wire::{ETHERTYPE_MACSEC, EthernetFrame, MacAddr, MacPattern};

use crate::limits::{POLICY_RULES_MAX, VLAN_ID_MAX};

/// The number of VLAN tags that are skipped to find the EtherType.
const VLAN_TAGS_SKIPPED: usize = 2;
/// Set in the VLAN field of a key if the frame has a tag.
const TAGGED: u16 = 0x8000;

/// The action for a frame.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Action {
    /// Goes to the SecY.
    #[default]
    Protect,
    /// The frame bypasses the SecY: plaintext on the line, and unauthenticated from the line into
    /// the site.
    Bypass,
    /// The frame is dropped and counted by its rule.
    Discard,
}

/// A rule matches if every field that is set is equal. A rule with no field set is an error.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Rule {
    /// Destination addresses; must be group addresses.
    pub destination: Option<MacPattern>,
    /// EtherType behind up to two VLAN tags.
    pub ethertype: Option<u16>,
    /// VLAN ID of the outer tag; 0 is a priority tag. Frames without a tag do not match.
    pub vlan: Option<u16>,
    /// The action for matching frames.
    pub action: Action,
}

/// The reasons why a policy is invalid. Rules are counted from 1, as in a config file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PolicyError {
    /// Too many rules.
    #[error("policy has {0} rules: at most {POLICY_RULES_MAX}")]
    TooManyRules(usize),
    /// The default is bypass, so only frames named by a rule would be protected.
    #[error(
        "policy default is bypass: name what bypasses in rules; the rest is protected or discarded"
    )]
    BypassByDefault,
    /// A rule without any field would match everything.
    #[error(
        "policy rule {0} names neither destination, EtherType nor VLAN: name one, or set the default"
    )]
    NamesNothing(usize),
    /// The destination of a rule is the address of a station.
    #[error("policy rule {rule}: destination {destination} is no group address")]
    NotGroup {
        /// Number of the rule.
        rule: usize,
        /// The address in the rule.
        destination: MacPattern,
    },
    /// The EtherType is below 0x0600, which makes it a length.
    #[error("policy rule {rule}: {ethertype:#06x} is no EtherType: they start at 0x0600")]
    NotEtherType {
        /// Number of the rule.
        rule: usize,
        /// The EtherType in the rule.
        ethertype: u16,
    },
    /// The VLAN ID is out of range. 4095 is reserved, and there are no higher ones.
    #[error("policy rule {rule}: {vlan} is no VLAN: 0 to {VLAN_ID_MAX}")]
    NotVlan {
        /// Number of the rule.
        rule: usize,
        /// The VLAN ID in the rule.
        vlan: u16,
    },
    /// A rule lets MACsec frames bypass. A frame that bypasses must not look like a protected one.
    #[error(
        "policy rule {0} lets MACsec frames bypass: only the encryptor itself sends them to the line"
    )]
    BypassReserved(usize),
}

impl Rule {
    pub(crate) fn check(&self, number: usize) -> Result<(), PolicyError> {
        if self.destination.is_none() && self.ethertype.is_none() && self.vlan.is_none() {
            return Err(PolicyError::NamesNothing(number));
        }
        if let Some(destination) = self.destination.filter(|pattern| !pattern.is_group()) {
            return Err(PolicyError::NotGroup {
                rule: number,
                destination,
            });
        }
        if let Some(ethertype) = self.ethertype.filter(|&ethertype| ethertype < 0x0600) {
            return Err(PolicyError::NotEtherType {
                rule: number,
                ethertype,
            });
        }
        if let Some(vlan) = self.vlan.filter(|&vlan| vlan > VLAN_ID_MAX) {
            return Err(PolicyError::NotVlan { rule: number, vlan });
        }
        if self.action == Action::Bypass && self.ethertype == Some(ETHERTYPE_MACSEC) {
            return Err(PolicyError::BypassReserved(number));
        }
        Ok(())
    }
}

impl Action {
    /// The name in the config: `protect`, `bypass`, `discard`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Protect => "protect",
            Self::Bypass => "bypass",
            Self::Discard => "discard",
        }
    }
}

impl fmt::Display for Rule {
    /// Writes the fields that are set: `01:80:c2:00:00:0x 0x88cc vlan 7`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut space = "";
        if let Some(destination) = self.destination {
            write!(f, "{destination}")?;
            space = " ";
        }
        if let Some(ethertype) = self.ethertype {
            write!(f, "{space}{ethertype:#06x}")?;
            space = " ";
        }
        if let Some(vlan) = self.vlan {
            write!(f, "{space}vlan {vlan}")?;
        }
        Ok(())
    }
}

/// All fields that rules match, in one number: destination if it is a group address, EtherType,
/// VLAN. Frames to different stations have the same key if the other fields are equal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key(u128);

impl Key {
    /// The key of a frame, and its EtherType behind the tags.
    #[inline]
    pub(crate) fn of(frame: &EthernetFrame<'_>) -> (Self, u16) {
        if frame.vlan_tags(1) > 0 || is_group(frame.dst()) {
            return Self::of_unusual(frame);
        }
        let ethertype = frame.ethertype();
        (Self::from([0; 6], ethertype, 0), ethertype)
    }

    /// The key of a frame that is tagged or has a group destination.
    #[inline(never)]
    fn of_unusual(frame: &EthernetFrame<'_>) -> (Self, u16) {
        let ethertype = frame.ethertype_after_tags(VLAN_TAGS_SKIPPED);
        let vlan = frame.vlan().map_or(0, |vlan| vlan | TAGGED);
        let to = frame.dst();
        let group = if is_group(to) { to.0 } else { [0; 6] };
        (Self::from(group, ethertype, vlan), ethertype)
    }

    #[inline]
    fn from([a, b, c, d, e, f]: [u8; 6], ethertype: u16, vlan: u16) -> Self {
        let address = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        Self(u128::from(address) << 32 | u128::from(ethertype) << 16 | u128::from(vlan))
    }
}

#[inline]
fn is_group(to: MacAddr) -> bool {
    to.0[0] & 1 == 1
}

/// The match of a rule as value and mask, ready to compare with a [`Key`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Pattern {
    value: u128,
    mask: u128,
}

impl Pattern {
    /// Matches every frame.
    pub(crate) const ANY: Self = Self { value: 0, mask: 0 };

    pub(crate) fn of(rule: &Rule) -> Self {
        let (address, digits) = rule.destination.map_or(([0; 6], [0; 6]), |pattern| {
            (pattern.value().0, pattern.mask().0)
        });
        let ethertype = rule.ethertype.unwrap_or(0);
        let vlan = rule.vlan.map_or(0, |vlan| vlan | TAGGED);
        let all_if = |named: bool| if named { u16::MAX } else { 0 };
        let named = (
            all_if(rule.ethertype.is_some()),
            all_if(rule.vlan.is_some()),
        );
        Self {
            value: Key::from(address, ethertype, vlan).0,
            mask: Key::from(digits, named.0, named.1).0,
        }
    }

    #[inline]
    pub(crate) fn matches(&self, key: Key) -> bool {
        key.0 & self.mask == self.value
    }
}
