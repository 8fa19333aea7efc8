//! Two ends, their workers, their KMEs and the line between them, under a virtual clock.
//!
//! Everything random comes from one seed, so a seed replays exactly. The ends are the real
//! [`Rekey`]; workers, KMEs and line are models. Checkers ([`check`]) watch.

pub mod check;
mod ends;
mod kem;
pub mod kme;
mod line;
pub mod plan;
mod queue;
pub mod rng;
mod saks;
pub mod stages;
mod twin;
pub mod workers;

use std::time::Duration;

use rekey::{KeyFailure, QkdKey, Rekey, Step};
use secy::SaId;
use wire::{KeyId, MacAddr, Sci};

use check::Check;
use kme::Kmes;
use plan::Plan;
use queue::Queue;
use rng::Rng;
use saks::{SakNo, Saks};
use twin::{TWIN, Twin};
use workers::Workers;

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

/// A scheduled event.
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
    /// A twin of end 0 appears, and disappears at `until`.
    TwinAppears {
        until: Duration,
    },
    TwinGoes,
    /// A test changes an end without the knowledge of the protocol.
    Plant {
        side: usize,
        plant: fn(&mut Rekey),
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
    /// Number of times that a twin of end 0 appeared.
    pub twins: u32,
    twin: Option<Twin>,
    now: Duration,
    rng: Rng,
    items: Queue<Item>,
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
            twins: 0,
            twin: None,
            now: Duration::ZERO,
            rng,
            items: Queue::new(),
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
        for (at, until) in world.plan.twins.clone() {
            world.after(at, Item::TwinAppears { until });
        }
        if let Some((at, side, plant)) = world.plan.plant {
            world.after(at, Item::Plant { side, plant });
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
            let due = self.items.due();
            let wake = self.ends.iter().filter_map(|end| end.wake).min();
            let twin = self.twin.as_ref().and_then(|twin| twin.wake);
            let Some(next) = due.into_iter().chain(wake).chain(twin).min() else {
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
            let result = match self.items.pop_due(next) {
                Some(item) => self.happen(item),
                None => self.wake(),
            };
            result.map_err(|text| format!("{:?}: {text}", self.now))?;
        }
        self.counters()?;
        self.thrift()?;
        self.check.liveness(&self.plan)
    }

    /// REKEY-59: no key that an end fetched is thrown away while the KME of the other is gone.
    fn thrift(&self) -> Result<(), String> {
        for side in 0..2 {
            let unused = self.kmes.waiting(1 - side);
            if self.plan.thrifty && unused > 2 {
                return Err(format!("keys: {unused} of end {side} are unused"));
            }
        }
        Ok(())
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
        if let Some(twin) = &self.twin
            && twin.wake.is_some_and(|at| at <= self.now)
        {
            self.with_twin(|rekey, now| rekey.on_time(now));
        }
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
            Item::Frame { to: TWIN, bytes } => {
                self.with_twin(|rekey, now| rekey.on_frame(now, &bytes));
                Ok(())
            }
            Item::TwinAppears { until } => self.twin_appears(until),
            Item::TwinGoes => {
                self.twin_goes();
                Ok(())
            }
            Item::Plant { side, plant } => self.with(side, |rekey, _| plant(rekey)),
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
                self.check
                    .applied((self.now, &self.plan), &command, side, &self.ends)?;
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
            Item::Crash { side } => self.crash(side),
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

    /// A slow KME and a stalled worker are faults. When faults stop, the KME answers what it was
    /// asked, and the worker does what it was given.
    fn answers_now(&mut self) {
        let late = |item: &Item| {
            matches!(
                item,
                Item::Enc { .. } | Item::Dec { .. } | Item::Worker { .. }
            )
        };
        for end in &mut self.ends {
            end.free.fill(self.now);
        }
        self.items.hurry(self.now, late);
    }

    fn lives(&self, side: usize, run: u32) -> bool {
        self.ends[side].run == run && self.ends[side].rekey.is_some()
    }

    fn after(&mut self, delay: Duration, item: Item) {
        self.items.push(self.now + delay, item);
    }
}
