//! The books of one block at one end: transcripts, counts, sums, and the bits for the hash.

use crate::authentication::{Direction, SLOT_OCTETS, Secret, Transcript};
use crate::bits::Bits;
use crate::confirmation::DISCLOSED_BITS;
use crate::estimate::{Corrected, Estimate, SecretLength, Sums};
use crate::toeplitz::{Matrix, Shape};
use crate::wiped::Wiped;

use super::message::{self, Body, Message};
use super::{Action, BlockId, BlockReport, Cause, Closed, CountedProof, LostBlock, Setup};

/// Alice makes the key shorter by this. The two ends may round differently, by far less than one
/// bit. So Bob never calculates a shorter one.
const MARGIN_BITS: u64 = 64;

/// The books of one block.
pub(super) struct Block {
    pub(super) id: u64,
    setup: Setup,
    outbound: Transcript,
    inbound: Transcript,
    sent: u32,
    received: u32,
    kept: u32,
    lost: u32,
    /// Bits of kept frames that were disclosed while they were stuck.
    disclosed: u64,
    sums: Sums,
    /// Core bits of the kept frames.
    material: Wiped<u32>,
    filled: usize,
}

/// The state of the block after a message.
pub(super) enum Step {
    Stay,
    /// The block is over.
    Over,
}

/// The figures that follow from all frames.
pub(super) struct BlockResult {
    pub(super) estimate: Option<Estimate>,
    pub(super) secret: SecretLength,
    corrected: Corrected,
    /// Secret bits by the proof that counts.
    pub(super) bits: u64,
}

impl Block {
    pub(super) fn new(id: u64, setup: &Setup, secret: &Secret, outbound: Direction) -> Self {
        let [outbound, inbound] = match outbound {
            Direction::AliceToBob => [Direction::AliceToBob, Direction::BobToAlice],
            Direction::BobToAlice => [Direction::BobToAlice, Direction::AliceToBob],
        }
        .map(|direction| secret.transcript(direction));
        let core = setup.code().core_len() * setup.frames() as usize;
        Self {
            id,
            setup: setup.clone(),
            outbound,
            inbound,
            sent: 0,
            received: 0,
            kept: 0,
            lost: 0,
            disclosed: 0,
            sums: Sums::default(),
            material: Wiped::zeroed(core),
            filled: 0,
        }
    }

    pub(super) fn block_id(&self) -> BlockId {
        BlockId(self.id)
    }

    /// The next message to send.
    pub(super) fn write(&mut self, kind: u8, body: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(message::HEADER + body.len() + 16);
        message.extend(message::header(kind, self.id, self.sent));
        message.extend(body);
        self.sent += 1;
        self.outbound.absorb(&message);
        message
    }

    /// The next message to send, and its tag.
    pub(super) fn write_tagged(&mut self, kind: u8, body: &[u8], once: &[u8; 16]) -> Vec<u8> {
        let mut message = self.write(kind, body);
        message.extend(self.outbound.tag(once));
        message
    }

    /// The next message that came.
    pub(super) fn read(&mut self, message: &[u8]) -> Result<Body, Cause> {
        let parsed = Message::parse(message, self.setup.code()).ok_or(Cause::Damaged)?;
        if let Body::Abort = parsed.body {
            return Err(Cause::Aborted);
        }
        if (parsed.block, parsed.number) != (self.id, self.received) {
            return Err(Cause::OutOfOrder);
        }
        self.received += 1;
        self.inbound.absorb(&message[..parsed.covered]);
        Ok(parsed.body)
    }

    /// Whether this is the tag of all messages that came.
    pub(super) fn verify(&self, once: &[u8; 16], tag: &[u8; 16]) -> Result<(), Cause> {
        match self.inbound.verifies(once, tag) {
            true => Ok(()),
            false => Err(Cause::WrongTag),
        }
    }

    /// A frame that both ends have.
    pub(super) fn keep(&mut self, word: &Bits, disclosed: u64) {
        let core = self.setup.code().core_words(word);
        self.material[self.filled..self.filled + core.len()].copy_from_slice(core);
        self.filled += core.len();
        self.kept += 1;
        self.disclosed += disclosed + DISCLOSED_BITS;
    }

    /// A frame that counts for the estimate only.
    pub(super) fn lose(&mut self) {
        self.lost += 1;
    }

    /// The sums of a frame, kept or lost.
    pub(super) fn add(&mut self, sums: &Sums) {
        self.sums.add(sums);
    }

