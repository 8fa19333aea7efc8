//! Rounds: all arms, one after the other, take the frames of one size out and back, on one core
//! or on several at the same time.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::Plan;
use super::core_thread::{Answer, Barrier, CoreThread, OPS, Order, PASSES, Workload};
use crate::cpu::Clock;
use crate::device::Arm;
use crate::harness::error::Error;
use crate::harness::quiet::{Quiet, Round};
use crate::harness::rounds::Rig;
use crate::harness::row::{Load, Op, Row};
use crate::size::{FrameSize, shuffle};

/// The frame rate of one arm, by its index, one way.
pub(super) type Series = (usize, Op);

/// The cores and what they measure.
pub(super) struct PipelineRig {
    threads: Vec<CoreThread>,
    arms: Vec<Arm>,
    pub(super) cells: Vec<Cell>,
}

/// One size on a number of cores.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    size_index: usize,
    size: FrameSize,
    cores: usize,
}

impl PipelineRig {
    /// Starts a thread on each core that is needed.
    pub(super) fn start(plan: &Plan, clock: Clock, rng: &mut ChaCha8Rng) -> Result<Self, Error> {
        let workload = Workload {
            sizes: plan.sizes.clone(),
            arms: plan.arms.clone(),
            engine: plan.engine,
            clock,
        };
        let needed = plan.counts.iter().copied().max().unwrap_or(1);
        let threads = plan.cores[..needed].iter();
        let start = |&core| CoreThread::start(core, workload.clone(), rng.next_u64());
        let threads = threads.map(start).collect::<Result<_, _>>()?;
        let of_count = |&cores: &usize| {
            let sizes = plan.sizes.iter().enumerate();
            sizes.map(move |(size_index, &size)| Cell {
                size_index,
                size,
                cores,
            })
        };
        Ok(Self {
            threads,
            arms: plan.arms.clone(),
            cells: plan.counts.iter().flat_map(of_count).collect(),
        })
    }

    /// Ends the threads.
    pub(super) fn end(self) -> Result<(), Error> {
        self.threads.into_iter().try_for_each(CoreThread::end)
    }

    /// Rows in the order of the plan.
    pub(super) fn rows(&self, rounds: &[Round<Series>], quiet: &Quiet<'_, Series>) -> Vec<Row> {
        rows(&self.arms, &self.cells, rounds, quiet)
    }
}

impl Rig for PipelineRig {
    type Round = Round<Series>;

    fn cells(&self) -> usize {
        self.cells.len()
    }

    fn relocate(&mut self, rng: &mut ChaCha8Rng) -> Result<(), Error> {
        self.threads.iter().try_for_each(|thread| {
            let seed = rng.next_u64();
            thread.send(Order::Relocate { seed })
        })
    }

    fn round(&mut self, index: usize, rng: &mut ChaCha8Rng) -> Result<Round<Series>, Error> {
        let cell = self.cells[index];
        let mut arms: Vec<usize> = (0..self.arms.len()).collect();
        shuffle(&mut arms, rng);
        let barrier = Barrier::new(cell.cores);
        let threads = &self.threads[..cell.cores];
        for thread in threads {
            thread.send(Order::Round {
                size: cell.size_index,
                arms: arms.clone(),
                barrier: Arc::clone(&barrier),
            })?;
        }
        drop(barrier); // only the cores hold it
        let answers = threads.iter().map(CoreThread::answer);
        let answers: Vec<Answer> = answers.collect::<Result<_, _>>()?;
        let mut lost = vec![0; self.arms.len()];
        let mut samples = Vec::with_capacity(arms.len() * OPS.len() * PASSES);
        for (place, &arm) in arms.iter().enumerate() {
            lost[arm] = answers.iter().map(|answer| answer.lost[place]).sum();
            for (op_index, op) in OPS.into_iter().enumerate() {
                for pass in 0..PASSES {
                    let mpps = |answer: &Answer| 1e3 / answer.times[place][op_index][pass];
                    samples.push(((arm, op), answers.iter().map(mpps).sum()));
                }
            }
        }
        Ok(Round {
            cell: index,
            signs: answers.into_iter().map(|answer| answer.sign).collect(),
            samples,
            lost,
        })
    }
}

fn rows(
    arms: &[Arm],
    cells: &[Cell],
    rounds: &[Round<Series>],
    quiet: &Quiet<'_, Series>,
) -> Vec<Row> {
    let mut rows = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        let no_op = arms.iter().position(|arm| *arm == Arm::NoOp);
        for (arm_index, &arm) in arms.iter().enumerate() {
            // Losses of disturbed rounds are losses, too.
            let of_cell = rounds.iter().filter(|round| round.cell == index);
            let lost = of_cell.map(|round| round.lost[arm_index]).sum();
            for op in OPS {
                let no_op = no_op.and_then(|no_op| quiet.spread(index, (no_op, op)));
                let mpps = quiet.spread(index, (arm_index, op));
                rows.extend(mpps.map(|mpps| Row {
                    bench: "pipeline",
                    arm,
                    op,
                    port: "null".to_owned(),
                    size: Load::Frames(cell.size),
                    cores: cell.cores,
                    mpps,
                    gbit_s: cell.size.gbit_s(mpps.median),
                    lost,
                    percent_of_no_op: no_op.map(|no_op| 100.0 * mpps.median / no_op.median),
                }));
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests;
