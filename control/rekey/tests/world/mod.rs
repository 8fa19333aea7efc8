//! Two ends, their workers, their KMEs and the line between them, under a virtual clock.
//!
//! Everything random comes from one seed, so a seed replays exactly. The ends are the real
//! [`Rekey`]; workers, KMEs and line are models. Checkers ([`check`]) watch.

pub mod check;
pub mod kme;
pub mod plan;
pub mod rng;
pub mod workers;

use std::collections::BTreeMap;
use std::time::Duration;

use rekey::{Action, Config, Event, KeyFailure, QkdKey, Rekey, RootSecret, Step};
use secy::SaId;
use wire::{KeyId, MacAddr, Sci};

use check::Check;
use kme::Kmes;
use plan::Plan;
use rng::Rng;
use workers::{SakNo, Saks, Workers};

const ADVERSARY_FRAMES: usize = 4000;

/// One site. A crash ends the process: protocol and workers at once.
pub struct End {
    pub rekey: Option<Rekey>,
    pub workers: Workers,
    /// Counts the starts: answers to an earlier run find nobody.
    pub run: u32,
    /// Down since.
    pub down: Option<Duration>,
    wake: Option<Duration>,
    /// When each worker is free for its next command.
    free: Vec<Duration>,
    used: Vec<SaId>,
}

/// What happens at a time.
enum Item {
    Frame {
        to: usize,
        bytes: Vec<u8>,
    },
    Data {
        to: usize,
        sci: Sci,
        id: SaId,
        sak: SakNo,
    },
    Enc {
        side: usize,
        run: u32,
        answer: Result<(KeyId, QkdKey), KeyFailure>,
    },
    Dec {
        side: usize,
        run: u32,
        id: KeyId,
        answer: Result<QkdKey, KeyFailure>,
    },
    Worker {
        side: usize,
        run: u32,
        worker: usize,
    },
    Done {
        side: usize,
        run: u32,
        step: Step,
    },
    Used {
        side: usize,
        run: u32,
        id: SaId,
    },
    Traffic {
        side: usize,
    },
    Audit,
    Inject,
    Crash {
        side: usize,
    },
    Start {
        side: usize,
    },
    Calm,
}

/// All of it.
pub struct World {
    pub plan: Plan,
    pub ends: [End; 2],
    pub check: Check,
    pub crashes: u32,
    pub injected: u64,
    now: Duration,
    rng: Rng,
    items: BTreeMap<(Duration, u64), Item>,
    order: u64,
    kmes: Kmes,
    saks: Saks,
    recorded: Vec<(usize, Vec<u8>)>,
}

impl End {
    fn new() -> Self {
        let workers = Workers::new(0);
        Self {
            rekey: None,
            workers,
            run: 0,
            down: None,
            wake: None,
            free: Vec::new(),
            used: Vec::new(),
        }
    }
}

/// The address of an end.
pub fn mac(side: usize) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, if side == 0 { 0xA } else { 0xB }])
}

impl World {
    pub fn new(plan: Plan) -> Self {
        let rng = Rng::new(plan.seed.wrapping_mul(7919) + 1);
        let mut world = Self {
            ends: [End::new(), End::new()],
            check: Check::default(),
            crashes: 0,
            injected: 0,
            now: Duration::ZERO,
            rng,
            items: BTreeMap::new(),
            order: 0,
            kmes: Kmes::default(),
            saks: Saks::default(),
            recorded: Vec::new(),
            plan,
        };
        for side in 0..2 {
            world.after(Duration::ZERO, Item::Start { side });
            if world.plan.traffic > 0 {
                world.after(Duration::ZERO, Item::Traffic { side });
            }
            if let Some(mean) = world.plan.crash_every {
                let first = world.rng.time(mean * 2);
                world.after(first, Item::Crash { side });
            }
        }
        if let Some(at) = world.plan.crash_both {
            world.after(at, Item::Crash { side: 0 });
            world.after(at, Item::Crash { side: 1 });
        }
        if let Some(at) = world.plan.dies {
            world.after(at, Item::Crash { side: 0 });
        }
        world.after(Duration::ZERO, Item::Audit);
        if world.plan.injected > 0 {
            world.after(Duration::ZERO, Item::Inject);
        }
        let calm = world.plan.calm;
        world.after(calm, Item::Calm);
        world
    }

