//! The load: frames in both directions at a constant rate, each with the time at which it is due.
//!
//! The load is open loop: frames are sent when due, whatever became of the frames before. Latency
//! counts from when a frame was due, not from when this thread sent it. So a stall shows in every
//! frame that it held up, and not in one alone (no coordinated omission). Each frame has a number
//! in its direction, by which lost, duplicated and reordered frames are counted. One thread sends
//! and receives, so there is one clock. It records eight octets for each frame; all else is done
//! afterwards.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use port::limits::HEADROOM;
use port::mem::{self, MemConfig};
use port::{Burst, Pool, Port, PortError};

use super::pace::Pace;
use super::standstill::Standstill;
use super::witness::Witnesses;
use crate::frames::{self, FLOWS, TEMPLATES};
use crate::harness::error::Error;
use crate::rekey::rig::cabling::HostPorts;
use crate::rekey::rig::cores::Cores;
use crate::size::FrameSize;

const BURST: usize = 32;
/// Frames are sent late, too; this much behind, the hosts give up.
const BEHIND_MAX: Duration = Duration::from_millis(500);
/// How long to wait for frames under way; after a shorter run, as long as the run.
const DRAIN: Duration = Duration::from_secs(2);
/// How long to wait after the last frame, for duplicates.
const FOR_DUPLICATES: Duration = Duration::from_millis(50);
/// A rate that this thread cannot reach: it is never idle.
const COST_RATE: f64 = 1e8;
const COST_TIME: Duration = Duration::from_millis(5);
const COST_SIZE: usize = 512;

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Offer {
    pub(crate) size: FrameSize,
    /// Frames a second.
    pub(crate) rate: f64,
    pub(crate) time: Duration,
}

impl Offer {
    pub(crate) fn frames(&self) -> u64 {
        (self.rate * self.time.as_secs_f64()) as u64
    }

    /// When a frame is due, ns from the start.
    pub(crate) fn due_ns(&self, number: u64) -> u64 {
        (number as f64 * 1e9 / self.rate) as u64
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Arrival {
    pub(crate) number: u32,
    /// Time since it was due, ns; at most four seconds.
    pub(crate) late_ns: u32,
}

#[derive(Clone, Default, Debug)]
pub(crate) struct Flow {
    /// Arrivals in order, without duplicates.
    pub(crate) arrivals: Vec<Arrival>,
    /// One bit for each number received.
    received: Vec<u64>,
    pub(crate) duplicated: u64,
    pub(crate) reordered: u64,
    /// Frames of this run with a number that was not sent.
    pub(crate) changed: u64,
    /// Frames of an earlier run.
    stale: u64,
    next: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) offer: Offer,
    pub(crate) start: Instant,
    /// Time until the last frame was sent.
    pub(crate) took: Duration,
    /// Frames sent in each direction; fewer than offered where the hosts gave up.
    pub(crate) sent: [u64; FLOWS],
    pub(crate) flows: [Flow; FLOWS],
    /// Standstills of the machine; `None` where witnesses are not permitted.
    pub(crate) standstills: Option<Vec<Standstill>>,
}

impl Flow {
    pub(crate) fn new(frames: u64) -> Self {
        let words = (frames as usize).div_ceil(64);
        let mut received = touched(words);
        received.resize(words, 0);
        Self {
            arrivals: touched(frames as usize),
            received,
            ..Self::default()
        }
    }

    /// Counts a frame that arrived `late_ns` after it was due.
    #[inline]
    pub(crate) fn arrive(&mut self, number: u64, late_ns: u64) {
        let (word, bit) = ((number / 64) as usize, 1 << (number % 64));
        let Some(word) = self.received.get_mut(word) else {
            self.changed += 1;
            return;
        };
        if *word & bit != 0 {
            self.duplicated += 1;
            return;
        }
        *word |= bit;
        self.reordered += u64::from(number < self.next);
        self.next = self.next.max(number + 1);
        self.arrivals.push(Arrival {
            number: number as u32, // an offer has no more frames than that
            late_ns: u32::try_from(late_ns).unwrap_or(u32::MAX),
        });
    }

    pub(crate) fn received(&self) -> u64 {
        self.arrivals.len() as u64 + self.duplicated + self.changed + self.stale
    }

    /// Numbers below `sent` that were not received.
    pub(crate) fn lost(&self, sent: u64) -> impl Iterator<Item = u64> + '_ {
        (0..sent).filter(|number| self.received[(number / 64) as usize] & (1 << (number % 64)) == 0)
    }
}

pub(crate) struct Hosts<P> {
    ends: [P; FLOWS],
    pool: Pool,
    cores: Cores,
    /// `None` where the system does not permit them.
    witnesses: Option<Witnesses>,
    runs: u16,
}

impl Hosts<Box<dyn Port>> {
    pub(crate) fn open(ports: HostPorts) -> Result<Self, PortError> {
        let [a, b] = ports.ends;
        Self::new([a()?, b()?], ports.cores)
    }
}

impl<P: Port> Hosts<P> {
    pub(crate) fn new(ends: [P; FLOWS], cores: Cores) -> Result<Self, PortError> {
        let of_frames = cores.of_frames().ok().filter(|cores| !cores.is_empty());
        Ok(Self {
            ends,
            cores,
            witnesses: of_frames.and_then(|cores| Witnesses::start(&cores)),
            pool: Pool::new(4 * BURST, port::limits::MTU_MAX)?,
            runs: 0,
        })
    }

