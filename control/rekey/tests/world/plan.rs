//! The plan of one run, drawn from its seed.

use std::time::Duration;

use rekey::{Config, KeyFailure, KeyPolicy, Rekey};

use super::mac;
use super::rng::Rng;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A change to an end by a test: the time, the end, and the change.
pub type Planted = (Duration, usize, fn(&mut Rekey));

/// The way in which a KME is gone, and the time from and until which it is.
#[derive(Clone, Copy, Debug)]
pub struct Gone {
    pub from: Duration,
    pub until: Duration,
    /// The end gets this answer.
    pub answer: KeyFailure,
    /// The KME takes the requests, and only its replies are lost: so are the keys.
    pub spends: bool,
}

/// Settings of the ends and faults of the world around them.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    /// Rekey interval and transmit SCs of each end.
    pub interval: [Duration; 2],
    pub scis: [u16; 2],
    pub hold_max: Duration,
    /// The setting of both ends.
    pub policy: KeyPolicy,
    /// Time between KEM exchanges.
    pub ratchet: Duration,
    /// One-way delay of the line.
    pub latency: Duration,
    /// Added at random to each frame: reorders. User frames keep their order if zero.
    pub jitter: Duration,
    /// Lost frames in 1000.
    pub loss: u32,
    pub doubled: u32,
    /// User frames per second and end; 0 is a quiet line.
    pub traffic: u32,
    /// Worker acknowledgement delay.
    pub worker_lag: Duration,
    /// Worker commands in 1000 that take up to 2 s.
    pub worker_stall: u32,
    /// Answer time of a healthy KME.
    pub kme_lag: Duration,
    /// A key is at the other KME this much later.
    pub kme_spread: Duration,
    /// KME requests in 1000 that fail, for each kind of failure.
    pub kme_fault: u32,
    /// Time in which the KMEs give nothing at all.
    pub kme_outage: Option<(Duration, Duration)>,
    /// Times in which the KME of one end is gone, and which end.
    pub kme_gone: Vec<(usize, Gone)>,
    /// The KMEs hand out keys again that they handed out before, as some in the field do.
    pub kme_repeats: bool,
    /// Mean time between crashes; each end.
    pub crash_every: Option<Duration>,
    /// Both ends crash then, at once.
    pub crash_both: Option<Duration>,
    /// How long a crashed end stays down at most.
    pub down: Duration,
    /// Frames per second an adversary injects, and the kinds it uses.
    pub injected: u32,
    /// End 0 goes down then and stays down.
    pub dies: Option<Duration>,
    /// Times from and until which a twin of end 0 exists.
    pub twins: Vec<(Duration, Duration)>,
    /// A change to an end by a test, so that the two ends differ.
    pub plant: Option<Planted>,
    /// At the end no key is unused but those in stock.
    pub thrifty: bool,
    /// When faults stop, and when the run ends.
    pub calm: Duration,
    pub end: Duration,
}

impl Plan {
    /// Nothing goes wrong.
    pub fn calm(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let interval = rng.pick(&[ms(100), ms(200), ms(500), ms(1000), ms(3000)]);
        let mut other = Rng::new(!seed);
        Self {
            seed,
            policy: other.pick(&[
                KeyPolicy::QkdAndPqc,
                KeyPolicy::PqcWhenShort,
                KeyPolicy::Qkd,
            ]),
            ratchet: other.pick(&[ms(1000), ms(3000), ms(60_000)]),
            interval: [interval, rng.pick(&[interval, ms(700)])],
            scis: [1 + u16::try_from(rng.below(3)).expect("small"), 1],
            hold_max: interval.max(ms(700)) * 40,
            latency: rng.pick(&[ms(0), ms(1), ms(20)]),
            jitter: ms(0),
            loss: 0,
            doubled: 0,
            traffic: rng.pick(&[0, 20, 100]),
            worker_lag: rng.pick(&[ms(0), ms(1), ms(5)]),
            worker_stall: 0,
            kme_lag: rng.pick(&[ms(1), ms(10), ms(20)]),
            kme_spread: ms(0),
            kme_fault: 0,
            kme_outage: None,
            kme_gone: Vec::new(),
            kme_repeats: false,
            crash_every: None,
            crash_both: None,
            down: ms(0),
            injected: 0,
            dies: None,
            twins: Vec::new(),
            plant: None,
            thrifty: false,
            calm: ms(0),
            end: interval.max(ms(700)) * 12,
        }
    }

