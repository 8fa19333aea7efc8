//! Sizes of the simulated world.

use std::time::Duration;

/// Longest payload of a user frame. Short, because more octets cost time and find no more bugs.
pub(crate) const PAYLOAD: usize = 220;
/// MTU of the red side. The MTU of the black side holds the longest rekey frame.
pub(crate) const MTU: usize = 480;
/// Capacity of a red and a black line in frames.
pub(crate) const RED_FRAMES: usize = 128;
/// See [`RED_FRAMES`].
pub(crate) const BLACK_FRAMES: usize = 256;
/// Buffers of a port. A worker holds one burst.
pub(crate) const POOL_FRAMES: usize = 128;
/// Number of frames of the line that the adversary records.
pub(crate) const RECORDED: usize = 4000;
/// Frames of a flood.
pub(crate) const FLOOD: u64 = 100;
/// Interval at which the driver reads the counters, same as in `qmacsec`.
pub(crate) const STATS_EVERY: Duration = Duration::from_millis(10);
/// Longest stall of a worker.
pub(crate) const STALL_MAX: Duration = Duration::from_secs(2);
/// Longest time that a worker may take for a command, with a margin.
pub(crate) const LAG: Duration = Duration::from_millis(2500);
/// Interval of the slow checks.
pub(crate) const AUDIT_EVERY: Duration = Duration::from_millis(500);
/// Longest time of a user frame on a healthy line, in addition to the line's delay.
pub(crate) const TRANSIT: Duration = Duration::from_millis(100);

const _: () =
    assert!(PAYLOAD <= MTU && MTU + port::limits::ETHERNET_HEADER >= rekey::FRAME_LEN_MAX);
