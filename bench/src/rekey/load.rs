//! The load: frames in both directions at a constant rate, each with the time at which it was due.
//!
//! Open loop: what is due is sent, whatever became of the frames before. The time a frame took counts
//! from when it was due, not from when this thread came to send it, so a stall shows in every frame
//! that it held up, and not in one alone (no coordinated omission). Each frame also has a number in
//! its direction: lost, doubled and disordered frames are counted by it. One thread sends and
//! receives: one clock. For each frame it writes down eight octets; all else is done afterwards.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use port::limits::{ETHERNET_HEADER, HEADROOM};
use port::mem::{self, MemConfig};
use port::{Burst, Pool, Port, PortError};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use wire::MACS_LEN;

use super::Error;
use super::cores::Cores;
use super::pace::Pace;
use super::standstill::Standstill;
use super::witness::Witnesses;
use crate::frame_size::FrameSize;

/// Directions: from A's host to B's, and back.
pub(super) const FLOWS: usize = 2;
/// Frames of one burst.
const BURST: usize = 32;
/// Templates, sent in turn; a whole number of mixes.
const TEMPLATES: usize = 48;
/// What is due is sent, also late; this much behind, the hosts give up.
const BEHIND_MAX: Duration = Duration::from_millis(500);
/// How long frames under way are waited for; after a trial that is shorter, as long as that took.
const DRAIN: Duration = Duration::from_secs(2);
/// After the last frame, for those that come twice.
const AFTERWARDS: Duration = Duration::from_millis(50);
/// Header of the hosts' frames: they carry IPv4 packets, as most of a site's do, so that peers
/// which know nothing else can stand in the same run.
pub(super) const ETHERNET: [u8; ETHERNET_HEADER] = [2, 0, 0, 0, 0x10, 2, 2, 0, 0, 0, 0x10, 1, 8, 0];
/// Of an IPv4 header without options.
const IPV4_LEN: usize = 20;
/// Its protocol: for experiments (RFC 3692).
const PROTOCOL: u8 = 253;
const NUMBER_AT: usize = ETHERNET.len() + IPV4_LEN;
const MARK_AT: usize = NUMBER_AT + 8;
/// More than this thread can offer: it is never idle.
const COST_RATE: f64 = 1e8;
const COST_TIME: Duration = Duration::from_millis(5);
const COST_SIZE: usize = 512;
/// Tells our frames, and the runs apart.
const MARK: u32 = 0x716d_6b79;

/// What is offered in each direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    pub(super) size: FrameSize,
    /// Frames a second.
    pub(super) rate: f64,
    pub(super) time: Duration,
}

impl Offer {
    /// Frames in all.
    pub(super) fn frames(&self) -> u64 {
        (self.rate * self.time.as_secs_f64()) as u64
    }

    /// When a frame is due, ns from the start.
    pub(super) fn due_ns(&self, number: u64) -> u64 {
        (number as f64 * 1e9 / self.rate) as u64
    }
}

/// One frame received.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Arrival {
    /// Its number.
    pub(super) number: u32,
    /// How long after it was due, ns; four seconds at most.
    pub(super) late_ns: u32,
}

/// What became of one direction.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    /// In the order in which they came, doubles left out.
    pub(super) arrivals: Vec<Arrival>,
    /// One bit for each number.
    came: Vec<u64>,
    pub(super) duplicated: u64,
    pub(super) disordered: u64,
    /// Ours, but not as they were sent.
    pub(super) changed: u64,
    /// Ours, but of a run before.
    strays: u64,
    next: u64,
}

/// What became of an offer.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) offer: Offer,
    pub(super) start: Instant,
    /// Until the last frame was sent.
    pub(super) took: Duration,
    /// Frames sent in each direction: those of the offer, or fewer where even sending was too much.
    pub(super) sent: [u64; FLOWS],
    pub(super) flows: [Flow; FLOWS],
    /// What the machine did meanwhile; `None` where nobody may watch.
    pub(super) standstills: Option<Vec<Standstill>>,
}

impl Flow {
    pub(super) fn new(frames: u64) -> Self {
        let words = (frames as usize).div_ceil(64);
        let mut came = touched(words);
        came.resize(words, 0);
        Self {
            arrivals: touched(frames as usize),
            came,
            duplicated: 0,
            disordered: 0,
            changed: 0,
            strays: 0,
            next: 0,
        }
    }

