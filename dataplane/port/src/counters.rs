//! The counters of a port.

/// Counts of one port since it was opened. Every frame that the port received or was asked to send
/// is in `rx_frames`, in `tx_frames`, or in exactly one of the drops.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct PortCounters {
    /// Frames handed to the worker.
    pub rx_frames: u64,
    /// Octets of the frames in `rx_frames`.
    pub rx_octets: u64,
    /// Frames that the device took.
    pub tx_frames: u64,
    /// Octets of the frames in `tx_frames`.
    pub tx_octets: u64,
    /// Dropped: the ring was full because the worker read it too late.
    pub rx_ring_full: u64,
    /// Dropped: no free buffer in the pool.
    pub rx_no_buffer: u64,
    /// Dropped: longer than MTU and headers allow.
    pub rx_too_long: u64,
    /// Dropped: several frames joined by GRO, or a segment that the host left to TSO or GSO (on a
    /// host behind a veth, run `ethtool -K … tso off gso off`).
    pub rx_joined: u64,
    /// Dropped: it arrived at a receive queue that no worker reads. The driver uses more channels
    /// than the workers have bound; the status reports it.
    pub rx_queue_unread: u64,
    /// Dropped: not a frame (shorter than an Ethernet header, or a descriptor out of range).
    pub rx_malformed: u64,
    /// Dropped: the checksum was left to the device and could not be finished here.
    pub rx_checksum_unfinished: u64,
    /// Not a drop: the checksum was left to the device and was finished here.
    pub rx_checksum_finished: u64,
    /// Dropped: the device was busy, or its queue was full.
    pub tx_refused: u64,
    /// Dropped: longer than the device's MTU allows.
    pub tx_too_long: u64,
    /// Dropped: the interface was down or gone.
    pub tx_link_down: u64,
    /// Not a drop: the number of times the interface disappeared or was taken down.
    pub link_losses: u64,
    /// Not a counter: buffers of the port's memory that frames hold now. It is 0 between two bursts
    /// unless buffers leak.
    pub buffers_held: u64,
}

impl PortCounters {
    /// The number of counters.
    pub const LEN: usize = 17;

    /// Their names, in the order of [`PortCounters::values`].
    pub const NAMES: [&'static str; Self::LEN] = [
        "rx_frames",
        "rx_octets",
        "tx_frames",
        "tx_octets",
        "rx_ring_full",
        "rx_no_buffer",
        "rx_too_long",
        "rx_joined",
        "rx_queue_unread",
        "rx_malformed",
        "rx_checksum_unfinished",
        "rx_checksum_finished",
        "tx_refused",
        "tx_too_long",
        "tx_link_down",
        "link_losses",
        "buffers_held",
    ];

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

    /// The values, for publishing.
    #[must_use]
    pub fn values(&self) -> [u64; Self::LEN] {
        [
            self.rx_frames,
            self.rx_octets,
            self.tx_frames,
            self.tx_octets,
            self.rx_ring_full,
            self.rx_no_buffer,
            self.rx_too_long,
            self.rx_joined,
            self.rx_queue_unread,
            self.rx_malformed,
            self.rx_checksum_unfinished,
            self.rx_checksum_finished,
            self.tx_refused,
            self.tx_too_long,
            self.tx_link_down,
            self.link_losses,
            self.buffers_held,
        ]
    }

    /// The inverse of [`PortCounters::values`].
    #[must_use]
    pub fn from_values(values: [u64; Self::LEN]) -> Self {
        let [
            rx_frames,
            rx_octets,
            tx_frames,
            tx_octets,
            rx_ring_full,
            rx_no_buffer,
            rx_too_long,
            rx_joined,
            rx_queue_unread,
            rx_malformed,
            rx_checksum_unfinished,
            rx_checksum_finished,
            tx_refused,
            tx_too_long,
            tx_link_down,
            link_losses,
            buffers_held,
        ] = values;
        Self {
            rx_frames,
            rx_octets,
            tx_frames,
            tx_octets,
            rx_ring_full,
            rx_no_buffer,
            rx_too_long,
            rx_joined,
            rx_queue_unread,
            rx_malformed,
            rx_checksum_unfinished,
            rx_checksum_finished,
            tx_refused,
            tx_too_long,
            tx_link_down,
            link_losses,
            buffers_held,
        }
    }

    /// The name and value of each counter.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Self::NAMES.into_iter().zip(self.values())
    }

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
