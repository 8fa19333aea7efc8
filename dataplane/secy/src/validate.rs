//! Validate, 802.1AE 10.6: from the black port to the red one.
//!
//! ```text
//! in                  DA SA (tags) SecTAG | user data ICV [pad]
//! opened as    (tags) DA SA SecTAG        | user data ICV
//! out                 DA SA (tags)        | user data
//! ```
//! Three passes over a burst: `check` each frame up to the early replay test, `open` the frames of
//! each SA in one engine call, and `settle` each in the order of arrival.

use arrayvec::ArrayVec;
use gcm::Job;
use wire::{
    An, Channel, EthernetFrame, ICV_LEN, MACS_LEN, MacAddr, Pn, Sci, SecTag, SecTagError,
    VLAN_TAG_LEN,
};

use crate::limits::{BURST_MAX, PROTECTED_LEN_MAX};
use crate::replay::Replay;
use crate::{Discard, RxConfig, RxCounters, RxScs, Slot, ValidateFrames};

/// What the checks before the ICV say of a frame.
enum Checked {
    /// Nothing more to do: it has a discard.
    Done,
    /// To be let through as it is: untagged.
    Untagged,
    /// To be let through stripped, as its SC is unknown.
    UnknownSci(Layout),
    /// To be let through stripped, as its SA is unknown.
    UnusedSa(Layout),
    /// To be opened.
    Sealed(Sealed),
}

/// Where things are in a tagged frame, in octets. All fit, as such a frame is no longer than
/// [`PROTECTED_LEN_MAX`].
#[derive(Clone, Copy)]
struct Layout {
    clear_len: u16,
    sectag_len: u16,
    user_data_len: u16,
}

/// A frame with a key to open it.
#[derive(Clone, Copy)]
struct Sealed {
    pn: Pn,
    layout: Layout,
    sa: SaIndex,
    encrypted: bool,
    changed: bool,
}

/// An SA by the index of its SC, while no SC comes or goes: within one burst.
#[derive(Clone, Copy, PartialEq, Eq)]
struct SaIndex {
    sc: u8,
    an: An,
}