    /// Counts the frame `number`, which came `late_ns` after it was due.
    #[inline]
    pub(super) fn arrive(&mut self, number: u64, late_ns: u64) {
        let (word, bit) = ((number / 64) as usize, 1 << (number % 64));
        let Some(word) = self.came.get_mut(word) else {
            self.changed += 1;
            return;
        };
        if *word & bit != 0 {
            self.duplicated += 1;
            return;
        }
        *word |= bit;
        self.disordered += u64::from(number < self.next);
        self.next = self.next.max(number + 1);
        self.arrivals.push(Arrival {
            number: number as u32, // an offer has no more frames than that
            late_ns: u32::try_from(late_ns).unwrap_or(u32::MAX),
        });
    }

    /// All frames of this load that came.
    pub(super) fn came(&self) -> u64 {
        self.arrivals.len() as u64 + self.duplicated + self.changed + self.strays
    }

    /// Numbers below `sent` that never came.
    pub(super) fn lost(&self, sent: u64) -> impl Iterator<Item = u64> + '_ {
        (0..sent).filter(|number| self.came[(number / 64) as usize] & (1 << (number % 64)) == 0)
    }
}

/// The two hosts.
pub(super) struct Hosts<P> {
    ends: [P; FLOWS],
    pool: Pool,
    cores: Cores,
    /// None where the system does not permit it.
    witnesses: Option<Witnesses>,
    runs: u16,
}

impl<P: Port> Hosts<P> {
    pub(super) fn new(ends: [P; FLOWS], cores: Cores) -> Result<Self, PortError> {
        let witnesses = cores.of_frames().ok().filter(|cores| !cores.is_empty());
        Ok(Self {
            ends,
            cores,
            witnesses: witnesses.and_then(|cores| Witnesses::start(&cores)),
            pool: Pool::new(4 * BURST, port::limits::MTU_MAX)?,
            runs: 0,
        })
    }

    /// The hosts' own ports.
    pub(super) fn ends(&self) -> &[P; FLOWS] {
        &self.ends
    }

    /// Carries out an offer on the hosts' core, and waits for what is under way.
    pub(super) fn carry(&mut self, offer: Offer) -> io::Result<Run> {
        let cores = self.cores;
        self.witnesses.iter().for_each(Witnesses::watch);
        let mut run =
            cores.as_hosts(|| self.carry_by(offer, |start| start.elapsed(), thread::yield_now))?;
        let seen = |witnesses: &Witnesses| {
            let mut seen = witnesses.take();
            seen.retain(|standstill| standstill.to > run.start);
            seen
        };
        run.standstills = self.witnesses.as_ref().map(seen);
        Ok(run)
    }

