//! The inputs of the machine and its actions.

use std::sync::Arc;

use kme_api::KeyBytes;
use kme_api::etsi020::{
    AckContainer, CallbackUrl, ExtKeys, Extension, KeyUuid, Parties, Problem, Void,
};

use super::state::{Side, State};

/// Number of one of our requests to the neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// Number of a request of the neighbour that waits for its answer (synchronous mode).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// A key that our network hands over for an SAE of the neighbour domain. Our network must not give
/// it to an SAE before [`Action::Release`].
pub struct Offer {
    /// Name of the key.
    pub key_id: KeyUuid,
    /// The key.
    pub value: Arc<KeyBytes>,
    /// The SAEs of the key.
    pub parties: Parties,
    /// Extensions of this key.
    pub extension: Option<Extension>,
    /// Extensions that every KME on the way must know.
    pub mandatory: Option<Extension>,
    /// Extensions that a KME passes on if it does not know them.
    pub optional: Option<Extension>,
}

/// The reason why an offer is not taken. Nothing of it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// A key of this name was offered or received before.
    #[error("a key of this name was handed over before; offer a fresh key")]
    Known,
    /// Too many keys wait.
    #[error("too many keys wait for the neighbour domain; offer again when some are released")]
    Full,
}

/// An order to the driver. Orders are carried out in their order. A [`Action::Record`] must be on
/// disk before the orders after it are carried out, and before the reply to the request that caused
/// it is sent.
pub enum Action {
    /// Keep this state of a key, for [`super::Interworking::restore`].
    Record(Record),
    /// Send a request to the neighbour. The answer goes to [`super::Interworking::on_answer`].
    Send(CallId, Message),
    /// Answer a request of the neighbour that waits.
    Answer(Token, Answer),
    /// Carry a key to its target in our network, and report with
    /// [`super::Interworking::on_relayed`] or [`super::Interworking::on_relay_failed`].
    Relay(Relay),
    /// Allow our network to give a key to the SAE that asked for it. May come twice.
    Release(KeyUuid, Option<Extension>),
    /// Make sure that no SAE of ours has or gets a key, even if its relay ends later, and report
    /// with [`super::Interworking::on_withdrawn`]. Repeated until reported.
    Withdraw(Side, KeyUuid),
}

/// A key to carry through our network.
pub struct Relay {
    /// Name of the key.
    pub key_id: KeyUuid,
    /// The key.
    pub value: Arc<KeyBytes>,
    /// The SAEs of the key.
    pub parties: Parties,
    /// Extensions of this key.
    pub extension: Option<Extension>,
    /// Extensions of the request.
    pub optional: Option<Extension>,
}

/// A request to the neighbour.
pub enum Message {
    /// `/ext_keys`.
    Keys(ExtKeys),
    /// `/ext_keys/ack`, or the URL that the neighbour named.
    Acks(CallbackUrl, Vec<AckContainer>),
    /// `/ext_keys/void`.
    Void(Void),
}

/// The answer of the neighbour to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 202.
    Accepted,
    /// 200: of an acknowledgement without containers, else with what became of the keys.
    Done(Vec<AckContainer>),
    /// 400 or 401, which alone prove that nothing was kept.
    Refused(Problem),
    /// Anything else, or nothing.
    Unknown,
}

/// The reply to a request of the neighbour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// 202.
    Accepted,
    /// 200 without body.
    Acknowledged,
    /// Comes later, as [`Action::Answer`].
    Later(Token),
    /// An error.
    Refused(Problem),
}

/// The late answer to a request of the neighbour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200.
    Done(Vec<AckContainer>),
    /// An error.
    Refused(Problem),
}

/// Where a target SAE is, as seen from our network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Our network reaches it.
    Ours,
    /// Only by way of the neighbour that asks.
    Back,
    /// It is known, but not reachable now.
    Down,
    /// It is reachable, but there is not enough key material.
    Short,
    /// No KME is known for it.
    Unknown,
}

/// The record of a key that survives a restart. It holds no key material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Name of the key.
    pub key_id: KeyUuid,
    /// The side that handed it over.
    pub side: Side,
    /// Its SAEs.
    pub parties: Parties,
    /// Its state.
    pub state: State,
    /// It was released before, and our network has not given it up. Only then an SAE of the
    /// initiator's side can have it.
    pub released: bool,
    /// Where to acknowledge; `None` for a request of the synchronous mode.
    pub callback: Option<CallbackUrl>,
    /// It was never handed over: the neighbour voided a key that was not known.
    pub absent: bool,
}
