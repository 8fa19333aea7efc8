//! A receive SA: an expanded key and the replay window of its PNs.

use gcm::{BurstKey, Engine};
use wire::{Pn, Sci, Ssci};

use crate::nonce::NonceBase;
use crate::replay::ReplayWindow;
use crate::{SaId, Sak, Salt, Suite};

/// A receive SA. The expanded key and the salt are wiped on drop.
pub struct RxSa {
    id: SaId,
    suite: Suite,
    pub(crate) key: Box<dyn BurstKey>,
    nonce: NonceBase,
    pub(crate) window: ReplayWindow,
    /// InPktsOK of this SA.
    pub(crate) in_pkts_ok: u64,
}

impl RxSa {
    /// Expands the key and allocates the replay bitmap. The lowest acceptable PN is 1.
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
            window: ReplayWindow::new(),
            in_pkts_ok: 0,
        }
    }

    /// Accepts no PN below `lowest`. For XPN suites this also sets the initial high half of the PN.
    #[must_use]
    pub fn with_lowest_pn(mut self, lowest: Pn) -> Self {
        self.window.start_at(lowest);
        self
    }

    /// AN and epoch of the SA.
    #[must_use]
    pub fn id(&self) -> SaId {
        self.id
    }

    /// Authentic frames that passed the replay tests: 0 until the peer uses the SA.
    #[must_use]
    pub fn in_pkts_ok(&self) -> u64 {
        self.in_pkts_ok
    }

    /// Sets the SCI and the replay window. Called once, when an SC takes the SA.
    pub(crate) fn bind(&mut self, sci: Sci, replay_window: u32) {
        self.window.set_len(replay_window);
        if !self.suite.xpn() {
            self.nonce = NonceBase::sci(sci);
        }
    }

    /// The PN of a frame from the value in its SecTAG. `None` if that is not a PN of this suite: 0
    /// without XPN is invalid (802.1AE 9.12).
    #[inline]
    pub(crate) fn recover_pn(&self, pn_low: u32) -> Option<u64> {
        if self.suite.xpn() {
            Some(self.window.recover(pn_low))
        } else if pn_low == 0 {
            None
        } else {
            Some(u64::from(pn_low))
        }
    }

    #[inline]
    pub(crate) fn nonce(&self, pn: Pn) -> [u8; 12] {
        self.nonce.nonce(pn)
    }
}
