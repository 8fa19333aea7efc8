//! An XDP program that passes every frame, attached only for its side effects in the kernel.

use std::io;

use super::program::{AttachPoint, Attachment, Loaded};

/// A program on an interface that passes every frame to the kernel.
pub(crate) struct Idle {
    _attached: Attachment,
}

impl Idle {
    /// Attaches it in the driver. A veth then makes its other end segment its frames (TSO, GSO).
    pub(crate) fn attach(index: u32) -> io::Result<Self> {
        let attached = Loaded::pass()?.attach(index, AttachPoint::Driver)?;
        Ok(Self {
            _attached: attached,
        })
    }
}
