//! The receive SCs of one worker and their SAs.

use core::fmt;

use wire::{An, Pn, Sci};

use crate::limits::{CLEAR_VLAN_TAGS_MAX, RX_SCS_MAX, SAS_PER_SC};
use crate::tagged::Before;
use crate::{RxCounters, RxSa, SaId};

#[cfg(test)]
mod tests;

/// validateFrames of the standard: what happens to frames that are not authentic. In all modes a
/// frame with C = 1 is let through only if its ICV is right.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ValidateFrames {
    /// Only authentic frames are let through.
    #[default]
    Strict,
    /// Untagged frames and those with C = 0 are let through, and counted by what is wrong. For
    /// bringing a line up; it protects nothing.
    Check,
    /// As `Check`, with a wrong ICV counted as InPktsUnchecked.
    Disabled,
}

/// How a worker receives.
#[derive(Clone, Copy, Debug, Default)]
pub struct RxConfig {
    /// PNs below the highest received that are still taken, each once. 0: strictly in order. At
    /// most [`crate::limits::REPLAY_WINDOW_MAX`]; more is cut to that.
    pub replay_window: u32,
    /// What happens to frames that are not authentic.
    pub validate: ValidateFrames,
    /// So many VLAN tags, at most 2, may stand in clear in front of the SecTAG. They are passed on
    /// as they come: anyone on the line can change them.
    pub clear_vlan_tags: u8,
}

/// The receive side of one SecY in one worker.
pub struct RxScs {
    pub(crate) config: RxConfig,
    /// Few, and in the order of their first install; looked up by walking.
    pub(crate) scs: Vec<RxSc>,
    /// Saves most of the walking. Forgotten when an SA is retired, as it names SCs by index.
    pub(crate) before: Option<Before>,
    pub(crate) counters: RxCounters,
}

pub(crate) struct RxSc {
    pub(crate) sci: Sci,
    pub(crate) sas: [Option<RxSa>; SAS_PER_SC],
}

/// Why an SA was not installed. The SA refused was dropped, and so wiped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InstallError {
    /// The AN has an SA that has received frames: retire it first.
    InUse(SaId),
    /// There are [`RX_SCS_MAX`] SCs already.
    TooManyScs,
}

/// State of one rx SA.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RxSaStatus {
    /// Its SC.
    pub sci: Sci,
    /// Its name.
    pub id: SaId,
    /// InPktsOK of this SA.
    pub in_pkts_ok: u64,
    /// lowestPN: below it frames are late.
    pub lowest_pn: Pn,
    /// nextPN: one more than the highest received, but never more than 2^64 - 1.
    pub next_pn: Pn,
}

impl RxScs {
    /// Without SCs: no frame is authentic until an SA is installed.
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

    /// Makes `sa` acceptable under `sci`; the SC is made when it is the first. It replaces, and so
    /// wipes, an SA of the same AN that never received a frame; one in use it never overwrites.
    ///
    /// # Errors
    /// When the AN is in use, or there are too many SCs.
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

    /// Takes out exactly that SA, for the caller to drop, which wipes its key. `None` when the AN
    /// has no SA or one of another epoch.
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

    /// Drops, and so wipes, all SAs. Returns how many there were.
    pub fn retire_all(&mut self) -> usize {
        let count = self.sas().count();
        self.scs.clear();
        self.before = None;
        count
    }

    /// All SAs.
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

    /// VLAN tags that may stand in clear in front of a SecTAG.
    #[must_use]
    pub fn clear_vlan_tags(&self) -> u8 {
        self.config.clear_vlan_tags
    }

    /// What happened to all frames so far.
    #[must_use]
    pub fn counters(&self) -> &RxCounters {
        &self.counters
    }
}

impl RxSc {
    /// An AN is below 4 by its type.
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
