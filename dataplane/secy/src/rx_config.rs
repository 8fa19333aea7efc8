//! The configuration of the receive side.

/// validateFrames of the standard: the treatment of frames that are not authentic. In all modes a
/// frame with C = 1 is passed on only if its ICV is right.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ValidateFrames {
    /// Only authentic frames are passed on.
    #[default]
    Strict,
    /// Untagged frames and frames with C = 0 are passed on, and counted by their fault. This mode
    /// is for bringing up a line; it protects nothing.
    Check,
    /// Same as `Check`, but a wrong ICV is counted as InPktsUnchecked.
    Disabled,
}

/// The receive configuration of a worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct RxConfig {
    /// The number of PNs below the highest received one that are still accepted, each once. 0 means
    /// strict order. The upper limit is [`crate::limits::REPLAY_WINDOW_MAX`].
    pub replay_window: u32,
    /// The treatment of frames that are not authentic.
    pub validate: ValidateFrames,
    /// The number of VLAN tags, at most 2, that may stand in clear in front of the SecTAG. They are
    /// passed on unchanged and unauthenticated: anyone on the line can change them.
    pub clear_vlan_tags: u8,
}
