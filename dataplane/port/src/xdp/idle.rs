//! A program that does nothing: for what the kernel does when there is one.

use std::io;

use super::program::{Attachment, Loaded, Place};

/// A program on an interface that leaves every frame to the kernel.
pub(crate) struct Idle {
    _attached: Attachment,
}

impl Idle {
    /// Attaches it in the driver. A veth then tells its other end to cut what it sends (TSO, GSO).
    pub(crate) fn attach(index: u32) -> io::Result<Self> {
        let attached = Loaded::pass()?.attach(index, Place::Driver)?;
        Ok(Self {
            _attached: attached,
        })
    }
}