    /// Carries out an offer. `clock` tells the time since the start of the run; `give_way` is called after each
    /// look at what came, however much is due: on few cores an encryptor waits for this thread. After a
    /// standstill much is due; and the system has put it on the account of whoever was running, an encryptor
    /// perhaps, and lets that one run again only when the others have yielded some tens of times.
    fn carry_by(
        &mut self,
        offer: Offer,
        clock: impl Fn(Instant) -> Duration,
        give_way: impl Fn(),
    ) -> Run {
        self.runs = self.runs.wrapping_add(1);
        let mark = MARK ^ u32::from(self.runs);
        let templates = templates(offer.size, mark);
        let frames = offer.frames();
        let flows = [(); FLOWS].map(|()| Flow::new(frames));
        let mut run = Run {
            offer,
            start: Instant::now(), // with everything at hand
            took: Duration::ZERO,
            sent: [0; FLOWS],
            flows,
            standstills: None,
        };
        let mut paces = [(); FLOWS].map(|()| Pace::new(offer.rate));
        let mut burst = Burst::new();
        while run.sent.iter().any(|&sent| sent < frames) {
            let passed = clock(run.start);
            if passed >= offer.time + BEHIND_MAX {
                break;
            }
            let due = frames.min((offer.rate * passed.as_secs_f64()) as u64 + 1);
            for (flow, (end, pace)) in self.ends.iter_mut().zip(&mut paces).enumerate() {
                let sent = &mut run.sent[flow];
                let count = pace.take(due.saturating_sub(*sent).min(BURST as u64), passed);
                for number in *sent..*sent + count {
                    let template = &templates[number as usize % TEMPLATES];
                    burst.extend(self.pool.frame().map(|mut frame| {
                        let _fits_any = frame.copy_from(HEADROOM, template);
                        frame.bytes_mut()[NUMBER_AT..MARK_AT]
                            .copy_from_slice(&number.to_be_bytes());
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
        let all_came = |run: &Run| {
            (0..FLOWS).all(|flow| run.flows[flow].arrivals.len() as u64 == run.sent[flow])
        };
        let drained = run.took + DRAIN.min(offer.time);
        while !all_came(&run) && clock(run.start) < drained {
            self.receive(&mut run, mark, &mut burst, &clock);
            give_way();
        }
        let end = clock(run.start) + AFTERWARDS;
        while clock(run.start) < end {
            self.receive(&mut run, mark, &mut burst, &clock);
            give_way();
        }
        run
    }

    /// What has come.
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
            let now = clock(run.start).as_nanos() as u64; // a run is no 500 years
            let (offer, flow) = (run.offer, &mut run.flows[flow]);
            for frame in burst.drain(..) {
                if let Some(number) = number(frame.bytes(), mark) {
                    flow.arrive(number, now.saturating_sub(offer.due_ns(number)));
                } else {
                    flow.strays += u64::from(made(frame.bytes()));
                }
            }
        }
    }
}

/// Room for so many, which the system has given us already: memory that is touched for the first time
/// costs a fault, in a virtual machine one of its host, and milliseconds now and then; frames would wait.
fn touched<T: Clone + Default>(len: usize) -> Vec<T> {
    let mut room = Vec::with_capacity(len);
    room.resize(len, T::default());
    room.clear();
    room
}

/// What the load itself costs, ns a frame sent and received, with a cable in memory that leads from one
/// host straight to the other: what is left for the encryptors is measured with an instrument of this
/// weight.
pub(super) fn own_cost_ns(cores: Cores) -> Result<f64, Error> {
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

/// Whether this is a frame of such a load, and not another one of its network.
#[inline]
pub(super) fn made(octets: &[u8]) -> bool {
    octets.starts_with(&ETHERNET)
}

/// What the secured octets of a frame of such a load begin with: EtherType and IPv4 header. `len` octets from
/// its addresses on.
pub(super) fn secured_start(len: usize) -> [u8; 16] {
    let header = ipv4(len.saturating_sub(ETHERNET.len()));
    let start = ETHERNET[MACS_LEN..].iter().chain(&header);
    let mut octets = [0; 16];
    octets
        .iter_mut()
        .zip(start)
        .for_each(|(to, from)| *to = *from);
    octets
}

/// The number of a frame of this run.
#[inline]
fn number(octets: &[u8], mark: u32) -> Option<u64> {
    let &[a, b, c, d, e, f, g, h, i, j, k, l] =
        octets.get(NUMBER_AT..MARK_AT + 4)?.first_chunk()?;
    let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    (u32::from_be_bytes([i, j, k, l]) == mark).then_some(number)
}

/// The frames of a load, sent in turn.
pub(super) fn templates(size: FrameSize, mark: u32) -> Vec<Vec<u8>> {
    let mut rng = ChaCha8Rng::seed_from_u64(mark.into());
    let lens = size.lens(TEMPLATES, &mut rng);
    let template = |len| {
        let mut octets = vec![0; len];
        rng.fill_bytes(&mut octets);
        octets[..ETHERNET.len()].copy_from_slice(&ETHERNET);
        octets[ETHERNET.len()..NUMBER_AT].copy_from_slice(&ipv4(len - ETHERNET.len()));
        octets[MARK_AT..MARK_AT + 4].copy_from_slice(&mark.to_be_bytes());
        octets
    };
    lens.into_iter().map(template).collect()
}

/// Header of a packet of so many octets, between addresses of documentation (RFC 5737).
fn ipv4(len: usize) -> [u8; IPV4_LEN] {
    let [a, b] = (len as u16).to_be_bytes(); // a frame is no longer
    let mut header = [
        0x45, 0, a, b, 0, 0, 0x40, 0, 64, PROTOCOL, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
    ];
    let words = header.chunks_exact(2);
    let sum: u32 = words
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]))
        .sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    header[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    header
}

#[cfg(test)]
mod tests;
