//! The whole chain: both ends of the protocol in one thread, from signals to keys.

use std::collections::VecDeque;
use std::time::Duration;

use clap::ValueEnum;
use distill::authentication::Secret;
use distill::code::Rate;
use distill::decoder::Engine;
use distill::protocol::{Action, Alice, Bob, CountedProof, Random, Setup};
use distill::source::{Signals, Simulation};
use distill::wiped::Wiped;
use nix::sys::resource::{UsageWho, getrusage};
use qkd::channel::{Channel, ExcessNoise, Fibre};
use qkd::link::Source;
use qkd::receiver::{Detection, Receiver};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::cpu_time;
use super::report::ChainRow;
use crate::harness::error::Error;

/// A preset of the chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Length {
    /// Blocks of 1e7 symbols.
    #[value(name = "10")]
    Km10,
    /// Blocks of 1e8 symbols.
    #[value(name = "25")]
    Km25,
    /// Blocks of 1e9 symbols. It takes minutes.
    #[value(name = "50")]
    Km50,
}

impl Length {
    /// Distance, rate of the code, its efficiency, symbols of a block.
    fn preset(self) -> (f64, Rate, f64, u64) {
        match self {
            Self::Km10 => (10.0, Rate::Fifth, 0.88, 10_000_000),
            Self::Km25 => (25.0, Rate::Fifth, 0.88, 100_000_000),
            Self::Km50 => (50.0, Rate::Tenth, 0.91, 1_000_000_000),
        }
    }
}

/// The results of both ends.
#[derive(Default)]
struct Count {
    keys: [Option<distill::bits::Bits>; 2],
    row: Option<ChainRow>,
    lost: bool,
}

/// One block. Its processor time covers the simulation and both ends.
pub(super) fn run(length: Length, seed: u64) -> Result<ChainRow, Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::Wrong(error.to_string());
    let (km, rate, beta, symbols) = length.preset();
    let receiver = Receiver::trusted(Detection::Homodyne, 0.6, 0.1).map_err(|e| wrong(&e))?;
    let excess = ExcessNoise::at_input_snu(0.005).map_err(|e| wrong(&e))?;
    let fibre = Fibre::standard(km).map_err(|e| wrong(&e))?;
    let channel = Channel::of(&fibre, excess);
    // The modulation at which the code has this efficiency.
    let snr = 2f64.powf(2.0 * rate.value() / beta) - 1.0;
    let arriving = receiver.efficiency() * channel.transmittance();
    let noise = 1.0 + receiver.electronic_noise_snu() + arriving * channel.excess_noise_snu();
    let source = Source::new(snr * noise / arriving, 1e7).map_err(|e| wrong(&e))?;
    let frame = distill::code::Code::SIZE as u64 * 32;
    let block = symbols.div_ceil(frame) * frame;
    let proof = CountedProof::Lgg2010;
    let setup = Setup::new(rate, source, channel, receiver, block, proof).map_err(|e| wrong(&e))?;

    let secret = || {
        let mut octets = Wiped::zeroed(1 << 16);
        random(seed)(&mut octets);
        Secret::new(octets).map_err(|error| wrong(&error))
    };
    let engine = Engine::detect();
    let mut alice = Alice::new(setup.clone(), secret()?, 0, engine, random(seed + 1));
    let mut bob = Bob::new(setup.clone(), secret()?, 0, random(seed + 2));
    let mut bytes = [0; 32];
    random(seed)(&mut bytes);
    let mut simulation = Simulation::new(&source, &channel, &receiver, bytes);

    let mut count = Count::default();
    let mut wires = [VecDeque::new(), VecDeque::new()];
    let begun = cpu_time()?;
    let greeting = [alice.on_connect(), bob.on_connect()];
    for (end, actions) in greeting.into_iter().enumerate() {
        count.take(end, actions, &mut wires, km);
    }
    deliver(&mut alice, &mut bob, &mut count, &mut wires, km);
    for number in 0..u64::from(setup.frames()) {
        let Signals { sent, measured, .. } = simulation.transmit(setup.frame_symbols());
        count.take(0, alice.on_sent(number, sent), &mut wires, km);
        count.take(1, bob.on_received(number, measured), &mut wires, km);
        deliver(&mut alice, &mut bob, &mut count, &mut wires, km);
    }
    let time = cpu_time()? - begun;
    count.row(time)
}

fn random(seed: u64) -> Random {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    Box::new(move |octets| rng.fill_bytes(octets))
}

/// Highest memory of this process.
fn peak_mib() -> Result<f64, Error> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).map_err(std::io::Error::from)?;
    Ok(usage.max_rss() as f64 / 1024.0)
}

/// Delivers messages until none is left.
fn deliver(
    alice: &mut Alice,
    bob: &mut Bob,
    count: &mut Count,
    wires: &mut [VecDeque<Vec<u8>>; 2],
    km: f64,
) {
    loop {
        let (end, actions) = if let Some(message) = wires[0].pop_front() {
            (1, bob.on_message(&message))
        } else if let Some(message) = wires[1].pop_front() {
            (0, alice.on_message(&message))
        } else {
            return;
        };
        count.take(end, actions, wires, km);
    }
}

impl Count {
    fn take(
        &mut self,
        end: usize,
        actions: Vec<Action>,
        wires: &mut [VecDeque<Vec<u8>>; 2],
        km: f64,
    ) {
        for action in actions {
            match action {
                Action::Send(message) => wires[end].push_back(message),
                Action::Key(key) => self.keys[end] = Some(key.bits),
                Action::Report(report) => self.row = Some(ChainRow::new(km, &report)),
                Action::Lost(_) | Action::Close(_) => self.lost = true,
                Action::Position(_) | Action::Connected(_) | Action::Shared(_) => {}
            }
        }
    }

    fn row(self, time: Duration) -> Result<ChainRow, Error> {
        let same = match &self.keys {
            [Some(alice), Some(bob)] => alice.words() == bob.words(),
            _ => false,
        };
        match self.row {
            Some(row) if same && !self.lost => Ok(row.measured(time, peak_mib()?)),
            _ => Err(Error::Wrong("a block has no key, or two".to_owned())),
        }
    }
}
