//! The stages of a key shortage and how one leads to another: the whole table.

/// A stage of a key shortage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShortageStage {
    /// Nothing is sent yet: no key has been agreed since start or since the session ended.
    Starting,
    /// Keys come in time.
    Normal,
    /// Keys came late: each is used for longer, to save them.
    Stretched,
    /// They still do: each is used for as long as the settings allow while others follow.
    Sparse,
    /// The last key is held to its hard limit.
    Held,
    /// QKD keys have been short for as long as a key may be held: keys come from the root alone,
    /// where the policy allows it.
    Pqc,
    /// The hard limit is reached: nothing is sent.
    Blocked,
}

/// An input that can end a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShortageInput {
    /// The key in use is older than it should be, since QKD keys are short.
    Late,
    /// It is so old that it is held for as long as may be, whatever the reason.
    Long,
    /// It is at its hard limit, of age or packet numbers, or the peer has dropped it.
    Limit,
    /// Keys from the root alone are due, or one is in use.
    Alone,
    /// A fresh key is in use after a time in which QKD keys were short.
    Fresh,
    /// A fresh key is in use, and QKD keys were not short.
    Well,
    /// Keys came in time, often enough in a row.
    Proved,
    /// The session ended.
    Ended,
}

/// REKEY-50: the transition table. `None`: the input means nothing in this stage.
pub(crate) const fn next_stage(
    stage: ShortageStage,
    input: ShortageInput,
) -> Option<ShortageStage> {
    use ShortageStage::{Blocked, Held, Normal, Pqc, Sparse, Starting, Stretched};
    match (stage, input) {
        (_, ShortageInput::Ended) => Some(Starting),
        (Starting, ShortageInput::Fresh | ShortageInput::Well)
        | (Held | Blocked, ShortageInput::Well)
        | (Stretched, ShortageInput::Proved) => Some(Normal),
        (Normal, ShortageInput::Late) | (Sparse, ShortageInput::Proved) => Some(Stretched),
        (Stretched, ShortageInput::Late) | (Held | Pqc | Blocked, ShortageInput::Fresh) => {
            Some(Sparse)
        }
        (Normal | Stretched | Sparse, ShortageInput::Long) => Some(Held),
        (Starting | Normal | Stretched | Sparse | Held | Blocked, ShortageInput::Alone) => {
            Some(Pqc)
        }
        (Normal | Stretched | Sparse | Held | Pqc, ShortageInput::Limit) => Some(Blocked),
        _ => None,
    }
}

impl ShortageStage {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::Starting,
        Self::Normal,
        Self::Stretched,
        Self::Sparse,
        Self::Held,
        Self::Pqc,
        Self::Blocked,
    ];

    /// As status, log and metrics show it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Normal => "normal",
            Self::Stretched => "stretched",
            Self::Sparse => "sparse",
            Self::Held => "held",
            Self::Pqc => "pqc",
            Self::Blocked => "blocked",
        }
    }
}
