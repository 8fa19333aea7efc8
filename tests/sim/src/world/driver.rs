//! The life of an end: start, crash, and the orders of its protocol to its workers and its KME.
//! This is the driver of `qmacsec`, without its clock and its sockets.

use std::time::Duration;

use rekey::{Action, Rekey, RootSecret};
use wire::Pn;

use super::{Item, World};
use crate::check::count;
use crate::clock::Clock;
use crate::end::{End, Process, mac};
use crate::flaw::Flaw;
use crate::fleet::{Fleet, FleetConfig};
use crate::kem::Plain;
use crate::limits::STATS_EVERY;
use crate::rng::Rng;

impl World {
    pub(crate) fn start(&mut self, side: usize) -> Result<(), String> {
        let dead = side == 0 && self.plan.dies.is_some_and(|at| self.now >= at);
        if self.ends[side].process.is_some() || dead {
            return Ok(());
        }
        let end = &mut self.ends[side];
        end.run += 1;
        end.down = None;
        let run = match self.plan.flaw {
            Some(Flaw::SameEntropy) => 1,
            _ => end.run,
        };
        let mut entropy = Rng::new(self.plan.seed ^ (u64::from(run) << 32) ^ side as u64);
        let config = self.plan.config(side);
        let root = RootSecret::from_slice(&[7; 32]).map_err(|error| error.to_string())?;
        let kem = Box::new(Plain(Rng::new(entropy.next())));
        let fill = Box::new(move |out: &mut [u8]| entropy.fill(out));
        let rekey = Rekey::with_kem(config, root, fill, kem).map_err(|error| error.to_string())?;
        let fleet = Fleet::new(&FleetConfig {
            local: mac(side),
            workers: self.plan.workers[side],
            suite: self.plan.suite,
            engine: self.plan.engine,
            first_pn: self.plan.first_pn,
            steered: self.plan.steered,
            flaw: self.plan.flaw,
        })?;
        end.process = Some(Process {
            rekey,
            fleet,
            clock: Clock::started(self.now),
            wake: None,
            driver_called: false,
        });
        let run = end.run;
        self.trace
            .text(self.now, side, || format!("run {run} starts"));
        self.use_kept_key(side);
        self.check.stages.begin(self.now, side);
        self.after(STATS_EVERY, Item::Look { side, run });
        self.with(side, |rekey, now| rekey.on_start(now))
    }

    /// The flaw: the key of the last run is used again.
    fn use_kept_key(&mut self, side: usize) {
        if self.plan.flaw != Some(Flaw::KeyKeptOverRestart) {
            return;
        }
        let End { process, kept, .. } = &mut self.ends[side];
        if let (Some(process), Some(kept)) = (process, kept) {
            let sak = process.fleet.install_tx(kept, &mut self.saks);
            self.check.keys.ordered_tx(self.now, Duration::ZERO, sak);
            self.call_workers(side);
        }
    }

    pub(crate) fn crash(&mut self, side: usize) -> Result<(), String> {
        if let Some(mean) = self.plan.crash_every {
            let next = self.rng.time(mean * 2);
            self.after(next, Item::Crash { side });
        } else if self.plan.dies.is_none() {
            return Ok(()); // faults have stopped
        }
        // One in four ends shuts down properly, with a BYE.
        if self.rng.permille(250) {
            self.with(side, |rekey, now| rekey.on_stop(now))?;
            for worker in 0..usize::from(self.plan.workers[side]) {
                self.poll(side, worker)?;
            }
        }
        if let Some(mut process) = self.ends[side].process.take() {
            for member in &mut process.fleet.crew {
                count::worker(member.worker.publish())?;
            }
            count::rekey(&process.rekey, process.clock.local(self.now))?;
            self.trace.text(self.now, side, || "crash".into());
            self.tally.crashes += 1;
            self.ends[side].down = Some(self.now);
            let down = self.rng.time(self.plan.down);
            self.after(down, Item::Start { side });
        }
        Ok(())
    }

