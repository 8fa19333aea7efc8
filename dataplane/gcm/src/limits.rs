//! Limits of this crate.

/// Upper limit for the frames of a burst.
pub const BURST_MAX: usize = 64;
/// Octets of the ICV at the end of a frame.
pub const ICV_LEN: usize = 16;
/// Upper limit for the octets of AAD and payload in one frame, without the ICV: a 9216-octet jumbo
/// frame with room for addresses, tags and SecTAG.
pub const FRAME_LEN_MAX: usize = 9216 + 64;
