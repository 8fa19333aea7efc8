//! The traffic generator at the left host, and at the right host the receiver that checks frames.
//!
//! The generator is open loop: it sends what is due, whatever becomes of it.

use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use port::limits::{HEADROOM, MTU_MIN, POOL_FRAMES, RING_OCTETS};
use port::packet::{Packet, PacketConfig};
use port::{Burst, Frame, Pool, Port, PortError};

use crate::frames::{self, TEMPLATES};
use crate::network::LAN;
use crate::ports::on;
use crate::size::FrameSize;

const BURST: usize = 32;
/// The number of the only run: the receiver knows which frames to expect.
const RUN: u16 = 0;
/// How long the receiver waits for the first frame: on a busy machine a host needs its time to get
/// ready.
const FIRST_WITHIN: Duration = Duration::from_secs(10);
const NEXT_WITHIN: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
pub(super) struct Offered {
    /// Frames a second; `None`: as many as the core can send.
    pub(super) rate: Option<f64>,
    pub(super) time: Duration,
}

/// A host that sends; on the thread of its namespace.
pub(super) struct Generator {
    port: Packet,
    pool: Pool,
    templates: Vec<Vec<u8>>,
}

impl Generator {
    pub(super) fn open(size: FrameSize) -> Result<Self, PortError> {
        Ok(Self {
            port: Packet::open(on(LAN))?,
            pool: Pool::new(POOL_FRAMES, size.longest().max(MTU_MIN))?,
            templates: frames::templates(size, frames::mark(RUN)),
        })
    }

    /// Sends the offered load. Returns how many frames the interface took.
    pub(super) fn send(&mut self, Offered { rate, time }: Offered) -> u64 {
        let before = self.port.counters().tx_frames;
        let start = Instant::now();
        let mut burst = Burst::new();
        let mut number = 0_u64;
        loop {
            let passed = start.elapsed();
            let due = match rate {
                None if passed < time => number + BURST as u64,
                None => number,
                Some(rate) => (rate * passed.min(time).as_secs_f64()) as u64,
            };
            if passed >= time && number >= due {
                return self.port.counters().tx_frames - before;
            }
            for _ in 0..due.saturating_sub(number).min(BURST as u64) {
                burst.extend(self.frame(number));
                number += 1;
            }
            if burst.is_empty() {
                std::hint::spin_loop();
            } else {
                self.port.tx_burst(&mut burst);
            }
        }
    }

    fn frame(&self, number: u64) -> Option<Frame> {
        let mut frame = self.pool.frame()?;
        let template = &self.templates[number as usize % TEMPLATES];
        let fits = frame.copy_from(HEADROOM, template);
        frames::set_number(frame.bytes_mut(), number);
        fits.then_some(frame)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Received {
    pub(super) frames: u64,
    pub(super) changed: u64,
    /// After a frame with a greater number, or with the same.
    pub(super) disordered: u64,
}

/// Receives until `count` frames have come or none has for a while; on a thread of the namespace.
/// Says when it listens.
pub(super) fn receive(
    size: FrameSize,
    count: u64,
    listens: &SyncSender<()>,
) -> Result<Received, PortError> {
    let mut port = Packet::open(PacketConfig {
        ring_octets: RING_OCTETS,
        ..on(LAN)
    })?;
    let mark = frames::mark(RUN);
    let mut expected = frames::templates(size, mark);
    let _sender_gave_up = listens.send(());
    let (mut received, mut next) = (Received::default(), 0);
    let mut burst = Burst::new();
    let mut last = Instant::now();
    loop {
        let patience = match received.frames {
            0 => FIRST_WITHIN,
            _ => NEXT_WITHIN,
        };
        if received.frames >= count || last.elapsed() >= patience {
            return Ok(received);
        }
        port.rx_burst(&mut burst);
        for frame in burst.drain(..) {
            let octets = frame.bytes();
            if !frames::is_load(octets) {
                continue; // from the kernel
            }
            last = Instant::now();
            received.frames += 1;
            let Some(number) = frames::number(octets, mark) else {
                received.changed += 1;
                continue;
            };
            let sent = &mut expected[number as usize % TEMPLATES];
            frames::set_number(sent, number);
            received.changed += u64::from(octets != &sent[..]);
            received.disordered += u64::from(number < next);
            next = next.max(number + 1);
        }
    }
}
