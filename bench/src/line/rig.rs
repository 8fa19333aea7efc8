//! Rounds: every arm over every port at every size, the arms next to each other in random order.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;

use super::devices::{Dropped, Running, Setup};
use super::rows::{LineRow, Sample};
use super::topology::{LAN, Topology, received};
use super::traffic::{self, Generator, Offered, Received};
use super::{Plan, PortKind, testpmd, transfer};
use crate::device::Arm;
use crate::harness::choice::name;
use crate::harness::cores::stay_on;
use crate::harness::error::Error;
use crate::harness::rounds::Rig;
use crate::harness::row::Load;
use crate::size::{FrameSize, shuffle};

/// Full load before the count begins, and while it lasts.
const WARM_UP: Duration = Duration::from_millis(100);
const AT_FULL_LOAD: Duration = Duration::from_millis(500);
/// Half of what was carried at full load: nothing may be lost.
const AT_HALF_LOAD: Duration = Duration::from_millis(300);
/// Devices that had less than this share of their core shared its caches, too, and their rings
/// overflowed meanwhile.
const CORE_SHARE_MIN: f64 = 0.9;
/// How long a TCP transfer lasts.
const TRANSFER: Duration = Duration::from_millis(800);
/// Frames that are checked one by one, and their rate.
const CHECKED: u64 = 480;
const CHECKED_RATE: f64 = 10_000.0;
/// The line is empty when nothing has arrived for this long.
const QUIET: Duration = Duration::from_millis(30);
/// The MTU of a host without jumbo, and with.
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

    /// Testpmd has neither all ports nor jumbo.
    fn suits(self, arm: Arm) -> bool {
        let is_testpmd = arm == Arm::Testpmd;
        !is_testpmd || (testpmd::driver(self.port).is_some() && !self.is_jumbo())
    }
}

/// The network, and what is measured in it.
pub(super) struct LineRig<'a> {
    plan: &'a Plan,
    usual: Topology,
    jumbo: Option<Topology>,
    cells: Vec<Cell>,
    /// Cells whose frames were checked one by one.
    checked: Vec<bool>,
}

/// The samples of one cell in a round: arms by their index.
pub(super) struct LineRound {
    cell: usize,
    samples: Vec<(usize, Sample)>,
}

impl<'a> LineRig<'a> {
    /// Builds the network.
    pub(super) fn start(plan: &'a Plan) -> Result<Self, Error> {
        let loads = plan.sizes.iter().copied().map(Load::Frames);
        let loads: Vec<Load> = loads.chain(plan.tcp.then_some(Load::Tcp)).collect();
        let of_port = |&port: &PortKind| loads.iter().map(move |&load| Cell { port, load });
        let cells = plan.ports.iter().flat_map(of_port);
        let fits = |cell: &Cell| cell.port.takes_jumbo() || !cell.is_jumbo();
        let cells: Vec<Cell> = cells.filter(fits).collect();
        let jumbo = cells.iter().any(|cell| cell.is_jumbo());
        Ok(Self {
            usual: Topology::build(MTU)?,
            jumbo: jumbo.then(|| Topology::build(MTU_JUMBO)).transpose()?,
            checked: vec![false; cells.len()],
            cells,
            plan,
        })
    }

    /// One row for each cell and arm.
    pub(super) fn rows(&self, rounds: &[LineRound]) -> Vec<LineRow> {
        let arms = &self.plan.arms;
        let no_op = arms.iter().position(|arm| *arm == Arm::NoOp);
        let mut rows = Vec::new();
        for (index, cell) in self.cells.iter().enumerate() {
            let samples = |arm: usize| -> Vec<Sample> {
                let of_cell = rounds.iter().filter(|round| round.cell == index);
                let samples = of_cell.flat_map(|round| &round.samples);
                let samples = samples.filter(|(index, _)| *index == arm);
                samples.map(|(_, sample)| sample.clone()).collect()
            };
            let no_op = no_op.map(samples);
            for (arm_index, &arm) in arms.iter().enumerate() {
                let samples = samples(arm_index);
                let (port, load) = (cell.port, cell.load);
                rows.extend(LineRow::of(arm, port, load, &samples, no_op.as_deref()));
            }
        }
        rows
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
        let setup = Setup {
            arm,
            port: cell.port,
            engine: self.plan.engine,
            cores: self.plan.cores,
        };
        let devices = Running::start(topology, setup)?;
        let mut sample = match cell.load {
            Load::Tcp => tcp(topology)?,
            Load::Frames(size) => {
                if first {
                    self.check(topology, cell, arm, size)?;
                }
                self.frames(topology, &devices, size)?
            }
        };
        sample.dropped = devices.end()?;
        Ok(sample)
    }

