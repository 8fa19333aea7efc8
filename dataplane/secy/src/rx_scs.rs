//! The receive SCs of one worker and their SAs.

use core::fmt;

use wire::{An, Pn, Sci};

use crate::limits::{CLEAR_VLAN_TAGS_MAX, RX_SCS_MAX, SAS_PER_SC};
use crate::tagged::Before;
use crate::{RxCounters, RxSa, SaId};

#[cfg(test)]
mod tests;

/// validateFrames of the standard: the treatment of frames that are not authentic. In all modes a
/// frame with C = 1 is passed on only if its ICV is right.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ValidateFrames {
    /// Only authentic frames are passed on.
    #[default]
    Strict,
    /// Untagged frames and frames with C = 0 are passed on, and counted by their fault. This mode
    /// is for bringing up a line; it protects nothing.
    Check,
    /// Same as `Check`, but a wrong ICV is counted as InPktsUnchecked.
    Disabled,
}

/// The receive configuration of a worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct RxConfig {
    /// The number of PNs below the highest received one that are still accepted, each once. 0 means
    /// strict order. The upper limit is [`crate::limits::REPLAY_WINDOW_MAX`].
    pub replay_window: u32,
    /// The treatment of frames that are not authentic.
    pub validate: ValidateFrames,
    /// The number of VLAN tags, at most 2, that may stand in clear in front of the SecTAG. They are
    /// passed on unchanged and unauthenticated: anyone on the line can change them.
    pub clear_vlan_tags: u8,
}

/// The receive side of one SecY in one worker.
pub struct RxScs {
    pub(crate) config: RxConfig,
    /// A short list in the order of first install; a lookup scans it.
    pub(crate) scs: Vec<RxSc>,
    /// Avoids most scans. It holds the index of an SC, so it is cleared when an SA is retired.
    pub(crate) before: Option<Before>,
    pub(crate) counters: RxCounters,
}

pub(crate) struct RxSc {
    pub(crate) sci: Sci,
    pub(crate) sas: [Option<RxSa>; SAS_PER_SC],
}

/// The reasons why an SA is not installed. The refused SA is dropped, and so wiped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InstallError {
    /// The SA at this AN has received frames: retire it first.
    InUse(SaId),
    /// There are already [`RX_SCS_MAX`] SCs.
    TooManyScs,
}

/// The state of one rx SA.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RxSaStatus {
    /// The SCI of its SC.
    pub sci: Sci,
    /// AN and epoch of the SA.
    pub id: SaId,
    /// InPktsOK of this SA.
    pub in_pkts_ok: u64,
    /// lowestPN: frames with a lower PN are late.
    pub lowest_pn: Pn,
    /// nextPN: one more than the highest PN received, but at most 2^64 - 1.
    pub next_pn: Pn,
}

impl RxScs {
    /// A receive side without SCs: no frame is authentic until an SA is installed.
    #[must_use]
    pub fn new(mut config: RxConfig) -> Self {
        config.clear_vlan_tags = config.clear_vlan_tags.min(CLEAR_VLAN_TAGS_MAX);
        Self {
            config,
            scs: Vec::with_capacity(RX_SCS_MAX),
            before: None,
            counters: RxCounters::default(),
        }
    }

    /// Accepts frames under `sa` from `sci`, and adds the SC with its first SA. Replaces, and so
    /// wipes, an SA of the same AN that has not received a frame. Never replaces an SA in use.
    ///
    /// # Errors
    /// The AN is in use, or there are too many SCs.
    pub fn install(&mut self, sci: Sci, mut sa: RxSa) -> Result<(), InstallError> {
        let sc = match self.scs.iter().position(|sc| sc.sci == sci) {
            Some(index) => index,
            None if self.scs.len() == RX_SCS_MAX => return Err(InstallError::TooManyScs),
            None => {
                self.scs.push(RxSc {
                    sci,
                    sas: [const { None }; SAS_PER_SC],
                });
                self.scs.len() - 1
            }
        };
        let place = self.scs[sc].sa_mut(sa.id().an);
        if let Some(held) = place.as_ref().filter(|held| held.in_pkts_ok() > 0) {
            return Err(InstallError::InUse(held.id()));
        }
        sa.bind(sci, self.config.replay_window);
        *place = Some(sa);
        Ok(())
    }

    /// Removes this SA and returns it; dropping it wipes its key. `None` if the AN has no SA or one
    /// of another epoch.
    pub fn retire(&mut self, sci: Sci, id: SaId) -> Option<RxSa> {
        let index = self.scs.iter().position(|sc| sc.sci == sci)?;
        let sc = &mut self.scs[index];
        let sa = sc.sa_mut(id.an).take_if(|held| held.id() == id)?;
        self.before = None;
        if sc.sas.iter().all(Option::is_none) {
            self.scs.remove(index);
        }
        Some(sa)
    }

    /// Drops, and so wipes, all SAs. Returns their number.
    pub fn retire_all(&mut self) -> usize {
        let count = self.sas().count();
        self.scs.clear();
        self.before = None;
        count
    }

    /// The state of all SAs.
    pub fn sas(&self) -> impl Iterator<Item = RxSaStatus> + '_ {
        self.scs.iter().flat_map(|sc| {
            sc.sas.iter().flatten().map(|sa| RxSaStatus {
                sci: sc.sci,
                id: sa.id(),
                in_pkts_ok: sa.in_pkts_ok(),
                lowest_pn: Pn::new(sa.window.lowest()).unwrap_or(Pn::FIRST),
                next_pn: Pn::new(sa.window.next()).unwrap_or(Pn::FIRST),
            })
        })
    }

    /// The number of VLAN tags that may stand in clear in front of a SecTAG.
    #[must_use]
    pub fn clear_vlan_tags(&self) -> u8 {
        self.config.clear_vlan_tags
    }

    /// The counters of all frames so far.
    #[must_use]
    pub fn counters(&self) -> &RxCounters {
        &self.counters
    }
}

impl RxSc {
    /// The place of an SA. The index is in range, since the type limits an AN to 0 to 3.
    pub(crate) fn sa_mut(&mut self, an: An) -> &mut Option<RxSa> {
        &mut self.sas[an.index()]
    }
}

impl fmt::Display for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(id) => write!(f, "{id} is in use: retire it before its AN is used again"),
            Self::TooManyScs => write!(f, "at most {RX_SCS_MAX} receive SCs: retire one first"),
        }
    }
}

impl core::error::Error for InstallError {}
