//! The line with its faults, the adversary on it, and the workers at both ends of it.

use std::rc::Rc;
use std::time::Duration;

use port::{BURST_MAX, Burst, Port};
use wire::{ETHERTYPE_MACSEC, MACS_LEN, SecTag};

use super::{Item, World};
use crate::check::{Sealed, count};
use crate::limits::{FLOOD, RECORDED, STALL_MAX};

impl World {
    /// Schedules a poll of all workers of an end.
    pub(crate) fn call_workers(&mut self, side: usize) {
        for worker in 0..usize::from(self.plan.workers[side]) {
            self.call_worker(side, worker);
        }
    }

    /// Schedules a poll of a worker, after a random delay.
    pub(crate) fn call_worker(&mut self, side: usize, worker: usize) {
        let run = self.ends[side].run;
        let Some(process) = &mut self.ends[side].process else {
            return;
        };
        let member = &mut process.fleet.crew[worker];
        if member.poll_at.is_some() {
            return;
        }
        let mut lag = self.rng.time(self.plan.worker_lag);
        if self.rng.permille(self.plan.worker_stall) {
            lag += self.rng.time(STALL_MAX);
        }
        member.poll_at = Some(self.now + lag);
        self.after(lag, Item::Poll { side, run, worker });
    }

    /// Polls a worker until it has no work left, and publishes its counters.
    pub(crate) fn poll(&mut self, side: usize, worker: usize) -> Result<(), String> {
        let mut burst = Burst::new();
        let mut changed = false;
        loop {
            let Some(process) = &mut self.ends[side].process else {
                return Ok(());
            };
            let member = &mut process.fleet.crew[worker];
            member.poll_at = None;
            let moved = member.worker.poll();
            changed |= moved > 0;
            // Commands are applied before frames are moved.
            while let Some(process) = &mut self.ends[side].process
                && let Some(order) = process.fleet.crew[worker].settled()?
            {
                changed = true;
                let run = self.ends[side].run;
                self.check.keys.carried_out(order, side, run);
            }
            let Some(process) = &mut self.ends[side].process else {
                return Ok(());
            };
            let member = &mut process.fleet.crew[worker];
            let (tx, stopping) = (member.tx, member.stopping());
            loop {
                member.host.rx_burst(&mut burst);
                if burst.is_empty() {
                    break;
                }
                for frame in burst.drain(..) {
                    self.trace.octets(self.now, b'r', side, frame.bytes());
                    self.check.red.received(side, frame.bytes())?;
                }
            }
            loop {
                let Some(process) = &mut self.ends[side].process else {
                    return Ok(());
                };
                process.fleet.crew[worker].line.rx_burst(&mut burst);
                if burst.is_empty() {
                    break;
                }
                for frame in burst.drain(..) {
                    let sealed = Sealed {
                        side,
                        worker,
                        tx,
                        stopping,
                        frame: frame.bytes(),
                    };
                    self.check
                        .black(self.now, &sealed, &self.ends, &self.plan)?;
                    self.transmit(side, worker, frame.bytes());
                }
            }
            // Less than a burst: nothing is left.
            if moved < BURST_MAX {
                break;
            }
        }
        let Some(process) = &mut self.ends[side].process else {
            return Ok(());
        };
        if changed {
            let numbers = process.fleet.publish(worker);
            count::worker(numbers)?;
            let handed_over = numbers.worker.handed_over;
            let before = &mut process.fleet.crew[worker].handed_over;
            if std::mem::replace(before, handed_over) < handed_over {
                self.call_workers(side);
            }
        }
        let Some(process) = &mut self.ends[side].process else {
            return Ok(());
        };
        if !process.driver_called {
            process.driver_called = true;
            let run = self.ends[side].run;
            let lag = self.rng.time(self.plan.driver_lag);
            self.after(lag, Item::Drive { side, run });
        }
        Ok(())
    }

