//! `[rekey]` and its checks.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::value::{KeyPolicyName, Mac, Span};
use super::{ConfigError, Mistakes};
use crate::limits;

/// `[rekey]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rekey {
    /// Time that a key is used before the next key takes over.
    pub interval: Span,
    /// When keys run short, each key is used for the first of these times, then for the second.
    /// Default: in proportion to `interval`, 10 s and 60 s at 3 s.
    pub stretch: Option<[Span; 2]>,
    /// When keys run short, the longest use of the last key. After that, traffic stops.
    pub hold_max: Span,
    /// The basis of keys: QKD and ML-KEM, or QKD alone. Both ends must use the same.
    pub policy: KeyPolicyName,
    /// Time between two ML-KEM exchanges.
    pub kem_interval: Span,
    /// EtherType of our rekey frames on the line.
    pub ethertype: u16,
    /// Destination address of rekey frames.
    pub destination: Mac,
}

impl Default for Rekey {
    fn default() -> Self {
        Self {
            interval: Span(limits::REKEY_INTERVAL),
            stretch: None,
            hold_max: Span(limits::HOLD_MAX),
            policy: KeyPolicyName::default(),
            kem_interval: Span(rekey::limits::RATCHET),
            ethertype: wire::ETHERTYPE_REKEY,
            destination: Mac(limits::REKEY_DESTINATION),
        }
    }
}

impl Rekey {
    pub(super) fn check(&self, file: &Path, mistakes: &mut Mistakes) {
        mistakes.note(span_within(
            file,
            "rekey.interval",
            self.interval,
            limits::REKEY_INTERVAL_MIN,
            limits::REKEY_INTERVAL_MAX,
        ));
        mistakes.note(self.check_times(file));
        mistakes.note(span_within(
            file,
            "rekey.kem_interval",
            self.kem_interval,
            rekey::limits::RATCHET_MIN,
            rekey::limits::RATCHET_MAX,
        ));
        mistakes.note(self.check_frames(file));
    }

    /// Checks the header of the rekey frames.
    fn check_frames(&self, file: &Path) -> Result<(), ConfigError> {
        if self.ethertype < 0x0600 || self.ethertype == wire::ETHERTYPE_MACSEC {
            let problem = "cannot be used for rekey frames";
            return Err(ConfigError::new(file, "rekey.ethertype", problem)
                .value(format!("{:#06x}", self.ethertype))
                .fix("0x88b5 (default) or another free EtherType, the same at both ends"));
        }
        if self.destination.0.0 == [0; 6] {
            let problem = "is not an address of an interface";
            return Err(ConfigError::new(file, "rekey.destination", problem)
                .value(format!("{:?}", "00:00:00:00:00:00"))
                .fix("leave it out, or give a group address or the address of the other end"));
        }
        Ok(())
    }

    /// Checks that the times are consistent with each other.
    fn check_times(&self, file: &Path) -> Result<(), ConfigError> {
        if self.hold_max.0 < self.interval.0 * 2 {
            return Err(
                ConfigError::new(file, "rekey.hold_max", "is shorter than two intervals")
                    .value(self.hold_max)
                    .fix("give two intervals or more: a key must outlast one missed change"),
            );
        }
        let Some([first, second]) = self.stretch else {
            return Ok(());
        };
        let most = self.hold_max.0 / rekey::limits::STRETCH_OF_HOLD;
        if self.interval.0 <= first.0 && first.0 <= second.0 && second.0 <= most {
            return Ok(());
        }
        let problem = "does not grow from the interval to a third of hold_max";
        Err(ConfigError::new(file, "rekey.stretch", problem)
            .value(format!("[\"{first}\", \"{second}\"]"))
            .fix(format!(
                "two spans, like [\"10s\", \"1m\"], from {} to at most {}",
                self.interval,
                Span(most)
            )))
    }
}

pub(super) fn span_within(
    file: &Path,
    key: &str,
    span: Span,
    min: Duration,
    max: Duration,
) -> Result<(), ConfigError> {
    if (min..=max).contains(&span.0) {
        return Ok(());
    }
    Err(ConfigError::new(file, key, "is out of range")
        .value(span)
        .fix(format!("{} to {}", Span(min), Span(max))))
}
