//! The frames of one size: always the same rooms, as those of a NIC that writes into the cache.

use port::limits::{HEADROOM, MTU_MAX, MTU_MIN};
use port::{BURST_MAX, Pool, PortError};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::shelf::Frames;
use crate::frame_size::FrameSize;

/// Bursts of a stock: more than the first cache holds, less than the second.
const BURSTS: usize = 4;
/// Frames beyond this are jumbo, and one burst of them is enough.
const JUMBO: usize = 2048;

/// Plain frames, and how to tell that they are whole.
pub(super) struct Stock {
    pub(super) frames: Frames,
    lens: Vec<usize>,
    /// Every frame is a beginning of this.
    plain: Vec<u8>,
    pool: Pool,
}

impl Stock {
    /// Random content behind an Ethernet header.
    pub(super) fn new(size: FrameSize, rng: &mut ChaCha8Rng) -> Result<Self, PortError> {
        let whole = size.whole();
        let wanted = if size.longest() > JUMBO {
            BURST_MAX
        } else {
            BURSTS * BURST_MAX
        };
        let count = wanted / whole * whole;
        let lens = size.lens(count, rng);
        let mut plain = vec![0; size.longest()];
        rng.fill_bytes(&mut plain);
        let header = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
        plain[..header.len()].copy_from_slice(&header);
        let mut stock = Self {
            frames: Frames::new(),
            lens,
            plain,
            pool: Pool::new(count, size.longest().clamp(MTU_MIN, MTU_MAX))?,
        };
        stock.fill();
        Ok(stock)
    }

    /// Frames of a full stock.
    pub(super) fn count(&self) -> usize {
        self.lens.len()
    }

    /// All frames anew, after some were lost.
    pub(super) fn fill(&mut self) {
        self.frames.clear();
        for &len in &self.lens {
            let mut frame = self.pool.frame().expect("a room for each frame");
            let fits = frame.copy_from(HEADROOM, &self.plain[..len]);
            assert!(fits, "the pool was made for the longest");
            self.frames.push_back(frame);
        }
    }

    /// Frames that are not there, or not as they were.
    pub(super) fn spoilt(&self) -> u64 {
        let whole = self.frames.iter().zip(&self.lens);
        let whole = whole.filter(|(frame, len)| *frame.bytes() == self.plain[..**len]);
        (self.lens.len() - whole.count()) as u64
    }
}
