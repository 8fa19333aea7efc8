//! Frames out of nothing, frames into nothing: the port of benches, where the pipeline and not the
//! device is measured.
//!
//! Received frames are copies of templates, in turn. What is sent is counted and dropped.

use std::os::fd::BorrowedFd;

use crate::{Burst, Pool, Port, PortCounters, PortError, limits};

/// What a null port makes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NullConfig {
    /// Frames to receive, over and over. Empty: none ever comes.
    pub templates: Vec<Vec<u8>>,
    /// Octets of each template that are copied anew every time. The rest is whatever the buffer
    /// held: right for sealing, where a copy of the payload would be most of what is measured.
    pub fresh_octets: usize,
    /// How many frames come in all; `None`: without end.
    pub frames: Option<u64>,
    /// Octets of payload.
    pub mtu: usize,
    /// Buffers.
    pub pool_frames: usize,
}

impl Default for NullConfig {
    fn default() -> Self {
        Self {
            templates: Vec::new(),
            fresh_octets: usize::MAX,
            frames: None,
            mtu: limits::MTU_MAX,
            // Few, so that they stay in the cache, as those of a NIC with DDIO do.
            pool_frames: 4 * limits::BURST_MAX,
        }
    }
}

/// A port to nowhere.
pub struct Null {
    config: NullConfig,
    pool: Pool,
    next: usize,
    left: u64,
    counters: PortCounters,
}

impl Null {
    /// Opens it.
    ///
    /// # Errors
    /// [`PortError::Range`]: a template is longer than the MTU allows, or a limit is broken.
    pub fn open(config: NullConfig) -> Result<Self, PortError> {
        let max = limits::frame_len_max(config.mtu);
        if let Some(long) = config
            .templates
            .iter()
            .find(|template| template.len() > max)
        {
            return Err(PortError::Range {
                what: "template",
                have: long.len(),
                min: 0,
                max,
            });
        }
        // Rooms no longer than needed: so they stay in the cache, and in few pages.
        let longest = config.templates.iter().map(Vec::len).max().unwrap_or(0);
        let need = longest
            .saturating_sub(limits::HEADERS_MAX)
            .max(limits::MTU_MIN);
        let pool = Pool::new(config.pool_frames, need)?;
        let left = if config.templates.is_empty() {
            0
        } else {
            config.frames.unwrap_or(u64::MAX)
        };
        Ok(Self {
            config,
            pool,
            next: 0,
            left,
            counters: PortCounters::default(),
        })
    }

    /// The buffers: for leak tests.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }
}

impl Port for Null {
    fn rx_burst(&mut self, into: &mut Burst) {
        while !into.is_full() && self.left > 0 {
            let Some(mut frame) = self.pool.frame() else {
                return;
            };
            let template = &self.config.templates[self.next];
            let fresh = template.len().min(self.config.fresh_octets);
            // Fits: `open` looked at every template.
            frame.set_range(limits::HEADROOM, limits::HEADROOM + template.len());
            frame.bytes_mut()[..fresh].copy_from_slice(&template[..fresh]);
            self.counters.count_rx(template.len());
            into.push(frame);
            self.left -= 1;
            self.next += 1;
            if self.next == self.config.templates.len() {
                self.next = 0;
            }
        }
    }

    fn tx_burst(&mut self, from: &mut Burst) {
        for frame in from.drain(..) {
            self.counters.count_tx(frame.len());
        }
    }

    fn copy_tx(&mut self, frame: &[u8]) {
        self.counters.count_tx(frame.len());
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn mtu(&self) -> usize {
        self.config.mtu
    }

    fn mac(&self) -> [u8; 6] {
        [0x02, 0, 0, 0, 0, 0]
    }

    fn counters(&self) -> PortCounters {
        PortCounters {
            buffers_held: self.pool.held(),
            ..self.counters
        }
    }

    fn link_up(&self) -> bool {
        true
    }

    fn kind(&self) -> &'static str {
        "null"
    }
}

#[cfg(test)]
mod tests;
