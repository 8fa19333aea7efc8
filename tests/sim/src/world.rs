//! Two ends, their KMEs and the line between them, under a virtual clock. One thread, one seed.

use std::rc::Rc;
use std::time::Duration;

use rekey::{KeyFailure, QkdKey, Rekey};
use wire::KeyId;

use crate::check::live::heard;
use crate::check::{Check, count};
use crate::end::End;
use crate::kmes::Kmes;
use crate::limits::AUDIT_EVERY;
use crate::plan::Plan;
use crate::queue::Queue;
use crate::rng::Rng;
use crate::saks::Saks;
use crate::tally::Tally;
use crate::trace::Trace;

mod driver;
mod line;
mod twin;

use twin::Twin;

/// More items than this at one time mean an endless loop without waiting.
const SPINS_MAX: u32 = 20_000;

/// A scheduled event.
pub(crate) enum Item {
    /// The line delivers a frame.
    Arrive {
        to: usize,
        frame: Rc<[u8]>,
    },
    /// A worker polls.
    Poll {
        side: usize,
        run: u32,
        worker: usize,
    },
    /// The driver runs after a worker has called it.
    Drive {
        side: usize,
        run: u32,
    },
    /// The driver reads the counters.
    Look {
        side: usize,
        run: u32,
    },
    /// A KME answers.
    Enc {
        side: usize,
        run: u32,
        answer: Box<Result<(KeyId, QkdKey), KeyFailure>>,
    },
    /// See [`Item::Enc`].
    Dec {
        side: usize,
        run: u32,
        answer: Box<(KeyId, Result<QkdKey, KeyFailure>)>,
    },
    Traffic {
        side: usize,
    },
    Inject,
    Audit,
    Crash {
        side: usize,
    },
    Start {
        side: usize,
    },
    Jump {
        side: usize,
    },
    /// The operator orders a fresh key.
    Rotate {
        side: usize,
    },
    KmeRestart,
    /// A twin of end 0 appears, and disappears at `until`.
    TwinAppears {
        until: Duration,
    },
    TwinGoes,
    /// The twin receives a rekey frame.
    TwinHears {
        frame: Rc<[u8]>,
    },
    /// A test changes an end without the knowledge of the protocol.
    Plant {
        side: usize,
        plant: fn(&mut Rekey),
    },
    /// Faults stop.
    Calm,
}

/// The complete simulation.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) now: Duration,
    pub(crate) rng: Rng,
    pub(crate) ends: [End; 2],
    pub(crate) kmes: Kmes,
    pub(crate) saks: Saks,
    pub(crate) recorded: Vec<(usize, Rc<[u8]>)>,
    pub(crate) check: Check,
    pub(crate) trace: Trace,
    pub(crate) tally: Tally,
    pub(crate) twin: Option<Twin>,
    items: Queue<Item>,
}

impl World {
    pub(crate) fn new(plan: Plan, print: bool) -> Self {
        let mut world = Self {
            now: Duration::ZERO,
            rng: Rng::new(plan.seed.wrapping_mul(7919) + 1),
            ends: [End::new(), End::new()],
            kmes: Kmes::new(plan.seed, &plan.kme),
            saks: Saks::default(),
            recorded: Vec::new(),
            check: Check::new(&plan),
            trace: Trace::new(print),
            tally: Tally::default(),
            twin: None,
            items: Queue::new(),
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
            if let Some(mean) = world.plan.jump_every {
                let first = world.rng.time(mean * 2);
                world.after(first, Item::Jump { side });
            }
        }
        if let Some(every) = world.plan.rotate_every {
            world.after(every, Item::Rotate { side: 0 });
        }
        if let Some(at) = world.plan.dies {
            world.after(at, Item::Crash { side: 0 });
        }
        if let Some(at) = world.plan.kme.restart {
            world.after(at, Item::KmeRestart);
        }
        for (at, until) in world.plan.twins.clone() {
            world.after(at, Item::TwinAppears { until });
        }
        if let Some((at, side, plant)) = world.plan.plant {
            world.after(at, Item::Plant { side, plant });
        }
        if world.plan.injected > 0 {
            world.after(Duration::ZERO, Item::Inject);
        }
        world.after(Duration::ZERO, Item::Audit);
        let calm = world.plan.calm;
        world.after(calm, Item::Calm);
        world
    }

