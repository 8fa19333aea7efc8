//! I1: no (SAK, SSCI, PN) seals two frames. PN and SCI are read from the line; the SAK is the one
//! that the worker has acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use secy::Suite;
use wire::{Channel, MACS_LEN, Sci, SecTag};

use super::Sealed;
use crate::end::mac;
use crate::fleet::TxNow;
use crate::saks::SakNo;

pub(crate) struct Nonces {
    suite: Suite,
    /// PNs used with a SAK and the other part of the nonce: the SSCI, or the SCI without XPN.
    used: BTreeMap<(SakNo, u64), Pns>,
}

/// A set of PNs: mostly a sequence.
#[derive(Default)]
struct Pns {
    first: u32,
    len: u32,
    others: BTreeSet<u32>,
}

impl Pns {
    /// Adds a PN. Returns false if the set has it.
    fn insert(&mut self, pn: u32) -> bool {
        if self.len == 0 {
            self.first = pn;
        }
        let at = pn.wrapping_sub(self.first);
        if at == self.len && !self.others.contains(&pn) {
            self.len += 1;
            return true;
        }
        at > self.len && self.others.insert(pn)
    }
}

impl Nonces {
    pub(crate) const fn new(suite: Suite) -> Self {
        Self {
            suite,
            used: BTreeMap::new(),
        }
    }

    /// Checks the nonce. Returns the SCI of the frame.
    pub(crate) fn sealed(&mut self, sealed: &Sealed<'_>, tx: TxNow) -> Result<Sci, String> {
        let octets = sealed.frame.get(MACS_LEN..).unwrap_or(&[]);
        let tag = SecTag::parse(octets).map_err(|error| format!("I2: no SecTAG: {error:?}"))?;
        let Channel::Explicit(sci) = tag.channel else {
            return Err("I1: a frame without SCI".into());
        };
        let port = u16::try_from(sealed.worker + 1).unwrap_or(0);
        if sci != Sci::new(mac(sealed.side), port) {
            return Err(format!("I1: worker {port} sends as {sci:?}"));
        }
        if tag.an != tx.id.an {
            return Err(format!("I1: AN {} on the line, {} in use", tag.an, tx.id));
        }
        let who = if self.suite.xpn() {
            u64::from(tx.ssci.0)
        } else {
            u64::from_be_bytes(sci.to_bytes())
        };
        // No SA of a simulation reaches 2^32 frames.
        if self
            .used
            .entry((tx.sak, who))
            .or_default()
            .insert(tag.pn_low)
        {
            Ok(sci)
        } else {
            Err(format!(
                "I1: PN {} twice under SAK {} of {}",
                tag.pn_low, tx.sak, tx.id
            ))
        }
    }
}
