//! The receive SCs of one worker and their SAs, and validate, 802.1AE 10.6: from the black port to
//! the red port.
//!
//! ```text
//! in                  DA SA (tags) SecTAG | user data ICV [pad]
//! opened as    (tags) DA SA SecTAG        | user data ICV
//! out                 DA SA (tags)        | user data
//! ```
//! A burst takes three steps: `check` each frame and test its PN, `open` the frames of each SA in
//! one engine call, and `settle` each frame in the order of arrival. Fast path: if all frames have
//! the same header as the frame before, which is the usual case, no step looks anything up.

use core::fmt;

use arrayvec::ArrayVec;
use gcm::Job;
use wire::{
    An, Channel, EthernetFrame, ICV_LEN, MACS_LEN, MacAddr, Pn, SECTAG_LEN_MAX, Sci, SecTag,
    SecTagError, VLAN_TAG_LEN,
};

use crate::buffer::frame_of;
use crate::limits::{BURST_MAX, CLEAR_VLAN_TAGS_MAX, PROTECTED_LEN_MAX, RX_SCS_MAX, SAS_PER_SC};
use crate::tagged::{Before, Checked, Layout, SaIndex, Tagged, Unkeyed};
use crate::validate::{Sealed, count_ok, discard, early_replay_test, job, settle, strip};
use crate::{Buffer, Discard, RxConfig, RxCounters, RxSa, SaId, ValidateFrames};

#[cfg(test)]
mod tests;

/// The receive side of one SecY in one worker.
pub struct RxScs {
    config: RxConfig,
    /// A short list in the order of first install; a lookup scans it.
    scs: Vec<RxSc>,
    /// Avoids most scans. It holds the index of an SC, so it is cleared when an SA is retired.
    before: Option<Before>,
    counters: RxCounters,
}

struct RxSc {
    sci: Sci,
    sas: [Option<RxSa>; SAS_PER_SC],
}

/// A sealed frame and the index of its buffer.
struct Placed {
    sealed: Sealed,
    buffer: u8,
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

    /// Validates each frame of the burst in place and strips SecTAG and ICV, or discards it.
    /// Returns the number of discarded frames. More than [`BURST_MAX`] frames are split into
    /// several bursts.
    #[inline]
    pub fn validate<B: Buffer>(&mut self, burst: &mut [B]) -> usize {
        let bursts = burst.chunks_mut(BURST_MAX);
        bursts.map(|burst| self.validate_burst(burst)).sum()
    }

    fn validate_burst<B: Buffer>(&mut self, burst: &mut [B]) -> usize {
        let alike = self.validate_alike(burst);
        alike.unwrap_or_else(|| self.validate_mixed(burst))
    }

    /// Fast path: all frames have the same header as the frame before, and pass the early replay
    /// test. Returns `None` and changes nothing if a frame differs or fails the test.
    fn validate_alike<B: Buffer>(&mut self, burst: &mut [B]) -> Option<usize> {
        let before = self.before.as_ref()?;
        let SaIndex { sc, an } = before.sa();
        let sa = self.scs[usize::from(sc)].sas[an.index()].as_mut()?;
        let mut jobs = ArrayVec::<Job<'_>, BURST_MAX>::new();
        let mut pns = ArrayVec::<Pn, BURST_MAX>::new();
        for buffer in burst.iter_mut() {
            let (room, start, end) = buffer.room_mut();
            let frame = room.get_mut(start..end)?;
            let tagged = before.alike(frame)?;
            let pn = early_replay_test(sa, tagged.pn_low).ok()?;
            let aad_len = if tagged.encrypted {
                MACS_LEN + SECTAG_LEN_MAX
            } else {
                frame.len() - ICV_LEN
            };
            jobs.push(Job::new(frame, aad_len, sa.nonce(pn)));
            pns.push(pn);
        }
        sa.key.open(&mut jobs);
        let authentic: ArrayVec<bool, BURST_MAX> = jobs.iter().map(|job| job.authentic).collect();
        drop(jobs);
        let tagged = |buffer: &mut B| {
            let (_, start, end) = buffer.room_mut();
            before.tagged(end - start)
        };
        if authentic.iter().all(|authentic| *authentic) && sa.window.mark_run(&pns) {
            // Settles all frames together.
            let mut octets = 0;
            for buffer in burst.iter_mut() {
                let layout = tagged(buffer).layout;
                octets += u64::from(layout.user_data_len);
                strip(buffer, layout);
            }
            let (encrypted, frames) = (before.encrypted(), burst.len() as u64);
            count_ok(&mut self.counters, sa, encrypted, frames, octets);
            return Some(0);
        }
        let mut discarded = 0;
        for ((buffer, &pn), &authentic) in burst.iter_mut().zip(&pns).zip(&authentic) {
            let sealed = Sealed {
                pn,
                tagged: tagged(buffer),
                authentic,
            };
            discarded += settle(&self.config, &mut self.counters, sa, buffer, &sealed);
        }
        Some(discarded)
    }

