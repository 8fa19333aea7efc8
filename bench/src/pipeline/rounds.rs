//! Rounds: all arms, one after the other, take the frames of one size out and back, on one core or
//! on several at the same time.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::lane::{Answer, Gate, Lane, Load, Order, PASSES};
use super::rows::Row;
use super::{Arm, Error, Op, Plan};
use crate::cpu::Clock;
use crate::frame_size::FrameSize;
use crate::quiet::{self, Disturbance, Sign};
use crate::size::shuffle;
use crate::stats::Spread;
use crate::sweeps::Until;

/// After so many sweeps keys and frames move: how they lie to each other in the caches is luck, and
/// one place would give everybody the same luck for the whole run. Long before a PN of 32 bits ends.
const SWEEPS_OF_A_PLACE: u32 = 16;

/// The measurements, growing.
pub(super) struct Rounds {
    lanes: Vec<Lane>,
    rng: ChaCha8Rng,
    arms: Vec<Arm>,
    cells: Vec<Cell>,
    rounds: Vec<Round>,
}

/// One size on so many cores.
#[derive(Clone, Copy)]
struct Cell {
    size_index: usize,
    size: FrameSize,
    cores: usize,
}

/// What one round measured.
struct Round {
    cell: usize,
    /// Of each lane.
    signs: Vec<Sign>,
    /// Arm, op, million frames a second of all lanes together.
    samples: Vec<(usize, Op, f64)>,
    /// Frames lost, by arm.
    lost: Vec<u64>,
}

impl Rounds {
    /// Starts a lane on each core that is needed.
    pub(super) fn start(plan: &Plan, clock: Clock, seed: u64) -> Result<Self, Error> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let load = Load {
            sizes: plan.sizes.clone(),
            arms: plan.arms.clone(),
            engine: plan.engine,
            clock,
        };
        let needed = plan.counts.iter().copied().max().unwrap_or(1);
        let lanes = plan.cores[..needed].iter();
        let lanes = lanes.map(|&core| Lane::start(core, load.clone(), rng.next_u64()));
        let lanes = lanes.collect::<Result<_, _>>()?;
        let of_count = |&cores: &usize| {
            let sizes = plan.sizes.iter().enumerate();
            sizes.map(move |(size_index, &size)| Cell {
                size_index,
                size,
                cores,
            })
        };
        Ok(Self {
            lanes,
            rng,
            arms: plan.arms.clone(),
            cells: plan.counts.iter().flat_map(of_count).collect(),
            rounds: Vec::new(),
        })
    }

    /// Measures until the end, with a bar on a terminal.
    pub(super) fn run(&mut self, until: Until) -> Result<(), Error> {
        until.sweeps(|sweep| {
            if sweep % SWEEPS_OF_A_PLACE == 0 {
                for lane in &self.lanes {
                    let seed = self.rng.next_u64();
                    lane.send(Order::Move { seed })?;
                }
            }
            let mut order: Vec<usize> = (0..self.cells.len()).collect();
            shuffle(&mut order, &mut self.rng);
            order.into_iter().try_for_each(|cell| self.round(cell))
        })
    }

    fn round(&mut self, cell_index: usize) -> Result<(), Error> {
        let Cell {
            size_index, cores, ..
        } = self.cells[cell_index];
        let mut arms: Vec<usize> = (0..self.arms.len()).collect();
        shuffle(&mut arms, &mut self.rng);
        let gate = Gate::new(cores);
        for lane in &self.lanes[..cores] {
            lane.send(Order::Round {
                size: size_index,
                arms: arms.clone(),
                gate: std::sync::Arc::clone(&gate),
            })?;
        }
        drop(gate); // only lanes hold it
        let lanes = &self.lanes[..cores];
        let answers: Vec<Answer> = lanes.iter().map(Lane::answer).collect::<Result<_, _>>()?;
        let mut lost = vec![0; self.arms.len()];
        let mut samples = Vec::with_capacity(arms.len() * Op::ALL.len() * PASSES);
        for (place, &arm) in arms.iter().enumerate() {
            lost[arm] = answers.iter().map(|answer| answer.lost[place]).sum();
            for (op_index, op) in Op::ALL.into_iter().enumerate() {
                for pass in 0..PASSES {
                    let of_lane = |answer: &Answer| 1e3 / answer.arms[place][op_index][pass];
                    samples.push((arm, op, answers.iter().map(of_lane).sum()));
                }
            }
        }
        self.rounds.push(Round {
            cell: cell_index,
            signs: answers.into_iter().map(|answer| answer.sign).collect(),
            samples,
            lost,
        });
        Ok(())
    }

    /// Ends the lanes and throws the disturbed rounds away. Rows in the order of the plan, how quiet
    /// it was, and the clock of the core in GHz.
    pub(super) fn finish(self) -> Result<(Vec<Row>, Disturbance, f64), Error> {
        let Self {
            lanes,
            arms,
            cells,
            rounds,
            ..
        } = self;
        lanes.into_iter().try_for_each(Lane::end)?;
        Ok(rows(&arms, &cells, &rounds))
    }
}

