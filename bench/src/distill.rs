//! `qmacsec-bench distill`: error correction and privacy amplification of distilled keys, on one
//! core.
//!
//! ```text
//! seed ─▶ quadratures, bits ─▶ rotations, syndrome ─▶ decoder (measured) ─▶ same word?
//! ```
//! The channel is Gaussian, in eight dimensions as between the two ends. A frame that is stuck gets
//! the bits it asks for. They count as leaked.
//!
//! `--chain` measures the whole chain instead: simulation and both ends of the protocol.

use std::array;
use std::time::Duration;

use clap::{Args, ValueEnum};
use distill::bits::Bits;
use distill::code::{Code, LANES, Rate};
use distill::decoder::{Decoder, Engine, Outcome};
use distill::rotation::{DIMENSIONS, Reverse, Rotation};
use distill::toeplitz::{Matrix, Shape};
use distill::wiped::Wiped;
use nix::time::{ClockId, clock_gettime};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::cpu::{Clock, Limits};
use crate::harness::choice::or_default;
use crate::harness::cores::pin_if;
use crate::harness::error::Error;
use crate::harness::machine::Machine;
use crate::stats::Spread;
use report::{DecodeRow, HashRow, Row};

mod chain;
mod report;

/// Blocks of privacy amplification, in bits.
const HASHED_BITS: [usize; 2] = [1 << 20, 1 << 23];
/// Rounds of each, and the time of a round: the kernel counts processor time in steps of a few
/// milliseconds.
const HASH_ROUNDS: usize = 5;
const HASH_TIME: Duration = Duration::from_millis(200);

/// Options of `qmacsec-bench distill`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    qmacsec-bench distill\n  \
    qmacsec-bench distill --chain 10,25\n  \
    qmacsec-bench distill --rates 0.1 --beta 0.92 --frames 200 --json")]
pub(crate) struct Options {
    /// Rates of the code [default: all]
    #[arg(long, value_delimiter = ',')]
    pub rates: Vec<RateChoice>,
    /// Reconciliation efficiency before leaks [default: 0.885, 0.915 and 0.925, by falling rate]
    #[arg(long, value_parser = beta)]
    pub beta: Option<f64>,
    /// Frames of each row
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub frames: u32,
    /// Measure the portable engine, too: it takes several times as long
    #[arg(long)]
    pub portable: bool,
    /// The whole chain over these kilometres: a block of 1e7 symbols at 10 km, 1e8 at 25 km, 1e9 at
    /// 50 km. The last takes minutes
    #[arg(long, value_delimiter = ',', value_name = "KM")]
    pub chain: Vec<chain::Length>,
    /// Seed of the frames
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Stay on this core
    #[arg(long, value_name = "N")]
    pub core: Option<usize>,
    /// JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// A rate by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum RateChoice {
    #[value(name = "0.2")]
    Fifth,
    #[value(name = "0.1")]
    Tenth,
    #[value(name = "0.05")]
    Twentieth,
}

impl RateChoice {
    fn rate(self) -> Rate {
        match self {
            Self::Fifth => Rate::Fifth,
            Self::Tenth => Rate::Tenth,
            Self::Twentieth => Rate::Twentieth,
        }
    }

    /// An efficiency at which few frames are lost.
    fn beta(self) -> f64 {
        match self {
            Self::Fifth => 0.885,
            Self::Tenth => 0.915,
            Self::Twentieth => 0.925,
        }
    }
}

fn beta(text: &str) -> Result<f64, String> {
    let beta = text.parse().ok();
    let beta = beta.filter(|beta| (0.1..=1.0).contains(beta));
    beta.ok_or_else(|| "an efficiency is 0.1 to 1".to_owned())
}

/// All frames of one row.
#[derive(Clone, Copy, Default, Debug)]
struct Tally {
    frames: u32,
    lost: u32,
    iterations: u32,
    /// Bits that stuck frames have asked for.
    disclosed: usize,
    time: Duration,
}

/// A word as Bob drew it, and the ratios that Alice has of it.
struct Frame {
    word: Bits,
    ratios: Vec<f32>,
}

impl Frame {
    /// A frame at this signal-to-noise ratio of each quadrature.
    fn draw(code: &Code, snr: f64, rng: &mut ChaCha8Rng) -> Option<Self> {
        let reverse = Reverse::new(snr / (1.0 + snr), snr / (1.0 + snr))?;
        let mut words = Wiped::zeroed(code.word_len() / LANES);
        let mut ratios = Vec::with_capacity(code.word_len());
        for word in words.iter_mut() {
            for group in 0..LANES / DIMENSIONS {
                let bits = rng.next_u32() as u8;
                *word |= u32::from(bits) << (group * DIMENSIONS);
                let alice: [f64; DIMENSIONS] = array::from_fn(|_| gauss(rng) * snr.sqrt());
                let bob = alice.map(|x| x + gauss(rng));
                ratios.extend(Rotation::to_bits(&bob, bits)?.ratios(&alice, &reverse));
            }
        }
        let word = code.word(words)?;
        Some(Self { word, ratios })
    }
}

