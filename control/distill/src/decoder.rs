//! Error correction: the word that has a given syndrome and is likely, given the channel.
//!
//! The decoder is a layered sum-product with beliefs of 16 bits. One step updates the beliefs by
//! the 32 rows of a base check.
//!
//! A word that it returns has the syndrome that was asked for, always. It is not always the word of
//! the other end: only a confirmation shows this.
use std::iter::repeat_with;
use std::ops::Deref;

use zeroize::{Zeroize, ZeroizeOnDrop};

pub use engine::Engine;
use engine::Work;
use kernel::{Belief, Lanes, Leaf};

use crate::bits::Bits;
use crate::code::{Code, LANES, Syndrome};

mod engine;
mod kernel;

/// Iterations of a word at most.
const ITERATIONS: u32 = 120;
/// A word with no more wrong rows than this is nearly right, and may ask for bits.
const NEARLY: usize = 96;
/// Iterations without fewer wrong rows, after which a word that is nearly right is stuck.
const PATIENCE: u32 = 3;
/// Times that a word may ask for bits.
const QUESTIONS: u32 = 4;

/// A decoder for one code. Its beliefs are secret, and are zeroized on drop.
pub struct Decoder<C> {
    code: C,
    engine: Engine,
    state: State,
    /// Words begun so far.
    begun: u64,
}

#[derive(Zeroize, ZeroizeOnDrop)]
struct State {
    beliefs: Vec<Belief>,
    /// Messages of core checks, and signs of their syndromes.
    messages: Vec<Lanes>,
    signs: Vec<Lanes>,
    pairs: Vec<Leaf<2>>,
    triples: Vec<Leaf<3>>,
}

/// How an attempt goes on.
pub enum Outcome {
    /// A word with the syndrome asked for.
    Decoded(Bits),
    /// The word hangs in a few wrong bits. The other end may disclose these; they count as leaked.
    Stuck(Vec<usize>),
    /// No word was found. The frame is lost.
    Failed,
}

/// Input that does not fit the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{have} {what} for a word of {want}: both ends need the same code")]
pub struct WrongLength {
    what: &'static str,
    have: usize,
    want: usize,
}

impl<C: Deref<Target = Code>> Decoder<C> {
    /// A decoder that runs on this engine.
    #[must_use]
    pub fn new(code: C, engine: Engine) -> Self {
        let core_edges = code.checks().iter().map(Vec::len).sum();
        let state = State {
            beliefs: repeat_with(|| Belief::ZERO).take(code.core()).collect(),
            messages: vec![[0; LANES]; core_edges],
            signs: vec![[0; LANES]; code.checks().len()],
            pairs: code.pairs().iter().map(|_| Leaf::ZERO).collect(),
            triples: code.triples().iter().map(|_| Leaf::ZERO).collect(),
        };
        Self {
            code,
            engine,
            state,
            begun: 0,
        }
    }

    /// Begins a word. `ratios` are log-likelihood ratios of its bits, positive for 0, in nats.
    ///
    /// # Errors
    /// If ratios or syndrome are those of a code of another size.
    pub fn begin<'b>(
        &'b mut self,
        ratios: &[f32],
        syndrome: &'b Syndrome,
    ) -> Result<Attempt<'b>, WrongLength> {
        let code = &*self.code;
        equal("ratios", ratios.len(), code.word_len())?;
        let bits = syndrome.words().len() * LANES;
        equal("bits of a syndrome", bits, code.syndrome_len())?;
        equal("core checks", syndrome.checks().len(), code.checks().len())?;
        self.begun += 1;
        let state = &mut self.state;
        self.engine.run(Load {
            state,
            ratios,
            syndrome,
        });
        Ok(Attempt {
            code,
            engine: self.engine,
            state,
            syndrome,
            progress: Progress {
                word: self.begun,
                iterations: 0,
                questions: 0,
                asked: Vec::new(),
            },
        })
    }

    /// Goes on with a word that waits for bits. `None` if another word was begun since.
    pub fn resume<'b>(
        &'b mut self,
        progress: Progress,
        syndrome: &'b Syndrome,
    ) -> Option<Attempt<'b>> {
        (progress.word == self.begun).then_some(Attempt {
            code: &self.code,
            engine: self.engine,
            state: &mut self.state,
            syndrome,
            progress,
        })
    }
}

fn equal(what: &'static str, have: usize, want: usize) -> Result<(), WrongLength> {
    match have == want {
        true => Ok(()),
        false => Err(WrongLength { what, have, want }),
    }
}

/// One word on its way. Beliefs of an attempt stay in its decoder until the next word, or its drop.
pub struct Attempt<'b> {
    code: &'b Code,
    engine: Engine,
    state: &'b mut State,
    syndrome: &'b Syndrome,
    progress: Progress,
}

