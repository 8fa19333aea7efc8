//! The end that sends the signals and corrects errors.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::authentication::{Address, Direction, Reserve, Secret, Slot};
use crate::bits::Bits;
use crate::code::{Code, LANES};
use crate::confirmation::{Point, Tag};
use crate::decoder::{Attempt, Decoder, Engine, Outcome, Progress};
use crate::estimate::{Estimate, Sums};
use crate::rotation::{DIMENSIONS, Reverse, Rotation};
use crate::toeplitz::{Matrix, Shape};
use crate::wiped::Wiped;

use super::block::{Block, BlockResult, Step};
use super::message::{self, Body, End, Frame, SEED_WORDS, kind};
use super::party::{Greeted, Party};
use super::{Action, BlockReport, Cause, Closed, DistilledBlock, OPEN_FRAMES, Random, Setup};

/// Frames that Bob may name later, at most. The oldest gives way.
const SENT_FRAMES: usize = 320;

/// Alice, for the life of a process.
pub struct Alice {
    party: Party,
    decoder: Decoder<Arc<Code>>,
    /// Frames sent that Bob has not named, by rising number.
    sent: VecDeque<(u64, Wiped<f32>)>,
    /// The channel of the last block.
    last: Option<Estimate>,
    block: Option<Open>,
}

/// The block on its way.
struct Open {
    books: Block,
    /// Frames that Bob has named. Those below `next` wait for him, the others for the decoder.
    frames: VecDeque<OpenFrame>,
    next: usize,
    /// After all frames.
    closing: Option<Closing>,
}

struct OpenFrame {
    frame: Frame,
    norms_squared: f64,
    /// Empty if the frame is not there any more.
    sent: Wiped<f32>,
    disclosed: u64,
    stage: Stage,
}

/// The way of a frame.
enum Stage {
    /// For the decoder.
    Waiting,
    /// For the bits of a stuck word.
    Asked(Progress),
    /// For the confirmation of this word.
    Tagged(Bits),
    /// For the values of a word that was not found.
    Failed,
}

/// An `End` that is on its way.
struct Closing {
    matrix: Matrix,
    slot: Slot,
    slots: u64,
    report: BlockReport,
}

impl Alice {
    /// Begins unconnected. `position` is that of the last [`Action::Position`] of an earlier run,
    /// or zero.
    #[must_use]
    pub fn new(
        setup: Setup,
        secret: Secret,
        position: u64,
        engine: Engine,
        random: Random,
    ) -> Self {
        let decoder = Decoder::new(Arc::clone(setup.code()), engine);
        Self {
            party: Party::new(setup, secret, position, Direction::AliceToBob, random),
            decoder,
            sent: VecDeque::new(),
            last: None,
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
        let lost = open.map(|open| open.books.loss(Cause::Disconnected, false));
        lost.into_iter().collect()
    }

    /// Her quadratures of a frame, in SNU, only those that Bob measures. The caller numbers the
    /// frames on the quantum channel, upwards, and calls this before it transmits the frame.
    ///
    /// # Panics
    /// If these are not the quadratures of a frame.
    pub fn on_sent(&mut self, number: u64, sent: Wiped<f32>) -> Vec<Action> {
        assert_eq!(sent.len(), self.party.setup.frame_quadratures(), "a frame");
        if self.sent.len() == SENT_FRAMES {
            self.sent.pop_front();
        }
        self.sent.push_back((number, sent));
        Vec::new()
    }

    /// Frames that may be sent before the oldest that Bob has not named gives way.
    #[must_use]
    pub fn room(&self) -> usize {
        SENT_FRAMES - self.sent.len()
    }

    /// A message of the other end.
    pub fn on_message(&mut self, message: &[u8]) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.party.is_down() {
            return actions;
        }
        if self.party.session().is_none() {
            match self.party.greet(message) {
                Ok(Greeted::On(more)) => return more,
                Ok(Greeted::Up { session, .. }) => {
                    actions.push(Action::Position(self.party.reserve.position()));
                    actions.push(Action::Connected(session));
                }
                Err(closed) => {
                    self.party.disconnect();
                    actions.push(Action::Close(closed));
                }
            }
            return actions;
        }
        let mut open = match self.block.take() {
            Some(open) => open,
            None if message::is_old_abort(message, self.party.next_block) => {
                self.party.disconnect();
                actions.push(Action::Close(Closed::Lost(Cause::Aborted)));
                return actions;
            }
            None => self.open(),
        };
        match self.step(&mut open, message, &mut actions) {
            Ok(Step::Stay) => self.block = Some(open),
            Ok(Step::Over) => {}
            Err(cause) => {
                actions.extend(open.books.give_up(cause, false));
                self.party.disconnect();
            }
        }
        actions
    }

