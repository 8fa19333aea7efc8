//! The reasons why a frame is dropped.

use core::fmt;

/// The reason why a frame was dropped, and its counter. The names are those of 802.1AE (2006 to
/// 2013); the 2018 edition combines `InPktsNoSCI` and `InPktsNotUsingSA` as `InPktsNoSAError`.
/// Reasons marked "ours" are not in the standard.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Discard {
    /// Red: no tx SA is installed. Ours.
    OutPktsNoSa,
    /// Red: the PNs of the SA, or those up to its limit, are used up. Ours.
    OutPktsPnExhausted,
    /// Red: the protected frame would be longer than the black port can send.
    OutPktsTooLong,
    /// Red: too short to have an EtherType. Ours.
    OutPktsTooShort,
    /// Red: the buffer has too little headroom or tailroom, which is a bug of the port. Ours.
    OutPktsNoRoom,
    /// Black: no SecTAG.
    InPktsNoTag,
    /// Black: SecTAG invalid, or PN 0 without XPN.
    InPktsBadTag,
    /// Black: too short to have an EtherType. Ours.
    InPktsTooShort,
    /// Black: longer than any protected frame can be. Ours.
    InPktsTooLong,
    /// Black: E without C, which is reserved for the KaY; this SecY has none. Ours.
    InPktsForKay,
    /// Black: no rx SC has this SCI.
    InPktsNoSci,
    /// Black: the rx SC has no SA with this AN.
    InPktsNotUsingSa,
    /// Black: the PN is below the lowest acceptable PN.
    InPktsLate,
    /// Black: the PN is inside the window and was received before. Ours: the standard accepts it.
    InPktsDuplicate,
    /// Black: the ICV is wrong.
    InPktsNotValid,
}

impl Discard {
    /// All reasons, transmit side first.
    pub const ALL: [Self; 15] = [
        Self::OutPktsNoSa,
        Self::OutPktsPnExhausted,
        Self::OutPktsTooLong,
        Self::OutPktsTooShort,
        Self::OutPktsNoRoom,
        Self::InPktsNoTag,
        Self::InPktsBadTag,
        Self::InPktsTooShort,
        Self::InPktsTooLong,
        Self::InPktsForKay,
        Self::InPktsNoSci,
        Self::InPktsNotUsingSa,
        Self::InPktsLate,
        Self::InPktsDuplicate,
        Self::InPktsNotValid,
    ];

    /// The name of the counter.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OutPktsNoSa => "OutPktsNoSA",
            Self::OutPktsPnExhausted => "OutPktsPnExhausted",
            Self::OutPktsTooLong => "OutPktsTooLong",
            Self::OutPktsTooShort => "OutPktsTooShort",
            Self::OutPktsNoRoom => "OutPktsNoRoom",
            Self::InPktsNoTag => "InPktsNoTag",
            Self::InPktsBadTag => "InPktsBadTag",
            Self::InPktsTooShort => "InPktsTooShort",
            Self::InPktsTooLong => "InPktsTooLong",
            Self::InPktsForKay => "InPktsForKay",
            Self::InPktsNoSci => "InPktsNoSCI",
            Self::InPktsNotUsingSa => "InPktsNotUsingSA",
            Self::InPktsLate => "InPktsLate",
            Self::InPktsDuplicate => "InPktsDuplicate",
            Self::InPktsNotValid => "InPktsNotValid",
        }
    }
}

impl fmt::Display for Discard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
