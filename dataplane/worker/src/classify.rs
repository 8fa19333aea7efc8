//! The first look at a frame from the line: control, for the SecY, or round it.
//!
//! The uncontrolled port reaches the rekey protocol and nothing else. What no line of the policy lets
//! bypass goes to the SecY, which has a name for everything that is not MACsec (InPktsNoTag and
//! others).

use crate::policy::Policy;
use wire::ethertype;

/// Where a frame from the line goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// To control: it has the EtherType of rekey frames.
    Control,
    /// To the SecY, to be validated.
    Secure,
    /// To red as it is.
    Bypass,
}

/// Looks at the EtherType, and where that is of no use at the policy.
#[inline]
pub(crate) fn classify(frame: &[u8], rekey_ethertype: u16, policy: &mut Policy) -> Class {
    if ethertype(frame) == Some(rekey_ethertype) {
        Class::Control
    } else if policy.bypasses(frame, rekey_ethertype) {
        Class::Bypass
    } else {
        Class::Secure
    }
}