    /// The slow path: the frames belong to several SAs, or include frames that are not opened.
    fn validate_mixed<B: Buffer>(&mut self, burst: &mut [B]) -> usize {
        let mut discarded = 0;
        // Parallel arrays, one entry per sealed frame. A burst is no longer than the arrays.
        let mut jobs = ArrayVec::<Job<'_>, BURST_MAX>::new();
        let mut frames = ArrayVec::<Placed, BURST_MAX>::new();
        for (index, buffer) in (0..).zip(burst.iter_mut()) {
            let tagged = match self.tagged(buffer) {
                Ok(Some(tagged)) => tagged,
                Ok(None) => continue,
                Err(reason) => {
                    discarded += discard(buffer, &mut self.counters, reason);
                    continue;
                }
            };
            let Some(sa) = self.sa_mut(tagged.sa) else {
                discarded += discard(buffer, &mut self.counters, Discard::InPktsNotUsingSa);
                continue;
            };
            match early_replay_test(sa, tagged.pn_low) {
                Ok(pn) => {
                    jobs.push(job(frame_of(buffer), &tagged, sa.nonce(pn)));
                    let sealed = Sealed {
                        pn,
                        tagged,
                        authentic: false,
                    };
                    frames.push(Placed {
                        sealed,
                        buffer: index,
                    });
                }
                Err(reason) => discarded += discard(buffer, &mut self.counters, reason),
            }
        }
        self.open(&mut jobs, &mut frames);
        drop(jobs);
        for Placed { sealed, buffer } in &frames {
            let buffer = &mut burst[usize::from(*buffer)];
            let SaIndex { sc, an } = sealed.tagged.sa;
            discarded += match &mut self.scs[usize::from(sc)].sas[an.index()] {
                Some(sa) => settle(&self.config, &mut self.counters, sa, buffer, sealed),
                None => discard(buffer, &mut self.counters, Discard::InPktsNotUsingSa),
            };
        }
        discarded
    }

    /// The tag of a frame to open; `None` if the frame is passed on without that.
    fn tagged(&mut self, buffer: &mut impl Buffer) -> Result<Option<Tagged>, Discard> {
        let before = self.before.as_ref();
        let frame = frame_of(buffer);
        if let Some(tagged) = before.and_then(|before| before.alike(frame)) {
            return Ok(Some(tagged));
        }
        match self.check(frame)? {
            Checked::Tagged(tagged) => Ok(Some(tagged)),
            Checked::Unkeyed(unkeyed) => {
                self.let_through(buffer, unkeyed);
                Ok(None)
            }
        }
    }

