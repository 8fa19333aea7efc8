//! The states of the transmit direction and how one leads to another: the whole table.

use core::time::Duration;

use secy::SaId;
use wire::KeyId;

use crate::event::Cause;
use crate::schedule::SaKeys;
use crate::secret::Origin;
use crate::status::KeyStatus;
use crate::stock::Key;

/// The state of the direction, with its data.
pub(super) enum State {
    /// No session is agreed.
    Idle,
    /// The key in use is young enough.
    Waiting,
    /// A key for the next offer is wanted, but not taken before this time.
    Fetching { not_before: Duration },
    /// OFFER is repeated until READY.
    Offering(TxOffer),
    /// The peer is ready; the switch is not due yet.
    Agreed(TxOffer),
    /// The workers install the SA.
    Installing {
        sa: TxSaRecord,
        /// When its key came, and when it was offered.
        came: Duration,
        offered: Duration,
        slow: Option<Duration>,
    },
}

/// Our offer.
pub(super) struct TxOffer {
    pub(super) id: SaId,
    pub(super) key_id: KeyId,
    pub(super) origin: Origin,
    /// Epoch of the root the keys are made with.
    pub(super) root: u32,
    pub(super) keys: SaKeys,
    /// The QKD key they are made of, if any, until the peer has it: it may be kept (REKEY-59).
    pub(super) key: Option<Key>,
    /// When the key came.
    pub(super) came: Duration,
    /// When it was offered first.
    pub(super) offered: Duration,
    /// From when on READY is waited for.
    pub(super) begun: Duration,
    pub(super) send_at: Duration,
    pub(super) pause: Duration,
}

/// An SA in use, without its key.
#[derive(Clone, Copy)]
pub(super) struct TxSaRecord {
    pub(super) id: SaId,
    pub(super) key_id: KeyId,
    pub(super) origin: Origin,
    pub(super) root: u32,
    /// When the workers were ordered to install it: age counts from here.
    pub(super) since: Duration,
}

/// A state without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Idle,
    Waiting,
    Fetching,
    Offering,
    Agreed,
    Installing,
}

/// An input that can end a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    SessionAgreed,
    SessionEnded,
    OfferDue,
    KeyTaken,
    Ready,
    GivenUp,
    SwitchDue,
    Installed,
}

/// REKEY-16: the transition table. `None`: the input means nothing in this state.
pub(super) const fn next(stage: Stage, input: Input) -> Option<Stage> {
    match (stage, input) {
        (_, Input::SessionEnded) => Some(Stage::Idle),
        (Stage::Idle, Input::SessionAgreed)
        | (Stage::Waiting, Input::OfferDue)
        | (Stage::Offering | Stage::Agreed, Input::GivenUp) => Some(Stage::Fetching),
        (Stage::Fetching, Input::KeyTaken) => Some(Stage::Offering),
        (Stage::Offering, Input::Ready) => Some(Stage::Agreed),
        (Stage::Agreed, Input::SwitchDue) => Some(Stage::Installing),
        (Stage::Installing, Input::Installed) => Some(Stage::Waiting),
        _ => None,
    }
}

impl Stage {
    /// As status shows it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Waiting => "waiting",
            Self::Fetching => "fetching",
            Self::Offering => "offering",
            Self::Agreed => "agreed",
            Self::Installing => "installing",
        }
    }
}

impl State {
    pub(super) const fn stage(&self) -> Stage {
        match self {
            Self::Idle => Stage::Idle,
            Self::Waiting => Stage::Waiting,
            Self::Fetching { .. } => Stage::Fetching,
            Self::Offering(_) => Stage::Offering,
            Self::Agreed(_) => Stage::Agreed,
            Self::Installing { .. } => Stage::Installing,
        }
    }

    /// Whether QKD keys are what the next switch waits for, here or at the peer.
    pub(super) const fn is_short(&self, cause: Cause) -> bool {
        match self {
            Self::Fetching { .. } => cause.is_supply(),
            Self::Offering(_) => cause.is_supply() && !matches!(cause, Cause::Key(_)),
            Self::Idle | Self::Waiting | Self::Agreed(_) | Self::Installing { .. } => false,
        }
    }
}

impl TxSaRecord {
    pub(super) const fn status(&self, now: Duration) -> KeyStatus {
        KeyStatus {
            an: self.id.an,
            epoch: self.id.epoch,
            key_id: self.key_id,
            origin: self.origin,
            root: self.root,
            age: now.saturating_sub(self.since),
        }
    }
}
