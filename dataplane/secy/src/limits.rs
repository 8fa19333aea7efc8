//! Numbers of the standard and our own limits, and the sketch that relates them.

/// Frames that one engine call takes.
pub const BURST_MAX: usize = gcm::BURST_MAX;
/// SAs of one SC: the AN has two bits.
pub const SAS_PER_SC: usize = 4;
/// Receive SCs of one worker: as many as a peer may have transmitting workers.
pub const RX_SCS_MAX: usize = 16;
/// VLAN tags that may stay in clear in front of the SecTAG.
pub const CLEAR_VLAN_TAGS_MAX: u8 = 2;
/// Octets of the longest protected frame, addresses to ICV: what the engines take.
pub const PROTECTED_LEN_MAX: usize = gcm::FRAME_LEN_MAX + wire::ICV_LEN;

/// Last PN of the suites with a PN of 32 bits.
pub const PN_MAX_32: u64 = u32::MAX as u64;
/// Last PN of the XPN suites.
pub const PN_MAX_64: u64 = u64::MAX;

/// PNs that a replay bitmap remembers: 2 KiB for each rx SA.
pub const REPLAY_BITS: usize = 16_384;
/// Longest replay window. A whole word less than the bitmap, as the window rarely starts at a
/// word's first bit.
pub const REPLAY_WINDOW_MAX: u32 = REPLAY_BITS as u32 - u64::BITS;

// The sketch: shortest frames at 100 Gbit/s, against a key life of 3 s.

/// Nominal key life in the sketch.
const REKEY_INTERVAL_MS: u64 = 3_000;
/// How long a receiver keeps the SA before, in the sketch.
const RX_GRACE_MS: u64 = 500;
/// Fastest line of the sketch.
const LINE_BIT_PER_S: u64 = 100_000_000_000;
/// Octets on the line of the shortest frame: preamble and gap, 64 of frame with FCS, overhead.
const LINE_OCTETS_MIN: u64 = 20 + 64 + wire::OVERHEAD_MAX as u64;
/// 107.8 million.
const FRAMES_PER_S_MAX: u64 = LINE_BIT_PER_S / 8 / LINE_OCTETS_MIN;

const _: () = {
    // PN budget: even a PN of 32 bits outlives ten key lives at line rate; it takes 39.8 s to
    // spend, so a suite without XPN is safe while rekeying works, and only XPN when it does not.
    assert!(FRAMES_PER_S_MAX * REKEY_INTERVAL_MS / 1_000 * 10 < PN_MAX_32);
    assert!(PN_MAX_32 / FRAMES_PER_S_MAX < 60);
    assert!(PN_MAX_64 / FRAMES_PER_S_MAX / 86_400 / 365 > 1_000);
    // An AN comes back after four key lives. The SA that had it must be gone by then, since
    // installing over an SA in use is refused; it is after one life and the grace, half of that.
    assert!(SAS_PER_SC as u64 * REKEY_INTERVAL_MS > 2 * (REKEY_INTERVAL_MS + RX_GRACE_MS));
    // A frame may be late by what all SCs of a peer can have in flight in one burst each.
    assert!(REPLAY_WINDOW_MAX as usize >= RX_SCS_MAX * BURST_MAX);
    // XPN recovery is sure only where the window is under half of the low PN's range.
    assert!((REPLAY_WINDOW_MAX as u64) < 1 << 30);
    // Indices of frames and of SAs in a burst are octets; authentic frames are a mask of 64 bits.
    assert!(BURST_MAX <= u64::BITS as usize && RX_SCS_MAX * SAS_PER_SC <= u8::MAX as usize);
    // The replay ring is indexed by masking.
    assert!(REPLAY_BITS.is_power_of_two());
    // A jumbo frame of 9216 octets with two tags in clear can be protected.
    assert!(PROTECTED_LEN_MAX >= 9_216 + 2 * wire::VLAN_TAG_LEN + wire::OVERHEAD_MAX);
    assert!(gcm::ICV_LEN == wire::ICV_LEN);
};
