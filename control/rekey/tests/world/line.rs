//! The line: its effect on frames, and the adversary on it.

use std::time::Duration;

use secy::SaId;
use wire::Sci;

use super::saks::SakNo;
use super::twin::TWIN;
use super::{ADVERSARY_FRAMES, Item, World};

impl World {
    /// Transmits a frame of an end, or of the twin of end 0. Both receive the frames of end 1.
    pub(super) fn transmit(&mut self, from: usize, bytes: &[u8]) {
        let side = from % 2;
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
                let (to, bytes) = (1 - side, bytes.to_vec());
                if to == 0 && self.twin.is_some() {
                    let bytes = bytes.clone();
                    self.after(delay, Item::Frame { to: TWIN, bytes });
                }
                self.after(delay, Item::Frame { to, bytes });
            }
        }
    }

    pub(super) fn traffic(&mut self, side: usize) -> Result<(), String> {
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
    pub(super) fn receive(
        &mut self,
        to: usize,
        sci: Sci,
        id: SaId,
        sak: SakNo,
    ) -> Result<(), String> {
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
    pub(super) fn inject(&mut self) {
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
}
