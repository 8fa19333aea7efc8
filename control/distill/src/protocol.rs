//! The protocol that distils keys: Alice, who sends the signals, and Bob, who measures them. Bob's
//! data is the key (reverse reconciliation).
//!
//! ```text
//!  Alice                                Bob
//!  Hello, Ready            <->          Hello, Ready
//!                           <-          Frame {rotations, norms, syndrome}      for each frame
//!  Question                 ->                                                  if it is stuck
//!                           <-          Disclosure
//!  Tag, Failed or Skip      ->
//!                           <-          Confirmed or Values
//!  Seed, End + tag          ->                                                  for each block
//!                           <-          Done + tag
//!  Held + tag               ->
//! ```
//! Only one block is on its way at a time. Frames that Bob measures meanwhile wait for the next.
//! An error costs the block: the end that finds it sends `Abort` and closes the connection. The
//! next block begins on a new connection, so no message of the lost block can be left.
//!
//! There is no IO, no clock and no thread in here. The caller carries out the actions in their
//! order. It closes a connection that stands still.

use crate::authentication::Incarnation;
use crate::bits::Bits;
use crate::estimate::{Corrected, Estimate, SecretLength};

pub use alice::Alice;
pub use bob::Bob;
pub use setup::{CountedProof, InvalidSetup, Setup};

mod alice;
mod block;
mod bob;
mod message;
mod party;
mod setup;

/// Octets of a message at most.
pub const MAX_MESSAGE: usize = 4 << 20;

/// Frames of a block that Alice has not decided, at most.
const OPEN_FRAMES: usize = 8;

/// A source of random octets for secrets, such as that of the operating system.
pub type Random = Box<dyn FnMut(&mut [u8]) + Send>;

/// The number of a block. It counts up, and is never used again between the same incarnations.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BlockId(pub u64);

/// The two runs of the two ends. A restart changes it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Session {
    /// Alice's run.
    pub alice: Incarnation,
    /// Bob's run.
    pub bob: Incarnation,
}

/// An action for the caller. It carries out actions in their order.
pub enum Action {
    /// Keep this position of the pre-shared secret on durable storage before any later action.
    Position(u64),
    /// Send this message over the classical channel.
    Send(Vec<u8>),
    /// The greeting is over: both ends are there.
    Connected(Session),
    /// This end holds the key of a block. It may serve keys that the other end has given out.
    Key(DistilledBlock),
    /// The other end holds the key of the block, too. This end may give keys out.
    Shared(BlockId),
    /// A block is lost.
    Lost(LostBlock),
    /// The figures of a block, with or without key.
    Report(BlockReport),
    /// Close the connection, then call `on_disconnect`.
    Close(Closed),
}

/// The key of a block.
pub struct DistilledBlock {
    /// The block.
    pub block: BlockId,
    /// The runs that made it.
    pub session: Session,
    /// The key, a multiple of 32 bits.
    pub bits: Bits,
}

/// A block without key, or one whose key the other end may not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LostBlock {
    /// The block.
    pub block: BlockId,
    /// Why it is lost.
    pub cause: Cause,
    /// Whether [`Action::Key`] came before. The other end may have the key and give it out, so this
    /// end must still serve it, but not give it out itself.
    pub key_held: bool,
}

/// Why a block is lost.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Cause {
    /// The estimate leaves no secret bit, or there is no estimate.
    #[error("the channel leaves no secret bit")]
    NoKey,
    /// A message is none.
    #[error("a message is damaged")]
    Damaged,
    /// A message came out of its order.
    #[error("a message came out of order")]
    OutOfOrder,
    /// The tag of the messages is wrong.
    #[error("the messages are not those of the other end: somebody may have changed them")]
    WrongTag,
    /// A slot of the reserve was used before, or does not exist.
    #[error("the other end names key for authentication that is not to be used")]
    WrongSlot,
    /// The other end makes a longer key than the estimate allows, or other sums.
    #[error("the other end calculates another key length")]
    WrongLength,
    /// No key is left for authentication.
    #[error("no key is left for authentication: give both ends a new pre-shared secret")]
    ReserveEmpty,
    /// The caller refuses the estimate.
    #[error("the estimate is refused")]
    Refused,
    /// The other end gave the block up.
    #[error("the other end gave the block up")]
    Aborted,
    /// The connection broke.
    #[error("the connection broke")]
    Disconnected,
}

/// Why a connection must be closed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Closed {
    /// A block was lost.
    #[error("block lost: {0}")]
    Lost(Cause),
    /// The greeting is damaged or has a wrong MAC.
    #[error("greeting refused: give both ends the same pre-shared secret")]
    Refused,
    /// The greeting is of another version.
    #[error("the other end has another version: install the same at both ends")]
    Version,
    /// The settings differ.
    #[error(
        "the other end has other settings: compare code rate, source, fibre, receiver, block and \
         proof"
    )]
    Setup,
    /// No key is left for authentication.
    #[error("no key is left for authentication: give both ends a new pre-shared secret")]
    ReserveEmpty,
}

/// The figures of a block.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BlockReport {
    /// The block.
    pub block: BlockId,
    /// The channel as estimated; `None` if no channel explains the data.
    pub estimate: Option<Estimate>,
    /// Frames and disclosed bits.
    pub corrected: Corrected,
    /// Secret bits by both proofs.
    pub secret: SecretLength,
    /// Bits of the key that counts: for the caller and for the reserve. Zero if there is none.
    pub key_bits: u64,
    /// Bits of these that go to the reserve.
    pub reserve_bits: u64,
}

#[cfg(test)]
mod tests;
