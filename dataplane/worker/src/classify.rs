//! The first look at a frame from the line: control, or for the SecY.
//!
//! The uncontrolled port reaches the rekey protocol and nothing else. Whatever is not rekey goes to
//! the SecY, which has a name for everything that is not MACsec (InPktsNoTag and others).

use wire::ethertype;

/// Where a frame from the line goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// To control: it has the EtherType of rekey frames.
    Control,
    /// To the SecY, to be validated.
    Secure,
}

/// Looks at the EtherType.
#[inline]
pub(crate) fn classify(frame: &[u8], rekey_ethertype: u16) -> Class {
    if ethertype(frame) == Some(rekey_ethertype) {
        Class::Control
    } else {
        Class::Secure
    }
}
