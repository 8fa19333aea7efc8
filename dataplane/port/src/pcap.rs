//! Records frames as pcapng for Wireshark.
//!
//! [`PcapngWriter`] writes the format. [`Recorder`] is a thread that owns one, behind a bounded
//! queue; [`Tee`] wraps a port and sends the recorder a copy of every frame of both directions. The
//! frame path never waits: if the queue is full, the copy is counted and discarded.
//!
//! ```text
//! Tee<P> ──copy──► queue ──► recorder's thread ──► PcapngWriter ──► file
//!    ▲                            │
//!    └────────── buffers ─────────┘
//! ```
//!
//! A recording of a red port contains the users' frames in clear text.

mod recorder;
mod writer;

pub use recorder::{Line, Recorded, Recorder};
pub use writer::{InterfaceId, PacketDirection, PcapngWriter};

use crate::{Burst, Port};

/// A port whose frames are recorded.
pub struct Tee<P> {
    port: P,
    line: Line,
}

impl<P: Port> Tee<P> {
    /// Records `port` as `line`, which comes from [`Recorder::line`].
    pub fn new(port: P, line: Line) -> Self {
        Self { port, line }
    }

    /// The port without the recording.
    pub fn into_inner(self) -> P {
        self.port
    }
}

impl<P: Port> Port for Tee<P> {
    fn rx_burst(&mut self, into: &mut Burst) {
        let before = into.len();
        self.port.rx_burst(into);
        let fresh = into[before..].iter().map(|frame| frame.bytes());
        self.line.record(PacketDirection::Inbound, fresh);
    }

    fn tx_burst(&mut self, from: &mut Burst) {
        self.line.record(
            PacketDirection::Outbound,
            from.iter().map(|frame| frame.bytes()),
        );
        self.port.tx_burst(from);
    }

    fn copy_tx(&mut self, frame: &[u8]) {
        self.line
            .record(PacketDirection::Outbound, [frame].into_iter());
        self.port.copy_tx(frame);
    }

    crate::forward!(self => self.port);
}

#[cfg(test)]
mod tests;