    fn open(&mut self) -> Open {
        let id = self.party.begin();
        let (setup, secret) = (&self.party.setup, &self.party.secret);
        Open {
            books: Block::new(id, setup, secret, Direction::AliceToBob),
            frames: VecDeque::new(),
            next: 0,
            closing: None,
        }
    }

    fn step(
        &mut self,
        open: &mut Open,
        message: &[u8],
        actions: &mut Vec<Action>,
    ) -> Result<Step, Cause> {
        match (open.books.read(message)?, &open.closing) {
            (Body::Frame(frame), None) => self.named(open, *frame)?,
            (Body::Disclosure(bits), None) => self.disclosed(open, &bits, actions)?,
            (Body::Confirmed, None) => confirmed(open)?,
            (Body::Values(words), None) => values(open, words)?,
            (Body::Done(tag), Some(_)) => {
                self.done(open, &tag, actions)?;
                return Ok(Step::Over);
            }
            _ => return Err(Cause::OutOfOrder),
        }
        self.decode(open, actions)?;
        match open.books.is_full() {
            true => self.end(open, actions),
            false => Ok(Step::Stay),
        }
    }

    /// Bob names a frame.
    fn named(&mut self, open: &mut Open, frame: Frame) -> Result<(), Cause> {
        let frames = open.books.frames() as usize + open.frames.len();
        let full = frames >= self.party.setup.frames() as usize;
        if full || open.frames.len() >= OPEN_FRAMES {
            return Err(Cause::OutOfOrder);
        }
        // Bob did not get older frames, or gave them up.
        while self
            .sent
            .front()
            .is_some_and(|&(number, _)| number < frame.number)
        {
            self.sent.pop_front();
        }
        let is_next = self
            .sent
            .front()
            .is_some_and(|&(number, _)| number == frame.number);
        let sent = self.sent.pop_front_if(|_| is_next);
        let norms_squared = Frame::norms_squared(frame.rotations.iter().map(Rotation::norm));
        open.frames.push_back(OpenFrame {
            frame,
            norms_squared,
            sent: sent.map_or_else(|| Wiped::zeroed(0), |(_, sent)| sent),
            disclosed: 0,
            stage: Stage::Waiting,
        });
        Ok(())
    }

    /// Decodes frames in their order, until one must wait.
    fn decode(&mut self, open: &mut Open, actions: &mut Vec<Action>) -> Result<(), Cause> {
        while let Some(frame) = open.frames.get_mut(open.next) {
            if !matches!(frame.stage, Stage::Waiting) {
                break;
            }
            if frame.sent.is_empty() {
                open.frames.remove(open.next);
                actions.push(Action::Send(open.books.write(kind::SKIP, &[])));
                continue;
            }
            let reverse = reverse(&self.party.setup, self.last.as_ref(), frame.norms_squared);
            let Some(reverse) = reverse else {
                frame.stage = Stage::Failed;
                open.next += 1;
                actions.push(Action::Send(open.books.write(kind::FAILED, &[])));
                continue;
            };
            let ratios = ratios(frame, &reverse);
            let attempt = self.decoder.begin(&ratios, &frame.frame.syndrome);
            let (stage, kind, body) =
                run(attempt.map_err(|_| Cause::Damaged)?, &mut self.party.random);
            let waits = matches!(stage, Stage::Asked(_));
            frame.stage = stage;
            actions.push(Action::Send(open.books.write(kind, &body)));
            if waits {
                break;
            }
            open.next += 1;
        }
        Ok(())
    }

