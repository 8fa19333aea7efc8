//! Where each field of a rekey frame stands, from the destination address on.

use core::ops::Range;

use wire::KeyId;

use crate::schedule::{KCV_LEN, MAC_LEN};
use crate::transfer::PIECE_LEN;

/// REKEY-1: octets of every rekey frame without a piece, addresses included, FCS not.
pub const FRAME_LEN: usize = 216;

/// REKEY-1: octets of a frame with a piece of a KEM's keys or ciphertexts.
pub const FRAME_LEN_MAX: usize = FRAME_LEN + PIECE_LEN;

pub(super) const VERSION: u8 = 1;
// Types.
pub(super) const HELLO: u8 = 1;
pub(super) const OFFER: u8 = 2;
pub(super) const READY: u8 = 3;
pub(super) const BYE: u8 = 4;
pub(super) const KEM_KEY: u8 = 5;
pub(super) const KEM_TEXT: u8 = 6;
pub(super) const KEM_HAVE: u8 = 7;
pub(super) const KEM_DONE: u8 = 8;

// Octets from the destination address on.
pub(super) const DESTINATION: Range<usize> = 0..6;
pub(super) const SOURCE: Range<usize> = 6..12;
pub(super) const ETHERTYPE: Range<usize> = 12..14;
pub(super) const VERSION_AT: usize = 14;
pub(super) const TYPE_AT: usize = 15;
pub(super) const REASON_AT: usize = 16;
pub(super) const SUITE_AT: usize = 17;
pub(super) const AN_AT: usize = 18;
pub(super) const ORIGIN_AT: usize = 19;
pub(super) const TX_SCS: Range<usize> = 20..22;
pub(super) const SCI_SRC: Range<usize> = 22..30;
pub(super) const SESSION_SRC: Range<usize> = 30..38;
pub(super) const SESSION_DST: Range<usize> = 38..46;
pub(super) const CTR: Range<usize> = 46..54;
pub(super) const CHALLENGE: Range<usize> = 54..70;
pub(super) const RESPONSE: Range<usize> = 70..86;
pub(super) const EPOCH: Range<usize> = 86..90;
pub(super) const TX_EPOCH: Range<usize> = 90..94;
pub(super) const RX_EPOCH: Range<usize> = 94..98;
pub(super) const INTERVAL_MS: Range<usize> = 98..102;
pub(super) const KCV: Range<usize> = 102..118;
pub(super) const KEY_ID_LEN_AT: usize = 118;
pub(super) const KEY_ID: Range<usize> = 119..183;
// A HELLO has what it announces in the place of the key_ID (REKEY-60).
pub(super) const MTU: Range<usize> = 119..121;
pub(super) const CLEAR_TAGS_AT: usize = 121;
pub(super) const LEDGER_NUMBER: Range<usize> = 122..130;
pub(super) const LEDGER_HASH: Range<usize> = 130..162;
pub(super) const POLICY_AT: usize = 183;
pub(super) const ROOT_EPOCH: Range<usize> = 184..188;
pub(super) const ROOT: Range<usize> = 188..192;
pub(super) const INDEX_AT: usize = 192;
pub(super) const HAVE: Range<usize> = 193..195;
pub(super) const RX_HELD: Range<usize> = 195..199;
pub(super) const RESERVED: Range<usize> = 199..200;
/// The part that all types have in common. For most types it is the whole frame except the MAC.
pub(super) const COMMON: Range<usize> = 0..200;
/// Behind the common octets of a frame with a piece.
pub(super) const PIECE: Range<usize> = 200..476;

const _: () = {
    assert!(RESERVED.end == COMMON.end && COMMON.end + MAC_LEN == FRAME_LEN);
    assert!(PIECE.start == COMMON.end && PIECE.end - PIECE.start == PIECE_LEN);
    assert!(PIECE.end + MAC_LEN == FRAME_LEN_MAX && FRAME_LEN_MAX <= 512);
    assert!(KCV.end - KCV.start == KCV_LEN);
    assert!(MTU.start == KEY_ID.start && LEDGER_HASH.end <= KEY_ID.end);
    assert!(KEY_ID.end - KEY_ID.start == KeyId::LEN_MAX);
};