fn rows(arms: &[Arm], cells: &[Cell], rounds: &[Round]) -> (Vec<Row>, Disturbance, f64) {
    // Cores that work at the same time may slow each other down: each count has a bound of its own.
    let bound_of = |cores: usize| {
        let of_count = rounds.iter().filter(|round| round.signs.len() == cores);
        let signs = of_count.flat_map(|round| &round.signs);
        quiet::bound(signs.map(|sign| sign.calibrator_ns).collect())
    };
    let bounds: Vec<f64> = cells.iter().map(|cell| bound_of(cell.cores)).collect();
    let is_quiet = |round: &&Round| {
        let bound = bounds[round.cell];
        round.signs.iter().all(|sign| sign.is_quiet(bound))
    };
    let mut rows = Vec::new();
    let mut cells_without_quiet = 0;
    for (index, cell) in cells.iter().enumerate() {
        let of_cell = || rounds.iter().filter(|round| round.cell == index);
        let mut chosen: Vec<&Round> = of_cell().filter(is_quiet).collect();
        if chosen.is_empty() {
            // There is nothing better than the disturbed ones.
            cells_without_quiet += 1;
            chosen = of_cell().collect();
        }
        for (arm_index, &arm) in arms.iter().enumerate() {
            let lost = of_cell().map(|round| round.lost[arm_index]).sum();
            for op in Op::ALL {
                let samples = chosen.iter().flat_map(|round| &round.samples);
                let samples = samples.filter(|&&(who, what, _)| (who, what) == (arm_index, op));
                let mpps: Vec<f64> = samples.map(|&(_, _, mpps)| mpps).collect();
                rows.extend(Spread::of(&mpps).map(|mpps| Row {
                    arm,
                    op,
                    size: cell.size,
                    cores: cell.cores,
                    mpps,
                    lost,
                }));
            }
        }
    }
    let preempted = |round: &&Round| round.signs.iter().any(|sign| sign.preempted);
    let disturbance = Disturbance {
        rounds: rounds.len(),
        disturbed: rounds.iter().filter(|round| !is_quiet(round)).count(),
        preempted: rounds.iter().filter(preempted).count(),
        cells_without_quiet,
    };
    let quiet = rounds
        .iter()
        .filter(|round| is_quiet(round) || cells_without_quiet > 0);
    let cycles = quiet
        .flat_map(|round| &round.signs)
        .map(|sign| sign.cycle_ns);
    let cycle_ns = Spread::of(&cycles.collect::<Vec<_>>());
    let core_ghz = cycle_ns.map_or(f64::NAN, |cycle_ns| 1.0 / cycle_ns.median);
    (rows, disturbance, core_ghz)
}

#[cfg(test)]
mod tests;
