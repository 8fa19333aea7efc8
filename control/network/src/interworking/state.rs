//! The states of a key between two domains, and the one table of their transitions.

/// Which KME of the pair handed the key over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// We sent the key to the neighbour domain.
    Sent,
    /// We received the key from the neighbour domain.
    Received,
}

/// The state of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Sent: the neighbour has to accept it. It may have it already.
    Offering,
    /// Sent: the neighbour has accepted it and has to say what became of it.
    Accepted,
    /// Received: our network carries it to its target.
    Relaying,
    /// Received: it is at its target, but the neighbour may not know.
    Relayed,
    /// We want it voided; the neighbour has to confirm that it is not released there.
    Voiding,
    /// Our network has to confirm that no SAE has it or gets it.
    Withdrawing(Verdict),
    /// SAEs of both domains may have it.
    Released,
    /// No SAE has it or gets it, because one side has voided it.
    Voided,
    /// No SAE has it or gets it, because it was refused or could not be relayed.
    Failed,
}

/// The end of a key that is withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// [`State::Voided`].
    Voided,
    /// [`State::Failed`].
    Failed,
}

/// The events of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The neighbour accepted the key (202).
    Accepted,
    /// The neighbour refused the key and keeps nothing (400, 401).
    Refused,
    /// An acknowledgement is overdue.
    Late,
    /// The neighbour acknowledged `relayed`.
    SaidRelayed,
    /// The neighbour acknowledged `failed`.
    SaidFailed,
    /// The neighbour acknowledged `voided`, or does not know the key.
    SaidVoided,
    /// An SAE of the neighbour domain has the key, so it cannot be voided.
    SaidTaken,
    /// The neighbour asks for a void.
    PeerVoids,
    /// The neighbour took our acknowledgement of `relayed`.
    Heard,
    /// Our network has carried the key to its target.
    NetworkRelayed,
    /// Our network cannot carry the key to its target.
    NetworkFailed,
    /// Our network confirms that no SAE has the key or gets it.
    Withdrawn,
    /// An SAE of our domain has the key.
    Taken,
    /// The attempts are used up, or our network wants the key voided: its origin has given it up,
    /// or its target's node has lost it.
    GiveUp,
    /// The neighbour has not answered for the whole life of the key.
    Expired,
}

impl State {
    /// True if nothing more has to happen to the key.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Released | Self::Voided | Self::Failed)
    }
}

impl From<Verdict> for State {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Voided => Self::Voided,
            Verdict::Failed => Self::Failed,
        }
    }
}

/// The table. `None`: the event changes nothing in this state.
///
/// A key that may be at the neighbour is given up only with the neighbour's word that it is not
/// released there ([`State::Voiding`]), and a key that an SAE of ours may have only with our
/// network's ([`State::Withdrawing`]). Therefore no key is released in one domain and voided in the
/// other.
pub(super) fn next(side: Side, state: State, event: Event) -> Option<State> {
    use Event as E;
    use Side::{Received, Sent};
    use State as S;
    Some(match (side, state, event) {
        (Sent, S::Offering, E::Accepted) => S::Accepted,
        (Sent, S::Offering, E::Refused) => S::Withdrawing(Verdict::Failed),
        (Sent, S::Accepted, E::Late) => S::Offering,
        (Sent, S::Offering | S::Accepted, E::SaidRelayed) => S::Released,
        (Sent, S::Offering | S::Accepted | S::Released, E::GiveUp) => S::Voiding,
        (Sent, S::Offering | S::Accepted | S::Voiding, E::SaidFailed) => {
            S::Withdrawing(Verdict::Failed)
        }
        (Sent, S::Offering | S::Accepted | S::Voiding | S::Released, E::SaidVoided) => {
            S::Withdrawing(Verdict::Voided)
        }
        // The initiator never got the key or gave it up, so no target asks for it by its name.
        (Sent, S::Voiding, E::Expired) => S::Withdrawing(Verdict::Voided),

        (Received, S::Relaying, E::NetworkRelayed) => S::Relayed,
        (Received, S::Relaying, E::NetworkFailed) => S::Failed,
        (Received, S::Relaying, E::GiveUp) => S::Withdrawing(Verdict::Failed),
        (Received, S::Relayed, E::Heard) => S::Released,
        (Received, S::Relayed | S::Released, E::GiveUp) => S::Voiding,
        (Received, S::Relayed | S::Voiding | S::Released, E::SaidVoided) => {
            S::Withdrawing(Verdict::Voided)
        }
        // The initiator may have the key, so its target must be able to get it.
        (Received, S::Voiding, E::Expired) => S::Released,

        (_, S::Voiding, E::SaidTaken) => S::Released,
        (
            _,
            S::Offering | S::Accepted | S::Relaying | S::Relayed | S::Voiding | S::Released,
            E::PeerVoids,
        ) => S::Withdrawing(Verdict::Voided),
        (_, S::Withdrawing(verdict), E::Withdrawn) => verdict.into(),
        (_, S::Withdrawing(_), E::Taken) => S::Released,
        _ => return None,
    })
}
