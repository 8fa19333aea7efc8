//! Rounds: every device over every port at every size, the devices next to each other in random
//! order.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;

use super::devices::{Running, Setup};
use super::rows::{LineRow, Sample};
use super::traffic::{self, Generator, Offered, Received};
use super::{Plan, testpmd, transfer};
use crate::device::Device;
use crate::drops::Drops;
use crate::harness::choice::name;
use crate::harness::cores::pin;
use crate::harness::error::Error;
use crate::harness::rounds::{Rig, order};
use crate::harness::row::Load;
use crate::network::{LAN, Network, received};
use crate::ports::PortSetup;
use crate::size::FrameSize;

/// Full load before the count begins, and while it lasts.
const WARM_UP: Duration = Duration::from_millis(100);
const AT_FULL_LOAD: Duration = Duration::from_millis(500);
/// Half of what was carried at full load: nothing may be lost.
const AT_HALF_LOAD: Duration = Duration::from_millis(300);
/// Devices that had less than this share of their core shared its caches, too, and their rings
/// overflowed meanwhile.
const CORE_SHARE_MIN: f64 = 0.9;
const TRANSFER: Duration = Duration::from_millis(800);
/// Frames that are checked one by one, and their load.
const CHECKED: u64 = 480;
const CHECK: Offered = Offered {
    rate: Some(10_000.0),
    time: Duration::from_millis(CHECKED / 10),
};
/// The line is empty when nothing has arrived for this long.
const QUIET: Duration = Duration::from_millis(30);
/// The MTU of a host without jumbo, and with.
const MTU: usize = 1500;
const MTU_JUMBO: usize = 9000;

#[derive(Clone, Copy)]
struct Cell {
    port: PortSetup,
    load: Load,
}

impl Cell {
    fn is_jumbo(self) -> bool {
        matches!(self.load, Load::Frames(size) if is_jumbo(size))
    }

    /// Testpmd has neither all ports nor jumbo.
    fn suits(self, device: Device) -> bool {
        let is_testpmd = device == Device::Testpmd;
        !is_testpmd || (testpmd::driver(self.port).is_some() && !self.is_jumbo())
    }
}

pub(super) struct LineRig<'a> {
    plan: &'a Plan,
    usual: Network,
    jumbo: Option<Network>,
    cells: Vec<Cell>,
    /// Cells whose frames were checked one by one.
    checked: Vec<bool>,
}

/// The samples of one cell in a round: devices by their index.
pub(super) struct LineRound {
    cell: usize,
    samples: Vec<(usize, Sample)>,
}

impl<'a> LineRig<'a> {
    pub(super) fn start(plan: &'a Plan) -> Result<Self, Error> {
        let loads = plan.sizes.iter().copied().map(Load::Frames);
        let loads: Vec<Load> = loads.chain(plan.tcp.then_some(Load::Tcp)).collect();
        let of_port = |&port: &PortSetup| loads.iter().map(move |&load| Cell { port, load });
        let cells = plan.ports.iter().flat_map(of_port);
        let fits = |cell: &Cell| cell.port.takes_jumbo() || !cell.is_jumbo();
        let cells: Vec<Cell> = cells.filter(fits).collect();
        let jumbo = cells.iter().any(|cell| cell.is_jumbo());
        Ok(Self {
            usual: Network::build(MTU)?,
            jumbo: jumbo.then(|| Network::build(MTU_JUMBO)).transpose()?,
            checked: vec![false; cells.len()],
            cells,
            plan,
        })
    }

    pub(super) fn rows(&self, rounds: &[LineRound]) -> Vec<LineRow> {
        let devices = &self.plan.devices;
        let no_op = devices.iter().position(|device| *device == Device::NoOp);
        let mut rows = Vec::new();
        for (cell_index, cell) in self.cells.iter().enumerate() {
            let samples = |device: usize| -> Vec<&Sample> {
                let of_cell = rounds.iter().filter(|round| round.cell == cell_index);
                let samples = of_cell.flat_map(|round| &round.samples);
                let samples = samples.filter(|(index, _)| *index == device);
                samples.map(|(_, sample)| sample).collect()
            };
            let no_op = no_op.map(samples).unwrap_or_default();
            for (index, &device) in devices.iter().enumerate() {
                let row = LineRow::of(device, cell.port, cell.load, &samples(index), &no_op);
                rows.extend(row);
            }
        }
        rows
    }

    fn sample(&self, cell: Cell, device: Device, first: bool) -> Result<Sample, Error> {
        let fresh = cell.port.needs_fresh_interfaces();
        let fresh = fresh.then(|| Network::build(MTU)).transpose()?;
        let jumbo = self.jumbo.as_ref().filter(|_| cell.is_jumbo());
        let network = fresh.as_ref().or(jumbo).unwrap_or(&self.usual);
        let setup = Setup {
            device,
            port: cell.port,
            engine: self.plan.engine,
            cores: self.plan.cores,
        };
        let devices = Running::start(network, setup)?;
        let mut sample = match cell.load {
            Load::Tcp => tcp(network)?,
            Load::Frames(size) => {
                if first {
                    self.check(network, setup, size)?;
                }
                self.frames(network, &devices, size)?
            }
        };
        sample.drops = devices.end()?;
        Ok(sample)
    }

