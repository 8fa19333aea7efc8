//! The actions that the protocol asks of its driver, and the queue that the driver drains.

use std::collections::VecDeque;

use secy::{SaId, Sak, Salt};
use wire::{KeyId, Sci, Ssci};

use crate::event::Event;
use crate::limits;
use crate::message::Body;

/// One thing to do. The driver drains the queue after every call into [`crate::Rekey`], in order.
///
/// Actions with a [`Step`] are for all workers; the driver calls [`crate::Rekey::on_done`] with
/// that step when the last worker has acknowledged it. Commands must not be lost: a full mailbox is
/// tried again.
pub enum Action {
    /// Send this frame on the black port.
    Send(ControlFrame),
    /// Get one key from the KME (`enc_keys`); answer with [`crate::Rekey::on_key`].
    FetchKey,
    /// Get this key from the KME (`dec_keys`); answer with [`crate::Rekey::on_key_by_id`].
    FetchKeyById(KeyId),
    /// Install an rx SA for each SCI of the peer, in each worker that receives frames of that SC.
    InstallRx {
        /// Association number and epoch.
        id: SaId,
        /// The peer's transmit SCs.
        sas: Vec<(Sci, Ssci)>,
        /// The key.
        sak: Sak,
        /// The salt of the XPN suites.
        salt: Salt,
    },
    /// Install this tx SA in all workers, each for its own SC: the switch. PN starts at 1.
    InstallTx {
        /// Association number and epoch.
        id: SaId,
        /// Our transmit SCs, in the order of the workers.
        sas: Vec<(Sci, Ssci)>,
        /// The key.
        sak: Sak,
        /// The salt of the XPN suites.
        salt: Salt,
    },
    /// Retire exactly this rx SA for each SCI of the peer, and wipe its key.
    RetireRx {
        /// Association number and epoch.
        id: SaId,
        /// The peer's transmit SCs.
        scis: Vec<Sci>,
    },
    /// Stop transmitting and wipe the tx SA in all workers, whichever is installed there.
    RetireTx {
        /// The SA that was in use.
        id: SaId,
    },
    /// For log, status and ledger.
    Event(Event),
}

/// A command all workers have to acknowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// [`Action::InstallRx`]
    InstallRx(SaId),
    /// [`Action::InstallTx`]
    InstallTx(SaId),
    /// [`Action::RetireRx`]
    RetireRx(SaId),
    /// [`Action::RetireTx`]
    RetireTx(SaId),
}

/// A rekey frame, from destination address to MAC.
#[derive(Clone, PartialEq, Eq)]
pub struct ControlFrame(pub(crate) Vec<u8>);

impl Action {
    /// The step to report to [`crate::Rekey::on_done`]; `None` for actions that need no report.
    #[must_use]
    pub const fn step(&self) -> Option<Step> {
        match self {
            Self::InstallRx { id, .. } => Some(Step::InstallRx(*id)),
            Self::InstallTx { id, .. } => Some(Step::InstallTx(*id)),
            Self::RetireRx { id, .. } => Some(Step::RetireRx(*id)),
            Self::RetireTx { id } => Some(Step::RetireTx(*id)),
            Self::Send(_) | Self::FetchKey | Self::FetchKeyById(_) | Self::Event(_) => None,
        }
    }
}

impl ControlFrame {
    /// The octets to send, without FCS.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for ControlFrame {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Actions not yet polled, and message bodies that still need their header.
#[derive(Default)]
pub(crate) struct Outbox {
    actions: VecDeque<Action>,
    bodies: Vec<Body>,
    /// Frames and events that found no place, because the driver did not drain the queue.
    pub(crate) overflow: u64,
}

impl Outbox {
    /// A command for workers or KME: always finds its place, the state machines bound their number.
    pub(crate) fn command(&mut self, action: Action) {
        debug_assert!(
            self.actions.len() < limits::ACTIONS_MAX,
            "commands are bounded by state"
        );
        self.actions.push_back(action);
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.offer(Action::Event(event));
    }

    pub(crate) fn frame(&mut self, frame: ControlFrame) {
        self.offer(Action::Send(frame));
    }

    fn offer(&mut self, action: Action) {
        if self.actions.len() < limits::ACTIONS_MAX - limits::ACTIONS_RESERVED {
            self.actions.push_back(action);
        } else {
            self.overflow += 1;
        }
    }

    /// A message that [`crate::Rekey`] turns into a frame before it returns.
    pub(crate) fn body(&mut self, body: Body) {
        if self.bodies.len() < limits::BODIES_MAX {
            self.bodies.push(body);
        } else {
            self.overflow += 1;
        }
    }

    pub(crate) fn take_bodies(&mut self) -> Vec<Body> {
        core::mem::take(&mut self.bodies)
    }

    pub(crate) fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }
}
