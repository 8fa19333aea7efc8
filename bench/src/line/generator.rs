//! Frames from the left host, open loop: what is due is sent, whatever becomes of it.

use std::time::{Duration, Instant};

use port::limits::{HEADROOM, MTU_MIN, POOL_FRAMES};
use port::packet::{Packet, PacketConfig};
use port::{Burst, Frame, Pool, Port, PortError};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::topology::LAN;
use crate::frame_size::FrameSize;

/// Templates that are sent in turn; a whole number of mixes.
const TEMPLATES: usize = 48;
/// Where a frame has its number: behind the Ethernet header.
pub(super) const NUMBER_AT: usize = 14;
/// Frames of one system call.
const BURST: usize = 32;

/// How frames are offered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Offer {
    /// As many as the core can, for so long.
    Most(Duration),
    /// So many a second, for so long.
    Rate(f64, Duration),
    /// So many frames, at that rate.
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

    /// Sends as the offer says. Returns how many frames the device took.
    pub(super) fn send(&mut self, offer: Offer) -> u64 {
        let before = self.port.counters().tx_frames;
        let start = Instant::now();
        let mut burst = Burst::new();
        let mut number = 0_u64;
        loop {
            let passed = start.elapsed();
            let (due, over) = match offer {
                Offer::Most(time) => (number + BURST as u64, passed >= time),
                Offer::Rate(rate, time) => {
                    let due = rate * passed.min(time).as_secs_f64();
                    (due as u64, passed >= time && number >= due as u64)
                }
                Offer::Count(count, rate) => {
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

/// Always the same for one size, so that the other end knows what to expect.
pub(super) fn templates(size: FrameSize) -> Vec<Vec<u8>> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let lens = size.lens(TEMPLATES, &mut rng);
    let template = |len| {
        let mut octets = vec![0; len];
        rng.fill_bytes(&mut octets);
        // To nobody's address: the kernel of the right host counts it and lets it go. A local
        // experimental EtherType.
        octets[..14].copy_from_slice(&[2, 0, 0, 0, 0xff, 2, 2, 0, 0, 0, 0xff, 1, 0x88, 0xb6]);
        octets
    };
    lens.into_iter().map(template).collect()
}