    pub(crate) fn ends(&self) -> &[P; FLOWS] {
        &self.ends
    }

    /// Carries out an offer on the hosts' core, and waits for frames under way.
    pub(crate) fn carry(&mut self, offer: Offer) -> io::Result<Run> {
        let cores = self.cores;
        self.witnesses.iter().for_each(Witnesses::record);
        let mut run =
            cores.as_hosts(|| self.carry_by(offer, |start| start.elapsed(), thread::yield_now))?;
        let of_run = |witnesses: &Witnesses| {
            let mut standstills = witnesses.take();
            standstills.retain(|standstill| standstill.to > run.start);
            standstills
        };
        run.standstills = self.witnesses.as_ref().map(of_run);
        Ok(run)
    }

    /// Carries out an offer. `clock` tells the time since the start of the run. `give_way` is
    /// called in each turn, however much is due: on few cores an encryptor waits for this thread.
    /// After a standstill the scheduler lets an encryptor run again only when the others have
    /// yielded some tens of times, because it charges the standstill to whoever was running.
    fn carry_by(
        &mut self,
        offer: Offer,
        clock: impl Fn(Instant) -> Duration,
        give_way: impl Fn(),
    ) -> Run {
        self.runs = self.runs.wrapping_add(1);
        let mark = frames::mark(self.runs);
        let templates = frames::templates(offer.size, mark);
        let count = offer.frames();
        let flows = [(); FLOWS].map(|()| Flow::new(count));
        let mut run = Run {
            offer,
            start: Instant::now(), // all memory is allocated
            took: Duration::ZERO,
            sent: [0; FLOWS],
            flows,
            standstills: None,
        };
        let mut paces = [(); FLOWS].map(|()| Pace::new(offer.rate));
        let mut burst = Burst::new();
        while run.sent.iter().any(|&sent| sent < count) {
            let passed = clock(run.start);
            if passed >= offer.time + BEHIND_MAX {
                break;
            }
            let due = count.min((offer.rate * passed.as_secs_f64()) as u64 + 1);
            for (flow, (end, pace)) in self.ends.iter_mut().zip(&mut paces).enumerate() {
                let sent = &mut run.sent[flow];
                let count = pace.take(due.saturating_sub(*sent).min(BURST as u64), passed);
                for number in *sent..*sent + count {
                    let template = &templates[number as usize % TEMPLATES];
                    burst.extend(self.pool.frame().map(|mut frame| {
                        let _fits_any = frame.copy_from(HEADROOM, template);
                        frames::set_number(frame.bytes_mut(), number);
                        frame
                    }));
                }
                *sent += count;
                if count > 0 {
                    end.tx_burst(&mut burst);
                }
            }
            self.receive(&mut run, mark, &mut burst, &clock);
            give_way();
        }
        run.took = clock(run.start);
        let mut end = run.took + DRAIN.min(offer.time);
        let mut complete = false;
        while clock(run.start) < end {
            let mut flows = run.flows.iter().zip(run.sent);
            if !complete && flows.all(|(flow, sent)| flow.arrivals.len() as u64 == sent) {
                complete = true;
                end = clock(run.start) + FOR_DUPLICATES;
            }
            self.receive(&mut run, mark, &mut burst, &clock);
            give_way();
        }
        run
    }

    fn receive(
        &mut self,
        run: &mut Run,
        mark: u32,
        burst: &mut Burst,
        clock: &impl Fn(Instant) -> Duration,
    ) {
        for (flow, end) in self.ends.iter_mut().rev().enumerate() {
            end.rx_burst(burst);
            if burst.is_empty() {
                continue;
            }
            let now = clock(run.start).as_nanos() as u64; // a run is shorter than 500 years
            let (offer, flow) = (run.offer, &mut run.flows[flow]);
            for frame in burst.drain(..) {
                if let Some(number) = frames::number(frame.bytes(), mark) {
                    flow.arrive(number, now.saturating_sub(offer.due_ns(number)));
                } else {
                    flow.stale += u64::from(frames::is_load(frame.bytes()));
                }
            }
        }
    }
}

/// An empty vector whose memory was touched. The first touch of a page costs a page fault, and in a
/// virtual machine milliseconds now and then.
fn touched<T: Clone + Default>(len: usize) -> Vec<T> {
    let mut room = vec![T::default(); len];
    room.clear();
    room
}

/// The cost of the load itself, ns for a frame sent and received, over a cable in memory between
/// the hosts.
pub(crate) fn own_cost_ns(cores: Cores) -> Result<f64, Error> {
    let (a, b) = mem::pair_with(MemConfig {
        capacity: 4 * BURST,
        mtu: COST_SIZE,
        ..MemConfig::default()
    });
    let offer = Offer {
        size: FrameSize::Octets(COST_SIZE),
        rate: COST_RATE,
        time: COST_TIME,
    };
    let run = Hosts::new([a.open()?, b.open()?], cores)?.carry(offer)?;
    let frames: u64 = run.sent.iter().sum();
    Ok(run.took.as_nanos() as f64 / frames.max(1) as f64)
}

#[cfg(test)]
mod tests;