    /// Bob discloses the bits that a stuck word asked for.
    fn disclosed(
        &mut self,
        open: &mut Open,
        bits: &[bool],
        actions: &mut Vec<Action>,
    ) -> Result<(), Cause> {
        let frame = open.frames.get_mut(open.next).ok_or(Cause::OutOfOrder)?;
        let Stage::Asked(progress) = std::mem::replace(&mut frame.stage, Stage::Waiting) else {
            return Err(Cause::OutOfOrder);
        };
        let attempt = self.decoder.resume(progress, &frame.frame.syndrome);
        let mut attempt = attempt.ok_or(Cause::OutOfOrder)?;
        attempt.disclose(bits).map_err(|_| Cause::OutOfOrder)?;
        frame.disclosed += bits.len() as u64;
        let (stage, kind, body) = run(attempt, &mut self.party.random);
        open.next += usize::from(!matches!(stage, Stage::Asked(_)));
        frame.stage = stage;
        actions.push(Action::Send(open.books.write(kind, &body)));
        Ok(())
    }

    /// All frames are kept or lost: estimates, and chooses the hash.
    fn end(&mut self, open: &mut Open, actions: &mut Vec<Action>) -> Result<Step, Cause> {
        let books = &mut open.books;
        let result = books.result();
        self.last = result.estimate;
        let Some(shape) = books.shape(result.bits) else {
            actions.extend(no_key(books, &result));
            return Ok(Step::Over);
        };
        let party = &mut self.party;
        let bits = shape.output_bits() as u64;
        let slots = party.reserve.missing().min(bits / Slot::BITS);
        let seed = draw(&mut party.random, shape);
        let (address, slot) = party
            .reserve
            .take(&party.secret)
            .ok_or(Cause::ReserveEmpty)?;
        if address.block == Address::PRE_SHARED {
            actions.push(Action::Position(party.reserve.position()));
        }
        for words in seed.chunks(SEED_WORDS) {
            let body: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            actions.push(Action::Send(books.write(kind::SEED, &body)));
        }
        let end = End {
            sent_squared: books.sums().sent_squared(),
            product: books.sums().product(),
            key_bits: bits,
            slots,
            address,
        };
        let message = books.write_tagged(kind::END, &end.body(), slot.end());
        actions.push(Action::Send(message));
        open.closing = Some(Closing {
            matrix: Matrix::new(shape, seed).map_err(|_| Cause::WrongLength)?,
            slot,
            slots,
            report: books.report(&result, bits, slots),
        });
        Ok(Step::Stay)
    }

