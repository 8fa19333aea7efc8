//! The end that measures the signals. Its data is the key.

use std::collections::VecDeque;

use crate::authentication::{Address, Direction, Reserve, Secret, Slot};
use crate::bits::Bits;
use crate::code::LANES;
use crate::confirmation::Tag;
use crate::estimate::Sums;
use crate::rotation::{DIMENSIONS, Rotation};
use crate::toeplitz::{Matrix, Shape};
use crate::wiped::Wiped;

use super::block::{Block, Step};
use super::message::{self, Body, End, Frame, kind};
use super::party::{Greeted, Party};
use super::{Action, Cause, Closed, DistilledBlock, OPEN_FRAMES, Random, Setup};

/// Measured frames that wait for their block at most. The oldest gives way.
const WAITING_FRAMES: usize = 256;
/// Bits of a frame that Alice may ask for at most.
const ASKED_BITS: usize = 1 << 13;

/// Bob, for the life of a process.
pub struct Bob {
    party: Party,
    /// Frames that are measured, but not in a block yet.
    waiting: VecDeque<Prepared>,
    dropped: u64,
    block: Option<Open>,
}

/// A measured frame, ready to be sent.
struct Prepared {
    body: Vec<u8>,
    frame: OpenFrame,
}

struct OpenFrame {
    word: Bits,
    norms_squared: f64,
    disclosed: u64,
}

/// The block on its way.
struct Open {
    books: Block,
    /// Frames that Alice has not decided.
    frames: VecDeque<OpenFrame>,
    /// Words of the seed so far.
    seed: Vec<u64>,
    /// After `Done`.
    slot: Option<Slot>,
}

impl Open {
    fn loss(&self, cause: Cause) -> Action {
        self.books.loss(cause, self.slot.is_some())
    }
}

impl Bob {
    /// Begins unconnected. `position` is that of the last [`Action::Position`] of an earlier run,
    /// or zero.
    #[must_use]
    pub fn new(setup: Setup, secret: Secret, position: u64, random: Random) -> Self {
        Self {
            party: Party::new(setup, secret, position, Direction::BobToAlice, random),
            waiting: VecDeque::new(),
            dropped: 0,
            block: None,
        }
    }

    /// The classical channel is open.
    pub fn on_connect(&mut self) -> Vec<Action> {
        self.party.connect()
    }

    /// The classical channel is closed, by whichever end.
    pub fn on_disconnect(&mut self) -> Vec<Action> {
        self.party.disconnect();
        let open = self.block.take();
        let lost = open.map(|open| open.loss(Cause::Disconnected));
        lost.into_iter().collect()
    }

    /// His quadratures of a frame, in SNU, and the number of the frame on the quantum channel.
    ///
    /// # Panics
    /// If these are not the quadratures of a frame.
    pub fn on_received(&mut self, number: u64, measured: Wiped<f32>) -> Vec<Action> {
        let setup = &self.party.setup;
        assert_eq!(measured.len(), setup.frame_quadratures(), "a frame");
        match prepare(setup, number, &measured, &mut self.party.random) {
            Some(prepared) => self.waiting.push_back(prepared),
            None => self.dropped += 1,
        }
        if self.waiting.len() > WAITING_FRAMES {
            self.waiting.pop_front();
            self.dropped += 1;
        }
        let mut actions = Vec::new();
        self.send_frames(&mut actions);
        actions
    }

    /// Frames that never came into a block: they had no direction, or waited too long.
    #[must_use]
    pub fn dropped_frames(&self) -> u64 {
        self.dropped
    }

    /// Frames that wait for their block. A caller that measures no more while many wait drops none.
    #[must_use]
    pub fn waiting_frames(&self) -> usize {
        self.waiting.len()
    }

