//! The plan of one run. Its seed determines everything.

use std::time::Duration;

use gcm::Engine;
use rekey::{Config, KeyPolicy, Rekey};
use secy::Suite;
use wire::Pn;

use crate::end::mac;
use crate::flaw::Flaw;
use crate::rng::Rng;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A start and an end time.
pub(crate) type Window = Option<(Duration, Duration)>;

/// A change to an end by a test: the time, the end, and the change.
pub(crate) type Planted = (Duration, usize, fn(&mut Rekey));

/// Settings of the ends, and faults of the world around them. Times are the world's, from its
/// start.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Source of all other random values.
    pub seed: u64,
    pub(crate) suite: Suite,
    pub(crate) engine: Engine,
    /// First PN of every SA: 1 in `qmacsec`, in some runs a value near a critical one.
    pub(crate) first_pn: Pn,
    /// Rekey interval and number of workers of each end.
    pub(crate) interval: [Duration; 2],
    pub(crate) workers: [u16; 2],
    /// The line delivers each frame to the worker that owns its SC. If not, one worker receives all
    /// frames and hands them over.
    pub(crate) steered: bool,
    pub(crate) hold_max: Duration,
    /// Policy of both ends, and the time between two KEM exchanges.
    pub(crate) policy: KeyPolicy,
    pub(crate) ratchet: Duration,
    /// One-way delay of the line, and the largest random addition, which reorders frames.
    pub(crate) latency: Duration,
    pub(crate) jitter: Duration,
    /// Addition for every second SC: two paths of different length. Less than the grace time.
    pub(crate) skew: Duration,
    /// Number of lost and of doubled frames of any kind, in 1000.
    pub(crate) loss: u32,
    pub(crate) doubled: u32,
    /// Time in which no frame passes, and the affected directions.
    pub(crate) partition: Window,
    pub(crate) partitioned: [bool; 2],
    /// Bursts of user frames per second and end, and most frames of a burst; 0 is a quiet line.
    pub(crate) traffic: u32,
    pub(crate) clump: usize,
    /// Longest time until a worker polls, and number of stalls in 1000 polls.
    pub(crate) worker_lag: Duration,
    pub(crate) worker_stall: u32,
    /// Longest time until the driver runs.
    pub(crate) driver_lag: Duration,
    pub(crate) kme: KmePlan,
    /// Mean time between crashes of each end, and the longest time that it stays down.
    pub(crate) crash_every: Option<Duration>,
    pub(crate) down: Duration,
    /// Time at which end 0 goes down and stays down.
    pub(crate) dies: Option<Duration>,
    /// Mean time between jumps of each end's clock, while faults last.
    pub(crate) jump_every: Option<Duration>,
    /// Possible clock jumps, in milliseconds.
    pub(crate) jumps: &'static [u64],
    /// A clock is wrong at some time of this run.
    pub(crate) clocks_err: bool,
    /// Frames per second that the adversary injects.
    pub(crate) injected: u32,
    /// True if some injected frames are floods, which overrun the queue to the driver.
    pub(crate) floods: bool,
    /// Interval at which an operator orders a fresh key, at both ends in turn.
    pub(crate) rotate_every: Option<Duration>,
    /// Start and end times of the existence of a twin of end 0.
    pub(crate) twins: Vec<(Duration, Duration)>,
    /// A change to an end by a test, so that the two ends differ.
    pub(crate) plant: Option<Planted>,
    /// True if no user frame may be lost: the faults of this run must not affect frames.
    pub(crate) gentle: bool,
    pub(crate) flaw: Option<Flaw>,
    /// The time when faults stop, and the time when the run ends.
    pub(crate) calm: Duration,
    pub(crate) end: Duration,
}

/// Returns the first PN. In one seed of four it is critical: with XPN below 2^32, where the low
/// half of the PN, the one on the line, wraps; without XPN below three quarters of all PNs, where a
/// switch is due at once (REKEY-28).
fn first_pn(seed: u64, suite: Suite) -> Pn {
    let near = match suite.xpn() {
        true => (1 << 32) - 100,
        false => suite.pn_max() / 4 * 3 - 100,
    };
    let near = Rng::new(seed ^ 0x0FF5).permille(250).then_some(near);
    near.and_then(Pn::new).unwrap_or(Pn::FIRST)
}

/// In one seed of five an operator often orders fresh keys.
fn rotate_every(seed: u64) -> Option<Duration> {
    let mut rng = Rng::new(seed ^ 0x0707);
    rng.permille(200)
        .then(|| rng.pick(&[ms(130), ms(900), ms(2500)]))
}

