//! Numbers of the standard, our own limits, and the estimate that relates them.

/// Upper limit for frames in one engine call.
pub const BURST_MAX: usize = gcm::BURST_MAX;
/// SAs of one SC, since the AN has two bits.
pub const SAS_PER_SC: usize = 4;
/// Upper limit for receive SCs of one worker: a peer may have this number of transmitting workers.
pub const RX_SCS_MAX: usize = 16;
/// Upper limit for VLAN tags in clear in front of the SecTAG.
pub const CLEAR_VLAN_TAGS_MAX: u8 = 2;
/// Octets of the longest protected frame, from the addresses to the ICV; the engines set this
/// limit.
pub const PROTECTED_LEN_MAX: usize = gcm::FRAME_LEN_MAX + wire::ICV_LEN;

/// Last PN of the suites with a PN of 32 bits.
pub const PN_MAX_32: u64 = u32::MAX as u64;
/// Last PN of the XPN suites.
pub const PN_MAX_64: u64 = u64::MAX;

/// PNs that a replay bitmap holds: 2 KiB for each rx SA.
pub const REPLAY_BITS: usize = 16_384;
/// Longest replay window. It is one word shorter than the bitmap, since the window rarely starts at
/// the first bit of a word.
pub const REPLAY_WINDOW_MAX: u32 = REPLAY_BITS as u32 - u64::BITS;

// The estimate: shortest frames at 100 Gbit/s, and a key life of 3 s.

/// Nominal key life in the estimate.
const REKEY_INTERVAL_MS: u64 = 3_000;
/// Time for which a receiver keeps the previous SA, in the estimate.
const RX_GRACE_MS: u64 = 500;
/// Fastest line of the estimate.
const LINE_BIT_PER_S: u64 = 100_000_000_000;
/// Octets on the line for the shortest frame: preamble and gap, 64 octets with FCS, overhead.
const LINE_OCTETS_MIN: u64 = 20 + 64 + wire::OVERHEAD_MAX as u64;
/// 107.8 million.
const FRAMES_PER_S_MAX: u64 = LINE_BIT_PER_S / 8 / LINE_OCTETS_MIN;

const _: () = {
    // PN budget: at line rate a PN of 32 bits lasts 39.9 s, more than ten key lives. So a suite
    // without XPN is safe while rekeying works. Only XPN is safe when rekeying fails.
    assert!(FRAMES_PER_S_MAX * REKEY_INTERVAL_MS / 1_000 * 10 < PN_MAX_32);
    assert!(PN_MAX_32 / FRAMES_PER_S_MAX < 60);
    assert!(PN_MAX_64 / FRAMES_PER_S_MAX / 86_400 / 365 > 1_000);
    // An AN is reused after four key lives. Its old SA must be gone by then, since an install over
    // an SA in use is refused. The old SA lives one key life and the grace, less than half of that
    // time.
    assert!(SAS_PER_SC as u64 * REKEY_INTERVAL_MS > 2 * (REKEY_INTERVAL_MS + RX_GRACE_MS));
    // A frame may be late by the frames that all SCs of a peer have in flight, one burst for each
    // SC.
    assert!(REPLAY_WINDOW_MAX as usize >= RX_SCS_MAX * BURST_MAX);
    // XPN recovery needs a window below half of the low PN's range; this limit is a quarter.
    assert!((REPLAY_WINDOW_MAX as u64) < 1 << 30);
    // Indices of frames and of SAs in a burst are octets; `ReplayWindow::mark_run` takes up to 64
    // PNs.
    assert!(BURST_MAX <= u64::BITS as usize && RX_SCS_MAX * SAS_PER_SC <= u8::MAX as usize);
    // The index of the replay ring is a mask.
    assert!(REPLAY_BITS.is_power_of_two());
    // A jumbo frame of 9216 octets with two tags in clear can be protected.
    assert!(PROTECTED_LEN_MAX >= 9_216 + 2 * wire::VLAN_TAG_LEN + wire::OVERHEAD_MAX);
    assert!(gcm::ICV_LEN == wire::ICV_LEN);
};
