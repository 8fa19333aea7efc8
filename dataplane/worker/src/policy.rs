//! The policy in front of the SecY, red side: which frames are protected and which are discarded.
//!
//! ```text
//! red ─▶ MAC control? discard ─▶ first rule that matches ─▶ else: the default action
//! ```
//! Every frame hits exactly one line of the table, and each line counts its hits: for a line that
//! discards, its hits are the named drop.
//!
//! Not here yet: bypass and VLANs. Black side: `classify.rs`.

use crate::limits::{POLICY_HITS, POLICY_RULES_MAX};
use core::fmt;
use wire::{EthernetFrame, MacAddr};

/// EtherType of MAC control: pause and priority flow control, IEEE 802.3 annex 31. They are meant for
/// the port at the other end of this very cable and never forwarded.
pub const ETHERTYPE_MAC_CONTROL: u16 = 0x8808;
/// How many VLAN tags are skipped to find the EtherType a rule asks for.
const VLAN_TAGS_SKIPPED: usize = 2;

/// What happens to a frame.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Action {
    /// Goes to the SecY.
    #[default]
    Protect,
    /// Dropped, and counted by its rule.
    Discard,
}

/// One line of the table. Matches when everything it names is equal; naming nothing is an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Destination address; must be a group address.
    pub destination: Option<MacAddr>,
    /// EtherType behind up to two VLAN tags.
    pub ethertype: Option<u16>,
    /// What happens to frames that match.
    pub action: Action,
}

/// Why a policy is none. Rules are counted from 1, as in a config file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PolicyError {
    /// Too many rules.
    #[error("policy has {0} rules: at most {POLICY_RULES_MAX}")]
    TooManyRules(usize),
    /// A rule that matches everything.
    #[error(
        "policy rule {0} names neither destination nor EtherType: name one, or set the default"
    )]
    NamesNothing(usize),
    /// A rule for the address of a station.
    #[error("policy rule {rule}: destination {destination} is no group address")]
    NotGroup {
        /// Which rule.
        rule: usize,
        /// As given.
        destination: MacAddr,
    },
    /// An EtherType field below 0x0600 is a length.
    #[error("policy rule {rule}: {ethertype:#06x} is no EtherType: they start at 0x0600")]
    NotEtherType {
        /// Which rule.
        rule: usize,
        /// As given.
        ethertype: u16,
    },
}

/// The table of one worker, with its hits.
#[derive(Clone, Debug)]
pub struct Policy {
    rules: [Rule; POLICY_RULES_MAX],
    count: usize,
    default: Action,
    /// The built-in line, then the rules, then the default.
    hits: [u64; POLICY_HITS],
}

impl Rule {
    const NONE: Self = Self {
        destination: None,
        ethertype: None,
        action: Action::Protect,
    };

    fn check(&self, number: usize) -> Result<(), PolicyError> {
        if self.destination.is_none() && self.ethertype.is_none() {
            return Err(PolicyError::NamesNothing(number));
        }
        if let Some(destination) = self.destination.filter(|address| address.0[0] & 1 == 0) {
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
        Ok(())
    }

    fn matches(&self, destination: MacAddr, ethertype: u16) -> bool {
        self.destination.is_none_or(|wanted| wanted == destination)
            && self.ethertype.is_none_or(|wanted| wanted == ethertype)
    }
}

impl Policy {
    /// A table of these rules, first match first.
    ///
    /// # Errors
    /// [`PolicyError`] names the rule and the mend.
    pub fn new(rules: &[Rule], default: Action) -> Result<Self, PolicyError> {
        let mut table = [Rule::NONE; POLICY_RULES_MAX];
        let place = table
            .get_mut(..rules.len())
            .ok_or(PolicyError::TooManyRules(rules.len()))?;
        for (index, rule) in rules.iter().enumerate() {
            rule.check(index + 1)?;
        }
        place.copy_from_slice(rules);
        Ok(Self {
            rules: table,
            count: rules.len(),
            default,
            hits: [0; POLICY_HITS],
        })
    }

    /// Whether the frame goes to the SecY; counts the hit.
    ///
    /// A frame too short for an EtherType does: the SecY has a name for it.
    #[inline]
    pub(crate) fn admit(&mut self, frame: &[u8]) -> bool {
        let (line, action) = match EthernetFrame::parse(frame) {
            Some(frame) => self.look_up(&frame),
            None => (self.count + 1, Action::Protect),
        };
        self.hits[line] += 1;
        action == Action::Protect
    }

    #[inline]
    fn look_up(&self, frame: &EthernetFrame<'_>) -> (usize, Action) {
        let ethertype = frame.ethertype_after_tags(VLAN_TAGS_SKIPPED);
        if ethertype == ETHERTYPE_MAC_CONTROL {
            return (0, Action::Discard);
        }
        let rules = &self.rules[..self.count];
        if rules.is_empty() {
            return (1, self.default);
        }
        let destination = frame.dst();
        match rules
            .iter()
            .position(|rule| rule.matches(destination, ethertype))
        {
            Some(index) => (index + 1, rules[index].action),
            None => (self.count + 1, self.default),
        }
    }

    /// The lines: the built-in, the rules, the default; with their action, in the order of the hits.
    pub fn lines(&self) -> impl Iterator<Item = (Line, Action)> + '_ {
        let rules = self.rules[..self.count]
            .iter()
            .map(|rule| (Line::Rule(*rule), rule.action));
        std::iter::once((Line::MacControl, Action::Discard))
            .chain(rules)
            .chain(std::iter::once((Line::Default, self.default)))
    }

    /// Hits of each line; zero beyond the last.
    #[must_use]
    pub fn hits(&self) -> &[u64; POLICY_HITS] {
        &self.hits
    }
}

impl Default for Policy {
    /// Protects everything but MAC control.
    fn default() -> Self {
        let rules = [Rule::NONE; POLICY_RULES_MAX];
        Self {
            rules,
            count: 0,
            default: Action::Protect,
            hits: [0; POLICY_HITS],
        }
    }
}

/// A line of the table, for showing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line {
    /// The built-in first line: pause and PFC.
    MacControl,
    /// A rule.
    Rule(Rule),
    /// What no rule matched.
    Default,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MacControl => f.write_str("mac-control"),
            Self::Default => f.write_str("default"),
            Self::Rule(Rule {
                destination: Some(to),
                ethertype: Some(ethertype),
                ..
            }) => {
                write!(f, "{to} {ethertype:#06x}")
            }
            Self::Rule(Rule {
                destination: Some(to),
                ..
            }) => to.fmt(f),
            Self::Rule(Rule { ethertype, .. }) => write!(f, "{:#06x}", ethertype.unwrap_or(0)),
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests;