    /// Runs to the end of the plan, or to the first violation.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        let mut spins = 0;
        loop {
            let due = self.items.due();
            let wakes = self.ends.iter().map(|end| end.process.as_ref()?.wake);
            let twin = self.twin.as_ref().and_then(|twin| twin.wake);
            let Some(next) = wakes.chain([due, twin]).flatten().min() else {
                break;
            };
            if next > self.plan.end {
                break;
            }
            spins = if next > self.now { 0 } else { spins + 1 };
            if spins > SPINS_MAX {
                return Err("spins: somebody never waits".into());
            }
            self.now = self.now.max(next);
            match self.items.pop_due(next) {
                Some(item) => self.happen(item)?,
                None => self.wake()?,
            }
        }
        self.now = self.plan.end;
        self.complete()
    }

    fn complete(&mut self) -> Result<(), String> {
        for end in &self.ends {
            if let Some(process) = &end.process {
                count::rekey(&process.rekey, process.clock.local(self.now))?;
            }
        }
        self.tally.virtual_time = self.now;
        self.tally.switches = self
            .check
            .live
            .switches
            .iter()
            .map(|s| s.len() as u64)
            .sum();
        self.tally.sent = self.check.red.sent;
        self.tally.received = self.check.red.received;
        self.check.live.complete(&self.check.stages, &self.plan)?;
        self.check.red.complete(self.now)
    }

    fn wake(&mut self) -> Result<(), String> {
        let twin = self.twin.as_ref().and_then(|twin| twin.wake);
        if twin.is_some_and(|at| at <= self.now) {
            self.with_twin(|rekey, now| rekey.on_time(now));
        }
        for side in 0..2 {
            let process = self.ends[side].process.as_ref();
            let wake = process.and_then(|process| process.wake);
            if wake.is_some_and(|at| at <= self.now) {
                self.with(side, |rekey, now| rekey.on_time(now))?;
            }
        }
        Ok(())
    }

    fn happen(&mut self, item: Item) -> Result<(), String> {
        match item {
            Item::Arrive { to, frame } => self.arrive(to, &frame),
            Item::Poll { side, run, worker } if self.lives(side, run) => {
                return self.poll(side, worker);
            }
            Item::Drive { side, run } if self.lives(side, run) => return self.drive(side),
            Item::Look { side, run } if self.lives(side, run) => return self.look(side),
            Item::Enc { side, run, answer } if self.lives(side, run) => {
                return self.with(side, |rekey, now| rekey.on_key(now, *answer));
            }
            Item::Dec { side, run, answer } if self.lives(side, run) => {
                let (id, answer) = *answer;
                return self.with(side, |rekey, now| rekey.on_key_by_id(now, id, answer));
            }
            Item::Traffic { side } => self.traffic(side),
            Item::Inject => self.inject(),
            Item::Audit => return self.audit(),
            Item::Crash { side } => return self.crash(side),
            Item::Start { side } => return self.start(side),
            Item::Jump { side } => self.jump(side),
            Item::Rotate { side } => return self.rotate(side),
            Item::KmeRestart => self.kmes.restart(self.now, &self.plan.kme),
            Item::TwinAppears { until } => return self.twin_appears(until),
            Item::TwinGoes => self.twin_goes(),
            Item::TwinHears { frame } => self.with_twin(|rekey, now| rekey.on_frame(now, &frame)),
            Item::Plant { side, plant } => return self.with(side, |rekey, _| plant(rekey)),
            Item::Calm => return self.calm(),
            // The run of this item has ended.
            Item::Poll { .. }
            | Item::Drive { .. }
            | Item::Look { .. }
            | Item::Enc { .. }
            | Item::Dec { .. } => {}
        }
        Ok(())
    }

    fn audit(&mut self) -> Result<(), String> {
        self.after(AUDIT_EVERY, Item::Audit);
        if self.check.live.healed(self.now, &self.plan) {
            self.check.red.watch();
        }
        for side in 0..2 {
            heard(self.now, side, &self.ends, &self.plan)?;
            self.check
                .keys
                .audit(self.now, side, &self.ends, &self.plan)?;
        }
        Ok(())
    }

    fn jump(&mut self, side: usize) {
        let Some(mean) = self.plan.jump_every else {
            return;
        };
        let next = self.rng.time(mean * 2);
        self.after(next, Item::Jump { side });
        let ahead = Duration::from_millis(self.rng.pick(self.plan.jumps));
        let rate = self
            .rng
            .pick(&[800_000, 950_000, 1_000_000, 1_050_000, 1_200_000]);
        if let Some(process) = &mut self.ends[side].process {
            process.clock.jump(self.now, ahead, rate);
            process.set_wake();
            self.tally.jumps += 1;
            let told = || format!("its clock jumps by {ahead:?}, and runs at {rate} ppm");
            self.trace.text(self.now, side, told);
        }
    }

    fn rotate(&mut self, side: usize) -> Result<(), String> {
        if let Some(every) = self.plan.rotate_every {
            self.after(every, Item::Rotate { side: 1 - side });
        }
        self.with(side, |rekey, now| rekey.on_rotate(now))
    }

    /// Faults stop: ends that are down start, clocks run at the right rate, and pending answers of
    /// KMEs and workers arrive at once.
    fn calm(&mut self) -> Result<(), String> {
        self.plan.calmed();
        let late = |item: &Item| {
            matches!(
                item,
                Item::Enc { .. } | Item::Dec { .. } | Item::Poll { .. } | Item::Start { .. }
            )
        };
        self.items.hurry(self.now, late);
        for end in &mut self.ends {
            if let Some(process) = &mut end.process {
                process.clock.fix(self.now);
                process.set_wake();
            }
        }
        self.kmes.refill()
    }

    fn lives(&self, side: usize, run: u32) -> bool {
        self.ends[side].run == run && self.ends[side].process.is_some()
    }

    pub(crate) fn after(&mut self, delay: Duration, item: Item) {
        self.items.push(self.now + delay, item);
    }
}
