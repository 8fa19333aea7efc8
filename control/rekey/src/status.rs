//! The state of the rekey protocol, as `qmacsec status` shows it.

use core::time::Duration;
use std::collections::VecDeque;

use secy::SaId;
use wire::{An, KeyId, MacAddr};

use crate::event::Cause;
use crate::key_policy::KeyPolicy;
use crate::limits::SWITCHES_TOLD;
use crate::secret::Origin;
use crate::shortage::Shortfall;
use crate::shortage_stage::ShortageStage;

/// A snapshot, made for one `now`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The session with the peer.
    pub session: SessionStatus,
    /// Our transmit direction.
    pub tx: DirectionStatus,
    /// Our receive direction.
    pub rx: DirectionStatus,
    /// The root secret and its ratchet.
    pub root: RootStatus,
    /// Keys fetched and not used yet.
    pub keys_held: usize,
    /// Control frames.
    pub counters: Counters,
}

/// The session with the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionStatus {
    /// How far it is.
    pub state: SessionState,
    /// The address of the peer.
    pub peer: Option<MacAddr>,
    /// Transmit SCs of the peer.
    pub peer_scis: u16,
    /// Time since it was last heard.
    pub silence: Option<Duration>,
}

/// The root secret and its ratchet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootStatus {
    /// Our setting.
    pub policy: KeyPolicy,
    /// The root in force: 0 is the pre-shared secret.
    pub epoch: u32,
    /// The oldest root of before that is still held for offers under way.
    pub previous: Option<u32>,
    /// Time since the root in force came into force.
    pub age: Option<Duration>,
    /// The step of the exchange under way: `waiting` if none is.
    pub stage: &'static str,
    /// Exchanges since start.
    pub exchanges: u64,
    /// Exchanges that came to nothing, since start.
    pub failures: u64,
}

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// No peer has proved the root secret.
    Searching,
    /// The peer has proved itself to us, but not yet heard our proof.
    Adopted,
    /// Both have.
    Agreed,
    /// Agreed, but the peer is silent.
    Lost,
}

/// One direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectionStatus {
    /// The step of its state machine.
    pub stage: &'static str,
    /// How well it is supplied with keys (tx; rx: `Normal` or `Blocked`).
    pub supply: ShortageStage,
    /// Time in this stage (tx).
    pub supply_for: Option<Duration>,
    /// Changes of stage since the start (tx).
    pub supply_changes: Option<u64>,
    /// How long a key is to be used, in this stage (tx).
    pub interval: Option<Duration>,
    /// Cause and expected end of a key shortage; `None` while keys come in time (tx).
    pub shortfall: Option<Shortfall>,
    /// The key in use.
    pub key: Option<KeyStatus>,
    /// Switches since start.
    pub switches: u64,
    /// When the last of them went through their steps, the newest last.
    pub recent: Vec<SwitchTimes>,
    /// Offers given up (tx) or refused (rx), and failed fetches, since start.
    pub failures: u64,
    /// The present problem, and the time since when (same clock as `now`).
    pub trouble: Option<(Cause, Duration)>,
}

/// The key in use of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    /// Association number.
    pub an: An,
    /// Number of the key in this direction.
    pub epoch: u32,
    /// Its name at the KMEs.
    pub key_id: KeyId,
    /// Where it comes from.
    pub origin: Origin,
    /// Epoch of the root it was made with.
    pub root: u32,
    /// Time since the switch to it.
    pub age: Duration,
}

/// When one switch went through its steps, by the clock of `now`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwitchTimes {
    /// The SA that took over.
    pub id: SaId,
    /// The SA before.
    pub previous: Option<SaId>,
    /// The KME gave the key: by `enc_keys` (tx), by `dec_keys` (rx). For a key from the root alone:
    /// its derivation.
    pub key: Duration,
    /// It was offered first (tx); the offer came (rx).
    pub offered: Duration,
    /// The workers were ordered to install it.
    pub ordered: Duration,
    /// All workers had it: that is the switch (tx), and the READY (rx).
    pub installed: Duration,
    /// No worker had the previous SA any more. `None`: not yet, or there was none. Tx: the switch
    /// wipes it.
    pub retired: Option<Duration>,
}

wire::counters! {
    /// Counters of control frames. Every frame handed to [`crate::Rekey::on_frame`] is in
    /// `received` and in exactly one of the others (`sent`, `overflow` apart).
    Counters {
        /// Frames we made.
        sent = "sent",
        /// All frames handed in.
        received = "received",
        /// Authentic, fresh, of the present or an arising session.
        accepted = "accepted",
        /// The MAC does not verify.
        forged = "forged",
        /// Authentic, but not newer than the last one of its session.
        replayed = "replayed",
        /// Authentic, but of or for another session.
        stale = "stale",
        /// Wrong length, EtherType, or a field that cannot be.
        malformed = "malformed",
        /// A type we do not know.
        unknown_type = "unknown_type",
        /// A version we do not know.
        unknown_version = "unknown_version",
        /// From another address than the configured peer's.
        foreign = "foreign",
        /// With our own SCI as sender: reflected, or two ends with one address.
        reflected = "reflected",
        /// Frames and events dropped because the driver did not drain the actions.
        overflow = "overflow",
    }
}

impl SessionState {
    /// All states, in the order of a session.
    pub const ALL: [Self; 4] = [Self::Searching, Self::Adopted, Self::Agreed, Self::Lost];

    /// As status shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Searching => "searching",
            Self::Adopted => "adopted",
            Self::Agreed => "agreed",
            Self::Lost => "lost",
        }
    }
}

/// The last switches, the newest last.
#[derive(Default)]
pub(crate) struct RecentSwitches(VecDeque<SwitchTimes>);

impl RecentSwitches {
    /// One more; the oldest is forgotten.
    pub(crate) fn switched(&mut self, times: SwitchTimes) {
        if self.0.len() == SWITCHES_TOLD {
            self.0.pop_front();
        }
        self.0.push_back(times);
    }

    /// No worker has this SA any more.
    pub(crate) fn retired(&mut self, now: Duration, id: SaId) {
        let of_next = |times: &&mut SwitchTimes| times.previous == Some(id);
        if let Some(times) = self.0.iter_mut().rev().find(of_next) {
            times.retired.get_or_insert(now);
        }
    }

    /// For the status.
    pub(crate) fn times(&self) -> Vec<SwitchTimes> {
        self.0.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests;