    /// Measures at full load, and at half of what came through then. The rate is by the time that
    /// the devices had their core, so that other work on this machine does not count.
    fn frames(
        &self,
        topology: &Topology,
        devices: &Running,
        size: FrameSize,
    ) -> Result<Sample, Error> {
        let core = self.plan.cores[1];
        let whole = WARM_UP + AT_FULL_LOAD + WARM_UP;
        let (carried, core_share) = thread::scope(|scope| {
            let sender = scope.spawn(|| send(topology, core, size, Offered::Most(whole)));
            thread::sleep(WARM_UP);
            let (before, core_before) = (arrived(topology)?, devices.core_time()?);
            let start = Instant::now();
            thread::sleep(AT_FULL_LOAD);
            let carried = (arrived(topology)? - before) as f64 / start.elapsed().as_secs_f64();
            let core_share = (devices.core_time()? - core_before).div_duration_f64(start.elapsed());
            sender.join().map_err(|_| Error::Died("sender"))??;
            Ok::<_, Error>((carried, core_share))
        })?;
        // A thread that never had its core carried nothing.
        let is_measured = core_share > 0.0;
        let mpps = if is_measured {
            carried / core_share / 1e6
        } else {
            0.0
        };
        drain(topology)?;
        let before = arrived(topology)?;
        let half = Offered::Rate(carried / 2.0, AT_HALF_LOAD);
        let sent = send(topology, core, size, half)?;
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

    /// Checks frame by frame that all come, in order, unchanged.
    fn check(
        &self,
        topology: &Topology,
        cell: Cell,
        arm: Arm,
        size: FrameSize,
    ) -> Result<(), Error> {
        let (listens, does_listen) = mpsc::sync_channel(1);
        let receive = move || traffic::receive(size, CHECKED, &listens);
        let receiver = topology.right.run(move || thread::spawn(receive))?;
        does_listen.recv().map_err(|_| Error::Died("receiver"))?;
        let offered = Offered::Count(CHECKED, CHECKED_RATE);
        let frames = send(topology, self.plan.cores[1], size, offered)?;
        let received = receiver.join().map_err(|_| Error::Died("receiver"))??;
        if received
            == (Received {
                frames,
                ..Received::default()
            })
        {
            return Ok(());
        }
        let Received {
            frames: came,
            changed,
            disordered,
        } = received;
        let (arm, port) = (name(&arm), name(&cell.port));
        Err(Error::Wrong(format!(
            "{arm} over {port} at size {size}: of {frames} frames {came} came, {changed} changed and \
             {disordered} out of order"
        )))
    }
}

impl Rig for LineRig<'_> {
    type Round = LineRound;

    fn cells(&self) -> usize {
        self.cells.len()
    }

    /// Each sample opens its own ports and makes its own keys.
    fn relocate(&mut self, _rng: &mut ChaCha8Rng) -> Result<(), Error> {
        Ok(())
    }

    fn round(&mut self, index: usize, rng: &mut ChaCha8Rng) -> Result<LineRound, Error> {
        let first = !core::mem::replace(&mut self.checked[index], true);
        let (cell, arms) = (self.cells[index], &self.plan.arms);
        let mut order: Vec<usize> = (0..arms.len()).collect();
        shuffle(&mut order, rng);
        order.retain(|&arm| cell.suits(arms[arm]));
        let sample = |arm| Ok((arm, self.sample(cell, arms[arm], first)?));
        let samples = order
            .into_iter()
            .map(sample)
            .collect::<Result<_, Error>>()?;
        Ok(LineRound {
            cell: index,
            samples,
        })
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
        quiet: true, // no core is watched
        mpps: through.frames as f64 / seconds / 1e6,
        gbit_s: through.octets as f64 * 8.0 / seconds / 1e9,
        lost: 0, // TCP sends it again
        sent: through.frames,
        dropped: Dropped::new(),
    })
}

/// Sends from the thread of the left host, which stays on `core`. Returns how many frames its
/// interface took.
fn send(topology: &Topology, core: usize, size: FrameSize, offered: Offered) -> Result<u64, Error> {
    topology.left.run(move || {
        stay_on(core)?;
        Ok(Generator::open(size)?.send(offered))
    })?
}

/// Frames that have arrived at the right host.
fn arrived(topology: &Topology) -> Result<u64, Error> {
    Ok(topology.right.run(|| received(LAN))??)
}

/// Waits until nothing arrives any more.
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
