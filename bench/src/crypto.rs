//! `qmacsec-bench crypto`: engines and peers side by side, interleaved round by round.
//!
//! ```text
//! options ─▶ contenders ─▶ check: all equal to the first ─▶ rounds ─▶ rows ─▶ report | json, chart
//! ```

use clap::{Args, ValueEnum};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::contender::{Contender, Name, Op, find};
use crate::cpu::{Clock, Limits};
use crate::harness::choice::or_default;
use crate::harness::cores::pin_if;
use crate::harness::error::Error;
use crate::harness::machine::Machine;
use crate::harness::quiet::Quiet;
use crate::harness::report::ReportOptions;
use crate::harness::rounds::{self, Until, UntilOptions};
use crate::size::PayloadSize;
use rig::CryptoRig;

mod report;
mod rig;

const SECONDS: u64 = 20;
const ROUNDS_QUICK: u32 = 20;

#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Payload sizes in octets, and `imix` [default: 48 to 9000, and imix]
    #[arg(long, value_delimiter = ',')]
    pub sizes: Vec<PayloadSize>,
    /// Frames in a burst, 1 to 64 [default: 1,8,32,64]
    #[arg(long, value_delimiter = ',', value_parser = burst)]
    pub bursts: Vec<usize>,
    /// Engines and peers to measure [default: all that this machine has]
    #[arg(long, value_delimiter = ',')]
    pub engines: Vec<Name>,
    /// Seal, open or both [default: both]
    #[arg(long, value_delimiter = ',')]
    pub ops: Vec<Op>,
    /// When measuring ends
    #[command(flatten)]
    pub until: UntilOptions,
    /// A short look: 64, 1500 and imix, bursts of 1 and 32, twenty rounds
    #[arg(long)]
    pub quick: bool,
    /// Stay on this core
    #[arg(long, value_name = "N")]
    pub core: Option<usize>,
    /// Seed of the order of engines and of the mix
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The report
    #[command(flatten)]
    pub report: ReportOptions,
}

fn burst(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(frames) if (1..=gcm::BURST_MAX).contains(&frames) => Ok(frames),
        _ => Err(format!("a burst is 1 to {} frames", gcm::BURST_MAX)),
    }
}

impl Options {
    /// The options with every default filled in, and when measuring ends.
    fn filled(&self) -> (Self, Until) {
        let octets = PayloadSize::Octets;
        let (sizes, bursts, until) = if self.quick {
            let sizes = vec![octets(64), octets(1500), PayloadSize::Imix];
            (sizes, vec![1, 32], Until::Rounds(ROUNDS_QUICK))
        } else {
            let sizes = PayloadSize::usual();
            (sizes, vec![1, 8, 32, 64], Until::Seconds(SECONDS))
        };
        let filled = Self {
            sizes: or_default(&self.sizes, sizes),
            bursts: or_default(&self.bursts, bursts),
            ops: or_default(&self.ops, Op::value_variants().to_vec()),
            engines: or_default(&self.engines, Name::value_variants().to_vec()),
            ..self.clone()
        };
        (filled, self.until.or(until))
    }
}

pub(crate) fn run(options: &Options) -> Result<String, Error> {
    pin_if(options.core)?;
    let (options, until) = options.filled();
    let (contenders, absent) = find(&options.engines);
    if contenders.is_empty() {
        return Err(Error::NoEngine(absent.join("; ")));
    }
    let clock = Clock::measure();
    let limits = Limits::measure(&clock);
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let builds = contenders.iter().filter_map(Contender::build).collect();
    let mut rig = CryptoRig::new(&options, contenders, clock, &mut rng)?;
    let rounds = rounds::run(&mut rig, until, &mut rng)?;
    let quiet = Quiet::of(&rounds, rig.cells.len());
    let limits = Limits {
        core_ghz: quiet.core_ghz,
        ..limits
    };
    let rows = rig.rows(&quiet, &options.ops, &limits);
    let machine = Machine {
        pinned_to_core: options.core,
        disturbance: quiet.disturbance,
        builds,
        absent,
        ..Machine::this(&clock, limits)
    };
    options
        .report
        .write(&machine, &rows, report::text, report::chart)
}

#[cfg(test)]
mod tests;
