//! The policy in front of the SecY: which frames are protected, which are discarded, and which go
//! round it.
//!
//! ```text
//! red ───▶ MAC control? discard ─▶ first rule that matches ─▶ a known protocol ─▶ the rest
//! black ─▶ neither MACsec nor rekey, and that table says bypass? to red ─▶ else: to the SecY
//! ```
//! The lines of known protocols do what is done with the rest; they are there to be counted and
//! seen, and a rule in front of them changes what happens. Every red frame hits exactly one line of
//! the table; each line counts its hits.
//!
//! **What bypasses is in clear.** Nothing bypasses unless a rule says so. A bypassed frame of the line
//! is from anybody. No rule lets a frame bypass that has the EtherType of MACsec or of rekey frames,
//! with or without tags in front: what the site's hosts send is never taken for ours.
//!
//! Not here: control frames of the line (`classify.rs`); names and files (`qmacsec`'s config).

mod protocol;
mod rule;

use core::fmt;
use wire::{ETHERTYPE_MACSEC, EthernetFrame};

use crate::limits::{POLICY_LINES_MAX, POLICY_RULES_MAX};
use rule::{Key, Pattern};

pub use protocol::{Protocol, UnknownProtocol};
pub use rule::{Action, PolicyError, Rule};

/// EtherType of MAC control: pause and priority flow control, IEEE 802.3 annex 31. They are meant for
/// the port at the other end of this very cable and never forwarded.
pub const ETHERTYPE_MAC_CONTROL: u16 = 0x8808;

/// A line of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line {
    /// The first line: pause and PFC. Fixed.
    MacControl,
    /// A rule.
    Rule(Rule),
    /// A protocol that no rule took.
    Protocol(Protocol),
    /// What nothing matched.
    Default,
}

/// The table of one worker, with its hits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// What each line matches and does; the last one matches everything.
    patterns: [(Pattern, Action); POLICY_LINES_MAX],
    lines: [Line; POLICY_LINES_MAX],
    count: usize,
    /// Key and line of the frame before: most frames are like it.
    before: Option<(Key, usize)>,
    /// Which table this is, for whoever reads the hits.
    serial: u64,
    hits: PolicyHits,
}

/// Hits of each line, in the order of [`Policy::lines`]; zero beyond the last. They begin with the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PolicyHits {
    /// [`Policy::serial`] of the table.
    pub serial: u64,
    /// Frames from red.
    pub red: [u64; POLICY_LINES_MAX],
    /// Frames from black that a line let bypass.
    pub black: [u64; POLICY_LINES_MAX],
    /// Rekey frames from red, whatever line they hit. A pair inside the LAN sends some; without
    /// one, red is connected to the line.
    pub red_rekey: u64,
}

impl Policy {
    /// A table of these rules, first match first; then the known protocols and the rest, which
    /// `default` is for.
    ///
    /// # Errors
    /// [`PolicyError`] names the rule and the mend.
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

    /// Of checked rules, and not too many.
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

    /// Gives this table a number, by which its hits are known.
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

    /// What happens to a red frame; counts the hit.
    ///
    /// A frame too short for an EtherType goes to the SecY, which has a name for it.
    #[inline]
    pub(crate) fn of_red(&mut self, frame: &[u8], rekey_ethertype: u16) -> Action {
        let (line, action) = match EthernetFrame::parse(frame) {
            Some(frame) => self.look_up::<true>(&frame, rekey_ethertype),
            None => (self.count - 1, Action::Protect),
        };
        self.hits.red[line] += 1;
        action
    }

    /// Whether a black frame that is no control frame goes round the SecY; counts it if so.
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

    // Always: left out of line it costs a call a frame.
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
                // Each rekey frame comes here again, to be counted.
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

    /// The lines with what they do: the fixed one, the rules, the protocols, the rest; in the order
    /// of the hits.
    pub fn lines(&self) -> impl Iterator<Item = (Line, Action)> + '_ {
        let actions = self.patterns.iter().map(|(_, action)| *action);
        self.lines.iter().copied().zip(actions).take(self.count)
    }

    /// The lines whose frames are in clear on the line.
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
    /// Protects everything but MAC control.
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
