//! A transmit SA: an expanded key and the only maker of its PNs.

use gcm::{BurstKey, Engine};
use wire::{Pn, Sci, Ssci};

use crate::nonce::NonceBase;
use crate::{SaId, Sak, Salt, Suite};

#[cfg(test)]
mod tests;

/// A transmit SA. It cannot be cloned, so no PN is ever handed out twice under its key; the
/// expanded key and the salt are wiped on drop.
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
    /// Expands the key. The PN starts at 1 and ends with the suite's last.
    ///
    /// # Panics
    /// When `sak` was made for a suite with another key length: a bug of the caller.
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

    /// Stops after `last` instead of the suite's last PN, if that is lower: a policy's hard limit.
    #[must_use]
    pub fn with_pn_limit(mut self, last: Pn) -> Self {
        self.last = self.last.min(last.value());
        self.next = self.next.filter(|next| next.value() <= self.last);
        self
    }

    /// Starts at `next`. For tests and test vectors: under a key that was used before it would
    /// repeat nonces.
    #[must_use]
    pub fn with_next_pn(mut self, next: Pn) -> Self {
        self.next = Some(next).filter(|next| next.value() <= self.last);
        self
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> SaId {
        self.id
    }

    /// The PN of the next frame; `None` when none is left.
    #[must_use]
    pub fn next_pn(&self) -> Option<Pn> {
        self.next
    }

    /// Frames protected under it: the PNs used up, when it started at 1.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.next.map_or(self.last, |next| next.value() - 1)
    }

    /// Called once, when an SC takes the SA.
    pub(crate) fn bind(&mut self, sci: Sci) {
        if !self.suite.xpn() {
            self.nonce = NonceBase::sci(sci);
        }
    }

    /// Uses up one PN. `None`, for ever, once the last is used: it never wraps.
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
