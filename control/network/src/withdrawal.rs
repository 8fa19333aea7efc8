//! The answer to the question whether an SAE has a key.

/// The answer of a network whose interworking node wants to void a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawal {
    /// No SAE has the key or gets it.
    Done,
    /// An SAE has the key.
    Taken,
    /// The node that had it has lost its memory.
    Unknown,
}