/// The KMEs and their faults.
#[derive(Clone, Debug)]
pub(crate) struct KmePlan {
    /// Longest time of an answer.
    pub(crate) lag: Duration,
    /// Longest time until the other KME has a key.
    pub(crate) spread: Duration,
    /// Number of failures in 1000 requests.
    pub(crate) fault: u32,
    /// Times in which each KME does not answer.
    pub(crate) down: [Window; 2],
    /// Time in which neither KME has keys.
    pub(crate) empty: Window,
    /// Time at which they lose all their keys.
    pub(crate) restart: Option<Duration>,
    /// They deliver keys again that they delivered before.
    pub(crate) repeats: bool,
    /// The blocks that the link delivers.
    pub(crate) block_bits: u64,
    pub(crate) block_every: Duration,
    pub(crate) blocks_at_start: u32,
}

impl Plan {
    /// No faults (I5).
    #[must_use]
    pub fn calm(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let interval = rng.pick(&[ms(100), ms(200), ms(500), ms(1000), ms(3000)]);
        let suite = rng.pick(&Suite::ALL);
        let mut other = Rng::new(!seed);
        Self {
            seed,
            suite,
            engine: rng.pick(&[Engine::AwsLc, Engine::RustCrypto]),
            first_pn: first_pn(seed, suite),
            interval: [interval, rng.pick(&[interval, ms(700)])],
            workers: [rng.pick(&[1, 2, 3]), rng.pick(&[1, 1, 2])],
            steered: Rng::new(seed ^ 0x57EE).permille(750),
            hold_max: interval.max(ms(700)) * 40,
            policy: other.pick(&KeyPolicy::ALL),
            ratchet: other.pick(&[ms(1000), ms(3000), ms(60_000)]),
            latency: rng.pick(&[ms(0), ms(1), ms(20)]),
            jitter: ms(0),
            skew: rng.pick(&[ms(0), ms(0), ms(20)]),
            loss: 0,
            doubled: 0,
            partition: None,
            partitioned: [true; 2],
            traffic: rng.pick(&[0, 20, 50]),
            clump: rng.pick(&[1, 4, 20]),
            worker_lag: rng.pick(&[ms(0), ms(1), ms(5), ms(20)]),
            worker_stall: 0,
            driver_lag: rng.pick(&[ms(0), ms(1)]),
            kme: KmePlan {
                lag: rng.pick(&[ms(1), ms(10), ms(20)]),
                spread: ms(0),
                fault: 0,
                down: [None; 2],
                empty: None,
                restart: None,
                repeats: false,
                block_bits: 100_000,
                block_every: ms(1000),
                blocks_at_start: 4,
            },
            crash_every: None,
            down: ms(0),
            dies: None,
            jump_every: None,
            jumps: &[0, 10, 500, 3000, 30_000],
            clocks_err: false,
            injected: 0,
            floods: true,
            rotate_every: rotate_every(seed),
            twins: Vec::new(),
            plant: None,
            gentle: true,
            flaw: None,
            calm: ms(0),
            end: interval.max(ms(700)) * 8,
        }
    }

    /// Only an adversary: it must not cost a frame.
    #[must_use]
    pub fn hostile(seed: u64) -> Self {
        let mut plan = Self::calm(seed);
        plan.traffic = plan.traffic.max(20);
        plan.injected = 100;
        plan.calm = plan.end;
        plan.end += plan.interval[0].max(ms(700)) * 6 + ms(3000);
        plan
    }

    /// No KME delivers a key for longer than a key may be held. The policy decides what follows.
    #[must_use]
    pub fn starved(seed: u64) -> Self {
        let mut plan = Self::calm(seed);
        let mut rng = Rng::new(seed ^ 0x57A2);
        plan.interval = [0, 1].map(|_| rng.pick(&[ms(300), ms(1000)]));
        plan.hold_max = ms(rng.pick(&[6000, 12_000]));
        plan.gentle = false;
        plan.traffic = plan.traffic.max(20);
        plan.rotate_every = None;
        let from = ms(2000) + rng.time(ms(2000));
        plan.calm = from + plan.hold_max * 2;
        let short = Some((from, plan.calm));
        match rng.pick(&[0, 1, 2]) {
            0 => plan.kme.down = [short, short],
            1 => plan.kme.down = [short, None],
            _ => plan.kme.empty = short,
        }
        plan.loss = rng.pick(&[0, 0, 100]);
        plan.injected = rng.pick(&[0, 30]);
        plan.end = plan.calm + ms(15_000);
        plan
    }