    /// A message of the other end.
    pub fn on_message(&mut self, message: &[u8]) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.party.is_down() {
            return actions;
        }
        if self.party.session().is_none() {
            self.greet(message, &mut actions);
        } else {
            self.answer(message, &mut actions);
        }
        self.send_frames(&mut actions);
        actions
    }

    /// Gives the block up, because the caller refuses its estimate. These actions take the place of
    /// those that came with [`Action::Report`].
    pub fn refuse(&mut self) -> Vec<Action> {
        let open = self.block.take();
        open.map_or_else(Vec::new, |open| self.give_up(open, Cause::Refused))
    }

    /// Ends the session with the block.
    fn give_up(&mut self, mut open: Open, cause: Cause) -> Vec<Action> {
        self.party.disconnect();
        let key_held = open.slot.is_some();
        open.books.give_up(cause, key_held)
    }

    fn greet(&mut self, message: &[u8], actions: &mut Vec<Action>) {
        match self.party.greet(message) {
            Ok(Greeted::On(more)) => actions.extend(more),
            Ok(Greeted::Up { session, renewed }) => {
                if renewed {
                    self.waiting.clear();
                }
                actions.push(Action::Position(self.party.reserve.position()));
                actions.push(Action::Connected(session));
            }
            Err(closed) => {
                self.party.disconnect();
                actions.push(Action::Close(closed));
            }
        }
    }

    fn answer(&mut self, message: &[u8], actions: &mut Vec<Action>) {
        let mut open = match self.block.take() {
            Some(open) => open,
            None if message::is_old_abort(message, self.party.next_block) => {
                self.party.disconnect();
                actions.push(Action::Close(Closed::Lost(Cause::Aborted)));
                return;
            }
            None => self.open(),
        };
        match self.step(&mut open, message, actions) {
            Ok(Step::Stay) => self.block = Some(open),
            Ok(Step::Over) => {}
            Err(cause) => actions.extend(self.give_up(open, cause)),
        }
    }

    fn open(&mut self) -> Open {
        let id = self.party.begin();
        let (setup, secret) = (&self.party.setup, &self.party.secret);
        Open {
            books: Block::new(id, setup, secret, Direction::BobToAlice),
            frames: VecDeque::new(),
            seed: Vec::new(),
            slot: None,
        }
    }

    /// Sends frames as long as the block and the window have room.
    fn send_frames(&mut self, actions: &mut Vec<Action>) {
        if self.party.session().is_none() {
            return;
        }
        if self.block.is_none() && !self.waiting.is_empty() {
            self.block = Some(self.open());
        }
        let Some(open) = &mut self.block else {
            return;
        };
        let frames = self.party.setup.frames() as usize;
        while open.frames.len() < OPEN_FRAMES
            && open.books.frames() as usize + open.frames.len() < frames
            && let Some(Prepared { body, frame }) = self.waiting.pop_front()
        {
            actions.push(Action::Send(open.books.write(kind::FRAME, &body)));
            open.frames.push_back(frame);
        }
    }

    fn step(
        &mut self,
        open: &mut Open,
        message: &[u8],
        actions: &mut Vec<Action>,
    ) -> Result<Step, Cause> {
        let body = open.books.read(message)?;
        match body {
            Body::Held(tag) => {
                let slot = open.slot.as_ref().ok_or(Cause::OutOfOrder)?;
                open.books.verify(slot.held(), &tag)?;
                actions.push(Action::Shared(open.books.block_id()));
                return Ok(Step::Over);
            }
            _ if open.slot.is_some() => return Err(Cause::OutOfOrder),
            Body::Seed(words) if open.books.is_full() => {
                open.seed.extend(words);
                let most = 2 * Shape::MAX_INPUT_BITS.div_ceil(64);
                (open.seed.len() <= most)
                    .then_some(())
                    .ok_or(Cause::WrongLength)?;
            }
            Body::End(end, tag) if open.books.is_full() => self.end(open, end, &tag, actions)?,
            Body::NoKey {
                sent_squared,
                product,
            } if open.books.is_full() => {
                open.books.adopt(sent_squared, product);
                let result = open.books.result();
                actions.push(Action::Report(open.books.report(&result, 0, 0)));
                actions.push(open.loss(Cause::NoKey));
                return Ok(Step::Over);
            }
            Body::Skip => drop(open.frames.pop_front().ok_or(Cause::OutOfOrder)?),
            other => actions.push(Action::Send(reply(open, other)?)),
        }
        Ok(Step::Stay)
    }

    /// Alice has chosen the hash.
    fn end(
        &mut self,
        open: &mut Open,
        end: End,
        tag: &[u8; 16],
        actions: &mut Vec<Action>,
    ) -> Result<(), Cause> {
        let (party, books) = (&mut self.party, &mut open.books);
        let session = party.session().ok_or(Cause::OutOfOrder)?;
        let slot = party.reserve.find(&party.secret, end.address);
        let slot = slot.ok_or(Cause::WrongSlot)?;
        books.verify(slot.end(), tag)?;
        party.reserve.used(end.address);
        if end.address.block == Address::PRE_SHARED {
            actions.push(Action::Position(party.reserve.position()));
        }
        books.adopt(end.sent_squared, end.product);
        let result = books.result();
        let shape = books.accept(end.key_bits, result.bits);
        let shape = shape.filter(|_| end.slots <= Reserve::FULL);
        let shape = shape.ok_or(Cause::WrongLength)?;
        let matrix = Matrix::new(shape, std::mem::take(&mut open.seed));
        let matrix = matrix.map_err(|_| Cause::WrongLength)?;
        let key = books.amplify(&matrix, end.slots);
        let (slots, bits) = key.ok_or(Cause::WrongLength)?;
        party.reserve.top_up(books.id, slots);
        let done = books.write_tagged(kind::DONE, &[], slot.done());
        actions.extend([
            Action::Report(books.report(&result, end.key_bits, end.slots)),
            Action::Key(DistilledBlock {
                block: books.block_id(),
                session,
                bits,
            }),
            Action::Send(done),
        ]);
        open.slot = Some(slot);
        Ok(())
    }

    /// The next block that is not begun.
    #[must_use]
    pub fn next_block(&self) -> u64 {
        self.party.next_block
    }

    /// Slots left of distilled key and position in the pre-shared secret.
    #[must_use]
    pub fn reserve(&self) -> &Reserve {
        &self.party.reserve
    }
}

