//! The state of one key in the machine.

use core::time::Duration;
use std::sync::Arc;

use kme_api::KeyBytes;
use kme_api::etsi020::{AckStatus, CallbackUrl, Extension, KeyUuid, Parties};

use super::action::{CallId, Record};
use super::state::{Side, State};

/// One key.
pub(super) struct Key {
    pub(super) side: Side,
    pub(super) state: State,
    pub(super) parties: Parties,
    /// The key itself, as long as it may have to be sent or compared.
    pub(super) value: Option<Arc<KeyBytes>>,
    pub(super) extension: Option<Extension>,
    pub(super) mandatory: Option<Extension>,
    pub(super) optional: Option<Extension>,
    /// Received: where to acknowledge. `None` in the synchronous mode.
    pub(super) callback: Option<CallbackUrl>,
    /// Where to acknowledge the void that the neighbour has asked for.
    pub(super) void_callback: Option<CallbackUrl>,
    /// It was released before, and our network has not given it up.
    pub(super) released: bool,
    /// A request whose answer is not known may have reached the neighbour.
    pub(super) uncertain: bool,
    /// Sent and voiding: the neighbour has acknowledged `relayed`.
    pub(super) said_relayed: bool,
    /// Sent and voiding: the neighbour has acknowledged `failed to void`.
    pub(super) said_taken: bool,
    /// Never handed over: the neighbour has voided a key that we do not know.
    pub(super) absent: bool,
    /// Requests about it since its state last changed for good.
    pub(super) attempts: u32,
    /// Our request that names it and waits for its answer.
    pub(super) call: Option<CallId>,
    /// Its entry in the timers.
    pub(super) due: Duration,
    /// End of its life.
    pub(super) expires: Duration,
}

impl Key {
    pub(super) fn new(side: Side, state: State, parties: Parties, expires: Duration) -> Self {
        Self {
            side,
            state,
            parties,
            value: None,
            extension: None,
            mandatory: None,
            optional: None,
            callback: None,
            void_callback: None,
            released: state == State::Released,
            uncertain: false,
            said_relayed: false,
            said_taken: false,
            absent: false,
            attempts: 0,
            call: None,
            due: Duration::ZERO,
            expires,
        }
    }

    pub(super) fn record(&self, key_id: KeyUuid) -> Record {
        Record {
            key_id,
            side: self.side,
            parties: self.parties.clone(),
            state: self.state,
            released: self.released,
            callback: self.callback.clone(),
            absent: self.absent,
        }
    }

    /// The answer for the key, which has ended, when the neighbour wants it voided.
    pub(super) fn void_status(&self) -> AckStatus {
        match self.state {
            State::Released => AckStatus::FailedToVoid,
            _ if self.absent => AckStatus::KeyNotPresent,
            _ => AckStatus::Voided,
        }
    }
}
