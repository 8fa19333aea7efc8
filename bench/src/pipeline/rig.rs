//! Rounds: all devices, one after the other, take the frames of one size out and back, on one core
//! or on several at the same time.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::Plan;
use super::core_thread::{Answer, Barrier, CoreThread, DIED, OPS, PASSES, Workload};
use crate::cpu::Clock;
use crate::device::Device;
use crate::harness::error::Error;
use crate::harness::quiet::{Quiet, Round};
use crate::harness::rounds::{Rig, order};
use crate::harness::row::{Load, Op, Row};
use crate::size::FrameSize;

/// The frame rate of one device, by its index, one way.
pub(super) type Series = (usize, Op);

pub(super) struct PipelineRig {
    threads: Vec<CoreThread>,
    devices: Vec<Device>,
    pub(super) cells: Vec<Cell>,
}

#[derive(Clone, Copy)]
pub(super) struct Cell {
    size_index: usize,
    size: FrameSize,
    cores: usize,
}

impl PipelineRig {
    pub(super) fn start(plan: &Plan, clock: Clock, rng: &mut ChaCha8Rng) -> Result<Self, Error> {
        let workload = Workload {
            sizes: plan.sizes.clone(),
            devices: plan.devices.clone(),
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
            devices: plan.devices.clone(),
            cells: plan.counts.iter().flat_map(of_count).collect(),
        })
    }

    pub(super) fn end(self) -> Result<(), Error> {
        self.threads.into_iter().try_for_each(CoreThread::end)
    }

    pub(super) fn rows(&self, rounds: &[Round<Series>], quiet: &Quiet<'_, Series>) -> Vec<Row> {
        rows(&self.devices, &self.cells, rounds, quiet)
    }
}

impl Rig for PipelineRig {
    type Round = Round<Series>;

    fn cells(&self) -> usize {
        self.cells.len()
    }

    fn relocate(&mut self, rng: &mut ChaCha8Rng) -> Result<(), Error> {
        for thread in &self.threads {
            let seed = rng.next_u64();
            let built = thread.order(move |core| core.build(seed))?;
            built.recv().map_err(|_| DIED)??;
        }
        Ok(())
    }

    fn round(&mut self, cell_index: usize, rng: &mut ChaCha8Rng) -> Result<Round<Series>, Error> {
        let cell = self.cells[cell_index];
        let devices = order(self.devices.len(), rng);
        let barrier = Barrier::new(cell.cores);
        let start = |thread: &CoreThread| {
            let (devices, barrier) = (devices.clone(), Arc::clone(&barrier));
            thread.order(move |core| core.round(cell.size_index, &devices, &barrier))
        };
        let answers: Result<Vec<_>, _> = self.threads[..cell.cores].iter().map(start).collect();
        let answers = answers?;
        drop(barrier); // only the cores hold it
        let answers = answers.into_iter().map(|answer| answer.recv());
        let answers: Vec<Answer> = answers.collect::<Result<_, _>>().map_err(|_| DIED)?;
        let mut lost = vec![0; self.devices.len()];
        let mut samples = Vec::with_capacity(devices.len() * OPS.len() * PASSES);
        for (place, &device) in devices.iter().enumerate() {
            lost[device] = answers.iter().map(|answer| answer.lost[place]).sum();
            for (op_index, op) in OPS.into_iter().enumerate() {
                for pass in 0..PASSES {
                    let mpps = |answer: &Answer| 1e3 / answer.times[place][op_index][pass];
                    samples.push(((device, op), answers.iter().map(mpps).sum()));
                }
            }
        }
        Ok(Round {
            cell: cell_index,
            signs: answers.into_iter().map(|answer| answer.sign).collect(),
            samples,
            lost,
        })
    }
}

fn rows(
    devices: &[Device],
    cells: &[Cell],
    rounds: &[Round<Series>],
    quiet: &Quiet<'_, Series>,
) -> Vec<Row> {
    let mut rows = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        let no_op = devices.iter().position(|device| *device == Device::NoOp);
        for (device_index, &device) in devices.iter().enumerate() {
            // Losses of disturbed rounds are losses, too.
            let of_cell = rounds.iter().filter(|round| round.cell == index);
            let lost = of_cell.map(|round| round.lost[device_index]).sum();
            for op in OPS {
                let no_op = no_op.and_then(|no_op| quiet.spread(index, (no_op, op)));
                let mpps = quiet.spread(index, (device_index, op));
                rows.extend(mpps.map(|mpps| Row {
                    bench: "pipeline",
                    device,
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
