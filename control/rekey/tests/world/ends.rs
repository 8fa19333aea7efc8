//! The life of an end: start, crash, and what it asks its workers and KME for.

use std::time::Duration;

use rekey::{Action, Event, Rekey, RootSecret};

use super::kem::Plain;
use super::rng::Rng;
use super::workers::{self, Workers};
use super::{Item, World};

impl World {
    pub(super) fn start(&mut self, side: usize) -> Result<(), String> {
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
        let config = self.plan.config(side);
        let root = RootSecret::from_slice(&[7; 32]).expect("32 octets");
        let kem = Box::new(Plain(Rng::new(entropy.next())));
        let fill = Box::new(move |out: &mut [u8]| entropy.fill(out));
        end.rekey =
            Some(Rekey::with_kem(config, root, fill, kem).map_err(|error| error.to_string())?);
        end.workers = Workers::new(self.plan.scis[side]);
        end.free = vec![self.now; usize::from(self.plan.scis[side])];
        end.used.clear();
        self.with(side, |rekey, now| rekey.on_start(now))
    }

    pub(super) fn crash(&mut self, side: usize) -> Result<(), String> {
        if let Some(mean) = self.plan.crash_every {
            let next = self.rng.time(mean * 2);
            self.after(next, Item::Crash { side });
        } else if self.plan.dies.is_none() && self.plan.crash_both.is_none() {
            return Ok(()); // faults have stopped
        }
        // One in four goes in good order, with a BYE.
        if self.rng.permille(250) {
            self.with(side, |rekey, now| rekey.on_stop(now))?;
        }
        if self.ends[side].rekey.take().is_some() {
            self.crashes += 1;
            self.ends[side].wake = None;
            self.ends[side].down = Some(self.now);
            self.ends[side].workers = Workers::new(0);
            let down = self.rng.time(self.plan.down);
            self.after(down, Item::Start { side });
        }
        Ok(())
    }

    /// Calls into an end, and does what it asks.
    pub(super) fn with(
        &mut self,
        side: usize,
        call: impl FnOnce(&mut Rekey, Duration),
    ) -> Result<(), String> {
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
}
