//! Flaws of the driver and of the workers' settings, one at a time, to see the checkers find them.
//! The protocol's own guards are switched off by `rekey::guards` (feature `guards`).

/// What is built wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A tx key outlives its process and is used again, from PN 1.
    KeyKeptOverRestart,
    /// All workers have one SSCI under one SAK.
    OneSsci,
    /// Old rx SAs are wiped when the next is installed, and not after the switch.
    RetireBeforeSwitch,
    /// The driver calls an order done when one worker has acknowledged it.
    FirstWorkerIsEnough,
    /// validateFrames is `check` instead of `strict`.
    Lenient,
    /// A restarted end draws the randomness of its last run again.
    SameEntropy,
}
