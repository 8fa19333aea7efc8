//! A transmit SC and the SA in use.

use wire::{Pn, Sci};

use crate::limits::{CLEAR_VLAN_TAGS_MAX, PROTECTED_LEN_MAX};
use crate::{SaId, TxCounters, TxSa};

/// What protection adds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protection {
    /// User data encrypted, the whole frame authenticated: E = C = 1.
    Confidentiality,
    /// The whole frame authenticated, nothing encrypted: E = C = 0.
    IntegrityOnly,
}

/// How a transmit SC protects.
#[derive(Clone, Copy, Debug)]
pub struct TxScConfig {
    /// Its SCI.
    pub sci: Sci,
    /// SCI in each SecTAG. If not, ES is set: then the peer takes the source address and port 1 for
    /// the SCI, so it serves only a station that sends its own frames, under port 1.
    pub explicit_sci: bool,
    /// Encrypt, or authenticate only.
    pub protection: Protection,
    /// So many VLAN tags, at most 2, stay in clear in front of the SecTAG; frames with fewer tags
    /// keep those they have. Clear tags are neither encrypted nor authenticated.
    pub clear_vlan_tags: u8,
    /// Octets of the longest frame the black port can send, addresses to ICV, without FCS. At most
    /// [`PROTECTED_LEN_MAX`]; more is cut to that.
    pub frame_len_max: usize,
}

/// One transmit SC: the only user of its SCI, owned by one worker.
pub struct TxSc {
    pub(crate) config: TxScConfig,
    pub(crate) sa: Option<TxSa>,
    pub(crate) counters: TxCounters,
}

impl TxSc {
    /// Without an SA: every frame is discarded until one is installed.
    #[must_use]
    pub fn new(mut config: TxScConfig) -> Self {
        config.clear_vlan_tags = config.clear_vlan_tags.min(CLEAR_VLAN_TAGS_MAX);
        config.frame_len_max = config.frame_len_max.min(PROTECTED_LEN_MAX);
        Self {
            config,
            sa: None,
            counters: TxCounters::default(),
        }
    }

    /// The switch: the next frame goes under `sa`. Returns the SA before, for the caller to drop,
    /// which wipes its key.
    pub fn install(&mut self, mut sa: TxSa) -> Option<TxSa> {
        sa.bind(self.config.sci);
        self.sa.replace(sa)
    }

    /// Stops transmitting. Returns the SA for the caller to drop.
    pub fn retire(&mut self) -> Option<TxSa> {
        self.sa.take()
    }

    /// The SA in use.
    #[must_use]
    pub fn sa(&self) -> Option<SaId> {
        self.sa.as_ref().map(TxSa::id)
    }

    /// The PN of the next frame; `None` without an SA or when its PNs are used up.
    #[must_use]
    pub fn next_pn(&self) -> Option<Pn> {
        self.sa.as_ref().and_then(TxSa::next_pn)
    }

    /// What happened to all frames so far.
    #[must_use]
    pub fn counters(&self) -> &TxCounters {
        &self.counters
    }
}