    /// Runs to the end of the plan; the first violation ends it.
    pub fn run(&mut self) -> Result<(), String> {
        let mut spins = 0;
        loop {
            let due = self.items.first_key_value().map(|((at, _), _)| *at);
            let wake = self.ends.iter().filter_map(|end| end.wake).min();
            let Some(next) = due.into_iter().chain(wake).min() else {
                break;
            };
            if next > self.plan.end {
                break;
            }
            spins = if next > self.now { 0 } else { spins + 1 };
            if spins > 5000 {
                return Err(format!("{:?}: spins", self.now));
            }
            self.now = self.now.max(next);
            let result = match self.items.first_entry() {
                Some(entry) if due == Some(next) => {
                    let item = entry.remove();
                    self.happen(item)
                }
                _ => self.wake(),
            };
            result.map_err(|text| format!("{:?}: {text}", self.now))?;
        }
        self.counters()?;
        self.check.liveness(&self.plan)
    }

    fn counters(&self) -> Result<(), String> {
        for (side, end) in self.ends.iter().enumerate() {
            let Some(rekey) = &end.rekey else { continue };
            let counters = rekey.status(self.now).counters;
            let sorted: u64 = counters
                .iter()
                .filter(|(name, _)| !["sent", "received", "overflow"].contains(name))
                .map(|(_, count)| count)
                .sum();
            if sorted != counters.received || counters.overflow != 0 {
                return Err(format!("end {side}: {counters:?}"));
            }
        }
        Ok(())
    }

    fn wake(&mut self) -> Result<(), String> {
        for side in 0..2 {
            if self.ends[side].wake.is_some_and(|at| at <= self.now) {
                self.ends[side].wake = None;
                self.with(side, |rekey, now| rekey.on_time(now))?;
            }
        }
        Ok(())
    }

    fn happen(&mut self, item: Item) -> Result<(), String> {
        match item {
            Item::Frame { to, bytes } => self.with(to, |rekey, now| rekey.on_frame(now, &bytes)),
            Item::Data { to, sci, id, sak } => self.receive(to, sci, id, sak),
            Item::Enc { side, run, answer } if self.lives(side, run) => {
                self.with(side, |rekey, now| rekey.on_key(now, answer))
            }
            Item::Dec {
                side,
                run,
                id,
                answer,
            } if self.lives(side, run) => {
                self.with(side, |rekey, now| rekey.on_key_by_id(now, id, answer))
            }
            Item::Worker { side, run, worker } if self.lives(side, run) => {
                let (command, done) = self.ends[side].workers.apply(worker)?;
                self.check.applied(&command, side, &self.ends)?;
                if let Some(step) = done {
                    let lag = self.rng.time(Duration::from_millis(1));
                    self.after(lag, Item::Done { side, run, step });
                }
                Ok(())
            }
            Item::Done { side, run, step } if self.lives(side, run) => {
                self.with(side, |rekey, now| rekey.on_done(now, step))
            }
            Item::Used { side, run, id } if self.lives(side, run) => {
                self.with(side, |rekey, now| rekey.on_rx_used(now, id))
            }
            Item::Enc { .. }
            | Item::Dec { .. }
            | Item::Worker { .. }
            | Item::Done { .. }
            | Item::Used { .. } => Ok(()),
            Item::Traffic { side } => self.traffic(side),
            Item::Audit => {
                self.after(Duration::from_millis(500), Item::Audit);
                (0..2).try_for_each(|side| {
                    self.check.heard(self.now, side, &self.ends, &self.plan)?;
                    self.check.audit(self.now, side, &self.ends, &self.plan)
                })
            }
            Item::Inject => {
                self.inject();
                Ok(())
            }
            Item::Crash { side } => {
                self.crash(side);
                Ok(())
            }
            Item::Start { side } => self.start(side),
            Item::Calm => {
                self.plan.calmed();
                self.answers_now();
                for side in 0..2 {
                    if self.ends[side].rekey.is_none() {
                        self.after(Duration::ZERO, Item::Start { side });
                    }
                }
                Ok(())
            }
        }
    }

