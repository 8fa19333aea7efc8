//! Counters of a SecY. They have one owner, so they are plain numbers. Both passed and dropped
//! frames are counted, so the sum is the number of frames received.

use wire::counters;

use crate::Discard;

#[cfg(test)]
mod tests;

counters! {
    /// Transmit side. Octet counters count user data: EtherType and payload.
    TxCounters {
        /// Frames sent encrypted.
        out_pkts_encrypted = "OutPktsEncrypted",
        /// Frames sent with integrity only.
        out_pkts_protected = "OutPktsProtected",
        /// Octets of user data encrypted.
        out_octets_encrypted = "OutOctetsEncrypted",
        /// Octets of user data sent with integrity only.
        out_octets_protected = "OutOctetsProtected",
        /// [`Discard::OutPktsNoSa`].
        out_pkts_no_sa = Discard::OutPktsNoSa.name(),
        /// [`Discard::OutPktsPnExhausted`].
        out_pkts_pn_exhausted = Discard::OutPktsPnExhausted.name(),
        /// [`Discard::OutPktsTooLong`].
        out_pkts_too_long = Discard::OutPktsTooLong.name(),
        /// [`Discard::OutPktsTooShort`].
        out_pkts_too_short = Discard::OutPktsTooShort.name(),
        /// [`Discard::OutPktsNoRoom`].
        out_pkts_no_room = Discard::OutPktsNoRoom.name(),
    }
}

counters! {
    /// Receive side. Octet counters count the user data of frames in `InPktsOK`.
    RxCounters {
        /// Frames passed on: authentic and fresh.
        in_pkts_ok = "InPktsOK",
        /// Frames passed on with a wrong ICV: mode `check`, C = 0.
        in_pkts_invalid = "InPktsInvalid",
        /// Frames passed on with a wrong ICV: mode `disabled`, C = 0.
        in_pkts_unchecked = "InPktsUnchecked",
        /// Frames passed on unchecked, since the SCI is unknown: not `strict`, C = 0.
        in_pkts_unknown_sci = "InPktsUnknownSCI",
        /// Frames passed on unchecked, since the AN is not in use: not `strict`, C = 0.
        in_pkts_unused_sa = "InPktsUnusedSA",
        /// Frames passed on without SecTAG: not `strict`.
        in_pkts_untagged = "InPktsUntagged",
        /// Octets of user data decrypted.
        in_octets_decrypted = "InOctetsDecrypted",
        /// Octets of user data received with integrity only.
        in_octets_validated = "InOctetsValidated",
        /// [`Discard::InPktsNoTag`].
        in_pkts_no_tag = Discard::InPktsNoTag.name(),
        /// [`Discard::InPktsBadTag`].
        in_pkts_bad_tag = Discard::InPktsBadTag.name(),
        /// [`Discard::InPktsTooShort`].
        in_pkts_too_short = Discard::InPktsTooShort.name(),
        /// [`Discard::InPktsTooLong`].
        in_pkts_too_long = Discard::InPktsTooLong.name(),
        /// [`Discard::InPktsForKay`].
        in_pkts_for_kay = Discard::InPktsForKay.name(),
        /// [`Discard::InPktsNoSci`].
        in_pkts_no_sci = Discard::InPktsNoSci.name(),
        /// [`Discard::InPktsNotUsingSa`].
        in_pkts_not_using_sa = Discard::InPktsNotUsingSa.name(),
        /// [`Discard::InPktsLate`].
        in_pkts_late = Discard::InPktsLate.name(),
        /// [`Discard::InPktsDuplicate`].
        in_pkts_duplicate = Discard::InPktsDuplicate.name(),
        /// [`Discard::InPktsNotValid`].
        in_pkts_not_valid = Discard::InPktsNotValid.name(),
    }
}

impl TxCounters {
    /// The counter of a discard; `None` for discards of the other side.
    pub fn of(&mut self, discard: Discard) -> Option<&mut u64> {
        match discard {
            Discard::OutPktsNoSa => Some(&mut self.out_pkts_no_sa),
            Discard::OutPktsPnExhausted => Some(&mut self.out_pkts_pn_exhausted),
            Discard::OutPktsTooLong => Some(&mut self.out_pkts_too_long),
            Discard::OutPktsTooShort => Some(&mut self.out_pkts_too_short),
            Discard::OutPktsNoRoom => Some(&mut self.out_pkts_no_room),
            _ => None,
        }
    }

    /// Frames dropped.
    #[must_use]
    pub fn discarded(&self) -> u64 {
        let mut counters = *self;
        Discard::ALL
            .into_iter()
            .filter_map(|discard| counters.of(discard).copied())
            .sum()
    }

    /// Frames passed on.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.out_pkts_encrypted + self.out_pkts_protected
    }
}

impl RxCounters {
    /// The counter of a discard; `None` for discards of the other side.
    pub fn of(&mut self, discard: Discard) -> Option<&mut u64> {
        match discard {
            Discard::InPktsNoTag => Some(&mut self.in_pkts_no_tag),
            Discard::InPktsBadTag => Some(&mut self.in_pkts_bad_tag),
            Discard::InPktsTooShort => Some(&mut self.in_pkts_too_short),
            Discard::InPktsTooLong => Some(&mut self.in_pkts_too_long),
            Discard::InPktsForKay => Some(&mut self.in_pkts_for_kay),
            Discard::InPktsNoSci => Some(&mut self.in_pkts_no_sci),
            Discard::InPktsNotUsingSa => Some(&mut self.in_pkts_not_using_sa),
            Discard::InPktsLate => Some(&mut self.in_pkts_late),
            Discard::InPktsDuplicate => Some(&mut self.in_pkts_duplicate),
            Discard::InPktsNotValid => Some(&mut self.in_pkts_not_valid),
            _ => None,
        }
    }

    /// Frames dropped.
    #[must_use]
    pub fn discarded(&self) -> u64 {
        let mut counters = *self;
        Discard::ALL
            .into_iter()
            .filter_map(|discard| counters.of(discard).copied())
            .sum()
    }

    /// Frames passed on.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.in_pkts_ok
            + self.in_pkts_invalid
            + self.in_pkts_unchecked
            + self.in_pkts_unknown_sci
            + self.in_pkts_unused_sa
            + self.in_pkts_untagged
    }
}
