//! The policy in front of the SecY: it selects the frames that are protected, discarded, or bypass
//! the SecY.
//!
//! ```text
//! red ───▶ MAC control? discard ─▶ first matching rule ─▶ known protocol ─▶ default
//! black ─▶ neither MACsec nor rekey, and the same table says bypass? to red ─▶ else: to the SecY
//! ```
//! The lines of the known protocols take the default action. They exist so that these frames are
//! counted under a name; a rule comes before them and can change the action. Every red frame hits
//! exactly one line of the table; each line counts its hits.
//!
//! **Bypass means plaintext.** Nothing bypasses unless a rule says so. A frame from the line that
//! bypasses may come from anyone. A frame with the EtherType of MACsec or of rekey frames never
//! bypasses, with or without tags in front. So a frame of a host at the site is never mistaken for
//! a frame of the encryptor.
//!
//! Not here: control frames from the line (`classify.rs`); names and files (the config of
//! `qmacsec`).

mod protocol;
mod rule;

use core::fmt;
use wire::{ETHERTYPE_MACSEC, EthernetFrame};

use crate::limits::{POLICY_LINES_MAX, POLICY_RULES_MAX};
use rule::{Key, Pattern};

pub use protocol::{Protocol, UnknownProtocol};
pub use rule::{Action, PolicyError, Rule};

/// EtherType of MAC control: pause and priority flow control, IEEE 802.3 annex 31. These frames are
/// for the port at the other end of the same cable and are never forwarded.
pub const ETHERTYPE_MAC_CONTROL: u16 = 0x8808;

/// A line of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line {
    /// The first line: pause and PFC. Fixed.
    MacControl,
    /// A rule.
    Rule(Rule),
    /// A known protocol; it applies to frames that no rule matches.
    Protocol(Protocol),
    /// Frames that match nothing else.
    Default,
}

/// The policy table of one worker, with its hits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// The match and the action of each line. The last line matches everything.
    patterns: [(Pattern, Action); POLICY_LINES_MAX],
    lines: [Line; POLICY_LINES_MAX],
    count: usize,
    /// Key and line of the previous frame: most frames have the same key as the one before.
    before: Option<(Key, usize)>,
    /// Serial number of the table, for the reader of the hits.
    serial: u64,
    hits: PolicyHits,
}

/// Hits of each line, in the order of [`Policy::lines`]; zero after the last line. A new table
/// starts at zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PolicyHits {
    /// [`Policy::serial`] of the table.
    pub serial: u64,
    /// Frames from red.
    pub red: [u64; POLICY_LINES_MAX],
    /// Frames from black that bypass by this line.
    pub black: [u64; POLICY_LINES_MAX],
    /// Rekey frames from red, on any line. A pair inside the LAN sends some. If there is no such
    /// pair, red is connected to the line.
    pub red_rekey: u64,
}

impl Policy {
    /// Builds a table: these rules, of which the first match applies, then the known protocols,
    /// then everything else, which gets the `default` action.
    ///
    /// # Errors
    /// [`PolicyError`] names the rule and the fix.
    pub fn new(rules: &[Rule], default: Action) -> Result<Self, PolicyError> {
        if rules.len() > POLICY_RULES_MAX {
            return Err(PolicyError::TooManyRules(rules.len()));
        }
        if default == Action::Bypass {
            return Err(PolicyError::BypassByDefault);
        }
        for (number, rule) in (1..).zip(rules) {
            rule.check(number)?;
        }
        Ok(Self::of(rules, default))
    }

    /// Builds the table from checked rules. The caller has checked their number.
    fn of(rules: &[Rule], default: Action) -> Self {
        let mac_control = Rule {
            destination: None,
            ethertype: Some(ETHERTYPE_MAC_CONTROL),
            vlan: None,
            action: Action::Discard,
        };
        let rules = rules.iter().map(|rule| (Line::Rule(*rule), *rule));
        let protocols = Protocol::ALL
            .into_iter()
            .map(|protocol| (Line::Protocol(protocol), protocol.rule(default)));
        let lines = core::iter::once((Line::MacControl, mac_control))
            .chain(rules)
            .chain(protocols);
        let mut policy = Self {
            patterns: [(Pattern::ANY, default); POLICY_LINES_MAX],
            lines: [Line::Default; POLICY_LINES_MAX],
            count: 1, // the default
            before: None,
            serial: 0,
            hits: PolicyHits::default(),
        };
        let places = policy.lines.iter_mut().zip(&mut policy.patterns);
        for ((line, rule), (named, pattern)) in lines.zip(places) {
            *named = line;
            *pattern = (Pattern::of(&rule), rule.action);
            policy.count += 1;
        }
        policy
    }

