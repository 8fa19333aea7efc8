//! The settings of one end, checked once, and the timers that follow from them.

use core::time::Duration;

use secy::Suite;
use wire::{MacAddr, Sci, Ssci};

use crate::announced::LineSettings;
use crate::key_policy::KeyPolicy;
use crate::limits;

/// Settings of one end of the line. [`Config::new`] fills in the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Address of our black port: source of rekey frames, MAC half of our SCIs.
    pub local: MacAddr,
    /// Address of the peer's black port. `None`: whoever proves the root secret.
    pub peer: Option<MacAddr>,
    /// Transmit SCs of this end, one per worker: port identifiers 1 to n.
    pub scis: u16,
    /// Cipher suite of the keys we offer, and the only one we accept.
    pub suite: Suite,
    /// Time between two switches of our transmit direction.
    pub interval: Duration,
    /// How long the previous rx SA is kept after a switch; less when the sender's interval is short.
    pub grace: Duration,
    /// Intervals of the stages of a key shortage; `None`: in proportion to `interval`.
    pub stretch: Option<[Duration; 2]>,
    /// Hard limit of the age of a tx SA. At this age we stop transmitting: fail closed.
    pub hold_max: Duration,
    /// The key policy; it must be the same at both ends.
    pub policy: KeyPolicy,
    /// Time between two KEM exchanges that ratchet the root.
    pub ratchet: Duration,
    /// HELLO period.
    pub hello: Duration,
    /// Silence after which the peer is reported lost. Keys are kept.
    pub dead: Duration,
    /// Settings of the data plane that the peer must share.
    pub line: LineSettings,
    /// EtherType of rekey frames.
    pub ethertype: u16,
    /// Destination address of rekey frames.
    pub destination: MacAddr,
}

/// A mistake in a [`Config`]. Each text names the value and the fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Interval out of bounds.
    #[error("rekey interval {0:?}: choose 100 ms to 24 h")]
    Interval(Duration),
    /// Too few or too many transmit SCs.
    #[error("{0} transmit SCs: choose 1 to 16, one per worker")]
    Scis(u16),
    /// A group or zero address cannot send.
    #[error("local address {0}: the black port needs a unicast address of its own")]
    Local(MacAddr),
    /// Both ends would have the same SCI.
    #[error("peer address {0} is the local address: each end needs its own")]
    Peer(MacAddr),
    /// Hold limit below two intervals would block a healthy line.
    #[error("hold limit {hold_max:?}: choose at least two rekey intervals ({least:?})")]
    Hold {
        /// As configured.
        hold_max: Duration,
        /// Two intervals.
        least: Duration,
    },
    /// Stretched intervals that do not grow, or reach the hard limit.
    #[error(
        "stretched intervals {stretch:?}: choose two, growing, from the rekey interval up to a third of the hold limit, {most:?}"
    )]
    Stretch {
        /// As configured.
        stretch: [Duration; 2],
        /// A third of the hold limit.
        most: Duration,
    },
    /// Time between KEM exchanges out of bounds.
    #[error("KEM exchange every {0:?}: choose 1 s to 24 h")]
    Ratchet(Duration),
    /// HELLO period against the silence that means lost.
    #[error("HELLO period {hello:?}: choose at least 10 ms and at most a quarter of {dead:?}")]
    Hello {
        /// As configured.
        hello: Duration,
        /// As configured.
        dead: Duration,
    },
    /// Below 0x0600 it is a length, not an EtherType.
    #[error("EtherType {0:#06x}: choose 0x0600 or above, not that of MACsec (0x88e5)")]
    EtherType(u16),
}

impl Config {
    /// Default settings: GCM-AES-XPN-256, one transmit SC, 3 s, hold limit 1 h.
    #[must_use]
    pub const fn new(local: MacAddr) -> Self {
        Self {
            local,
            peer: None,
            scis: 1,
            suite: Suite::GcmAesXpn256,
            interval: Duration::from_secs(3),
            grace: Duration::from_millis(500),
            stretch: None,
            hold_max: Duration::from_hours(1),
            policy: KeyPolicy::QkdAndPqc,
            ratchet: limits::RATCHET,
            hello: limits::HELLO,
            dead: limits::DEAD,
            line: LineSettings {
                mtu: 1500,
                clear_vlan_tags: 0,
            },
            ethertype: wire::ETHERTYPE_REKEY,
            destination: MacAddr([0x01, 0x80, 0xC2, 0x00, 0x00, 0x03]),
        }
    }

