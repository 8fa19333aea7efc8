//! Faults on order, as written in the arguments: KMEs that misbehave for a time, and processes that
//! are killed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use device::Role;
use qmacsec::status::KmeFault;

use super::site::Site;

/// A fault of the KMEs with its start and duration: `down@10s+60s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KmeTrouble {
    pub(crate) what: Trouble,
    pub(crate) at: Duration,
    /// `None`: until the end.
    pub(crate) time: Option<Duration>,
}

/// The kind of fault of the KMEs of both sites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Killed, and restarted at the end of the fault, without the earlier keys.
    Down,
    /// Running, but with a fault.
    Fault(KmeFault),
}

/// A process of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    Encryptor(Site),
    /// The process of both KMEs, with modelled keys.
    Kmes,
    /// A QKD device with its KME, with distilled keys.
    Device(Role),
}

/// A process to kill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// It is restarted.
    Process(Victim),
    /// A node of the network, by name. It stays down.
    Node(String),
}

/// The process to kill, and the time: `b@10s`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kill {
    pub(crate) who: Target,
    pub(crate) at: Duration,
}

impl Victim {
    /// All processes, in the order in which a series kills them.
    pub(crate) const ALL: [Self; 5] = [
        Self::Encryptor(Site::A),
        Self::Encryptor(Site::B),
        Self::Kmes,
        Self::Device(Role::Alice),
        Self::Device(Role::Bob),
    ];
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encryptor(site) => write!(f, "encryptor {}", site.letter()),
            Self::Kmes => f.write_str("KMEs"),
            Self::Device(role) => f.write_str(role.name()),
        }
    }
}

impl FromStr for Kill {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?}: write who (a, b, kmes, alice or bob, or a node of --network) and when, \
                 like b@10s"
            )
        };
        let (who, at) = text.split_once('@').ok_or_else(wrong)?;
        let who = match who {
            "a" => Target::Process(Victim::Encryptor(Site::A)),
            "b" => Target::Process(Victim::Encryptor(Site::B)),
            "kmes" => Target::Process(Victim::Kmes),
            "" => return Err(wrong()),
            node => Target::Node(node.to_owned()),
        };
        let at = humantime::parse_duration(at).map_err(|_| wrong())?;
        Ok(Self { who, at })
    }
}

impl FromStr for KmeTrouble {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?}: write down, wedge, repeat, lose-replies or slow=TIME, then when and for \
                 how long, like down@10s+60s"
            )
        };
        let time = |text| humantime::parse_duration(text).map_err(|_| wrong());
        let (what, when) = text.split_once('@').ok_or_else(wrong)?;
        let (at, long) = match when.split_once('+') {
            Some((at, long)) => (time(at)?, Some(time(long)?)),
            None => (time(when)?, None),
        };
        let what = match what {
            "down" => Trouble::Down,
            fault => Trouble::Fault(fault.parse().map_err(|()| wrong())?),
        };
        Ok(Self {
            what,
            at,
            time: long,
        })
    }
}

impl KmeTrouble {
    /// True if the fault is in force at this time of the run.
    pub(crate) fn covers(&self, now: Duration) -> bool {
        now >= self.at && self.time.is_none_or(|time| now < self.at + time)
    }
}

#[cfg(test)]
mod tests;
