//! What `qmacsec status` shows of the rekey protocol.

use core::time::Duration;

use secy::SaId;
use wire::{An, KeyId, MacAddr};

use crate::event::Cause;
use crate::policy::Policy;
use crate::secret::Origin;
use crate::shortage::Supply;

/// A snapshot, made for one `now`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The session with the peer.
    pub session: SessionStatus,
    /// What we send.
    pub tx: DirectionStatus,
    /// What we receive.
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
    /// Who.
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
    pub policy: Policy,
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
    pub supply: Supply,
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
    /// What goes wrong now, and since when (same clock as `now`).
    pub trouble: Option<(Cause, Duration)>,
}

/// A key shortage: its cause and its expected end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// The cause of the last change to a worse stage.
    pub cause: Option<Cause>,
    /// Consecutive keys that came in time.
    pub in_time: u32,
    /// Number of such keys that the next better stage needs.
    pub needed: u32,
    /// Shortest time until the next better stage.
    pub better_in: Duration,
    /// Time until the hard limit of the key in use, when traffic stops unless another key comes.
    pub stops_in: Option<Duration>,
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
    /// The KME gave the key: by `enc_keys` (tx), by `dec_keys` (rx). Of a key from the root alone: it was made.
    pub key: Duration,
    /// It was offered first (tx); the offer came (rx).
    pub offered: Duration,
    /// The workers were told to install it.
    pub told: Duration,
    /// All workers had it: that is the switch (tx), and the READY (rx).
    pub installed: Duration,
    /// No worker had the SA before any more; `None`: not yet, or there was none. Tx: it went with the switch.
    pub retired: Option<Duration>,
}

/// Counters of control frames. Every frame handed to [`crate::Rekey::on_frame`] is in `received`
/// and in exactly one of the others (`sent`, `events_lost` apart).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames we made.
    pub sent: u64,
    /// All frames handed in.
    pub received: u64,
    /// Authentic, fresh, of the present or an arising session.
    pub accepted: u64,
    /// The MAC does not verify.
    pub forged: u64,
    /// Authentic, but not newer than the last one of its session.
    pub replayed: u64,
    /// Authentic, but of or for another session.
    pub stale: u64,
    /// Wrong length, EtherType, or a field that cannot be.
    pub malformed: u64,
    /// A type we do not know.
    pub unknown_type: u64,
    /// A version we do not know.
    pub unknown_version: u64,
    /// From another address than the configured peer's.
    pub foreign: u64,
    /// With our own SCI as sender: reflected, or two ends with one address.
    pub reflected: u64,
    /// Frames and events dropped because the driver did not drain the actions.
    pub overflow: u64,
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

impl Counters {
    /// Name and value of each, for metrics.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("sent", self.sent),
            ("received", self.received),
            ("accepted", self.accepted),
            ("forged", self.forged),
            ("replayed", self.replayed),
            ("stale", self.stale),
            ("malformed", self.malformed),
            ("unknown_type", self.unknown_type),
            ("unknown_version", self.unknown_version),
            ("foreign", self.foreign),
            ("reflected", self.reflected),
            ("overflow", self.overflow),
        ]
        .into_iter()
    }
}