    /// # Errors
    /// The first setting that cannot work.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.interval < limits::INTERVAL_MIN || self.interval > limits::INTERVAL_MAX {
            return Err(ConfigError::Interval(self.interval));
        }
        if self.scis == 0 || self.scis > limits::TX_SCS_MAX {
            return Err(ConfigError::Scis(self.scis));
        }
        if self.local.0[0] & 1 == 1 || self.local.0 == [0; 6] {
            return Err(ConfigError::Local(self.local));
        }
        if self.peer == Some(self.local) {
            return Err(ConfigError::Peer(self.local));
        }
        let least = self.interval * 2;
        if self.hold_max < least {
            return Err(ConfigError::Hold {
                hold_max: self.hold_max,
                least,
            });
        }
        let most = self.hold_max / limits::STRETCH_OF_HOLD;
        if let Some(stretch @ [first, second]) = self.stretch
            && !(self.interval <= first && first <= second && second <= most)
        {
            return Err(ConfigError::Stretch { stretch, most });
        }
        if self.ratchet < limits::RATCHET_MIN || self.ratchet > limits::RATCHET_MAX {
            return Err(ConfigError::Ratchet(self.ratchet));
        }
        if self.hello < Duration::from_millis(10) || self.hello * 4 > self.dead {
            return Err(ConfigError::Hello {
                hello: self.hello,
                dead: self.dead,
            });
        }
        if self.ethertype < 0x0600 || self.ethertype == wire::ETHERTYPE_MACSEC {
            return Err(ConfigError::EtherType(self.ethertype));
        }
        Ok(())
    }

    /// The intervals of the stages normal, stretched and sparse.
    #[must_use]
    pub fn intervals(&self) -> [Duration; 3] {
        let most = self.hold_max / limits::STRETCH_OF_HOLD;
        let [first, second] = self.stretch.unwrap_or_else(|| {
            let times = |(by, of)| (self.interval * by / of).min(most).max(self.interval);
            limits::STRETCH_TIMES.map(times)
        });
        [self.interval, first, second]
    }

    /// QKD keys have to be short for so long before keys come from the root alone (REKEY-52).
    pub(crate) fn alone_after(&self) -> Duration {
        self.hold_max - limits::ALONE_LEAD.min(self.hold_max / 4)
    }

    /// Our transmit SCs and their SSCIs.
    #[must_use]
    pub fn tx_scs(&self) -> Vec<(Sci, Ssci)> {
        scs(self.local, self.scis)
    }
}

/// The transmit SCs of one end: port identifiers 1 to `count` (REKEY-2), SSCI = port identifier
/// (REKEY-35).
#[must_use]
pub fn scs(mac: MacAddr, count: u16) -> Vec<(Sci, Ssci)> {
    (1..=count)
        .map(|port| (Sci::new(mac, port), Ssci(u32::from(port))))
        .collect()
}

/// Timers of the sender of a direction, scaled to its interval (spec, section 7).
#[derive(Clone, Copy, Debug)]
pub(crate) struct TxTimers {
    pub(crate) offer_repeat: Duration,
    pub(crate) offer_repeat_last: Duration,
    pub(crate) patience: Duration,
    pub(crate) lead: Duration,
    pub(crate) fetch_lead: Duration,
    pub(crate) retry: Duration,
    pub(crate) retry_last: Duration,
}

impl TxTimers {
    pub(crate) fn new(config: &Config) -> Self {
        let interval = config.interval;
        Self {
            offer_repeat: (interval / 10).clamp(limits::OFFER_REPEAT_MIN, limits::OFFER_REPEAT),
            offer_repeat_last: interval.clamp(limits::OFFER_REPEAT, limits::OFFER_REPEAT_LAST),
            patience: (interval / 2).clamp(limits::PATIENCE_MIN, limits::PATIENCE),
            lead: (interval / 2).min(limits::LEAD_MAX),
            fetch_lead: interval.min(limits::FETCH_LEAD_MAX),
            retry: (interval / 30).clamp(limits::FETCH_RETRY_MIN, limits::FETCH_RETRY),
            retry_last: (interval / 2)
                .clamp(limits::FETCH_RETRY_LAST_MIN, limits::FETCH_RETRY_LAST_MAX),
        }
    }
}

/// Timers of the receiver of a direction, scaled to the interval its sender announces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RxTimers {
    pub(crate) grace: Duration,
    pub(crate) lookup_budget: Duration,
    pub(crate) hold_max: Duration,
}

impl RxTimers {
    pub(crate) fn new(config: &Config, sender_interval: Duration) -> Self {
        let interval = sender_interval.clamp(limits::INTERVAL_MIN, limits::INTERVAL_MAX);
        let offer = (interval / 2).min(limits::LEAD_MAX) + limits::PATIENCE_MAX;
        Self {
            // Half an interval: over long before the AN returns after four (REKEY-26).
            grace: config.grace.min(interval / 2),
            lookup_budget: (interval / 5).clamp(limits::LOOKUP_BUDGET_MIN, limits::LOOKUP_BUDGET),
            hold_max: config.hold_max + offer + limits::RX_HOLD_SLACK,
        }
    }
}

#[cfg(test)]
mod tests;