/// How far a word has come, while it waits for the other end.
pub struct Progress {
    word: u64,
    iterations: u32,
    questions: u32,
    asked: Vec<usize>,
}

impl Attempt<'_> {
    /// Decodes until the word is found, stuck or lost.
    pub fn run(&mut self) -> Outcome {
        let (code, engine) = (self.code, self.engine);
        let (mut least, mut idle) = (usize::MAX, 0);
        while self.progress.iterations < ITERATIONS {
            self.progress.iterations += 1;
            let state = &mut *self.state;
            let wrong = engine.run(Iterate { state, code });
            if wrong == 0 {
                let core = self.state.beliefs.iter().map(Belief::bits);
                return Outcome::Decoded(code.complete(core, self.syndrome));
            }
            if wrong < least {
                (least, idle) = (wrong, 0);
            } else if wrong <= NEARLY {
                idle += 1;
            }
            if idle == PATIENCE && self.progress.questions < QUESTIONS {
                self.progress.questions += 1;
                self.progress.asked = self.state.doubtful(code);
                return Outcome::Stuck(self.progress.asked.clone());
            }
        }
        Outcome::Failed
    }

    /// Takes the bits that the last `Stuck` asked for, in its order. Then `run` goes on.
    ///
    /// # Errors
    /// If there are more or fewer bits than asked for.
    pub fn disclose(&mut self, bits: &[bool]) -> Result<(), WrongLength> {
        equal("disclosed bits", bits.len(), self.progress.asked.len())?;
        for (position, &bit) in self.progress.asked.drain(..).zip(bits) {
            self.state.beliefs[position / LANES].fix(position % LANES, bit);
        }
        Ok(())
    }

    /// Leaves the word where it is, to resume it once its bits are there.
    #[must_use]
    pub fn pause(self) -> Progress {
        self.progress
    }

    /// Iterations so far.
    #[must_use]
    pub fn iterations(&self) -> u32 {
        self.progress.iterations
    }
}

/// Loads a word.
struct Load<'b> {
    state: &'b mut State,
    ratios: &'b [f32],
    syndrome: &'b Syndrome,
}

impl Work for Load<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self {
            state,
            ratios,
            syndrome,
        } = self;
        let (ratios, _) = ratios.as_chunks::<LANES>();
        let (core, leaves) = ratios.split_at(state.beliefs.len());
        for (belief, ratios) in state.beliefs.iter_mut().zip(core) {
            kernel::load_core(belief, ratios);
        }
        state.messages.fill([0; LANES]);
        for (signs, &syndrome) in state.signs.iter_mut().zip(syndrome.checks()) {
            *signs = kernel::signs(syndrome);
        }
        let (of_pairs, of_triples) = leaves.split_at(state.pairs.len());
        let (pairs, triples) = syndrome.leaves().split_at(state.pairs.len());
        for ((leaf, ratios), &syndrome) in state.pairs.iter_mut().zip(of_pairs).zip(pairs) {
            leaf.load(ratios, syndrome);
        }
        for ((leaf, ratios), &syndrome) in state.triples.iter_mut().zip(of_triples).zip(triples) {
            leaf.load(ratios, syndrome);
        }
    }
}

/// One pass over all checks. Returns the wrong rows of core checks; leaf checks are never wrong.
struct Iterate<'b> {
    state: &'b mut State,
    code: &'b Code,
}

impl Work for Iterate<'_> {
    type Output = usize;

    #[inline(always)]
    fn call(self) -> usize {
        let Self { state, code } = self;
        let beliefs = &mut state.beliefs[..];
        kernel::leaf_pass(beliefs, code.pairs(), &mut state.pairs);
        kernel::leaf_pass(beliefs, code.triples(), &mut state.triples);
        kernel::core_pass(beliefs, code.checks(), &state.signs, &mut state.messages);
        let checks = code.checks().iter().zip(&state.signs);
        let wrong = checks.map(|(edges, signs)| {
            let rows = kernel::unsatisfied(beliefs, edges, signs);
            rows.iter().filter(|&&row| row < 0).count()
        });
        wrong.sum()
    }
}

impl State {
    /// The positions of all bits in wrong rows, each once.
    fn doubtful(&self, code: &Code) -> Vec<usize> {
        let mut positions = Vec::new();
        for (edges, signs) in code.checks().iter().zip(&self.signs) {
            let rows = kernel::unsatisfied(&self.beliefs, edges, signs);
            for (row, _) in rows.iter().enumerate().filter(|&(_, &row)| row < 0) {
                positions.extend(edges.iter().map(|edge| {
                    let lane = (row + LANES - edge.shift()) % LANES;
                    edge.variable() * LANES + lane
                }));
            }
        }
        positions.sort_unstable();
        positions.dedup();
        positions
    }
}

#[cfg(test)]
mod tests;