    /// Sends a frame from an end to the line.
    pub(crate) fn transmit(&mut self, side: usize, worker: usize, frame: &[u8]) {
        self.trace.octets(self.now, b'b', side, frame);
        let frame: Rc<[u8]> = frame.into();
        self.tally.black += 1;
        let copies = 1 + usize::from(self.rng.permille(self.plan.doubled));
        let cut = self.plan.partition.is_some_and(|(from, to)| {
            (from..to).contains(&self.now) && self.plan.partitioned[side]
        });
        for _ in 0..copies {
            let lost = self.rng.permille(self.plan.loss);
            if !lost && !cut {
                let mut delay = self.plan.latency + self.rng.time(self.plan.jitter);
                if worker % 2 == 1 {
                    delay += self.plan.skew;
                }
                let to = 1 - side;
                // The twin ignores user frames, because only its protocol is simulated.
                let rekey = wire::ethertype(&frame) == Some(wire::ETHERTYPE_REKEY);
                if to == 0 && rekey && self.twin.is_some() {
                    let frame = frame.clone();
                    self.after(delay, Item::TwinHears { frame });
                }
                let frame = frame.clone();
                self.after(delay, Item::Arrive { to, frame });
            }
        }
        if self.plan.injected == 0 {
            return;
        }
        if self.recorded.len() < RECORDED {
            self.recorded.push((side, frame));
        } else {
            let at = self.rng.below(RECORDED);
            self.recorded[at] = (side, frame);
        }
    }

    /// Delivers a frame. A line that steers delivers it to the worker that owns its SC. Rekey
    /// frames and all others go to the first worker.
    pub(crate) fn arrive(&mut self, to: usize, frame: &[u8]) {
        self.trace.octets(self.now, b'a', to, frame);
        let Some(process) = &mut self.ends[to].process else {
            return;
        };
        let worker = match frame.get(MACS_LEN..).map(SecTag::explicit_sci) {
            Some(Some(sci)) if self.plan.steered => process.fleet.owner(sci),
            _ => 0,
        };
        process.fleet.crew[worker].line.copy_tx(frame);
        self.call_worker(to, worker);
    }

    /// The LAN of a side sends frames.
    pub(crate) fn traffic(&mut self, side: usize) {
        let period = Duration::from_secs(1) / self.plan.traffic.max(1);
        self.after(period, Item::Traffic { side });
        let mut frame = Vec::new();
        for worker in 0..usize::from(self.plan.workers[side]) {
            if self.ends[side].process.is_none() {
                return;
            }
            for _ in 0..=self.rng.below(self.plan.clump) {
                let name = self.check.red.next(self.now, side, worker);
                name.build(&mut frame);
                if let Some(process) = &mut self.ends[side].process {
                    process.fleet.crew[worker].host.copy_tx(&frame);
                }
            }
            self.call_worker(side, worker);
        }
    }

    /// The adversary replays, reflects, modifies, truncates, extends, unwraps and invents frames.
    pub(crate) fn inject(&mut self) {
        if self.plan.injected == 0 {
            return;
        }
        self.after(Duration::from_secs(1) / self.plan.injected, Item::Inject);
        if self.recorded.is_empty() {
            return;
        }
        let rng = &mut self.rng;
        let (from, frame) = &self.recorded[rng.below(self.recorded.len())];
        let (from, mut frame) = (*from, frame.to_vec());
        let mut to = 1 - from;
        let mut copies = 1;
        match rng.below(12) {
            0 => to = from,
            1 | 2 => {
                let bit = rng.below(frame.len() * 8);
                frame[bit / 8] ^= 1 << (bit % 8);
            }
            3 => frame.truncate(rng.below(frame.len())),
            4 => rng.fill(&mut frame[12..]),
            5 => frame.extend([0; 9]),
            6 => unwrap(&mut frame),
            7 => {
                // The head of one frame with the body of another.
                let (_, other) = &self.recorded[rng.below(self.recorded.len())];
                let at = rng.below(frame.len().min(other.len()));
                frame.truncate(at);
                frame.extend_from_slice(&other[at..]);
            }
            // A flood: more than the queue to the driver holds.
            8 if rng.permille(200) && self.plan.floods => copies = FLOOD,
            _ => {}
        }
        // Injecting a frame before the line delivers the original would reorder frames, which
        // counts as a fault of the line.
        let delay = match self.plan.gentle || self.rng.permille(500) {
            true => self.plan.latency + self.plan.skew,
            false => Duration::ZERO,
        };
        self.tally.injected += copies;
        let frame: Rc<[u8]> = frame.into();
        for _ in 1..copies {
            let frame = frame.clone();
            self.after(delay, Item::Arrive { to, frame });
        }
        self.after(delay, Item::Arrive { to, frame });
    }
}

/// Removes the SecTAG, as if the sender had no key.
fn unwrap(frame: &mut Vec<u8>) {
    if wire::ethertype(frame) == Some(ETHERTYPE_MACSEC) && frame.len() > MACS_LEN + 16 {
        frame.drain(MACS_LEN..MACS_LEN + 16);
        frame[MACS_LEN..MACS_LEN + 2].copy_from_slice(&[8, 0]);
    }
}
