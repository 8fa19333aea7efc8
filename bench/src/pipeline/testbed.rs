//! Testbeds: each takes a set of frames through its device one way, and back.

use std::collections::VecDeque;

use gcm::{BurstKey, Engine, ICV_LEN, Job, RawKey};
use port::{BURST_MAX, Frame};
use wire::{MACS_LEN, SECTAG_LEN_MAX};

use super::null_port::{Frames, NullPort, Queue};
use crate::cpu::Clock;
use crate::device::{Connected, Device};
use crate::harness::row::Op;
use crate::keyed::{Direction, sci};
use crate::window::nonce;

pub(super) trait Testbed {
    /// Takes all frames through; ns of the whole set. To validate takes frames just protected. A
    /// frame that is not in `frames` afterwards was dropped.
    fn pass(&mut self, op: Op, clock: &Clock, frames: &mut Frames) -> f64;
}

/// A device between null ports. What an encryptor sent to black comes back from black.
pub(super) struct NullTestbed {
    red: [Queue; 2],
    black: [Queue; 2],
    device: Connected,
}

impl NullTestbed {
    pub(super) fn new(device: Device, engine: Engine) -> std::io::Result<Self> {
        let [red, black] = [(); 2].map(|()| [Queue::default(), Queue::default()]);
        let ports = [NullPort::boxed(&red), NullPort::boxed(&black)];
        let direction = device.protecting(engine);
        let direction = direction.map(|how| Direction::fresh(sci(1), how));
        let keys = direction.as_ref().map(|direction| [direction; 2]);
        let device = Connected::new(ports, keys)?;
        Ok(Self { red, black, device })
    }
}

impl Testbed for NullTestbed {
    fn pass(&mut self, op: Op, clock: &Clock, frames: &mut Frames) -> f64 {
        let ([red_in, red_out], [black_in, black_out]) = (&self.red, &self.black);
        let [from, to] = match op {
            Op::Protect => [red_in, black_out],
            _ => [black_in, red_out],
        };
        let bursts = frames.len().div_ceil(BURST_MAX);
        // An empty queue of the right size: nothing grows while the clock runs.
        to.swap(&mut VecDeque::with_capacity(frames.len()));
        from.swap(frames);
        let ns = clock.ns(|| {
            for _ in 0..bursts {
                self.device.poll();
            }
        });
        frames.clear(); // what lay in the queue before: nothing
        to.swap(frames);
        ns
    }
}

/// The engine alone, over the same buffers: the share of crypto in the time of the pipeline.
pub(super) struct EngineTestbed {
    key: Box<dyn BurstKey>,
    next_pn: u64,
}

impl EngineTestbed {
    pub(super) fn new(engine: Engine) -> Self {
        Self {
            key: engine.expand(RawKey::Aes256(b"the engine alone, of no secret.!")),
            next_pn: 1,
        }
    }

    /// The jobs that protect or validate would make of the frames.
    fn jobs(frames: &mut Frames, first_pn: u64) -> Vec<Job<'_>> {
        fn job((frame, pn): (&mut Frame, u64)) -> Job<'_> {
            let (room, start, end) = frame.room_mut();
            let frame = &mut room[start - SECTAG_LEN_MAX..end + ICV_LEN];
            Job::new(frame, MACS_LEN + SECTAG_LEN_MAX, nonce(1, pn))
        }
        frames.iter_mut().zip(first_pn..).map(job).collect()
    }
}

impl Testbed for EngineTestbed {
    fn pass(&mut self, op: Op, clock: &Clock, frames: &mut Frames) -> f64 {
        let Self { key, next_pn } = self;
        let mut jobs = Self::jobs(frames, *next_pn);
        if op == Op::Protect {
            return clock.ns(|| jobs.chunks_mut(BURST_MAX).for_each(|burst| key.seal(burst)));
        }
        *next_pn += jobs.len() as u64;
        let ns = clock.ns(|| jobs.chunks_mut(BURST_MAX).for_each(|burst| key.open(burst)));
        let authentic: Vec<bool> = jobs.iter().map(|job| job.authentic).collect();
        let mut authentic = authentic.into_iter();
        frames.retain(|_| authentic.next() == Some(true));
        ns
    }
}
