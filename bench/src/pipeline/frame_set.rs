//! The frames of one size: always the same buffers, as those of a NIC that writes into the cache.

use port::limits::{HEADROOM, MTU_MAX, MTU_MIN};
use port::{BURST_MAX, Pool, PortError};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::null_port::Frames;
use crate::size::FrameSize;

/// Bursts of a set: more than the first-level cache holds, less than the second-level cache.
const BURSTS: usize = 4;
/// Frames beyond this are jumbo, and one burst of them is enough.
const JUMBO: usize = 2048;

/// Plain frames, and what they must be after they were protected and validated.
pub(super) struct FrameSet {
    pub(super) frames: Frames,
    lens: Vec<usize>,
    /// Every frame is a beginning of this.
    plain: Vec<u8>,
    pool: Pool,
}

impl FrameSet {
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
        let mut set = Self {
            frames: Frames::new(),
            lens,
            plain,
            pool: Pool::new(count, size.longest().clamp(MTU_MIN, MTU_MAX))?,
        };
        set.fill();
        Ok(set)
    }

    pub(super) fn count(&self) -> usize {
        self.lens.len()
    }

    /// Makes all frames again, after some were lost.
    pub(super) fn fill(&mut self) {
        self.frames.clear();
        for &len in &self.lens {
            let mut frame = self.pool.frame().expect("a buffer for each frame");
            let fits = frame.copy_from(HEADROOM, &self.plain[..len]);
            assert!(fits, "the pool was made for the longest");
            self.frames.push_back(frame);
        }
    }

    pub(super) fn lost(&self) -> u64 {
        let whole = self.frames.iter().zip(&self.lens);
        let whole = whole.filter(|(frame, len)| *frame.bytes() == self.plain[..**len]);
        (self.lens.len() - whole.count()) as u64
    }
}
