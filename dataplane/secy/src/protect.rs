//! Protect, 802.1AE 10.5: from the red port to the black port.
//!
//! ```text
//! in                 [headroom]        DA SA (tags) | user data [tailroom]
//! sealed as    (tags) DA SA SecTAG                  | user data ICV
//! out                 DA SA (tags) SecTAG           | user data ICV
//! ```
//! Tags in clear are not authenticated, so they move in front of the addresses while the rest is
//! sealed as one piece.

use arrayvec::ArrayVec;
use gcm::Job;
use wire::{
    Channel, EthernetFrame, ICV_LEN, MACS_LEN, SECTAG_LEN_MAX, SecTag, VLAN_TAG_LEN, short_len,
};

use crate::limits::BURST_MAX;
use crate::{Buffer, Discard, Protection, TxSa, TxSc, TxScConfig};

impl TxSc {
    /// Protects each frame of the burst in place, or discards it. Returns the number of discarded
    /// frames. More than [`BURST_MAX`] frames are split into several bursts.
    #[inline]
    pub fn protect<B: Buffer>(&mut self, burst: &mut [B]) -> usize {
        // Usual case, separate because its lengths are constants.
        let usual = self.config.explicit_sci && self.config.clear_vlan_tags == 0;
        let half = if usual {
            Self::protect_burst::<B, true>
        } else {
            Self::protect_burst::<B, false>
        };
        let bursts = burst.chunks_mut(BURST_MAX);
        bursts.map(|burst| half(self, burst)).sum()
    }

    /// Protects one burst. `USUAL`: the SCI is in the SecTAG, and no tags are in clear.
    fn protect_burst<B: Buffer, const USUAL: bool>(&mut self, burst: &mut [B]) -> usize {
        let Self {
            config,
            sa,
            counters,
        } = self;
        let mut discarded = 0;
        let mut discard = |buffer: &mut B, reason| {
            buffer.discard(reason);
            discarded += 1;
            counters
                .of(reason)
                .into_iter()
                .for_each(|counter| *counter += 1);
        };
        let Some(sa) = sa else {
            for buffer in burst {
                discard(buffer, Discard::OutPktsNoSa);
            }
            return discarded;
        };
        let sectag = sectag(config, sa);
        let encrypted = sectag.encrypted;
        let mut octets = 0;
        let mut clear_tags = [0; BURST_MAX];
        let mut jobs = ArrayVec::<Job<'_>, BURST_MAX>::new();
        for (buffer, clear_tags) in burst.iter_mut().zip(&mut clear_tags) {
            match tag::<B, USUAL>(config, sa, sectag, buffer) {
                Ok(Tagged {
                    tags,
                    user_data_len,
                    nonce,
                }) => {
                    *clear_tags = tags;
                    octets += user_data_len as u64;
                    let (room, start, end) = buffer.room_mut();
                    let frame = &mut room[start + usize::from(tags) * VLAN_TAG_LEN..end];
                    let payload_len = if encrypted { user_data_len } else { 0 };
                    let aad_len = frame.len() - ICV_LEN - payload_len;
                    // A burst is no longer than the array.
                    jobs.push(Job::new(frame, aad_len, nonce));
                }
                Err(reason) => discard(buffer, reason),
            }
        }
        let frames = jobs.len() as u64;
        sa.key.seal(&mut jobs);
        drop(jobs);
        if encrypted {
            counters.out_pkts_encrypted += frames;
            counters.out_octets_encrypted += octets;
        } else {
            counters.out_pkts_protected += frames;
            counters.out_octets_protected += octets;
        }
        if !USUAL {
            for (buffer, tags) in burst.iter_mut().zip(clear_tags) {
                put_addresses_first(buffer, tags);
            }
        }
        discarded
    }
}

/// The part of the SecTAG that all frames of a burst have in common.
fn sectag(config: &TxScConfig, sa: &TxSa) -> SecTag {
    let encrypted = config.protection == Protection::Confidentiality;
    let channel = if config.explicit_sci {
        Channel::Explicit(config.sci)
    } else {
        Channel::Implied {
            end_station: true,
            scb: false,
        }
    };
    SecTag {
        an: sa.id().an,
        encrypted,
        changed: encrypted,
        channel,
        short_len: 0,
        pn_low: 0,
    }
}

/// A frame with its SecTAG and room for its ICV.
struct Tagged {
    /// Number of VLAN tags in clear.
    tags: u8,
    user_data_len: usize,
    nonce: [u8; 12],
}

/// Gives the frame its PN, its SecTAG and room for its ICV. Changes the frame only after all
/// checks, and takes the PN last, so that a frame dropped here uses no PN.
#[inline(always)]
fn tag<B: Buffer, const USUAL: bool>(
    config: &TxScConfig,
    sa: &mut TxSa,
    sectag: SecTag,
    buffer: &mut B,
) -> Result<Tagged, Discard> {
    let (room, start, end) = buffer.room_mut();
    let frame = room.get(start..end).and_then(EthernetFrame::parse);
    let view = frame.ok_or(Discard::OutPktsTooShort)?;
    let tags = if USUAL {
        0
    } else {
        view.vlan_tags(usize::from(config.clear_vlan_tags))
    };
    let header_len = MACS_LEN + tags * VLAN_TAG_LEN;
    let user_data_len = end - start - header_len;

    let sectag_len = if USUAL { SECTAG_LEN_MAX } else { sectag.len() };
    if end - start + sectag_len + ICV_LEN > config.frame_len_max {
        return Err(Discard::OutPktsTooLong);
    }
    let new_start = start
        .checked_sub(sectag_len)
        .ok_or(Discard::OutPktsNoRoom)?;
    let new_end = end + ICV_LEN;
    let frame = room
        .get_mut(new_start..new_end)
        .ok_or(Discard::OutPktsNoRoom)?;

    let pn = sa.take_pn().ok_or(Discard::OutPktsPnExhausted)?;
    let sectag = SecTag {
        short_len: short_len(user_data_len),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the low half is what is sent"
        )]
        pn_low: pn.value() as u32,
        ..sectag
    };
    // `frame` starts with headroom of the SecTAG's length, then comes the header.
    if tags == 0 {
        let mut addresses = [0; MACS_LEN];
        addresses.copy_from_slice(&frame[sectag_len..sectag_len + MACS_LEN]);
        frame[..MACS_LEN].copy_from_slice(&addresses);
    } else {
        frame.copy_within(sectag_len..sectag_len + header_len, 0);
        frame[..header_len].rotate_left(MACS_LEN);
    }
    sectag.emit(&mut frame[header_len..]);
    buffer.set_range(new_start, new_end);
    Ok(Tagged {
        #[expect(clippy::cast_possible_truncation, reason = "at most two")]
        tags: tags as u8,
        user_data_len,
        nonce: sa.nonce(pn),
    })
}

fn put_addresses_first(buffer: &mut impl Buffer, clear_tags: u8) {
    let (room, start, _) = buffer.room_mut();
    let header = start..start + MACS_LEN + usize::from(clear_tags) * VLAN_TAG_LEN;
    if clear_tags > 0
        && let Some(header) = room.get_mut(header)
    {
        header.rotate_right(MACS_LEN);
    }
}
