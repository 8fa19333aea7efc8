//! A transmit SC and its current SA.

use wire::{Pn, Sci};

use crate::limits::{CLEAR_VLAN_TAGS_MAX, PROTECTED_LEN_MAX};
use crate::{SaId, TxCounters, TxSa};

/// The protection of frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protection {
    /// User data is encrypted and the whole frame authenticated: E = C = 1.
    Confidentiality,
    /// The whole frame is authenticated and nothing is encrypted: E = C = 0.
    IntegrityOnly,
}

/// The configuration of a transmit SC.
#[derive(Clone, Copy, Debug)]
pub struct TxScConfig {
    /// The SCI.
    pub sci: Sci,
    /// True: each SecTAG has the SCI. False: ES is set, and the peer forms the SCI from the source
    /// address and port 1. So false works only for a station that sends its own frames with port 1.
    pub explicit_sci: bool,
    /// Encryption, or authentication only.
    pub protection: Protection,
    /// The number of VLAN tags, at most 2, that stay in clear in front of the SecTAG. A frame with
    /// fewer tags keeps all of them in clear. Clear tags are neither encrypted nor authenticated.
    pub clear_vlan_tags: u8,
    /// Octets of the longest frame that the black port can send, from the addresses to the ICV,
    /// without FCS. The upper limit is [`PROTECTED_LEN_MAX`].
    pub frame_len_max: usize,
}

/// A transmit SC: the only user of its SCI, owned by one worker.
pub struct TxSc {
    pub(crate) config: TxScConfig,
    pub(crate) sa: Option<TxSa>,
    pub(crate) counters: TxCounters,
}

impl TxSc {
    /// A transmit SC without an SA: it discards every frame until an SA is installed.
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

    /// Switches: the next frame is protected under `sa`. Returns the previous SA; dropping it wipes
    /// its key.
    pub fn install(&mut self, mut sa: TxSa) -> Option<TxSa> {
        sa.bind(self.config.sci);
        self.sa.replace(sa)
    }

    /// Stops transmitting. Returns the SA; dropping it wipes its key.
    pub fn retire(&mut self) -> Option<TxSa> {
        self.sa.take()
    }

    /// The current SA.
    #[must_use]
    pub fn sa(&self) -> Option<SaId> {
        self.sa.as_ref().map(TxSa::id)
    }

    /// The PN of the next frame; `None` without an SA or when its PNs are used up.
    #[must_use]
    pub fn next_pn(&self) -> Option<Pn> {
        self.sa.as_ref().and_then(TxSa::next_pn)
    }

    /// The counters of all frames so far.
    #[must_use]
    pub fn counters(&self) -> &TxCounters {
        &self.counters
    }
}
