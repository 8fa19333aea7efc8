//! The context that both directions share: session, root, used `key_IDs`, queue of actions.

use secy::SaId;
use wire::{KeyId, Sci};

use crate::action::Outbox;
use crate::config::Config;
use crate::guards::{self, Guard};
use crate::message::Header;
use crate::ratchet::Ratchet;
use crate::schedule::SaContext;
use crate::secret::Origin;
use crate::session::Session;
use crate::session_id::SessionId;
use crate::used::UsedKeyIds;

/// REKEY-19: both ends know each other, the peer is heard, and it could take an offer. Keys that
/// nobody can take are not spent.
pub(crate) fn may_offer(config: &Config, session: &Session, root: &Ratchet) -> bool {
    let could = session.far().is_some_and(|far| {
        far.first.suite == config.suite && far.first.policy == config.policy // REKEY-40
    });
    session.agreed() && could && root.ready()
}

/// The shared parts of an end, lent to one direction for one call.
pub(crate) struct Context<'a> {
    pub(crate) config: &'a Config,
    pub(crate) session: &'a mut Session,
    pub(crate) root: &'a mut Ratchet,
    pub(crate) used: &'a mut UsedKeyIds,
    pub(crate) out: &'a mut Outbox,
}

impl Context<'_> {
    /// See [`may_offer`].
    pub(crate) fn may_offer(&self) -> bool {
        may_offer(self.config, self.session, self.root)
    }

    /// The context of a key for frames from us to the peer.
    pub(crate) fn tx_context(&self, id: SaId, key: (KeyId, Origin, u32)) -> SaContext {
        self.sa_context(id, key, self.local(), self.far())
    }

    /// The context of a key for frames from the peer to us.
    pub(crate) fn rx_context(&self, id: SaId, key: (KeyId, Origin, u32)) -> SaContext {
        self.sa_context(id, key, self.far(), self.local())
    }

    /// Each end is its session, its SCI and the number of its transmit SCs.
    fn sa_context(
        &self,
        id: SaId,
        (key_id, origin, root): (KeyId, Origin, u32),
        tx: (SessionId, Sci, u16),
        rx: (SessionId, Sci, u16),
    ) -> SaContext {
        let (session_tx, session_rx) = self.sessions(tx.0, rx.0);
        SaContext {
            suite: self.config.suite,
            origin,
            sci_tx: tx.1,
            scs_tx: tx.2,
            sci_rx: rx.1,
            session_tx,
            session_rx,
            epoch: id.epoch,
            root,
            an: id.an,
            key_id,
        }
    }

    /// REKEY-58: the end with the higher SCI moves its switches.
    pub(crate) fn yields(&self) -> bool {
        self.local_sci().to_bytes() > self.far().1.to_bytes()
    }

    const fn local_sci(&self) -> Sci {
        Sci::new(self.config.local, 1)
    }

    fn local(&self) -> (SessionId, Sci, u16) {
        (self.session.id(), self.local_sci(), self.config.scis)
    }

    fn far(&self) -> (SessionId, Sci, u16) {
        let far = self.session.far().map(|far| &far.first);
        far.map_or(
            (SessionId::NONE, Sci::from_bytes([0; 8]), 0),
            |first: &Header| (first.src, first.sci, first.tx_scs),
        )
    }

    /// REKEY-33.
    fn sessions(&self, tx: SessionId, rx: SessionId) -> (SessionId, SessionId) {
        let bound = guards::on(Guard::SessionsInContext);
        if bound {
            (tx, rx)
        } else {
            (SessionId::NONE, SessionId::NONE)
        }
    }
}
