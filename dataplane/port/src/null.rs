//! Generates received frames and discards sent frames. For benches, which measure the pipeline and
//! not a device.
//!
//! Received frames are copies of templates, in turn. Sent frames are counted and dropped.

use std::os::fd::BorrowedFd;

use crate::{Burst, Pool, Port, PortCounters, PortError, limits};

/// The settings of a null port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NullConfig {
    /// Frames to receive, repeatedly. Empty: no frame is received.
    pub templates: Vec<Vec<u8>>,
    /// Octets of each template that are copied for every frame. The rest is what the buffer held.
    /// This suits a measurement of sealing, where a copy of the whole payload would dominate the
    /// result.
    pub fresh_octets: usize,
    /// Total number of received frames; `None`: unlimited.
    pub frames: Option<u64>,
    /// MTU in octets.
    pub mtu: usize,
    /// Number of buffers.
    pub pool_frames: usize,
}

impl Default for NullConfig {
    fn default() -> Self {
        Self {
            templates: Vec::new(),
            fresh_octets: usize::MAX,
            frames: None,
            mtu: limits::MTU_MAX,
            // Few, so that they stay in the cache, as with a NIC with DDIO.
            pool_frames: 4 * limits::BURST_MAX,
        }
    }
}

/// A port without a device.
pub struct Null {
    config: NullConfig,
    pool: Pool,
    next: usize,
    left: u64,
    counters: PortCounters,
}

impl Null {
    /// Opens the port.
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
        // Rooms are no longer than needed, so that they stay in the cache and in few pages.
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

    /// The pool of buffers, for leak tests.
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
            // Fits: `open` checked every template.
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
