//! Limits of this crate.

/// Frames in one burst, at most.
pub const BURST_MAX: usize = 64;
/// Octets of the tag (ICV) at the end of a frame.
pub const ICV_LEN: usize = 16;
/// Octets of AAD and payload in one frame, at most, not counting the ICV: a 9216-octet jumbo
/// frame with room for addresses, tags and SecTAG.
pub const FRAME_LEN_MAX: usize = 9216 + 64;
