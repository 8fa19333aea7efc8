//! What was measured.

use super::Op;
use crate::contender::Name;
use crate::cpu::Limits;
use crate::size::Size;
use crate::stats::Spread;

/// One contender, op, size and burst.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) name: Name,
    pub(super) op: Op,
    pub(super) size: Size,
    pub(super) burst: usize,
    /// ns a frame.
    pub(super) ns: Spread,
}

impl Row {
    /// Mean payload, octets.
    fn payload(&self) -> f64 {
        self.size.mean(|len| len as f64)
    }

    /// Payload Gbit/s, by the median.
    pub(super) fn gbit_s(&self) -> f64 {
        self.payload() * 8.0 / self.ns.median
    }

    /// Million frames a second, by the median.
    pub(super) fn mpps(&self) -> f64 {
        1000.0 / self.ns.median
    }

    /// Cycles of the core for an octet of payload, by the median.
    pub(super) fn cycles_per_octet(&self, limits: &Limits) -> f64 {
        self.ns.median * limits.core_ghz / self.payload()
    }

    /// How much of the median is time that AES alone would take; `None` without AES instructions.
    pub(super) fn percent_of_floor(&self, limits: &Limits) -> Option<f64> {
        limits.aes_floor_ns(0)?;
        let floor = self
            .size
            .mean(|len| limits.aes_floor_ns(len).unwrap_or(0.0));
        Some(100.0 * floor / self.ns.median)
    }
}