/// A normal variate (Box and Muller).
fn gauss(rng: &mut ChaCha8Rng) -> f64 {
    let mut uniform = || (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let radius = (-2.0 * (1.0 - uniform()).ln()).sqrt();
    radius * (std::f64::consts::TAU * uniform()).cos()
}

impl Tally {
    fn decode(
        &mut self,
        decoder: &mut Decoder<&Code>,
        code: &Code,
        frame: &Frame,
    ) -> Result<(), Error> {
        let wrong = |error: distill::decoder::WrongLength| Error::Wrong(error.to_string());
        let syndrome = code.syndrome(&frame.word);
        let begun = cpu_time()?;
        let mut attempt = decoder.begin(&frame.ratios, &syndrome).map_err(wrong)?;
        let word = loop {
            match attempt.run() {
                Outcome::Decoded(word) => break Some(word),
                Outcome::Failed => break None,
                Outcome::Stuck(positions) => {
                    self.disclosed += positions.len();
                    let bits: Vec<_> = positions.iter().map(|&at| frame.word.bit(at)).collect();
                    attempt.disclose(&bits).map_err(wrong)?;
                }
            }
        };
        self.time += cpu_time()? - begun;
        self.iterations += attempt.iterations();
        self.frames += 1;
        let right = word.is_some_and(|word| word.words() == frame.word.words());
        self.lost += u32::from(!right);
        Ok(())
    }
}

/// Hashes blocks of this size.
fn hash(input_bits: usize, seed: u64) -> Result<HashRow, Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::Wrong(error.to_string());
    let shape = Shape::new(input_bits, input_bits / 8).map_err(|error| wrong(&error))?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut words = |number: usize| (0..number).map(|_| rng.next_u64()).collect::<Vec<_>>();
    let matrix = Matrix::new(shape, words(shape.seed_words())).map_err(|error| wrong(&error))?;
    let block = (0..input_bits / 32).map(|_| rng.next_u32()).collect();
    let block = Bits::whole(Wiped::new(block));
    let mut rates = Vec::new();
    for _ in 0..HASH_ROUNDS {
        let begun = cpu_time()?;
        let mut hashed = 0;
        while hashed == 0 || cpu_time()? - begun < HASH_TIME {
            std::hint::black_box(matrix.hash(&block));
            hashed += input_bits;
        }
        rates.push(hashed as f64 / 1e6 / (cpu_time()? - begun).as_secs_f64());
    }
    let rates = Spread::of(&rates).ok_or_else(|| wrong(&"no round"))?;
    Ok(HashRow::new(Matrix::engine_name(), input_bits, &rates))
}

/// Processor time of this thread.
fn cpu_time() -> Result<Duration, Error> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_err(std::io::Error::from)?;
    Ok(time.into())
}

/// Measures. Returns the output.
pub(crate) fn run(options: &Options) -> Result<String, Error> {
    pin_if(options.core)?;
    let clock = Clock::measure();
    let machine = Machine {
        pinned_to_core: options.core,
        ..Machine::this(&clock, Limits::measure(&clock))
    };
    let portable = options.portable.then_some(Engine::PORTABLE);
    let engines = [Some(Engine::detect()), portable].into_iter().flatten();
    let mut rows = Vec::new();
    for &length in &options.chain {
        rows.push(Row::Chain(chain::run(length, options.seed)?));
    }
    if !rows.is_empty() {
        return report(options, &machine, &rows);
    }
    for choice in or_default(&options.rates, RateChoice::value_variants().to_vec()) {
        let (rate, beta) = (choice.rate(), options.beta.unwrap_or(choice.beta()));
        let code = Code::of(rate);
        let snr = 2.0_f64.powf(2.0 * rate.value() / beta) - 1.0;
        for engine in engines.clone() {
            let (mut decoder, mut tally) = (Decoder::new(&code, engine), Tally::default());
            // Every engine gets the same frames.
            let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
            for _ in 0..options.frames {
                let frame = Frame::draw(&code, snr, &mut rng);
                let frame = frame.ok_or_else(|| Error::Wrong("a frame is no frame".to_owned()))?;
                tally.decode(&mut decoder, &code, &frame)?;
            }
            let (name, len) = (engine.name(), code.word_len());
            rows.push(Row::Decode(DecodeRow::new(
                name,
                rate.value(),
                beta,
                len,
                &tally,
            )));
        }
    }
    for input_bits in HASHED_BITS {
        rows.push(Row::Hash(hash(input_bits, options.seed)?));
    }
    report(options, &machine, &rows)
}

fn report(options: &Options, machine: &Machine, rows: &[Row]) -> Result<String, Error> {
    match options.json {
        true => report::json(machine, rows),
        false => Ok(report::text(machine, rows)),
    }
}

#[cfg(test)]
mod tests;
