//! `[policy]`: the frames that are protected, that bypass, and that are dropped.

use std::path::Path;

use serde::Deserialize;
use worker::{Action, Protocol, Rule};

use super::ConfigError;
use super::value::{ActionName, Addresses, ProtocolName};

/// `[policy]`. Can be changed while the encryptor runs.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicySection {
    /// Action for frames that match no rule: protect, or discard.
    pub default: ActionName,
    /// `[[policy.rule]]`: the first matching rule decides.
    pub rule: Vec<PolicyRule>,
    /// The table that these rules form.
    #[serde(skip)]
    pub(crate) table: worker::Policy,
}

/// `[[policy.rule]]`: names at least one of protocol, destination, EtherType and VLAN.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRule {
    /// A control protocol by name, for its destination or EtherType.
    pub protocol: Option<ProtocolName>,
    /// Group addresses: `01:80:c2:00:00:0e`, or `01:80:c2:00:00:0x` for all sixteen.
    pub destination: Option<Addresses>,
    /// EtherType after up to two VLAN tags.
    pub ethertype: Option<u16>,
    /// VLAN of the outer tag.
    pub vlan: Option<u16>,
    /// Action for these frames.
    pub action: ActionName,
}

impl PolicySection {
    /// Builds the table.
    pub(super) fn tabulate(
        &mut self,
        file: &Path,
        rekey_ethertype: u16,
    ) -> Result<(), ConfigError> {
        let mut rules = Vec::with_capacity(self.rule.len());
        for (number, rule) in (1..).zip(&self.rule) {
            let wrong = |key: &str, problem: &str| {
                ConfigError::new(file, format!("policy.rule {number}: {key}"), problem)
            };
            let rule = rule.rule().ok_or_else(|| {
                wrong("protocol", "names the same as destination or ethertype")
                    .fix("a protocol stands for its destination or EtherType: give one of them")
            })?;
            if rule.action == Action::Bypass && rule.ethertype == Some(rekey_ethertype) {
                return Err(wrong("ethertype", "is the EtherType of rekey frames")
                    .value(format!("{rekey_ethertype:#06x}"))
                    .fix(
                        "give another action, or another rekey.ethertype: these frames are the \
                         encryptor's own",
                    ));
            }
            rules.push(rule);
        }
        self.table = worker::Policy::new(&rules, self.default.0).map_err(|error| {
            ConfigError::new(file, "policy", error.to_string())
                .fix("correct that rule; docs/manual/policy.md has examples")
        })?;
        Ok(())
    }
}

impl PolicyRule {
    /// Returns `None` if the protocol and another key name the same part of a frame.
    fn rule(&self) -> Option<Rule> {
        let action = self.action.0;
        let protocol = self
            .protocol
            .map(|ProtocolName(name)| Protocol::rule(name, action));
        let protocol = protocol.unwrap_or_default();
        let twice = protocol.destination.is_some() && self.destination.is_some()
            || protocol.ethertype.is_some() && self.ethertype.is_some();
        (!twice).then(|| Rule {
            destination: protocol.destination.or(self.destination.map(|it| it.0)),
            ethertype: protocol.ethertype.or(self.ethertype),
            vlan: self.vlan,
            action,
        })
    }
}
