//! The traffic generator at the left host, and at the right host the receiver that checks frames.
//!
//! The generator is open loop: it sends what is due, whatever becomes of it.

use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use port::limits::{HEADROOM, MTU_MIN, POOL_FRAMES, RING_OCTETS};
use port::packet::{Packet, PacketConfig};
use port::{Burst, Frame, Pool, Port, PortError};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::topology::LAN;
use crate::size::FrameSize;

/// Templates that are sent in turn; a whole number of mixes.
const TEMPLATES: usize = 48;
/// A local experimental EtherType.
const ETHERTYPE: [u8; 2] = [0x88, 0xb6];
/// Where a frame has its number: behind the Ethernet header.
const NUMBER_AT: usize = 14;
/// Frames of one system call.
const BURST: usize = 32;

/// How long the receiver waits for the first frame: on a busy machine a host needs its time to get
/// ready.
const FIRST_WITHIN: Duration = Duration::from_secs(10);
/// How long it waits for the next frame.
const NEXT_WITHIN: Duration = Duration::from_secs(1);

/// The offered load.
#[derive(Clone, Copy, Debug)]
pub(super) enum Offered {
    /// As many frames as the core can send, for this time.
    Most(Duration),
    /// A rate in frames a second, for this time.
    Rate(f64, Duration),
    /// A number of frames, at a rate.
    Count(u64, f64),
}

/// A host that sends; on the thread of its namespace.
pub(super) struct Generator {
    port: Packet,
    pool: Pool,
    templates: Vec<Vec<u8>>,
}

impl Generator {
    /// For frames of one size, all different.
    pub(super) fn open(size: FrameSize) -> Result<Self, PortError> {
        let port = Packet::open(PacketConfig {
            ifname: LAN.to_owned(),
            ..PacketConfig::default()
        })?;
        Ok(Self {
            port,
            pool: Pool::new(POOL_FRAMES, size.longest().max(MTU_MIN))?,
            templates: templates(size),
        })
    }

    /// Sends the offered load. Returns how many frames the interface took.
    pub(super) fn send(&mut self, offered: Offered) -> u64 {
        let before = self.port.counters().tx_frames;
        let start = Instant::now();
        let mut burst = Burst::new();
        let mut number = 0_u64;
        loop {
            let passed = start.elapsed();
            let (due, over) = match offered {
                Offered::Most(time) => (number + BURST as u64, passed >= time),
                Offered::Rate(rate, time) => {
                    let due = rate * passed.min(time).as_secs_f64();
                    (due as u64, passed >= time && number >= due as u64)
                }
                Offered::Count(count, rate) => {
                    let due = count.min((rate * passed.as_secs_f64()) as u64);
                    (due, number >= count)
                }
            };
            if over {
                break;
            }
            let now = due.saturating_sub(number).min(BURST as u64);
            for _ in 0..now {
                burst.extend(self.frame(number));
                number += 1;
            }
            if burst.is_empty() {
                std::hint::spin_loop();
            } else {
                self.port.tx_burst(&mut burst);
            }
        }
        self.port.counters().tx_frames - before
    }

    fn frame(&self, number: u64) -> Option<Frame> {
        let mut frame = self.pool.frame()?;
        let template = &self.templates[number as usize % TEMPLATES];
        let fits = frame.copy_from(HEADROOM, template);
        frame.bytes_mut()[NUMBER_AT..NUMBER_AT + 8].copy_from_slice(&number.to_be_bytes());
        fits.then_some(frame)
    }
}

/// Always the same for one size, so that the receiver knows what to expect.
fn templates(size: FrameSize) -> Vec<Vec<u8>> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let lens = size.lens(TEMPLATES, &mut rng);
    let template = |len| {
        let mut octets = vec![0; len];
        rng.fill_bytes(&mut octets);
        // An address that no host has: the kernel of the right host counts the frame and drops it.
        octets[..12].copy_from_slice(&[2, 0, 0, 0, 0xff, 2, 2, 0, 0, 0, 0xff, 1]);
        octets[12..14].copy_from_slice(&ETHERTYPE);
        octets
    };
    lens.into_iter().map(template).collect()
}

/// The numbered frames that the receiver got.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Received {
    pub(super) frames: u64,
    /// Not as they were sent.
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
        ifname: LAN.to_owned(),
        ring_octets: RING_OCTETS,
        ..PacketConfig::default()
    })?;
    let expected = templates(size);
    let _nobody_waits = listens.send(());
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
            // Frames of the kernel's own have other types.
            if octets.get(12..NUMBER_AT) != Some(&ETHERTYPE[..]) {
                continue;
            }
            last = Instant::now();
            received.frames += 1;
            let Some((number, rest)) = octets[NUMBER_AT..].split_first_chunk() else {
                received.changed += 1;
                continue;
            };
            let number = u64::from_be_bytes(*number);
            let template = &expected[number as usize % expected.len()];
            let same = octets.len() == template.len() && *rest == template[NUMBER_AT + 8..];
            received.changed += u64::from(!same);
            received.disordered += u64::from(number < next);
            next = next.max(number + 1);
        }
    }
}
