//! Rounds: every arm over every port at every size, the arms next to each other in random order.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::boxes::{Boxes, Dropped, Setup};
use super::generator::{Generator, Offer};
use super::rows::Row;
use super::topology::{LAN, Topology, received};
use super::{Arm, Error, Plan, PortKind, sink, testpmd, transfer};
use crate::crypto::stay_on;
use crate::frame_size::FrameSize;
use crate::size::shuffle;
use crate::sweeps;
use crate::throughput::{Load, Tcp};

/// At full load before the count begins, and while it lasts.
const WARM_UP: Duration = Duration::from_millis(100);
const AT_FULL_LOAD: Duration = Duration::from_millis(500);
/// At half of what was carried at full load: nothing may be lost.
const AT_HALF_LOAD: Duration = Duration::from_millis(300);
/// Boxes that had less of their core shared it with others, and with it the caches and the rings that
/// overflow meanwhile.
const CORE_SHARE_MIN: f64 = 0.9;
/// A transfer.
const TRANSFER: Duration = Duration::from_millis(800);
/// Frames that are looked at, and how many a second.
const LOOKED_AT: u64 = 480;
const LOOKED_AT_RATE: f64 = 10_000.0;
/// The line is empty when nothing has arrived for so long.
const QUIET: Duration = Duration::from_millis(30);
/// What a host may send without jumbo, and with.
const MTU: usize = 1500;
const MTU_JUMBO: usize = 9000;

/// One load over one kind of port.
#[derive(Clone, Copy)]
struct Cell {
    port: PortKind,
    load: Load,
}

impl Cell {
    fn is_jumbo(self) -> bool {
        matches!(self.load, Load::Frames(size) if is_jumbo(size))
    }
}

/// What one arm did in one round.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// The boxes had their core nearly all the time.
    pub(super) quiet: bool,
    /// Frames that arrived, millions a second.
    pub(super) mpps: f64,
    pub(super) gbit_s: f64,
    /// Of the frames at half load.
    pub(super) lost: u64,
    pub(super) sent: u64,
    /// By the boxes, at every load.
    pub(super) dropped: Dropped,
}

/// The measurements, growing.
pub(super) struct Rounds<'a> {
    plan: &'a Plan,
    usual: Topology,
    jumbo: Option<Topology>,
    rng: ChaCha8Rng,
    cells: Vec<Cell>,
    /// By cell and arm: one of each round.
    samples: Vec<Vec<Vec<Sample>>>,
}

impl<'a> Rounds<'a> {
    /// Builds the network.
    pub(super) fn start(plan: &'a Plan, seed: u64) -> Result<Self, Error> {
        let loads = plan.sizes.iter().copied().map(Load::Frames);
        let loads: Vec<Load> = loads
            .chain(plan.tcp.then_some(Load::Tcp(Tcp::Tcp)))
            .collect();
        let of_port = |&port: &PortKind| loads.iter().map(move |&load| Cell { port, load });
        let cells = plan.ports.iter().flat_map(of_port);
        let cells: Vec<Cell> = cells
            .filter(|cell| cell.port.takes_jumbo() || !cell.is_jumbo())
            .collect();
        let jumbo = cells.iter().any(|cell| cell.is_jumbo());
        Ok(Self {
            usual: Topology::build(MTU)?,
            jumbo: jumbo.then(|| Topology::build(MTU_JUMBO)).transpose()?,
            rng: ChaCha8Rng::seed_from_u64(seed),
            samples: vec![vec![Vec::new(); plan.arms.len()]; cells.len()],
            cells,
            plan,
        })
    }

