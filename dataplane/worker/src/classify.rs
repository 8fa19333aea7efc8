//! The first look at a frame from the line: control, for the SecY, or round it.
//!
//! The uncontrolled port reaches the rekey protocol and nothing else. What no line of the policy lets
//! bypass goes to the SecY, which has a name for everything that is not MACsec (InPktsNoTag and
//! others).

use crate::policy::Policy;
use wire::{ETHERTYPE_C_TAG, ETHERTYPE_MACSEC, ETHERTYPE_S_TAG, ethertype};

/// Where a frame from the line goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// To control: it has the EtherType of rekey frames.
    Control,
    /// To the SecY, to be validated.
    Secure,
    /// To red as it is.
    Bypass,
    /// It begins with a VLAN tag, which the line may have added.
    Tagged,
}

/// Looks at the EtherType, and where that is of no use at the policy.
#[inline]
pub(crate) fn classify(frame: &[u8], rekey_ethertype: u16, policy: &mut Policy) -> Class {
    match ethertype(frame) {
        Some(own) if own == rekey_ethertype => Class::Control,
        Some(ETHERTYPE_MACSEC) => Class::Secure,
        Some(ETHERTYPE_C_TAG | ETHERTYPE_S_TAG) => Class::Tagged,
        _ => by_policy(frame, rekey_ethertype, policy),
    }
}

/// The decision for a frame that is neither MACsec nor a rekey frame at first sight.
#[inline]
pub(crate) fn by_policy(frame: &[u8], rekey_ethertype: u16, policy: &mut Policy) -> Class {
    match policy.bypasses(frame, rekey_ethertype) {
        true => Class::Bypass,
        false => Class::Secure,
    }
}