    /// A slow KME is a fault: when faults stop, what it owes comes.
    fn answers_now(&mut self) {
        let late = |item: &Item| matches!(item, Item::Enc { .. } | Item::Dec { .. });
        let keys: Vec<_> = self
            .items
            .iter()
            .filter(|(_, i)| late(i))
            .map(|(k, _)| *k)
            .collect();
        for key in keys {
            if let Some(item) = self.items.remove(&key) {
                self.after(Duration::ZERO, item);
            }
        }
    }

    fn lives(&self, side: usize, run: u32) -> bool {
        self.ends[side].run == run && self.ends[side].rekey.is_some()
    }

    fn start(&mut self, side: usize) -> Result<(), String> {
        let end = &mut self.ends[side];
        if end.rekey.is_some() {
            return Ok(());
        }
        if self.plan.dies.is_some_and(|at| self.now >= at) && side == 0 {
            return Ok(());
        }
        end.run += 1;
        end.down = None;
        let mut entropy = Rng::new(self.plan.seed ^ (u64::from(end.run) << 32) ^ side as u64);
        let config = Config {
            scis: self.plan.scis[side],
            interval: self.plan.interval[side],
            hold_max: self.plan.hold_max,
            ..Config::new(mac(side))
        };
        let root = RootSecret::from_slice(&[7; 32]).expect("32 octets");
        let fill = Box::new(move |out: &mut [u8]| entropy.fill(out));
        end.rekey = Some(Rekey::new(config, root, fill).map_err(|error| error.to_string())?);
        end.workers = Workers::new(self.plan.scis[side]);
        end.free = vec![self.now; usize::from(self.plan.scis[side])];
        end.used.clear();
        self.with(side, |rekey, now| rekey.on_start(now))
    }

    fn crash(&mut self, side: usize) {
        if let Some(mean) = self.plan.crash_every {
            let next = self.rng.time(mean * 2);
            self.after(next, Item::Crash { side });
        } else if self.plan.dies.is_none() && self.plan.crash_both.is_none() {
            return; // faults have stopped
        }
        if self.ends[side].rekey.take().is_some() {
            self.crashes += 1;
            self.ends[side].wake = None;
            self.ends[side].down = Some(self.now);
            self.ends[side].workers = Workers::new(0);
            let down = self.rng.time(self.plan.down);
            self.after(down, Item::Start { side });
        }
    }

    /// Calls into an end, and does what it asks.
    fn with(&mut self, side: usize, call: impl FnOnce(&mut Rekey, Duration)) -> Result<(), String> {
        let Some(mut rekey) = self.ends[side].rekey.take() else {
            return Ok(());
        };
        call(&mut rekey, self.now);
        let mut result = Ok(());
        while let Some(action) = rekey.poll_action() {
            result = result.and_then(|()| self.act(side, action));
        }
        self.ends[side].wake = rekey.next_wake();
        self.ends[side].rekey = Some(rekey);
        result
    }

    fn act(&mut self, side: usize, action: Action) -> Result<(), String> {
        let run = self.ends[side].run;
        match action {
            Action::Send(frame) => self.transmit(side, frame.as_bytes()),
            Action::FetchKey => {
                let (lag, answer) = self.kmes.enc(self.now, side, &self.plan, &mut self.rng);
                self.after(lag, Item::Enc { side, run, answer });
            }
            Action::FetchKeyById(id) => {
                let (lag, answer) = self.kmes.dec(self.now, side, id, &self.plan, &mut self.rng);
                self.after(
                    lag,
                    Item::Dec {
                        side,
                        run,
                        id,
                        answer,
                    },
                );
            }
            Action::Event(event) => return self.event(side, &event),
            command => self.post(side, command),
        }
        Ok(())
    }

    fn event(&mut self, side: usize, event: &Event) -> Result<(), String> {
        if std::env::var_os("REKEY_TRACE").is_some() {
            eprintln!(
                "{:?} end {side} run {}: {event:?}",
                self.now, self.ends[side].run
            );
        }
        self.check
            .event(self.now, side, event, &self.ends, &self.plan)
    }

