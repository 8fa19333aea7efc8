//! Every limit of this crate, and how they relate.

/// Frames in one burst, at most.
pub const BURST_MAX: usize = 64;
/// Free octets in front of a received frame, at least: the SecTAG (16) goes there.
pub const HEADROOM: usize = 64;
/// Free octets behind a received frame, at least: the ICV (16) goes there.
pub const TAILROOM: usize = 64;
/// Destination, source, EtherType.
pub const ETHERNET_HEADER: usize = 14;
/// Two VLAN tags: what the devices let a frame have beyond its MTU.
pub const VLAN_TAGS: usize = 8;
/// The largest MTU that a port carries.
pub const MTU_MAX: usize = 9216;
/// The smallest MTU of an Ethernet device (and of every IPv4 link).
pub const MTU_MIN: usize = 68;
/// Rooms begin on cache lines.
pub const ROOM_ALIGN: usize = 64;
/// Buffers of a pool, if the config does not say otherwise: some bursts in flight.
pub const POOL_FRAMES: usize = 1024;
/// Buffers of a pool, at most (with 9000-octet frames 600 MB: more is a mistake).
pub const POOL_FRAMES_MAX: usize = 1 << 16;

/// Octets of the longest frame under an MTU.
#[must_use]
pub const fn frame_len_max(mtu: usize) -> usize {
    ETHERNET_HEADER + VLAN_TAGS + mtu
}

/// Octets of a buffer for frames under an MTU, headroom and tailroom included.
#[must_use]
pub const fn room_len(mtu: usize) -> usize {
    (HEADROOM + frame_len_max(mtu) + TAILROOM).next_multiple_of(ROOM_ALIGN)
}

const _: () = {
    // SecTAG with SCI, and an ICV, twice: a frame may be protected again by the next box's test.
    assert!(HEADROOM >= 2 * 16 && TAILROOM >= 2 * 16);
    assert!(HEADROOM.is_multiple_of(ROOM_ALIGN));
    assert!(POOL_FRAMES >= 4 * BURST_MAX && POOL_FRAMES <= POOL_FRAMES_MAX);
    assert!(room_len(MTU_MAX) < u16::MAX as usize);
};