    /// Anything may go wrong, until `calm`.
    pub fn drawn(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x5EED);
        let mut plan = Self::calm(seed);
        plan.interval = [0, 1].map(|_| rng.pick(&[ms(100), ms(300), ms(1000), ms(3000)]));
        plan.latency = rng.pick(&[ms(0), ms(2), ms(50), ms(300)]);
        plan.jitter = rng.pick(&[ms(0), ms(1), ms(30), ms(300)]);
        plan.loss = rng.pick(&[0, 50, 200, 500]);
        plan.doubled = rng.pick(&[0, 100, 300]);
        plan.worker_lag = rng.pick(&[ms(0), ms(5), ms(50)]);
        plan.worker_stall = rng.pick(&[0, 0, 50]);
        plan.kme_lag = rng.pick(&[ms(5), ms(50), ms(800)]);
        plan.kme_spread = rng.pick(&[ms(0), ms(100), ms(900)]);
        plan.kme_fault = rng.pick(&[0, 30, 150]);
        plan.crash_every = rng.pick(&[None, Some(ms(1500)), Some(ms(6000))]);
        plan.down = rng.pick(&[ms(5), ms(400), ms(4000)]);
        plan.injected = rng.pick(&[0, 10, 60]);
        let longest = plan.interval[0].max(plan.interval[1]);
        plan.hold_max = longest * rng.pick(&[3, 10, 40]);
        plan.calm = (longest * 10).clamp(ms(5000), ms(15_000));
        if rng.permille(300) {
            let begin = rng.time(plan.calm / 2);
            plan.kme_outage = Some((begin, begin + rng.time(plan.calm)));
        }
        plan.end = plan.calm + longest * 8 + ms(4000);
        plan
    }

    /// The KME of one end, or of each, is gone for some time, on a good or a bad line.
    pub fn gone(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x60E);
        let mut plan = if rng.permille(500) {
            Self::drawn(seed)
        } else {
            Self::calm(seed)
        };
        let longest = plan.interval[0].max(plan.interval[1]);
        plan.calm = plan.calm.max(longest * 8);
        let first = rng.below(2);
        for side in [first, 1 - first] {
            let from = rng.time(plan.calm);
            let answers = [
                KeyFailure::Unreachable,
                KeyFailure::NotFound,
                KeyFailure::NoKeys,
            ];
            let gone = Gone {
                from,
                until: from + rng.time(plan.calm - from),
                answer: rng.pick(&answers),
                spends: rng.permille(300),
            };
            if side == first || rng.permille(250) {
                plan.kme_gone.push((side, gone));
            }
        }
        plan.end = plan.calm + longest * 8 + ms(4000);
        plan
    }

    /// KMEs that repeat themselves, and ends that crash often.
    pub fn repeating(seed: u64) -> Self {
        let mut plan = Self::drawn(seed);
        plan.kme_repeats = true;
        plan.crash_every = Some(ms(800));
        plan.down = ms(50);
        plan.loss = 0;
        plan.kme_outage = None;
        plan
    }

    /// One end dies, an adversary goes on replaying what it said.
    pub fn dying(seed: u64) -> Self {
        let mut plan = Self::drawn(seed);
        plan.crash_every = None;
        plan.injected = 60;
        // What never arrived is new to the receiver, whoever brings it.
        plan.loss = 0;
        plan.jitter = ms(0);
        plan.interval = [ms(1000); 2];
        plan.hold_max = ms(3000);
        plan.dies = Some(ms(5000));
        plan.calm = ms(25_000);
        plan.end = ms(25_000);
        plan
    }

    /// A twin of end 0 appears briefly, up to three times, on a good or a bad line.
    pub fn twins(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x7717);
        let mut plan = if rng.permille(500) {
            Self::drawn(seed)
        } else {
            Self::calm(seed)
        };
        let longest = plan.interval[0].max(plan.interval[1]);
        let mut at = ms(300) + rng.time(longest * 3);
        for _ in 0..=rng.below(3) {
            let until = at + rng.pick(&[ms(20), ms(300), ms(1000), ms(3000)]);
            plan.twins.push((at, until));
            at = until + rng.time(longest * 2);
        }
        let gone = plan.twins.last().map_or(at, |(_, until)| *until);
        plan.calm = plan.calm.max(gone);
        plan.end = plan.calm + longest * 8 + ms(4000);
        plan
    }

    /// True if the two ends may differ because of a twin or a change by a test.
    pub fn differs(&self) -> bool {
        !self.twins.is_empty() || self.plant.is_some()
    }

    /// True until ends that differ have had time to detect it. Until then the peer may be unable to
    /// read their frames.
    pub fn excused(&self, now: Duration) -> bool {
        self.differs() && now < self.calm + ms(1000) + self.latency * 8
    }

    /// The answer of a KME that is gone, and whether it spends the key.
    pub fn gone_at(&self, now: Duration, side: usize) -> Option<Gone> {
        let gone = self.kme_gone.iter().filter(|(at, _)| *at == side);
        let mut gone = gone.map(|(_, gone)| *gone);
        gone.find(|gone| (gone.from..gone.until).contains(&now))
    }

    /// After `calm`: the same line without its faults.
    pub fn calmed(&mut self) {
        self.jitter = ms(0);
        self.loss = 0;
        self.doubled = 0;
        self.worker_stall = 0;
        self.worker_lag = self.worker_lag.min(ms(5));
        self.kme_lag = self.kme_lag.min(ms(20));
        self.kme_spread = ms(0);
        self.kme_fault = 0;
        self.kme_outage = None;
        self.kme_gone.clear();
        self.kme_repeats = false;
        self.crash_every = None;
        self.injected = 0;
    }

    /// Settings of an end.
    pub fn config(&self, side: usize) -> Config {
        Config {
            scis: self.scis[side],
            interval: self.interval[side],
            hold_max: self.hold_max,
            policy: self.policy,
            ratchet: self.ratchet,
            ..Config::new(mac(side))
        }
    }

    /// Nothing may be lost: no faults, and no line slower than the rekeying.
    pub fn faultless(&self) -> bool {
        self.loss == 0
            && self.doubled == 0
            && self.jitter.is_zero()
            && self.crash_every.is_none()
            && self.worker_stall == 0
    }
}
