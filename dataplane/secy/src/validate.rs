//! The steps of validate for one frame: the early replay test, the layout for the engine, and after
//! the engine the replay test again, the counters and the strip.

use gcm::Job;
use wire::{ICV_LEN, MACS_LEN, Pn, SECTAG_LEN_MAX};

use crate::buffer::frame_of;
use crate::replay::Replay;
use crate::tagged::{Layout, Tagged};
use crate::{Buffer, Discard, RxConfig, RxCounters, RxSa, ValidateFrames};

/// A frame that passed the early replay test.
pub(crate) struct Sealed {
    pub(crate) pn: Pn,
    pub(crate) tagged: Tagged,
    /// The ICV is right.
    pub(crate) authentic: bool,
}

/// Recovers the PN and tests it, before any other work on the frame.
#[inline]
pub(crate) fn early_replay_test(sa: &RxSa, pn_low: u32) -> Result<Pn, Discard> {
    let pn = sa.recover_pn(pn_low).ok_or(Discard::InPktsBadTag)?;
    refuse(sa.window.test(pn))?;
    Pn::new(pn).ok_or(Discard::InPktsLate)
}

/// Repeats the replay test for an authentic frame, counts the frame as received, strips it and
/// passes it on. Otherwise it applies validateFrames. Returns the number of discarded frames, 0
/// or 1.
// Always inlined: otherwise it costs ten instructions per frame.
#[inline(always)]
pub(crate) fn settle(
    config: &RxConfig,
    counters: &mut RxCounters,
    sa: &mut RxSa,
    buffer: &mut impl Buffer,
    sealed: &Sealed,
) -> usize {
    let settled = if sealed.authentic {
        receive(counters, sa, sealed)
    } else {
        accept_unauthentic(config, counters, sealed.tagged.changed)
    };
    match settled {
        Ok(()) => {
            let layout = sealed.tagged.layout;
            if layout.clear_len > 0 {
                put_addresses_first(frame_of(buffer), usize::from(layout.clear_len));
            }
            strip(buffer, layout);
            0
        }
        Err(reason) => discard(buffer, counters, reason),
    }
}

#[inline]
fn receive(counters: &mut RxCounters, sa: &mut RxSa, sealed: &Sealed) -> Result<(), Discard> {
    refuse(sa.window.test_and_mark(sealed.pn.value()))?;
    let octets = u64::from(sealed.tagged.layout.user_data_len);
    count_ok(counters, sa, sealed.tagged.encrypted, 1, octets);
    Ok(())
}

#[inline]
pub(crate) fn count_ok(
    counters: &mut RxCounters,
    sa: &mut RxSa,
    encrypted: bool,
    frames: u64,
    octets: u64,
) {
    sa.in_pkts_ok += frames;
    counters.in_pkts_ok += frames;
    if encrypted {
        counters.in_octets_decrypted += octets;
    } else {
        counters.in_octets_validated += octets;
    }
}

/// The ICV is wrong: 802.1AE 10.6.5, by validateFrames. The replay window does not change.
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

/// Discards one frame.
#[cold]
pub(crate) fn discard(
    buffer: &mut impl Buffer,
    counters: &mut RxCounters,
    reason: Discard,
) -> usize {
    buffer.discard(reason);
    counters
        .of(reason)
        .into_iter()
        .for_each(|counter| *counter += 1);
    1
}

/// The frame from its addresses to its ICV as one contiguous piece. `check` has verified that all
/// of it is inside the frame.
#[inline]
pub(crate) fn job<'a>(frame: &'a mut [u8], tagged: &Tagged, nonce: [u8; 12]) -> Job<'a> {
    let Layout {
        clear_len,
        sectag_len,
        user_data_len,
    } = tagged.layout;
    let (clear_len, header_len) = (usize::from(clear_len), MACS_LEN + usize::from(sectag_len));
    let user_data_len = usize::from(user_data_len);
    if clear_len > 0 {
        put_tags_first(frame, clear_len);
    }
    let aad_len = if tagged.encrypted {
        header_len
    } else {
        header_len + user_data_len
    };
    let frame = &mut frame[clear_len..][..header_len + user_data_len + ICV_LEN];
    Job::new(frame, aad_len, nonce)
}

// Tags in clear are rare; these functions stay out of line, off the usual path.

#[inline(never)]
fn put_tags_first(frame: &mut [u8], clear_len: usize) {
    frame[..MACS_LEN + clear_len].rotate_left(MACS_LEN);
}

#[inline(never)]
fn put_addresses_first(frame: &mut [u8], clear_len: usize) {
    frame[..MACS_LEN + clear_len].rotate_right(MACS_LEN);
}

/// Removes SecTAG, ICV and pad: moves the addresses and the tags in clear up to the user data.
#[inline(always)]
pub(crate) fn strip(buffer: &mut impl Buffer, layout: Layout) {
    let (sectag_len, clear_len) = (
        usize::from(layout.sectag_len),
        usize::from(layout.clear_len),
    );
    let header_len = MACS_LEN + clear_len;
    let (room, start, end) = buffer.room_mut();
    let frame = &mut room[start..end];
    match frame.first_chunk_mut::<{ MACS_LEN + SECTAG_LEN_MAX }>() {
        // Usual case, separate because its lengths are constants.
        Some(front) if header_len == MACS_LEN && sectag_len == SECTAG_LEN_MAX => {
            front.copy_within(..MACS_LEN, SECTAG_LEN_MAX);
        }
        _ => frame.copy_within(..header_len, sectag_len),
    }
    let start = start + sectag_len;
    buffer.set_range(
        start,
        start + header_len + usize::from(layout.user_data_len),
    );
}
