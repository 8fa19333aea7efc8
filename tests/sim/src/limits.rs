//! Sizes of the simulated world.

use std::time::Duration;

/// Longest payload of a user frame: short, as octets cost time and find nothing.
pub(crate) const PAYLOAD: usize = 220;
/// MTU of the red side; the black side's holds the longest rekey frame.
pub(crate) const MTU: usize = 480;
/// Frames a red and a black line hold.
pub(crate) const RED_FRAMES: usize = 128;
/// See [`RED_FRAMES`].
pub(crate) const BLACK_FRAMES: usize = 256;
/// Buffers of a port: a worker has one burst in hand.
pub(crate) const POOL_FRAMES: usize = 128;
/// Frames of the line that the adversary remembers.
pub(crate) const RECORDED: usize = 4000;
/// Frames of a flood.
pub(crate) const FLOOD: u64 = 100;
/// How often the driver looks at the counters, as in `qmacsec`.
pub(crate) const STATS_EVERY: Duration = Duration::from_millis(10);
/// A worker may be stalled so long.
pub(crate) const STALL_MAX: Duration = Duration::from_secs(2);
/// Time a worker may take for a command, and a bit.
pub(crate) const LAG: Duration = Duration::from_millis(2500);
/// How often slow checks are made.
pub(crate) const AUDIT_EVERY: Duration = Duration::from_millis(500);
/// Longest time a user frame may take on a healthy line, beside the line's delay.
pub(crate) const TRANSIT: Duration = Duration::from_millis(100);

const _: () =
    assert!(PAYLOAD <= MTU && MTU + port::limits::ETHERNET_HEADER >= rekey::FRAME_LEN_MAX);
