//! Rounds: the cells of a plan in random order, and in each cell everything that is compared.

use std::time::Instant;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rand_chacha::ChaCha8Rng;

use super::error::Error;
use crate::size::shuffle;

/// Keys and frames move after this many sweeps over all cells: their places in the caches are
/// luck, and one place would give everything the same luck for the whole run. A PN of 32 bits ends
/// long after that.
const SWEEPS_OF_A_PLACE: u32 = 16;
const STEPS: u64 = 1000;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    Seconds(u64),
    Rounds(u32),
}

/// Options about when measuring ends.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct UntilOptions {
    /// How long to measure [default: 20 for crypto, 60 for pipeline]
    #[arg(long, conflicts_with = "rounds")]
    pub seconds: Option<u64>,
    /// Measure this many rounds of each cell instead
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rounds: Option<u32>,
}

impl UntilOptions {
    pub(crate) fn or(self, default: Until) -> Until {
        let rounds = self.rounds.map(Until::Rounds);
        rounds
            .or(self.seconds.map(Until::Seconds))
            .unwrap_or(default)
    }
}

/// A rig is measured in rounds.
pub(crate) trait Rig {
    type Round;

    /// The number of cells of the plan: a cell is a size with a burst, a port or a number of cores.
    fn cells(&self) -> usize;

    /// Moves keys and frames to other places in memory, if they stay between rounds.
    fn relocate(&mut self, _rng: &mut ChaCha8Rng) -> Result<(), Error> {
        Ok(())
    }

    /// Measures everything that is compared in one cell, in random order.
    fn round(&mut self, cell: usize, rng: &mut ChaCha8Rng) -> Result<Self::Round, Error>;
}

/// The indices of `count` items in random order.
pub(crate) fn order(count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    shuffle(&mut order, rng);
    order
}

/// Measures until the end, with a progress bar on a terminal.
pub(crate) fn run<R: Rig>(
    rig: &mut R,
    until: Until,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<R::Round>, Error> {
    let (bar, start) = (bar(STEPS), Instant::now());
    let mut rounds = Vec::new();
    for sweep in 1_u32.. {
        bar.set_message(format!("round {sweep}"));
        if sweep % SWEEPS_OF_A_PLACE == 0 {
            rig.relocate(rng)?;
        }
        let order = order(rig.cells(), rng);
        let mut done = 0.0;
        for &cell in &order {
            rounds.push(rig.round(cell, rng)?);
            done = match until {
                Until::Rounds(all) => rounds.len() as f64 / order.len() as f64 / f64::from(all),
                Until::Seconds(seconds) => start.elapsed().as_secs_f64() / seconds as f64,
            };
            bar.set_position((done * STEPS as f64) as u64);
        }
        if done >= 1.0 {
            break;
        }
    }
    bar.finish_and_clear();
    Ok(rounds)
}

pub(crate) fn bar(steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} % {msg}, {eta} left");
    ProgressBar::new(steps).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
