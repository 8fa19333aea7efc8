//! Validate, 802.1AE 10.6: from the black port to the red one.
//!
//! ```text
//! in                  DA SA (tags) SecTAG | user data ICV [pad]
//! opened as    (tags) DA SA SecTAG        | user data ICV
//! out                 DA SA (tags)        | user data
//! ```
//! Three steps of a burst: `check` each frame ([`crate::tagged`]) and test its PN, `open` those of
//! each SA in one engine call, and `settle` each in the order of arrival.

use arrayvec::ArrayVec;
use gcm::Job;
use wire::{ICV_LEN, MACS_LEN, Pn};

use crate::limits::BURST_MAX;
use crate::replay::Replay;
use crate::tagged::{Checked, Layout, SaIndex, Tagged, Unkeyed};
use crate::{Discard, RxConfig, RxCounters, RxScs, Slot, ValidateFrames};

/// A frame that passed the early replay test.
struct Sealed {
    pn: Pn,
    tagged: Tagged,
    /// Its place in the burst.
    slot: u8,
    /// Its ICV was right.
    authentic: bool,
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
        // Side by side, one entry a sealed frame; a burst is no longer than the arrays.
        let mut jobs = ArrayVec::<Job<'_>, BURST_MAX>::new();
        let mut sealed = ArrayVec::<Sealed, BURST_MAX>::new();
        for (index, slot) in (0..).zip(burst.iter_mut()) {
            if slot.discard.is_some() {
                continue;
            }
            let tagged = match self.tagged_as_before(slot.frame()) {
                Some(tagged) => tagged,
                None => match self.check(slot.frame()) {
                    Ok(Checked::Tagged(tagged)) => tagged,
                    Ok(Checked::Unkeyed(unkeyed)) => {
                        self.let_through(slot, unkeyed);
                        continue;
                    }
                    Err(reason) => {
                        discard(slot, &mut self.counters, reason);
                        continue;
                    }
                },
            };
            match self.early_replay_test(&tagged) {
                Ok((pn, nonce)) => {
                    jobs.push(job(slot, &tagged, nonce));
                    sealed.push(Sealed {
                        pn,
                        tagged,
                        slot: index,
                        authentic: false,
                    });
                }
                Err(reason) => discard(slot, &mut self.counters, reason),
            }
        }
        self.open(&mut jobs, &mut sealed);
        drop(jobs);
        for frame in &sealed {
            self.settle(&mut burst[usize::from(frame.slot)], frame);
        }
    }

    /// Recovers the PN and tests it. Returns it with its nonce.
    #[inline]
    fn early_replay_test(&self, tagged: &Tagged) -> Result<(Pn, [u8; 12]), Discard> {
        let SaIndex { sc, an } = tagged.sa;
        let sa = &self.scs[usize::from(sc)].sas[an.index()];
        let sa = sa.as_ref().ok_or(Discard::InPktsNotUsingSa)?;
        let pn = sa.recover_pn(tagged.pn_low).ok_or(Discard::InPktsBadTag)?;
        refuse(sa.window.test(pn))?;
        let pn = Pn::new(pn).ok_or(Discard::InPktsLate)?;
        Ok((pn, sa.nonce(pn)))
    }

    /// Opens all, those of one SA in one call.
    fn open(&mut self, jobs: &mut [Job<'_>], sealed: &mut [Sealed]) {
        let Some(first) = sealed.first() else { return };
        let group = first.tagged.sa;
        if sealed.iter().all(|frame| frame.tagged.sa == group) {
            // The usual case.
            self.open_group(group, jobs);
            for (job, frame) in jobs.iter().zip(sealed) {
                frame.authentic = job.authentic;
            }
            return;
        }
        // Job n is that of frame order[n]. The jobs of each SA in turn are brought to the front of
        // what is left; the frames stay in the order of arrival.
        let mut order: [u8; BURST_MAX] = core::array::from_fn(|n| n as u8);
        let mut from = 0;
        while from < jobs.len() {
            let group = sealed[usize::from(order[from])].tagged.sa;
            let mut to = from;
            for n in from..jobs.len() {
                if sealed[usize::from(order[n])].tagged.sa == group {
                    jobs.swap(n, to);
                    order.swap(n, to);
                    to += 1;
                }
            }
            self.open_group(group, &mut jobs[from..to]);
            for (job, &index) in jobs[from..to].iter().zip(&order[from..to]) {
                sealed[usize::from(index)].authentic = job.authentic;
            }
            from = to;
        }
    }

    fn open_group(&mut self, SaIndex { sc, an }: SaIndex, jobs: &mut [Job<'_>]) {
        if let Some(sa) = &mut self.scs[usize::from(sc)].sas[an.index()] {
            sa.key.open(jobs);
        }
    }

    /// The replay test again, now that the frame is known to be authentic; then it counts as
    /// received, is stripped and let through. Or it is not authentic.
    #[inline]
    fn settle(&mut self, slot: &mut Slot<'_>, sealed: &Sealed) {
        let received = if sealed.authentic {
            self.receive(sealed)
        } else {
            accept_unauthentic(&self.config, &mut self.counters, sealed.tagged.changed)
        };
        match received {
            Ok(()) => {
                if sealed.tagged.layout.clear_len > 0 {
                    let clear_len = usize::from(sealed.tagged.layout.clear_len);
                    put_addresses_first(&mut slot.room[slot.start..], clear_len);
                }
                strip(slot, sealed.tagged.layout);
            }
            Err(reason) => discard(slot, &mut self.counters, reason),
        }
    }

    /// What is not strict: no key, but C = 0.
    #[cold]
    fn let_through(&mut self, slot: &mut Slot<'_>, unkeyed: Unkeyed) {
        match unkeyed {
            Unkeyed::Untagged => self.counters.in_pkts_untagged += 1,
            Unkeyed::Sci(layout) => {
                self.counters.in_pkts_unknown_sci += 1;
                strip(slot, layout);
            }
            Unkeyed::An(layout) => {
                self.counters.in_pkts_unused_sa += 1;
                strip(slot, layout);
            }
        }
    }

    #[inline]
    fn receive(&mut self, sealed: &Sealed) -> Result<(), Discard> {
        let SaIndex { sc, an } = sealed.tagged.sa;
        let Some(sa) = &mut self.scs[usize::from(sc)].sas[an.index()] else {
            return Err(Discard::InPktsNotUsingSa);
        };
        refuse(sa.window.test_and_mark(sealed.pn.value()))?;
        sa.in_pkts_ok += 1;
        self.counters.in_pkts_ok += 1;
        let octets = u64::from(sealed.tagged.layout.user_data_len);
        if sealed.tagged.encrypted {
            self.counters.in_octets_decrypted += octets;
        } else {
            self.counters.in_octets_validated += octets;
        }
        Ok(())
    }
}

/// The ICV is wrong: 802.1AE 10.6.5 by validateFrames. The replay window stays as it is.
#[cold]
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

#[cold]
fn discard(slot: &mut Slot<'_>, counters: &mut RxCounters, reason: Discard) {
    slot.discard = Some(reason);
    counters
        .of(reason)
        .into_iter()
        .for_each(|counter| *counter += 1);
}

/// The frame from its addresses to its ICV, in one piece. `check` saw that all of it is inside
/// the frame, and the frame inside its room.
#[inline]
fn job<'a>(slot: &'a mut Slot<'_>, tagged: &Tagged, nonce: [u8; 12]) -> Job<'a> {
    let Layout {
        clear_len,
        sectag_len,
        user_data_len,
    } = tagged.layout;
    let (clear_len, header_len) = (usize::from(clear_len), MACS_LEN + usize::from(sectag_len));
    let user_data_len = usize::from(user_data_len);
    let end = slot.start + clear_len + header_len + user_data_len + ICV_LEN;
    let frame = &mut slot.room[slot.start..end];
    if clear_len > 0 {
        put_tags_first(frame, clear_len);
    }
    let aad_len = if tagged.encrypted {
        header_len
    } else {
        header_len + user_data_len
    };
    Job::new(&mut frame[clear_len..], aad_len, nonce)
}

// Tags in clear are the unusual case; they stay out of the way of the usual one.

#[inline(never)]
fn put_tags_first(frame: &mut [u8], clear_len: usize) {
    frame[..MACS_LEN + clear_len].rotate_left(MACS_LEN);
}

#[inline(never)]
fn put_addresses_first(frame: &mut [u8], clear_len: usize) {
    frame[..MACS_LEN + clear_len].rotate_right(MACS_LEN);
}

/// Takes SecTAG, ICV and pad away: the addresses and tags in clear move up to the user data.
#[inline]
fn strip(slot: &mut Slot<'_>, layout: Layout) {
    let Layout {
        clear_len,
        sectag_len,
        user_data_len,
    } = layout;
    let (sectag_len, clear_len) = (usize::from(sectag_len), usize::from(clear_len));
    let header_len = MACS_LEN + clear_len;
    let frame = &mut slot.room[slot.start..slot.start + header_len + sectag_len];
    if clear_len == 0 {
        // Apart because its length is a constant.
        let mut addresses = [0; MACS_LEN];
        addresses.copy_from_slice(&frame[..MACS_LEN]);
        frame[sectag_len..][..MACS_LEN].copy_from_slice(&addresses);
    } else {
        frame.copy_within(..header_len, sectag_len);
    }
    slot.start += sectag_len;
    slot.end = slot.start + header_len + usize::from(user_data_len);
}