    /// Checks the SecTAG in the order of the standard, and finds the SA of the frame.
    #[inline(never)]
    fn check(&mut self, frame: &[u8]) -> Result<Checked, Discard> {
        let lenient = self.config.validate != ValidateFrames::Strict;
        let view = EthernetFrame::parse(frame).ok_or(Discard::InPktsTooShort)?;
        let tags = view.vlan_tags(usize::from(self.config.clear_vlan_tags));
        let octets = view.after_tags(tags);
        let sectag = match SecTag::parse(octets) {
            Ok(sectag) => sectag,
            Err(SecTagError::Untagged) if lenient => {
                return Ok(Checked::Unkeyed(Unkeyed::Untagged));
            }
            Err(SecTagError::Untagged) => return Err(Discard::InPktsNoTag),
            Err(_) => return Err(Discard::InPktsBadTag),
        };
        let user_data_len = sectag.user_data_len(octets.len());
        if MACS_LEN + sectag.len() + user_data_len + ICV_LEN > PROTECTED_LEN_MAX {
            return Err(Discard::InPktsTooLong);
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "checked: no more than a frame's"
        )]
        let layout = Layout {
            clear_len: (tags * VLAN_TAG_LEN) as u8,
            sectag_len: sectag.len() as u8,
            user_data_len: user_data_len as u16,
        };
        if sectag.encrypted && !sectag.changed {
            return Err(Discard::InPktsForKay);
        }
        // Without a key only unchanged user data is usable.
        let unkeyed = |unkeyed, discard| {
            let useful = lenient && !sectag.changed;
            if useful {
                Ok(Checked::Unkeyed(unkeyed))
            } else {
                Err(discard)
            }
        };
        let Some(sc) = self.find(&sectag, view.src()) else {
            return unkeyed(Unkeyed::Sci(layout), Discard::InPktsNoSci);
        };
        if self.scs[sc].sas[sectag.an.index()].is_none() {
            return unkeyed(Unkeyed::An(layout), Discard::InPktsNotUsingSa);
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most RX_SCS_MAX")]
        let sa = SaIndex {
            sc: sc as u8,
            an: sectag.an,
        };
        let SecTag {
            pn_low,
            encrypted,
            changed,
            ..
        } = sectag;
        let tagged = Tagged {
            pn_low,
            layout,
            sa,
            encrypted,
            changed,
        };
        if let (0, 0, Channel::Explicit(sci)) = (tags, sectag.short_len, sectag.channel)
            && let Some(front) = octets.first_chunk()
        {
            self.before = Some(Before {
                front: *front,
                sci: sci.to_bytes(),
                tagged,
            });
        }
        Ok(Checked::Tagged(tagged))
    }

    /// The index of the SC of a frame. If the SecTAG has no SCI: SCB means port 0 of the source
    /// address, ES means port 1. With neither bit it is the only SC (point to point), or if there
    /// are several, port 1 again, as in the Linux kernel. A wrong guess fails at the ICV.
    fn find(&self, sectag: &SecTag, src: MacAddr) -> Option<usize> {
        let sci = match sectag.channel {
            Channel::Explicit(sci) => sci,
            Channel::Implied { scb: true, .. } => Sci::new(src, 0),
            Channel::Implied {
                end_station: false, ..
            } if self.scs.len() == 1 => return Some(0),
            Channel::Implied { .. } => Sci::new(src, 1),
        };
        self.scs.iter().position(|sc| sc.sci == sci)
    }

    /// Accepts a frame without a key: validateFrames is not strict, and C = 0.
    #[cold]
    fn let_through(&mut self, buffer: &mut impl Buffer, unkeyed: Unkeyed) {
        match unkeyed {
            Unkeyed::Untagged => self.counters.in_pkts_untagged += 1,
            Unkeyed::Sci(layout) => {
                self.counters.in_pkts_unknown_sci += 1;
                strip(buffer, layout);
            }
            Unkeyed::An(layout) => {
                self.counters.in_pkts_unused_sa += 1;
                strip(buffer, layout);
            }
        }
    }

    /// Opens all jobs, with one call per SA.
    fn open(&mut self, jobs: &mut [Job<'_>], frames: &mut [Placed]) {
        // Job n belongs to frame order[n]. For each SA in turn, its jobs are moved to the front of
        // the remaining ones. The frames stay in the order of arrival.
        let mut order: [u8; BURST_MAX] = core::array::from_fn(|n| n as u8);
        let mut from = 0;
        while from < jobs.len() {
            let group = frames[usize::from(order[from])].sealed.tagged.sa;
            let mut to = from;
            for n in from..jobs.len() {
                if frames[usize::from(order[n])].sealed.tagged.sa == group {
                    jobs.swap(n, to);
                    order.swap(n, to);
                    to += 1;
                }
            }
            if let Some(sa) = self.sa_mut(group) {
                sa.key.open(&mut jobs[from..to]);
            }
            for (job, &index) in jobs[from..to].iter().zip(&order[from..to]) {
                frames[usize::from(index)].sealed.authentic = job.authentic;
            }
            from = to;
        }
    }

    fn sa_mut(&mut self, SaIndex { sc, an }: SaIndex) -> Option<&mut RxSa> {
        self.scs[usize::from(sc)].sas[an.index()].as_mut()
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
    fn sa_mut(&mut self, an: An) -> &mut Option<RxSa> {
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