    /// Calls into the protocol of an end, and carries out its actions.
    pub(crate) fn with(
        &mut self,
        side: usize,
        call: impl FnOnce(&mut Rekey, Duration),
    ) -> Result<(), String> {
        let Some(process) = &mut self.ends[side].process else {
            return Ok(());
        };
        let local = process.clock.local(self.now);
        call(&mut process.rekey, local);
        while let Some(process) = &mut self.ends[side].process
            && let Some(action) = process.rekey.poll_action()
        {
            self.act(side, action)?;
        }
        if let Some(process) = &mut self.ends[side].process {
            process.set_wake();
        }
        Ok(())
    }

    fn act(&mut self, side: usize, action: Action) -> Result<(), String> {
        let run = self.ends[side].run;
        let (now, plan) = (self.now, &self.plan);
        match action {
            Action::Send(frame) => {
                if let Some(process) = &mut self.ends[side].process {
                    process.fleet.send(frame.as_bytes());
                }
                self.call_worker(side, 0);
            }
            Action::FetchKey => {
                let (lag, answer) = self.kmes.enc(now, side, &plan.kme, &mut self.rng);
                let answer = Box::new(answer);
                self.after(lag, Item::Enc { side, run, answer });
            }
            Action::FetchKeyById(id) => {
                let (lag, answer) = self.kmes.dec(now, side, id, &plan.kme, &mut self.rng);
                let answer = Box::new((id, answer));
                self.after(lag, Item::Dec { side, run, answer });
            }
            Action::Event(event) => {
                self.trace.text(now, side, || format!("{event:?}"));
                self.tally.event(&event);
                return self.check.event(now, side, &event, &self.ends, &self.plan);
            }
            order => self.order(side, order),
        }
        Ok(())
    }

    fn order(&mut self, side: usize, order: Action) {
        let End {
            process, run, kept, ..
        } = &mut self.ends[side];
        let Some(process) = process else { return };
        let local = process.clock.local(self.now);
        let step = order.step();
        self.trace.text(self.now, side, || format!("{step:?}"));
        if let Action::InstallRx { id, .. } = &order {
            self.check.keys.ordered_rx(local, side, *run, *id);
        }
        let (sak, key) = process.fleet.order(order, &mut self.saks);
        if let (Some(sak), Some(key)) = (sak, key) {
            self.check.keys.ordered_tx(self.now, local, sak);
            if self.plan.flaw == Some(Flaw::KeyKeptOverRestart) {
                *kept = Some(key);
            }
        }
        self.call_workers(side);
    }

    /// The driver was called: it handles rekey frames first, then acknowledgements.
    pub(crate) fn drive(&mut self, side: usize) -> Result<(), String> {
        if let Some(process) = &mut self.ends[side].process {
            process.driver_called = false;
        }
        while let Some(process) = &mut self.ends[side].process
            && let Some(frame) = process.fleet.receive()
        {
            self.with(side, |rekey, now| rekey.on_frame(now, frame.bytes()))?;
        }
        self.acknowledge(side)
    }

    fn acknowledge(&mut self, side: usize) -> Result<(), String> {
        let Some(process) = &mut self.ends[side].process else {
            return Ok(());
        };
        for step in process.fleet.acknowledged() {
            self.trace.text(self.now, side, || format!("done {step:?}"));
            self.with(side, |rekey, now| rekey.on_done(now, step))?;
        }
        Ok(())
    }

    /// The driver reads the workers' counters.
    pub(crate) fn look(&mut self, side: usize) -> Result<(), String> {
        let run = self.ends[side].run;
        self.after(STATS_EVERY, Item::Look { side, run });
        self.acknowledge(side)?;
        let Some(process) = &mut self.ends[side].process else {
            return Ok(());
        };
        // Without news, the protocol needs a call only when it is due, or when its PNs run out.
        let due = process.wake.is_some_and(|at| at <= self.now) || self.plan.first_pn != Pn::FIRST;
        let fresh = process.fleet.fresh();
        let Some(seen) = process.fleet.look().filter(|_| fresh || due) else {
            return Ok(());
        };
        self.with(side, |rekey, now| {
            seen.rx.into_iter().for_each(|id| rekey.on_rx_used(now, id));
            match seen.tx {
                Some((id, pn)) => rekey.on_tx_pn(now, id, pn),
                None => rekey.on_time(now),
            }
        })
    }
}