    /// Measures at full load, and at half of what came through then. The rate is by the time that
    /// the devices had their core, so that other work on this machine does not count.
    fn frames(
        &self,
        network: &Network,
        devices: &Running,
        size: FrameSize,
    ) -> Result<Sample, Error> {
        let core = self.plan.cores[1];
        let full = Offered {
            rate: None,
            time: WARM_UP + AT_FULL_LOAD + WARM_UP,
        };
        let (carried, core_share) = thread::scope(|scope| {
            let sender = scope.spawn(|| send(network, core, size, full));
            thread::sleep(WARM_UP);
            let (before, core_before) = (arrived(network)?, devices.core_time()?);
            let start = Instant::now();
            thread::sleep(AT_FULL_LOAD);
            let carried = (arrived(network)? - before) as f64 / start.elapsed().as_secs_f64();
            let core_share = (devices.core_time()? - core_before).div_duration_f64(start.elapsed());
            sender.join().map_err(|_| Error::Died("sender"))??;
            Ok::<_, Error>((carried, core_share))
        })?;
        // A thread that never had its core carried nothing.
        let mpps = match core_share > 0.0 {
            true => carried / core_share / 1e6,
            false => 0.0,
        };
        drain(network)?;
        let before = arrived(network)?;
        let half = Offered {
            rate: Some(carried / 2.0),
            time: AT_HALF_LOAD,
        };
        let sent = send(network, core, size, half)?;
        drain(network)?;
        Ok(Sample {
            quiet: core_share >= CORE_SHARE_MIN,
            mpps,
            gbit_s: size.gbit_s(mpps),
            lost: sent.saturating_sub(arrived(network)? - before),
            sent,
            drops: Drops::new(),
        })
    }

    /// Checks frame by frame that all come, in order, unchanged.
    fn check(&self, network: &Network, setup: Setup, size: FrameSize) -> Result<(), Error> {
        let (listens, does_listen) = mpsc::sync_channel(1);
        let receive = move || traffic::receive(size, CHECKED, &listens);
        let receiver = network.right.run(move || thread::spawn(receive))?;
        does_listen.recv().map_err(|_| Error::Died("receiver"))?;
        let sent = send(network, self.plan.cores[1], size, CHECK)?;
        let Received {
            frames,
            changed,
            disordered,
        } = receiver.join().map_err(|_| Error::Died("receiver"))??;
        if (frames, changed, disordered) == (sent, 0, 0) {
            return Ok(());
        }
        let (device, port) = (name(&setup.device), name(&setup.port));
        Err(Error::Wrong(format!(
            "{device} over {port} at size {size}: of {sent} frames {frames} came, {changed} \
             changed and {disordered} out of order"
        )))
    }
}

impl Rig for LineRig<'_> {
    type Round = LineRound;

    fn cells(&self) -> usize {
        self.cells.len()
    }

    fn round(&mut self, cell_index: usize, rng: &mut ChaCha8Rng) -> Result<LineRound, Error> {
        let first = !core::mem::replace(&mut self.checked[cell_index], true);
        let (cell, devices) = (self.cells[cell_index], &self.plan.devices);
        let mut order = order(devices.len(), rng);
        order.retain(|&device| cell.suits(devices[device]));
        let sample = |device| Ok((device, self.sample(cell, devices[device], first)?));
        let samples = order.into_iter().map(sample);
        Ok(LineRound {
            cell: cell_index,
            samples: samples.collect::<Result<_, Error>>()?,
        })
    }
}

pub(super) fn is_jumbo(size: FrameSize) -> bool {
    size.longest() > MTU + 18
}

fn tcp(network: &Network) -> Result<Sample, Error> {
    let before = arrived(network)?;
    let (octets, took) = transfer::run(network, TRANSFER)?;
    let frames = arrived(network)? - before;
    let seconds = took.as_secs_f64();
    Ok(Sample {
        quiet: true, // no core is watched
        mpps: frames as f64 / seconds / 1e6,
        gbit_s: octets as f64 * 8.0 / seconds / 1e9,
        lost: 0, // TCP sends it again
        sent: frames,
        drops: Drops::new(),
    })
}

/// Sends from the thread of the left host, which stays on `core`. Returns how many frames its
/// interface took.
fn send(network: &Network, core: usize, size: FrameSize, offered: Offered) -> Result<u64, Error> {
    network.left.run(move || {
        pin(core)?;
        Ok(Generator::open(size)?.send(offered))
    })?
}

fn arrived(network: &Network) -> Result<u64, Error> {
    Ok(network.right.run(|| received(LAN))??)
}

fn drain(network: &Network) -> Result<(), Error> {
    let mut before = arrived(network)?;
    loop {
        thread::sleep(QUIET);
        let now = arrived(network)?;
        if now == before {
            return Ok(());
        }
        before = now;
    }
}
