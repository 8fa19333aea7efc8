//! Protect, 802.1AE 10.5: from the red port to the black one.
//!
//! ```text
//! in                 [headroom]        DA SA (tags) | user data [tailroom]
//! sealed as    (tags) DA SA SecTAG                  | user data ICV
//! out                 DA SA (tags) SecTAG           | user data ICV
//! ```
//! Tags in clear are not authenticated, so they step aside while the rest is one piece.

use arrayvec::ArrayVec;
use gcm::Job;
use wire::{Channel, EthernetFrame, ICV_LEN, MACS_LEN, SecTag, VLAN_TAG_LEN, short_len};

use crate::limits::BURST_MAX;
use crate::{Discard, Protection, Slot, TxSa, TxSc, TxScConfig};

impl TxSc {
    /// Protects each frame of the burst in place, or marks it with its discard. More than
    /// [`BURST_MAX`] frames are taken as several bursts.
    pub fn protect(&mut self, burst: &mut [Slot<'_>]) {
        for burst in burst.chunks_mut(BURST_MAX) {
            self.protect_burst(burst);
        }
    }

    fn protect_burst(&mut self, burst: &mut [Slot<'_>]) {
        let Self {
            config,
            sa,
            counters,
        } = self;
        let Some(sa) = sa else {
            for slot in burst.iter_mut().filter(|slot| slot.discard.is_none()) {
                slot.discard = Some(Discard::OutPktsNoSa);
                counters.out_pkts_no_sa += 1;
            }
            return;
        };
        let (mut frames, mut octets) = (0, 0);
        let mut clear_tags = [0; BURST_MAX];
        let mut jobs = ArrayVec::<Job<'_>, BURST_MAX>::new();
        for (slot, clear_tags) in burst.iter_mut().zip(&mut clear_tags) {
            let Slot {
                room,
                start,
                end,
                discard,
            } = slot;
            if discard.is_some() {
                continue;
            }
            match tag(config, sa, room, start, end, clear_tags) {
                Ok((job, user_data_len)) => {
                    frames += 1;
                    octets += user_data_len as u64;
                    jobs.push(job); // a burst is no longer than the array
                }
                Err(reason) => {
                    *discard = Some(reason);
                    counters
                        .of(reason)
                        .into_iter()
                        .for_each(|counter| *counter += 1);
                }
            }
        }
        sa.key.seal(&mut jobs);
        drop(jobs);
        match config.protection {
            Protection::Confidentiality => {
                counters.out_pkts_encrypted += frames;
                counters.out_octets_encrypted += octets;
            }
            Protection::IntegrityOnly => {
                counters.out_pkts_protected += frames;
                counters.out_octets_protected += octets;
            }
        }
        if config.clear_vlan_tags > 0 {
            for (slot, clear_tags) in burst.iter_mut().zip(clear_tags) {
                put_addresses_first(slot, clear_tags);
            }
        }
    }
}

/// Gives the frame its PN, its SecTAG and the place of its ICV. Moves `start` and `end` only when
/// nothing can fail any more, and takes the PN last, so that a frame dropped here costs none.
/// Returns the octets of user data beside the job.
#[inline]
fn tag<'a>(
    config: &TxScConfig,
    sa: &mut TxSa,
    room: &'a mut [u8],
    start: &mut usize,
    end: &mut usize,
    clear_tags: &mut usize,
) -> Result<(Job<'a>, usize), Discard> {
    let frame = room.get(*start..*end).and_then(EthernetFrame::parse);
    let view = frame.ok_or(Discard::OutPktsTooShort)?;
    let tags = view.vlan_tags(usize::from(config.clear_vlan_tags));
    let header_len = MACS_LEN + tags * VLAN_TAG_LEN;
    let user_data_len = *end - *start - header_len;

    let encrypted = config.protection == Protection::Confidentiality;
    let channel = if config.explicit_sci {
        Channel::Explicit(config.sci)
    } else {
        Channel::Implied {
            end_station: true,
            scb: false,
        }
    };
    let mut sectag = SecTag {
        an: sa.id().an,
        encrypted,
        changed: encrypted,
        channel,
        short_len: short_len(user_data_len),
        pn_low: 0,
    };
    let sectag_len = sectag.len();
    if *end - *start + sectag_len + ICV_LEN > config.frame_len_max {
        return Err(Discard::OutPktsTooLong);
    }
    let new_start = start
        .checked_sub(sectag_len)
        .ok_or(Discard::OutPktsNoRoom)?;
    let frame = room
        .get_mut(new_start..*end + ICV_LEN)
        .ok_or(Discard::OutPktsNoRoom)?;

    let pn = sa.take_pn().ok_or(Discard::OutPktsPnExhausted)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low half is what is sent"
    )]
    {
        sectag.pn_low = pn.value() as u32;
    }
    *start = new_start;
    *end += ICV_LEN;
    *clear_tags = tags;

    // The front of `frame` is the SecTAG's length of headroom, then the header.
    if tags == 0 {
        // The usual case, apart because its lengths are constants.
        let mut addresses = [0; MACS_LEN];
        addresses.copy_from_slice(&frame[sectag_len..sectag_len + MACS_LEN]);
        frame[..MACS_LEN].copy_from_slice(&addresses);
    } else {
        frame.copy_within(sectag_len..sectag_len + header_len, 0);
        frame[..header_len].rotate_left(MACS_LEN);
    }
    let frame = &mut frame[header_len - MACS_LEN..];
    sectag.emit(&mut frame[MACS_LEN..]);
    let aad_len = if encrypted {
        MACS_LEN + sectag_len
    } else {
        MACS_LEN + sectag_len + user_data_len
    };
    Ok((Job::new(frame, aad_len, sa.nonce(pn)), user_data_len))
}

fn put_addresses_first(slot: &mut Slot<'_>, clear_tags: usize) {
    let header = slot.start..slot.start + MACS_LEN + clear_tags * VLAN_TAG_LEN;
    if clear_tags > 0
        && let Some(header) = slot.room.get_mut(header)
    {
        header.rotate_right(MACS_LEN);
    }
}
