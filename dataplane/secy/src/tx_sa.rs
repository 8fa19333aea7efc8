//! A transmit SA: an expanded key, and the only source of its PNs.

use gcm::{BurstKey, Engine};
use wire::{Pn, Sci, Ssci};

use crate::nonce::NonceBase;
use crate::{SaId, Sak, Salt, Suite};

#[cfg(test)]
mod tests;

/// A transmit SA. It cannot be cloned, so no PN is used twice under its key. The expanded key and
/// the salt are wiped on drop.
pub struct TxSa {
    id: SaId,
    suite: Suite,
    pub(crate) key: Box<dyn BurstKey>,
    nonce: NonceBase,
    // `None`: all PNs up to `last` are used.
    next: Option<Pn>,
    last: u64,
}

impl TxSa {
    /// Expands the key. The first PN is 1, the last is that of the suite.
    ///
    /// # Panics
    /// If `sak` has the key length of another suite: a bug of the caller.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the salt is used up: no copy stays behind"
    )]
    pub fn new(id: SaId, suite: Suite, sak: &Sak, salt: Salt, ssci: Ssci, engine: Engine) -> Self {
        assert!(
            sak.len() == suite.key_len(),
            "the SAK was made for another suite"
        );
        Self {
            id,
            suite,
            key: engine.expand(sak.expose()),
            nonce: NonceBase::xpn(&salt, ssci),
            next: Some(Pn::FIRST),
            last: suite.pn_max(),
        }
    }

    /// Stops after `last` if that is lower than the suite's last PN: the hard limit of a policy.
    #[must_use]
    pub fn with_pn_limit(mut self, last: Pn) -> Self {
        self.last = self.last.min(last.value());
        self.next = self.next.filter(|next| next.value() <= self.last);
        self
    }

    /// Starts at `next`. For tests and test vectors only: under a key that was used before, it
    /// would repeat nonces.
    #[must_use]
    pub fn with_next_pn(mut self, next: Pn) -> Self {
        self.next = Some(next).filter(|next| next.value() <= self.last);
        self
    }

    /// AN and epoch of the SA.
    #[must_use]
    pub fn id(&self) -> SaId {
        self.id
    }

    /// The PN of the next frame; `None` if no PN is left.
    #[must_use]
    pub fn next_pn(&self) -> Option<Pn> {
        self.next
    }

    /// Frames protected under this SA, if its first PN was 1: the number of PNs used.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.next.map_or(self.last, |next| next.value() - 1)
    }

    /// Sets the SCI. Called once, when an SC takes the SA.
    pub(crate) fn bind(&mut self, sci: Sci) {
        if !self.suite.xpn() {
            self.nonce = NonceBase::sci(sci);
        }
    }

    /// Uses one PN. Returns `None` for ever once the last PN is used: the PN never wraps.
    #[inline]
    pub(crate) fn take_pn(&mut self) -> Option<Pn> {
        let pn = self.next?;
        self.next = if pn.value() < self.last {
            Pn::new(pn.value() + 1)
        } else {
            None
        };
        Some(pn)
    }

    #[inline]
    pub(crate) fn nonce(&self, pn: Pn) -> [u8; 12] {
        self.nonce.nonce(pn)
    }
}
