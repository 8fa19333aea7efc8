//! The first classification of a frame from the line: to control, to the SecY, or bypass.
//!
//! The uncontrolled port reaches only the rekey protocol. A frame that no line of the policy lets
//! bypass goes to the SecY, which has a counter for everything that is not MACsec (InPktsNoTag and
//! others).

use crate::policy::Policy;
use wire::{ETHERTYPE_C_TAG, ETHERTYPE_MACSEC, ETHERTYPE_S_TAG, ethertype};

/// The destination of a frame from the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// To control: it has the EtherType of rekey frames.
    Control,
    /// To the SecY, to be validated.
    Secure,
    /// To red, unchanged.
    Bypass,
    /// A frame that begins with a VLAN tag, which the line may have added.
    Tagged,
}

/// Classifies by EtherType, and by the policy if the EtherType does not decide.
#[inline]
pub(crate) fn classify(frame: &[u8], rekey_ethertype: u16, policy: &mut Policy) -> Class {
    match ethertype(frame) {
        Some(own) if own == rekey_ethertype => Class::Control,
        Some(ETHERTYPE_MACSEC) => Class::Secure,
        Some(ETHERTYPE_C_TAG | ETHERTYPE_S_TAG) => Class::Tagged,
        _ => by_policy(frame, rekey_ethertype, policy),
    }
}

/// Decides by the policy on a frame whose first EtherType is neither MACsec nor rekey.
#[inline]
pub(crate) fn by_policy(frame: &[u8], rekey_ethertype: u16, policy: &mut Policy) -> Class {
    match policy.bypasses(frame, rekey_ethertype) {
        true => Class::Bypass,
        false => Class::Secure,
    }
}