    /// Only KMEs with all kinds of faults: they must not cost a frame (I10).
    #[must_use]
    pub fn kme_trouble(seed: u64) -> Self {
        let mut plan = Self::calm(seed);
        let mut rng = Rng::new(seed ^ 0x0E11);
        plan.traffic = plan.traffic.max(20);
        plan.hold_max = Duration::from_secs(3600);
        plan.calm = (plan.interval[0] * 10).clamp(ms(8000), ms(20_000));
        plan.draw_kme_faults(&mut rng);
        plan.end = plan.calm + plan.interval[0].max(ms(700)) * 6 + ms(3000);
        plan
    }

    fn draw_kme_faults(&mut self, rng: &mut Rng) {
        let calm = self.calm;
        let mut window = |chance: u32| {
            let from = rng.time(calm);
            rng.permille(chance).then(|| (from, from + rng.time(calm)))
        };
        self.kme.down = [window(250), window(250)];
        self.kme.empty = window(250);
        self.kme.restart = window(250).map(|(at, _)| at);
        self.kme.lag = rng.pick(&[ms(5), ms(50), ms(800)]);
        self.kme.spread = rng.pick(&[ms(0), ms(100), ms(900)]);
        self.kme.fault = rng.pick(&[0, 30, 150]);
        self.kme.block_bits = rng.pick(&[2560, 8192, 100_000]);
        self.kme.block_every = rng.pick(&[ms(300), ms(2000)]);
        self.kme.blocks_at_start = rng.pick(&[0, 1, 4]);
    }