    /// Takes those sums of the block that only Alice can know.
    pub(super) fn adopt(&mut self, sent_squared: f64, product: f64) {
        let alice = Sums::from_parts(0, sent_squared, 0.0, product);
        self.sums.add(&alice);
    }

    pub(super) fn sums(&self) -> &Sums {
        &self.sums
    }

    /// Whether all frames are kept or lost.
    pub(super) fn is_full(&self) -> bool {
        self.kept + self.lost == self.setup.frames()
    }

    /// Frames kept or lost.
    pub(super) fn frames(&self) -> u32 {
        self.kept + self.lost
    }

    pub(super) fn result(&self) -> BlockResult {
        let symbols = self.setup.frame_symbols() as u64;
        let code = self.setup.code();
        let undisclosed = (code.word_len() - code.syndrome_len()) as u64;
        let corrected = Corrected {
            kept_symbols: u64::from(self.kept) * symbols,
            lost_symbols: u64::from(self.lost) * symbols,
            undisclosed_bits: u64::from(self.kept) * undisclosed,
            further_disclosed_bits: self.disclosed,
        };
        let estimate = Estimate::of(&self.sums, self.setup.source(), self.setup.receiver()).ok();
        let none = SecretLength {
            lgg_bits: 0,
            composable_bits: 0,
        };
        let secret = estimate
            .as_ref()
            .map_or(none, |estimate| SecretLength::of(estimate, &corrected));
        let bits = match self.setup.proof() {
            CountedProof::Lgg2010 => secret.lgg_bits,
            CountedProof::Composable => secret.composable_bits,
        };
        BlockResult {
            estimate,
            secret,
            corrected,
            bits,
        }
    }

    /// The hash that Alice may choose for these secret bits: a multiple of 64. `None` if no bit
    /// is left.
    pub(super) fn shape(&self, secret_bits: u64) -> Option<Shape> {
        let bits = secret_bits.saturating_sub(MARGIN_BITS) / 64 * 64;
        let input = self.filled * u32::BITS as usize;
        Shape::new(input, usize::try_from(bits).ok()?).ok()
    }

    /// The hash that Alice has chosen, if this end calculates as many bits.
    pub(super) fn accept(&self, key_bits: u64, secret_bits: u64) -> Option<Shape> {
        let right = key_bits <= secret_bits && key_bits.is_multiple_of(64);
        let input = self.filled * u32::BITS as usize;
        right.then(|| Shape::new(input, usize::try_from(key_bits).ok()?).ok())?
    }

    /// Hashes, and divides the key: slots for the reserve first, the rest for the caller.
    pub(super) fn amplify(&mut self, matrix: &Matrix, slots: u64) -> Option<(Wiped<u8>, Bits)> {
        let mut material = Wiped::zeroed(self.filled);
        material.copy_from_slice(&self.material[..self.filled]);
        self.material = Wiped::zeroed(0);
        let key = matrix.hash(&Bits::whole(material))?;
        let octets = usize::try_from(slots).ok()?.checked_mul(SLOT_OCTETS)?;
        let (first, rest) = key.words().split_at_checked(octets / 4)?;
        let mut reserve = Wiped::zeroed(octets);
        for (octets, word) in reserve.chunks_exact_mut(4).zip(first) {
            octets.copy_from_slice(&word.to_be_bytes());
        }
        let mut bits = Wiped::zeroed(rest.len());
        bits.copy_from_slice(rest);
        Some((reserve, Bits::whole(bits)))
    }

    pub(super) fn report(&self, result: &BlockResult, key_bits: u64, slots: u64) -> BlockReport {
        BlockReport {
            block: self.block_id(),
            estimate: result.estimate,
            corrected: result.corrected,
            secret: result.secret,
            key_bits,
            reserve_bits: slots * 8 * SLOT_OCTETS as u64,
        }
    }
    /// Tells the other end, unless it knows. The block is lost, and the connection must be closed.
    pub(super) fn give_up(&mut self, cause: Cause, key_held: bool) -> Vec<Action> {
        let abort = (cause != Cause::Aborted).then(|| self.write(message::kind::ABORT, &[]));
        let end = [
            self.loss(cause, key_held),
            Action::Close(Closed::Lost(cause)),
        ];
        abort.map(Action::Send).into_iter().chain(end).collect()
    }

    /// The action that counts the block as lost.
    pub(super) fn loss(&self, cause: Cause, key_held: bool) -> Action {
        Action::Lost(LostBlock {
            block: self.block_id(),
            cause,
            key_held,
        })
    }
}