    /// Measures until the end, with a bar on a terminal.
    pub(super) fn run(&mut self) -> Result<(), Error> {
        let steps = u64::from(self.plan.rounds) * self.cells.len() as u64;
        let bar = sweeps::bar(steps);
        for round in 1..=self.plan.rounds {
            bar.set_message(format!("round {round}"));
            let mut order: Vec<usize> = (0..self.cells.len()).collect();
            shuffle(&mut order, &mut self.rng);
            for cell in order {
                let mut arms: Vec<usize> = (0..self.plan.arms.len()).collect();
                shuffle(&mut arms, &mut self.rng);
                arms.retain(|&arm| self.plan.arms[arm].goes_with(self.cells[cell]));
                for arm in arms {
                    let sample = self.sample(self.cells[cell], self.plan.arms[arm], round == 1)?;
                    self.samples[cell][arm].push(sample);
                }
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn sample(&self, cell: Cell, arm: Arm, first: bool) -> Result<Sample, Error> {
        let fresh = match cell.port.vdev() {
            Some(vdev) if vdev.needs_fresh_interfaces() => Some(Topology::build(MTU)?),
            _ => None,
        };
        let topology = match (&fresh, &self.jumbo) {
            (Some(fresh), _) => fresh,
            (None, Some(jumbo)) if cell.is_jumbo() => jumbo,
            (None, _) => &self.usual,
        };
        let boxes = Boxes::start(
            topology,
            Setup {
                arm,
                port: cell.port,
                engine: self.plan.engine,
                cores: self.plan.cores,
            },
        )?;
        let mut sample = match cell.load {
            Load::Tcp(_) => tcp(topology)?,
            Load::Frames(size) => {
                if first {
                    self.look(topology, cell.port, arm, size)?;
                }
                self.frames(topology, &boxes, size)?
            }
        };
        sample.dropped = boxes.end()?;
        Ok(sample)
    }

    /// At full load, and at half of what came through then. The rate is by the time that the boxes had
    /// their core, so that others on this machine do not count.
    fn frames(&self, topology: &Topology, boxes: &Boxes, size: FrameSize) -> Result<Sample, Error> {
        let core = self.plan.cores[1];
        let whole = WARM_UP + AT_FULL_LOAD + WARM_UP;
        let (carried, core_share) = thread::scope(|scope| {
            let sender = scope.spawn(|| send(topology, core, size, Offer::Most(whole)));
            thread::sleep(WARM_UP);
            let (before, core_before) = (arrived(topology)?, boxes.core_time()?);
            let start = Instant::now();
            thread::sleep(AT_FULL_LOAD);
            let carried = (arrived(topology)? - before) as f64 / start.elapsed().as_secs_f64();
            let core_share = (boxes.core_time()? - core_before).div_duration_f64(start.elapsed());
            sender.join().map_err(|_| Error::Died("sender"))??;
            Ok::<_, Error>((carried, core_share))
        })?;
        // A thread that never had its core carried nothing, at no rate.
        let mpps = if core_share > 0.0 {
            carried / core_share / 1e6
        } else {
            0.0
        };
        drain(topology)?;
        let before = arrived(topology)?;
        let sent = send(
            topology,
            core,
            size,
            Offer::Rate(carried / 2.0, AT_HALF_LOAD),
        )?;
        drain(topology)?;
        Ok(Sample {
            quiet: core_share >= CORE_SHARE_MIN,
            mpps,
            gbit_s: size.gbit_s(mpps),
            lost: sent.saturating_sub(arrived(topology)? - before),
            sent,
            dropped: Dropped::new(),
        })
    }

    /// Frame by frame: all come, in order, unchanged.
    fn look(
        &self,
        topology: &Topology,
        port: PortKind,
        arm: Arm,
        size: FrameSize,
    ) -> Result<(), Error> {
        let (listens, does_listen) = mpsc::sync_channel(1);
        let receive = move || sink::receive(size, LOOKED_AT, &listens);
        let receiver = topology.right.run(move || thread::spawn(receive))?;
        does_listen.recv().map_err(|_| Error::Died("receiver"))?;
        let offer = Offer::Count(LOOKED_AT, LOOKED_AT_RATE);
        let sent = send(topology, self.plan.cores[1], size, offer)?;
        let came = receiver.join().map_err(|_| Error::Died("receiver"))??;
        let right = sink::Came {
            frames: sent,
            ..sink::Came::default()
        };
        if came == right {
            return Ok(());
        }
        Err(Error::Wrong {
            arm: arm.as_str(),
            port: port.as_str(),
            size,
            sent,
            came: came.frames,
            changed: came.changed,
            disordered: came.disordered,
        })
    }

    /// One row for each cell and arm.
    pub(super) fn finish(self) -> Vec<Row> {
        let Self {
            plan,
            cells,
            samples,
            ..
        } = self;
        let no_op = plan.arms.iter().position(|arm| *arm == Arm::NoOp);
        let mut rows = Vec::new();
        for (cell, of_cell) in cells.iter().zip(&samples) {
            let no_op = no_op.map(|arm| of_cell[arm].as_slice());
            for (&arm, samples) in plan.arms.iter().zip(of_cell) {
                rows.extend(Row::of(arm, cell.port, cell.load, samples, no_op));
            }
        }
        rows
    }
}

impl Arm {
    /// Testpmd has neither all ports nor jumbo.
    fn goes_with(self, cell: Cell) -> bool {
        self != Self::Testpmd || (testpmd::driver(cell.port).is_some() && !cell.is_jumbo())
    }
}

/// Longer than usual Ethernet.
pub(super) fn is_jumbo(size: FrameSize) -> bool {
    size.longest() > MTU + 18
}

fn tcp(topology: &Topology) -> Result<Sample, Error> {
    let through = transfer::run(topology, TRANSFER)?;
    let seconds = through.took.as_secs_f64();
    Ok(Sample {
        quiet: true, // nobody's core is watched
        mpps: through.frames as f64 / seconds / 1e6,
        gbit_s: through.octets as f64 * 8.0 / seconds / 1e9,
        lost: 0, // TCP would have sent it again
        sent: through.frames,
        dropped: Dropped::new(),
    })
}

/// On the thread of the left host, which stays on `core`. Returns how many frames its device took.
fn send(topology: &Topology, core: usize, size: FrameSize, offer: Offer) -> Result<u64, Error> {
    topology.left.run(move || {
        stay_on(core).map_err(Error::Core)?;
        Ok(Generator::open(size)?.send(offer))
    })?
}

/// At the right host, so far.
fn arrived(topology: &Topology) -> Result<u64, Error> {
    Ok(topology.right.run(|| received(LAN))??)
}

/// Until nothing arrives any more.
fn drain(topology: &Topology) -> Result<(), Error> {
    let mut before = arrived(topology)?;
    loop {
        thread::sleep(QUIET);
        let now = arrived(topology)?;
        if now == before {
            return Ok(());
        }
        before = now;
    }
}