impl RxScs {
    /// Validates each frame of the burst in place and strips SecTAG and ICV, or marks it with its
    /// discard. More than [`BURST_MAX`] frames are taken as several bursts.
    pub fn validate(&mut self, burst: &mut [Slot<'_>]) {
        for burst in burst.chunks_mut(BURST_MAX) {
            self.validate_burst(burst);
        }
    }

    fn validate_burst(&mut self, burst: &mut [Slot<'_>]) {
        // One entry a slot; a burst is no longer than the array.
        let mut checked = ArrayVec::<Checked, BURST_MAX>::new();
        for slot in burst.iter_mut() {
            checked.push(match slot.discard {
                Some(_) => Checked::Done,
                None => self.check(slot.frame()).unwrap_or_else(|reason| {
                    discard(slot, &mut self.counters, reason);
                    Checked::Done
                }),
            });
        }
        let authentic = self.open(burst, &checked);
        for (index, (slot, checked)) in burst.iter_mut().zip(&checked).enumerate() {
            self.settle(slot, checked, authentic & (1 << index) != 0);
        }
    }

    /// Everything that can be said without the key, in the order of the standard.
    #[inline]
    fn check(&mut self, frame: &[u8]) -> Result<Checked, Discard> {
        let lenient = self.config.validate != ValidateFrames::Strict;
        let view = EthernetFrame::parse(frame).ok_or(Discard::InPktsTooShort)?;
        let tags = view.vlan_tags(usize::from(self.config.clear_vlan_tags));
        let octets = view.after_tags(tags);
        let sectag = match SecTag::parse(octets) {
            Ok(sectag) => sectag,
            Err(SecTagError::Untagged) if lenient => return Ok(Checked::Untagged),
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
            clear_len: (tags * VLAN_TAG_LEN) as u16,
            sectag_len: sectag.len() as u16,
            user_data_len: user_data_len as u16,
        };
        if sectag.encrypted && !sectag.changed {
            return Err(Discard::InPktsForKay);
        }
        // Without a key only unchanged user data is of any use.
        let lenient = lenient && !sectag.changed;
        let Some(index) = self.find(&sectag, view.src()) else {
            return if lenient {
                Ok(Checked::UnknownSci(layout))
            } else {
                Err(Discard::InPktsNoSci)
            };
        };
        let sc = &self.scs[index]; // just found
        let Some(sa) = &sc.sas[sectag.an.index()] else {
            return if lenient {
                Ok(Checked::UnusedSa(layout))
            } else {
                Err(Discard::InPktsNotUsingSa)
            };
        };
        let pn = sa.recover_pn(sectag.pn_low).ok_or(Discard::InPktsBadTag)?;
        refuse(sa.window.test(pn))?;
        Ok(Checked::Sealed(Sealed {
            pn: Pn::new(pn).ok_or(Discard::InPktsLate)?,
            layout,
            #[expect(clippy::cast_possible_truncation, reason = "at most RX_SCS_MAX")]
            sa: SaIndex {
                sc: index as u8,
                an: sectag.an,
            },
            encrypted: sectag.encrypted,
            changed: sectag.changed,
        }))
    }

    /// The SC of a frame. Where the tag has no SCI: SCB is port 0 and ES port 1 of the source
    /// address; with neither bit it is the one SC there is (point to point), and failing that, as
    /// the Linux kernel has it, port 1 again. A wrong guess fails at the ICV.
    #[inline]
    fn find(&mut self, sectag: &SecTag, src: MacAddr) -> Option<usize> {
        let sci = match sectag.channel {
            Channel::Explicit(sci) => sci,
            Channel::Implied { scb: true, .. } => Sci::new(src, 0),
            Channel::Implied {
                end_station: false, ..
            } if self.scs.len() == 1 => return Some(0),
            Channel::Implied { .. } => Sci::new(src, 1),
        };
        if self.scs.get(self.last_hit).is_none_or(|sc| sc.sci != sci) {
            self.last_hit = self.scs.iter().position(|sc| sc.sci == sci)?;
        }
        Some(self.last_hit)
    }

    /// Opens the sealed frames, those of one SA in one call. Bit n of the result: the ICV of slot n
    /// was right.
    fn open(&mut self, burst: &mut [Slot<'_>], checked: &[Checked]) -> u64 {
        let (mut opened, mut authentic) = (0_u64, 0_u64);
        // Usually one round: all frames of a burst are under one SA.
        while let Some(group) = first_sealed(checked, opened) {
            let Some(sa) = &mut self.scs[usize::from(group.sc)].sas[group.an.index()] else {
                break;
            };
            let mut jobs = ArrayVec::<Job<'_>, BURST_MAX>::new();
            let mut slots = ArrayVec::<u8, BURST_MAX>::new();
            for (index, (slot, checked)) in (0..).zip(burst.iter_mut().zip(checked)) {
                match checked {
                    Checked::Sealed(sealed) if sealed.sa == group => {
                        jobs.push(job(slot, sealed, sa.nonce(sealed.pn)));
                        slots.push(index);
                    }
                    _ => {}
                }
            }
            sa.key.open(&mut jobs);
            for (job, index) in jobs.iter().zip(slots) {
                opened |= 1 << index;
                authentic |= u64::from(job.authentic) << index;
            }
        }
        authentic
    }

    /// The replay test again, now that the frame is known to be authentic; then it counts as
    /// received, is stripped and let through. Or it is not authentic.
    #[inline]
    fn settle(&mut self, slot: &mut Slot<'_>, checked: &Checked, authentic: bool) {
        let counters = &mut self.counters;
        let sealed = match checked {
            Checked::Done => return,
            Checked::Untagged => {
                counters.in_pkts_untagged += 1;
                return;
            }
            Checked::UnknownSci(layout) => {
                counters.in_pkts_unknown_sci += 1;
                return strip(slot, *layout);
            }
            Checked::UnusedSa(layout) => {
                counters.in_pkts_unused_sa += 1;
                return strip(slot, *layout);
            }
            Checked::Sealed(sealed) => sealed,
        };
        let received = if authentic {
            self.receive(sealed)
        } else {
            accept_unauthentic(&self.config, &mut self.counters, sealed.changed)
        };
        match received {
            Ok(()) => {
                put_addresses_first(slot, sealed.layout);
                strip(slot, sealed.layout);
            }
            Err(reason) => discard(slot, &mut self.counters, reason),
        }
    }

    #[inline]
    fn receive(&mut self, sealed: &Sealed) -> Result<(), Discard> {
        let SaIndex { sc, an } = sealed.sa;
        let Some(sa) = &mut self.scs[usize::from(sc)].sas[an.index()] else {
            return Err(Discard::InPktsNotUsingSa);
        };
        refuse(sa.window.test_and_mark(sealed.pn.value()))?;
        sa.in_pkts_ok += 1;
        self.counters.in_pkts_ok += 1;
        let octets = u64::from(sealed.layout.user_data_len);
        if sealed.encrypted {
            self.counters.in_octets_decrypted += octets;
        } else {
            self.counters.in_octets_validated += octets;
        }
        Ok(())
    }
}

/// The SA of the first sealed frame whose bit is not in `opened`.
fn first_sealed(checked: &[Checked], opened: u64) -> Option<SaIndex> {
    checked
        .iter()
        .enumerate()
        .find_map(|(index, checked)| match checked {
            Checked::Sealed(sealed) if opened & (1 << index) == 0 => Some(sealed.sa),
            _ => None,
        })
}

/// The ICV is wrong: 802.1AE 10.6.5 by validateFrames. The replay window stays as it is.
fn accept_unauthentic(
    config: &RxConfig,
    counters: &mut RxCounters,
    changed: bool,
) -> Result<(), Discard> {
    match config.validate {
        ValidateFrames::Strict => return Err(Discard::InPktsNotValid),
        _ if changed => return Err(Discard::InPktsNotValid),
        ValidateFrames::Check => counters.in_pkts_invalid += 1,
        ValidateFrames::Disabled => counters.in_pkts_unchecked += 1,
    }
    Ok(())
}

fn refuse(replay: Replay) -> Result<(), Discard> {
    match replay {
        Replay::Fresh => Ok(()),
        Replay::Late => Err(Discard::InPktsLate),
        Replay::Duplicate => Err(Discard::InPktsDuplicate),
    }
}

fn discard(slot: &mut Slot<'_>, counters: &mut RxCounters, reason: Discard) {
    slot.discard = Some(reason);
    counters
        .of(reason)
        .into_iter()
        .for_each(|counter| *counter += 1);
}

/// The frame from its addresses to its ICV, in one piece. `check` saw that all of it is inside the
/// frame, and the frame inside its room.
#[inline]
fn job<'a>(slot: &'a mut Slot<'_>, sealed: &Sealed, nonce: [u8; 12]) -> Job<'a> {
    let Layout {
        clear_len,
        sectag_len,
        user_data_len,
    } = sealed.layout;
    let (clear_len, header_len) = (usize::from(clear_len), MACS_LEN + usize::from(sectag_len));
    let user_data_len = usize::from(user_data_len);
    let end = slot.start + clear_len + header_len + user_data_len + ICV_LEN;
    let frame = &mut slot.room[slot.start..end];
    if clear_len > 0 {
        frame[..MACS_LEN + clear_len].rotate_left(MACS_LEN);
    }
    let aad_len = if sealed.encrypted {
        header_len
    } else {
        header_len + user_data_len
    };
    Job::new(&mut frame[clear_len..], aad_len, nonce)
}

fn put_addresses_first(slot: &mut Slot<'_>, layout: Layout) {
    if layout.clear_len > 0 {
        let header = slot.start..slot.start + MACS_LEN + usize::from(layout.clear_len);
        slot.room[header].rotate_right(MACS_LEN);
    }
}

/// Takes SecTAG, ICV and pad away: the addresses and tags in clear move up to the user data.
#[inline]
fn strip(slot: &mut Slot<'_>, layout: Layout) {
    let Layout {
        clear_len,
        sectag_len,
        user_data_len,
    } = layout;
    let (start, sectag_len) = (slot.start, usize::from(sectag_len));
    let header_len = MACS_LEN + usize::from(clear_len);
    if clear_len == 0 {
        // The usual case, apart because its length is a constant.
        let mut addresses = [0; MACS_LEN];
        addresses.copy_from_slice(&slot.room[start..start + MACS_LEN]);
        slot.room[start + sectag_len..][..MACS_LEN].copy_from_slice(&addresses);
    } else {
        slot.room
            .copy_within(start..start + header_len, start + sectag_len);
    }
    slot.start = start + sectag_len;
    slot.end = slot.start + header_len + usize::from(user_data_len);
}