    /// Gives this table a serial number, which its hits also carry.
    #[must_use]
    pub fn with_serial(mut self, serial: u64) -> Self {
        self.serial = serial;
        self.hits.serial = serial;
        self
    }

    /// See [`Self::with_serial`].
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Returns the action for a red frame and counts the hit.
    ///
    /// A frame too short for an EtherType goes to the SecY, which has a counter for it.
    #[inline]
    pub(crate) fn of_red(&mut self, frame: &[u8], rekey_ethertype: u16) -> Action {
        let (line, action) = match EthernetFrame::parse(frame) {
            Some(frame) => self.look_up::<true>(&frame, rekey_ethertype),
            None => (self.count - 1, Action::Protect),
        };
        self.hits.red[line] += 1;
        action
    }

    /// True if a black frame that is no control frame bypasses the SecY. Counts it in that case.
    #[inline]
    pub(crate) fn bypasses(&mut self, frame: &[u8], rekey_ethertype: u16) -> bool {
        let Some(frame) = EthernetFrame::parse(frame) else {
            return false;
        };
        if frame.ethertype() == ETHERTYPE_MACSEC {
            return false; // the usual case
        }
        let (line, action) = self.look_up::<false>(&frame, rekey_ethertype);
        let bypasses = action == Action::Bypass;
        self.hits.black[line] += u64::from(bypasses);
        bypasses
    }

    // Always inlined: otherwise it costs one call per frame.
    #[inline(always)]
    fn look_up<const RED: bool>(
        &mut self,
        frame: &EthernetFrame<'_>,
        rekey_ethertype: u16,
    ) -> (usize, Action) {
        let (key, ethertype) = Key::of(frame);
        let line = match self.before {
            Some((before, line)) if before == key => line,
            _ => {
                let line = self.line_of(key, ethertype, rekey_ethertype);
                let rekey = ethertype == rekey_ethertype;
                self.hits.red_rekey += u64::from(RED && rekey);
                // A rekey frame is not remembered, so that each one gets here and is counted.
                self.before = (!rekey).then_some((key, line));
                line
            }
        };
        (line, self.patterns[line].1)
    }

    #[inline(never)]
    fn line_of(&self, key: Key, ethertype: u16, rekey_ethertype: u16) -> usize {
        let reserved = ethertype == ETHERTYPE_MACSEC || ethertype == rekey_ethertype;
        let last = self.count - 1;
        let matching = self.patterns[..last].iter().position(|(pattern, action)| {
            pattern.matches(key) && !(reserved && *action == Action::Bypass)
        });
        matching.unwrap_or(last)
    }

    /// The lines with their actions: MAC control, the rules, the protocols, the default. The hits
    /// have the same order.
    pub fn lines(&self) -> impl Iterator<Item = (Line, Action)> + '_ {
        let actions = self.patterns.iter().map(|(_, action)| *action);
        self.lines.iter().copied().zip(actions).take(self.count)
    }

    /// The lines whose frames cross the line in plaintext.
    pub fn bypasses_of(&self) -> impl Iterator<Item = Line> + '_ {
        self.lines()
            .filter_map(|(line, action)| (action == Action::Bypass).then_some(line))
    }

    /// Hits of each line.
    #[must_use]
    pub fn hits(&self) -> &PolicyHits {
        &self.hits
    }
}

impl Default for Policy {
    /// Protects all frames except MAC control.
    fn default() -> Self {
        Self::of(&[], Action::Protect)
    }
}

impl Default for PolicyHits {
    fn default() -> Self {
        Self {
            serial: 0,
            red: [0; POLICY_LINES_MAX],
            black: [0; POLICY_LINES_MAX],
            red_rekey: 0,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MacControl => f.write_str("mac-control"),
            Self::Rule(rule) => rule.fmt(f),
            Self::Protocol(protocol) => protocol.fmt(f),
            Self::Default => f.write_str("default"),
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests;