    fn post(&mut self, side: usize, command: Action) {
        let run = self.ends[side].run;
        if let Action::InstallRx { id, .. } = &command {
            self.check.posted_rx(self.now, side, *id);
        }
        self.ends[side].workers.post(command, &mut self.saks);
        if let Some((_, workers::Command::InstallTx(_, _, _, sak))) =
            self.ends[side].workers.each[0].todo.back()
        {
            self.check.posted_tx(self.now, *sak);
        }
        for worker in 0..self.ends[side].free.len() {
            let mut lag = self.rng.time(self.plan.worker_lag);
            if self.rng.permille(self.plan.worker_stall) {
                lag += self.rng.time(Duration::from_secs(2));
            }
            let at = self.ends[side].free[worker].max(self.now + lag);
            self.ends[side].free[worker] = at;
            self.after(at - self.now, Item::Worker { side, run, worker });
        }
    }

    fn transmit(&mut self, side: usize, bytes: &[u8]) {
        if self.recorded.len() < ADVERSARY_FRAMES {
            self.recorded.push((side, bytes.to_vec()));
        } else {
            let at = self.rng.below(ADVERSARY_FRAMES);
            self.recorded[at] = (side, bytes.to_vec());
        }
        let copies = 1 + usize::from(self.rng.permille(self.plan.doubled));
        for _ in 0..copies {
            if !self.rng.permille(self.plan.loss) {
                let delay = self.plan.latency + self.rng.time(self.plan.jitter);
                self.after(
                    delay,
                    Item::Frame {
                        to: 1 - side,
                        bytes: bytes.to_vec(),
                    },
                );
            }
        }
    }

    fn traffic(&mut self, side: usize) -> Result<(), String> {
        let period = Duration::from_secs(1) / self.plan.traffic;
        self.after(period, Item::Traffic { side });
        for worker in 0..self.ends[side].workers.each.len() {
            let Some(sa) = self.ends[side].workers.each[worker].tx else {
                continue;
            };
            if self.ends[side].workers.each[worker].stopping() {
                continue; // told to stop: what it still sends may be lost
            }
            self.check
                .sends(self.now, side, &sa, &self.ends, &self.plan)?;
            if let Some(sa) = &mut self.ends[side].workers.each[worker].tx {
                sa.next_pn += 1;
            }
            if !self.rng.permille(self.plan.loss) {
                let delay = self.plan.latency + self.rng.time(self.plan.jitter);
                let (to, sci, id, sak) = (1 - side, sa.sci, sa.id, sa.sak);
                self.after(delay, Item::Data { to, sci, id, sak });
            }
        }
        Ok(())
    }

    /// A user frame arrives at one of the workers.
    fn receive(&mut self, to: usize, sci: Sci, id: SaId, sak: SakNo) -> Result<(), String> {
        let end = &mut self.ends[to];
        if end.rekey.is_none() {
            return Ok(());
        }
        let worker = self.rng.below(end.workers.each.len());
        if end.workers.each[worker].rx.get(&(sci, id.an.value())) != Some(&(id, sak)) {
            self.check.undecipherable += 1;
            if self.plan.faultless() && self.plan.calm.is_zero() {
                return Err(format!("I5: a frame under {id} cannot be opened"));
            }
            return Ok(());
        }
        if !end.used.contains(&id) {
            end.used.push(id);
            let run = end.run;
            let lag = self.rng.time(Duration::from_millis(3));
            self.after(lag, Item::Used { side: to, run, id });
        }
        Ok(())
    }

    /// The adversary replays, reflects, bends, cuts and makes up frames.
    fn inject(&mut self) {
        if self.plan.injected == 0 {
            return;
        }
        self.after(Duration::from_secs(1) / self.plan.injected, Item::Inject);
        if self.recorded.is_empty() {
            return;
        }
        self.injected += 1;
        let (from, mut bytes) = self.recorded[self.rng.below(self.recorded.len())].clone();
        let mut to = 1 - from;
        match self.rng.below(10) {
            0 => to = from,
            1 => {
                let bit = self.rng.below(bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            2 => bytes.truncate(self.rng.below(bytes.len())),
            3 => self.rng.fill(&mut bytes[12..]),
            _ => {}
        }
        self.after(Duration::ZERO, Item::Frame { to, bytes });
    }

    fn after(&mut self, delay: Duration, item: Item) {
        self.order += 1;
        self.items.insert((self.now + delay, self.order), item);
    }
}
