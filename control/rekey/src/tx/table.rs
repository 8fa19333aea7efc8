//! The states of the transmit direction and how one leads to another: the whole table.

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

/// What makes a state end.
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
