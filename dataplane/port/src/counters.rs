//! The counters of a port.

wire::counters! {
    /// Counts of one port since it was opened. Every frame that the port received or was asked to send
    /// is in `rx_frames`, in `tx_frames`, or in exactly one of the drops.
    PortCounters {
        /// Frames handed to the worker.
        rx_frames = "rx_frames",
        /// Octets of the frames in `rx_frames`.
        rx_octets = "rx_octets",
        /// Frames that the device took.
        tx_frames = "tx_frames",
        /// Octets of the frames in `tx_frames`.
        tx_octets = "tx_octets",
        /// Dropped: the ring was full because the worker read it too late.
        rx_ring_full = "rx_ring_full",
        /// Dropped: no free buffer in the pool.
        rx_no_buffer = "rx_no_buffer",
        /// Dropped: longer than MTU and headers allow.
        rx_too_long = "rx_too_long",
        /// Dropped: several frames joined by GRO, or a segment that the host left to TSO or GSO (on a
        /// host behind a veth, run `ethtool -K … tso off gso off`).
        rx_joined = "rx_joined",
        /// Dropped: it arrived at a receive queue that no worker reads. The driver uses more channels
        /// than the workers have bound; the status reports it.
        rx_queue_unread = "rx_queue_unread",
        /// Dropped: not a frame (shorter than an Ethernet header, or a descriptor out of range).
        rx_malformed = "rx_malformed",
        /// Dropped: the checksum was left to the device and could not be finished here.
        rx_checksum_unfinished = "rx_checksum_unfinished",
        /// Not a drop: the checksum was left to the device and was finished here.
        rx_checksum_finished = "rx_checksum_finished",
        /// Dropped: the device was busy, or its queue was full.
        tx_refused = "tx_refused",
        /// Dropped: longer than the device's MTU allows.
        tx_too_long = "tx_too_long",
        /// Dropped: the interface was down or gone.
        tx_link_down = "tx_link_down",
        /// Not a drop: the number of times the interface disappeared or was taken down.
        link_losses = "link_losses",
        /// Not a counter: buffers of the port's memory that frames hold now. It is 0 between two bursts
        /// unless buffers leak.
        buffers_held = "buffers_held",
    }
}

impl PortCounters {
    /// Names of the counters of received frames that were dropped.
    pub const RX_DROPS: [&'static str; 7] = [
        "rx_ring_full",
        "rx_no_buffer",
        "rx_too_long",
        "rx_joined",
        "rx_queue_unread",
        "rx_malformed",
        "rx_checksum_unfinished",
    ];

    /// Names of the counters of frames to send that were dropped.
    pub const TX_DROPS: [&'static str; 3] = ["tx_refused", "tx_too_long", "tx_link_down"];

    /// The name and value of each counter of dropped frames.
    pub fn drops(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let is_drop =
            |name: &&'static str| Self::RX_DROPS.contains(name) || Self::TX_DROPS.contains(name);
        self.iter().filter(move |(name, _)| is_drop(name))
    }

    /// All received frames that were dropped.
    #[must_use]
    pub fn rx_dropped(&self) -> u64 {
        self.rx_ring_full
            + self.rx_no_buffer
            + self.rx_too_long
            + self.rx_joined
            + self.rx_queue_unread
            + self.rx_malformed
            + self.rx_checksum_unfinished
    }

    /// All frames to send that were dropped.
    #[must_use]
    pub fn tx_dropped(&self) -> u64 {
        self.tx_refused + self.tx_too_long + self.tx_link_down
    }

    pub(crate) fn count_rx(&mut self, len: usize) {
        self.rx_frames += 1;
        self.rx_octets += len as u64;
    }

    pub(crate) fn count_tx(&mut self, len: usize) {
        self.tx_frames += 1;
        self.tx_octets += len as u64;
    }
}

#[cfg(test)]
mod tests;
