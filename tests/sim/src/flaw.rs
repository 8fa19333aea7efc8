//! Flaws of the driver and of the workers' settings, one at a time, to test that the checkers find
//! them. The protocol's own guards are switched off by `rekey::guards` (feature `guards`).

/// The flaw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A tx key outlives its process and is used again, from PN 1.
    KeyKeptOverRestart,
    /// All workers have the same SSCI under one SAK.
    OneSsci,
    /// Old rx SAs are wiped when the next SA is installed, not after the switch.
    RetireBeforeSwitch,
    /// The driver reports an order as done when one worker has acknowledged it.
    FirstWorkerIsEnough,
    /// validateFrames is `check` instead of `strict`.
    Lenient,
    /// A restarted end draws the randomness of its last run again.
    SameEntropy,
}