    /// Bob has the key.
    fn done(
        &mut self,
        open: &mut Open,
        tag: &[u8; 16],
        actions: &mut Vec<Action>,
    ) -> Result<(), Cause> {
        let (Some(closing), Some(session)) = (&open.closing, self.party.session()) else {
            return Err(Cause::OutOfOrder);
        };
        let books = &mut open.books;
        books.verify(closing.slot.done(), tag)?;
        let key = books.amplify(&closing.matrix, closing.slots);
        let (slots, bits) = key.ok_or(Cause::WrongLength)?;
        self.party.reserve.top_up(books.id, slots);
        let held = books.write_tagged(kind::HELD, &[], closing.slot.held());
        let block = books.block_id();
        actions.extend([
            Action::Send(held),
            Action::Report(closing.report),
            Action::Key(DistilledBlock {
                block,
                session,
                bits,
            }),
            Action::Shared(block),
        ]);
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

/// Bob has confirmed the oldest frame.
fn confirmed(open: &mut Open) -> Result<(), Cause> {
    let frame = decided(open)?;
    let Stage::Tagged(word) = &frame.stage else {
        return Err(Cause::OutOfOrder);
    };
    open.books.keep(word, frame.disclosed);
    open.books.add(&sums(&frame, word.words()));
    Ok(())
}

/// Bob discloses the oldest frame.
fn values(open: &mut Open, words: Vec<u32>) -> Result<(), Cause> {
    let frame = decided(open)?;
    open.books.lose();
    open.books.add(&sums(&frame, &words));
    Ok(())
}

/// The oldest frame, over now.
fn decided(open: &mut Open) -> Result<OpenFrame, Cause> {
    open.next = open.next.checked_sub(1).ok_or(Cause::OutOfOrder)?;
    open.frames.pop_front().ok_or(Cause::OutOfOrder)
}

/// The channel as Alice sees it in reverse: variance from the norms of the frame, covariance from
/// the last block, or as set.
fn reverse(setup: &Setup, last: Option<&Estimate>, norms_squared: f64) -> Option<Reverse> {
    let (covariance, modulation) = match last {
        Some(last) => (last.covariance(), last.modulation_variance_snu()),
        None => {
            let modulation = setup.source().modulation_variance_snu();
            let receiver = setup.receiver();
            let quadratures = f64::from(receiver.detection().quadratures());
            let arriving = receiver.efficiency() * setup.channel().transmittance() / quadratures;
            (arriving.sqrt() * modulation, modulation)
        }
    };
    let variance = norms_squared / setup.frame_quadratures() as f64;
    Reverse::new(
        covariance / variance,
        modulation - covariance.powi(2) / variance,
    )
}

fn ratios(frame: &OpenFrame, reverse: &Reverse) -> Wiped<f32> {
    let mut ratios = Wiped::zeroed(frame.sent.len());
    let groups = ratios.as_chunks_mut::<DIMENSIONS>().0.iter_mut();
    let sent = frame.sent.as_chunks::<DIMENSIONS>().0;
    for ((ratios, sent), rotation) in groups.zip(sent).zip(&frame.frame.rotations) {
        *ratios = rotation.ratios(&sent.map(f64::from), reverse);
    }
    ratios
}

/// Runs the decoder: what becomes of the frame, and the message that says so.
fn run(mut attempt: Attempt<'_>, random: &mut Random) -> (Stage, u8, Vec<u8>) {
    match attempt.run() {
        Outcome::Decoded(word) => {
            let mut point = Point([0; 16]);
            random(&mut point.0);
            let tag = Tag::of(&word, &point).octets();
            let body = [&point.0[..], &tag].concat();
            (Stage::Tagged(word), kind::TAG, body)
        }
        Outcome::Stuck(positions) => {
            let positions = positions.iter().map(|&at| at as u32);
            let body = positions.flat_map(u32::to_be_bytes).collect();
            (Stage::Asked(attempt.pause()), kind::QUESTION, body)
        }
        Outcome::Failed => (Stage::Failed, kind::FAILED, Vec::new()),
    }
}

/// The sums of a frame whose word is known.
fn sums(frame: &OpenFrame, words: &[u32]) -> Sums {
    let (mut squared, mut product) = (0.0, 0.0);
    let sent = frame.sent.as_chunks::<DIMENSIONS>().0;
    for (at, (sent, rotation)) in sent.iter().zip(&frame.frame.rotations).enumerate() {
        let bits = words[at * DIMENSIONS / LANES] >> (at * DIMENSIONS % LANES);
        let measured = rotation.recover(bits as u8);
        for (&x, y) in sent.iter().zip(measured) {
            let x = f64::from(x);
            squared += x * x;
            product += x * y;
        }
    }
    Sums::from_parts(
        frame.sent.len() as u64,
        squared,
        frame.norms_squared,
        product,
    )
}

/// The seed of a hash.
fn draw(random: &mut Random, shape: Shape) -> Vec<u64> {
    let mut octets = vec![0; 8 * shape.seed_words()];
    random(&mut octets);
    let words = octets.as_chunks().0.iter();
    words.map(|&word| u64::from_be_bytes(word)).collect()
}

/// The block ends without key. Nothing is delivered, so no key is spent on a tag.
fn no_key(books: &mut Block, result: &BlockResult) -> [Action; 3] {
    let sums = [books.sums().sent_squared(), books.sums().product()];
    let body: Vec<u8> = sums.iter().flat_map(|sum| sum.to_be_bytes()).collect();
    [
        Action::Send(books.write(kind::NO_KEY, &body)),
        Action::Report(books.report(result, 0, 0)),
        books.loss(Cause::NoKey, false),
    ]
}