/// Draws bits for a frame and rotates its quadratures to them. `None` if some have no direction.
fn prepare(setup: &Setup, number: u64, measured: &[f32], random: &mut Random) -> Option<Prepared> {
    let mut octets = Wiped::zeroed(measured.len() / DIMENSIONS);
    random(&mut octets);
    let mut groups = Vec::with_capacity(octets.len());
    let mut norms = Vec::with_capacity(octets.len());
    let quadratures = measured.as_chunks::<DIMENSIONS>().0;
    for (quadratures, &bits) in quadratures.iter().zip(octets.iter()) {
        let rotation = Rotation::to_bits(&quadratures.map(f64::from), bits)?;
        let (group, norm) = message::group(&rotation)?;
        groups.push(group);
        norms.push(norm);
    }
    let mut words = Wiped::zeroed(octets.len() / 4);
    for (word, octets) in words.iter_mut().zip(octets.as_chunks().0) {
        *word = u32::from_le_bytes(*octets);
    }
    let word = setup.code().word(words)?;
    let syndrome = setup.code().syndrome(&word);
    Some(Prepared {
        body: Frame::body(number, &groups, &syndrome),
        frame: OpenFrame {
            word,
            norms_squared: Frame::norms_squared(norms.into_iter()),
            disclosed: 0,
        },
    })
}

/// The answer to a message about the oldest frame.
fn reply(open: &mut Open, body: Body) -> Result<Vec<u8>, Cause> {
    let frame = open.frames.front_mut().ok_or(Cause::OutOfOrder)?;
    let confirmed = match body {
        Body::Question(positions) => {
            let inside = positions.iter().all(|&at| at < frame.word.len());
            let asked = frame.disclosed as usize + positions.len();
            if !inside || asked > ASKED_BITS {
                return Err(Cause::OutOfOrder);
            }
            frame.disclosed = asked as u64;
            let bits = positions.iter().map(|&at| u8::from(frame.word.bit(at)));
            let body: Vec<u8> = bits.collect();
            return Ok(open.books.write(kind::DISCLOSURE, &body));
        }
        Body::Tag(point, tag) => Tag::of(&frame.word, &point).confirms(&tag),
        Body::Failed => false,
        _ => return Err(Cause::OutOfOrder),
    };
    let frame = open.frames.pop_front().ok_or(Cause::OutOfOrder)?;
    let pairs = (frame.word.words().len() * LANES) as u64;
    open.books
        .add(&Sums::from_parts(pairs, 0.0, frame.norms_squared, 0.0));
    if confirmed {
        open.books.keep(&frame.word, frame.disclosed);
        return Ok(open.books.write(kind::CONFIRMED, &[]));
    }
    open.books.lose();
    let words = frame.word.words().iter();
    let body: Vec<u8> = words.flat_map(|word| word.to_be_bytes()).collect();
    Ok(open.books.write(kind::VALUES, &body))
}