    /// Any fault may occur until `calm`.
    #[must_use]
    pub fn drawn(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x5EED);
        let mut plan = Self::calm(seed);
        plan.gentle = false;
        plan.interval = [0, 1].map(|_| rng.pick(&[ms(100), ms(300), ms(1000), ms(3000)]));
        plan.workers = [rng.pick(&[1, 1, 2]), rng.pick(&[1, 1, 3])];
        plan.traffic = rng.pick(&[0, 10, 30]);
        plan.clump = rng.pick(&[1, 4, 16]);
        plan.latency = rng.pick(&[ms(0), ms(2), ms(50), ms(300)]);
        plan.jitter = rng.pick(&[ms(0), ms(1), ms(30), ms(300)]);
        plan.loss = rng.pick(&[0, 50, 200, 500]);
        plan.doubled = rng.pick(&[0, 100, 300]);
        plan.worker_lag = rng.pick(&[ms(0), ms(5), ms(50)]);
        plan.worker_stall = rng.pick(&[0, 0, 20]);
        plan.crash_every = rng.pick(&[None, Some(ms(1500)), Some(ms(6000))]);
        plan.down = rng.pick(&[ms(5), ms(400), ms(4000)]);
        plan.jump_every = rng.pick(&[None, None, Some(ms(4000))]);
        plan.clocks_err = plan.jump_every.is_some();
        plan.injected = rng.pick(&[0, 10, 60]);
        let longest = plan.interval[0].max(plan.interval[1]);
        // With a limit below the time of an offer, the line would block again and again.
        plan.hold_max = (longest * rng.pick(&[3, 10, 40])).max(ms(1500) + plan.latency * 8);
        plan.calm = (longest * 6).clamp(ms(5000), ms(12_000));
        plan.draw_kme_faults(&mut rng);
        if rng.permille(250) {
            let from = rng.time(plan.calm);
            plan.partition = Some((from, from + rng.time(ms(4000))));
            plan.partitioned = rng.pick(&[[true, true], [true, false], [false, true]]);
        }
        plan.end = plan.calm + longest * 5 + ms(4000);
        plan
    }

    /// KMEs that repeat keys, and ends that crash often.
    #[must_use]
    pub fn repeating(seed: u64) -> Self {
        let mut plan = Self::drawn(seed);
        plan.kme.repeats = true;
        plan.kme.empty = None;
        plan.kme.down = [None; 2];
        plan.crash_every = Some(ms(800));
        plan.down = ms(50);
        plan.loss = 0;
        plan
    }

    /// One end dies, and the adversary keeps replaying its frames.
    #[must_use]
    pub fn dying(seed: u64) -> Self {
        let mut plan = Self::drawn(seed);
        plan.crash_every = None;
        plan.jump_every = None;
        plan.injected = 60;
        // A frame that never arrived is new to the receiver, even if the adversary delivers it. A
        // flood would displace such frames.
        plan.floods = false;
        plan.loss = 0;
        plan.jitter = ms(0);
        plan.partition = None;
        plan.worker_stall = 0;
        plan.interval = [ms(1000); 2];
        plan.hold_max = ms(3000);
        plan.dies = Some(ms(5000));
        plan.calm = ms(25_000);
        plan.end = ms(25_000);
        plan
    }

    /// Only clock jumps: a key that one end drops early is not used at the other.
    #[must_use]
    pub fn jumping(seed: u64) -> Self {
        let mut plan = Self::calm(seed);
        let mut rng = Rng::new(seed ^ 0x10C5);
        plan.gentle = false;
        plan.traffic = plan.traffic.max(20);
        plan.hold_max = plan.interval[0].max(plan.interval[1]) * rng.pick(&[2, 4]);
        plan.jump_every = Some(ms(1500));
        // An rx SA lives for the hold time and 9 to 11 s. Jumps near that time end only some SAs.
        plan.jumps = &[0, 10, 500, 3000, 8000, 10_000, 13_000, 30_000];
        plan.clocks_err = true;
        plan.calm = (plan.interval[0] * 8).clamp(ms(6000), ms(15_000));
        plan.end = plan.calm + plan.interval[0].max(plan.interval[1]) * 5 + ms(4000);
        plan
    }

    /// A twin of end 0 appears briefly, up to three times, on a good or a bad line.
    #[must_use]
    pub fn twins(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x7717);
        let mut plan = if rng.permille(500) {
            Self::drawn(seed)
        } else {
            Self::calm(seed)
        };
        plan.gentle = false;
        plan.traffic = plan.traffic.max(10);
        let longest = plan.interval[0].max(plan.interval[1]);
        let mut at = ms(300) + rng.time(longest * 3);
        for _ in 0..=rng.below(3) {
            let until = at + rng.pick(&[ms(20), ms(300), ms(1000), ms(3000)]);
            plan.twins.push((at, until));
            at = until + rng.time(longest * 2);
        }
        let gone = plan.twins.last().map_or(at, |(_, until)| *until);
        plan.calm = plan.calm.max(gone);
        plan.end = plan.calm + longest * 5 + ms(4000);
        plan
    }

    /// True if the two ends may differ because of a twin or a change by a test.
    pub(crate) fn differs(&self) -> bool {
        !self.twins.is_empty() || self.plant.is_some()
    }

    /// True until ends that differ have had time to detect it. Until then the peer may be unable to
    /// read their frames.
    pub(crate) fn excused(&self, now: Duration) -> bool {
        self.differs() && now < self.calm + ms(1000) + (self.latency + self.skew) * 8
    }

    /// Returns the settings of an end.
    pub(crate) fn config(&self, side: usize) -> Config {
        Config {
            scis: self.workers[side],
            suite: self.suite,
            interval: self.interval[side],
            hold_max: self.hold_max,
            policy: self.policy,
            ratchet: self.ratchet,
            ..Config::new(mac(side))
        }
    }

    /// True if every frame reaches the other end within a short time.
    pub(crate) fn delivers(&self) -> bool {
        self.loss == 0
            && self.partition.is_none()
            && self.jitter.is_zero()
            && self.worker_stall == 0
    }

    /// The mix of the nightly run: mostly all faults at once.
    #[must_use]
    pub fn mixed(seed: u64) -> Self {
        match seed % 20 {
            0 => Self::calm(seed),
            1 | 2 => Self::hostile(seed),
            3 | 4 => Self::kme_trouble(seed),
            5 => Self::repeating(seed),
            6 => Self::dying(seed),
            7 => Self::jumping(seed),
            8 => Self::starved(seed),
            9 => Self::twins(seed),
            _ => Self::drawn(seed),
        }
    }

    /// The same plan with a flaw in the parts around the protocol.
    #[must_use]
    pub fn with_flaw(mut self, flaw: Flaw) -> Self {
        self.flaw = Some(flaw);
        self
    }

    /// Removes the faults of the line from `calm` on.
    pub(crate) fn calmed(&mut self) {
        self.jitter = ms(0);
        self.loss = 0;
        self.doubled = 0;
        self.partition = None;
        self.worker_stall = 0;
        self.worker_lag = self.worker_lag.min(ms(5));
        self.kme.lag = self.kme.lag.min(ms(20));
        self.kme.spread = ms(0);
        self.kme.fault = 0;
        self.kme.down = [None; 2];
        self.kme.empty = None;
        self.kme.repeats = false;
        self.crash_every = None;
        self.jump_every = None;
        self.injected = 0;
    }
}
