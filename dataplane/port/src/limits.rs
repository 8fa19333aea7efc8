//! Every limit of this crate, and how they relate.

use std::time::Duration;

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
/// What a frame may have beyond its MTU.
pub const HEADERS_MAX: usize = ETHERNET_HEADER + VLAN_TAGS;
/// The largest MTU that a port carries.
pub const MTU_MAX: usize = 9216;
/// The smallest MTU of an Ethernet device (and of every IPv4 link).
pub const MTU_MIN: usize = 68;
/// Octets that a core fetches at once; rooms begin on such lines.
pub const CACHE_LINE: usize = 64;
/// Buffers of a pool, if the config does not say otherwise: some bursts in flight.
pub const POOL_FRAMES: usize = 1024;
/// Buffers of a pool, at most (with 9000-octet frames 600 MB: more is a mistake).
pub const POOL_FRAMES_MAX: usize = 1 << 16;

/// Octets of one block of a receive ring.
pub const RING_BLOCK: usize = 256 << 10;
/// Octets of a receive ring, if the config does not say otherwise: 5000 frames of 1500 octets, so
/// 10 ms at half a million a second; a scheduler may keep a worker from its core that long. A
/// ring that fits the cache is cheaper (640 ns a frame with 1 MiB, 760 with 8, 880 with 16).
pub const RING_OCTETS: usize = 32 * RING_BLOCK;
/// Octets of a receive ring, at least.
pub const RING_OCTETS_MIN: usize = RING_BLOCK;
/// Octets of a receive ring, at most.
pub const RING_OCTETS_MAX: usize = 1024 * RING_BLOCK;
/// How often a send that found the device busy is tried again at once.
pub const SEND_TRIES: u32 = 3;
/// Bursts without a frame before a port looks whether its interface is well. Some rounds of an
/// adaptive idle wait; some microseconds of a busy one.
pub const EMPTIES_BEFORE_LOOK: u32 = 1024;

/// Entries of each ring of an AF_XDP socket.
pub const XDP_RING: u32 = 2048;
/// Queues of one interface that AF_XDP binds, at most.
pub const QUEUES_MAX: usize = 64;
/// What the kernel leaves free in front of a frame in a chunk (XDP_PACKET_HEADROOM).
pub const CHUNK_HEADROOM: usize = 256;
/// Octets that may wait in the send socket of an AF_PACKET port: two bursts of jumbo frames, each of
/// which the kernel counts as 16 KiB and more.
pub const SEND_BUFFER: i32 = 4 << 20;
/// Pieces of a frame, at most: what the kernel puts into one of its own (MAX_SKB_FRAGS).
pub const PIECES_MAX: usize = 17;
/// How long a call polls the device, where busy polling is asked for.
pub const BUSY_POLL_US: u32 = 20;
/// How often a busy queue is tried again when a port is opened, and the pause in between.
pub const BUSY_TRIES: u32 = 50;
/// See [`BUSY_TRIES`].
pub const BUSY_PAUSE: Duration = Duration::from_millis(10);
/// Octets of a chunk that no frame may have.
pub const CHUNK_OVERHEAD: usize = CHUNK_HEADROOM + TAILROOM;
/// Octets of a chunk for MTUs of usual Ethernet.
pub const CHUNK_LEN_SMALL: usize = 2048;
/// Octets of a chunk beyond: a page, the most that the kernel takes.
pub const CHUNK_LEN: usize = 4096;
/// Chunks of a memory, if the config does not say otherwise: fill and tx rings of red and black.
pub const CHUNKS: usize = 16384;
/// Chunks of a memory, at least: one fill ring, and bursts under way.
pub const CHUNKS_MIN: usize = XDP_RING as usize + POOL_FRAMES;

/// Memory of DPDK in MiB, if the config does not say otherwise: two pools of usual frames, and rings.
pub const DPDK_MEMORY_MB: usize = 256;
/// Memory of DPDK in MiB, at least: EAL itself, and the smallest pool.
pub const DPDK_MEMORY_MB_MIN: usize = 64;
/// Memory of DPDK in MiB, at most.
pub const DPDK_MEMORY_MB_MAX: usize = 64 << 10;
/// Octets of a DPDK device's name and arguments, at most.
pub const DPDK_DEVARGS_LEN: usize = 256;
/// Lines of DPDK's log that an error quotes, at most.
pub const DPDK_LOG_LINES: usize = 6;
/// Characters of such a line, at most.
pub const DPDK_LOG_LINE_LEN: usize = 200;
/// How old what is known of a DPDK device may be.
pub const DPDK_LOOK_EVERY: Duration = Duration::from_millis(100);
/// Frames that wait in a receive queue of a DPDK device: a worker that sleeps for 50 µs misses none
/// at 40 million a second.
pub const RX_DESCRIPTORS: u16 = 2048;
/// Frames that wait in a transmit queue of a DPDK device.
pub const TX_DESCRIPTORS: u16 = 1024;
/// mbufs of a pool, if the config does not say otherwise. One less than a power of two: a pool's ring
/// has such a length.
pub const MBUFS: usize = (1 << 14) - 1;
/// mbufs of a pool, at least: rings of red and black, stocks of threads, and bursts under way.
pub const MBUFS_MIN: usize = (1 << 13) - 1;
/// mbufs of a pool, at most.
pub const MBUFS_MAX: usize = (1 << 20) - 1;
/// Octets that DPDK leaves free in front of a frame (RTE_PKTMBUF_HEADROOM).
pub const MBUF_HEADROOM: usize = 128;
/// Octets of an mbuf behind its headroom, at least: what some drivers ask for.
pub const MBUF_LEN: usize = 2048;
/// Octets of a slot of `net_af_packet` that no frame may have.
pub const SLOT_HEADER: usize = 128;
/// Octets of such a slot, at most: a power of two above the largest frame.
pub const SLOT_LEN_MAX: usize = 16384;
/// Octets of a block of such slots, as its driver has it.
pub const SLOT_BLOCK: usize = 4096;

/// Frames that wait for the recorder's disk; what comes beyond is not recorded.
pub const RECORDER_FRAMES: usize = 8192;
/// Octets of a recorder's buffer at the start; longer frames make theirs grow, once.
pub const RECORDER_FRAME_LEN: usize = 1600;

/// Octets of the longest frame under an MTU.
#[must_use]
pub const fn frame_len_max(mtu: usize) -> usize {
    HEADERS_MAX + mtu
}

/// Octets of a buffer for frames under an MTU, headroom and tailroom included.
#[must_use]
pub const fn room_len(mtu: usize) -> usize {
    (HEADROOM + frame_len_max(mtu) + TAILROOM).next_multiple_of(CACHE_LINE)
}

/// Some devices (igb, ixgbe) take buffers in whole units of this size, and cut a rest off.
pub const MBUF_UNIT: usize = 1024;
/// Octets of an mbuf for frames under an MTU, DPDK's headroom included; and as long as a slot of the
/// driver's ring, if it has slots.
#[must_use]
pub const fn data_room(mtu: usize, slot_len: Option<usize>) -> usize {
    let need = (frame_len_max(mtu) + TAILROOM).next_multiple_of(MBUF_UNIT);
    let need = if need < MBUF_LEN { MBUF_LEN } else { need };
    let need = match slot_len {
        Some(slot_len) if slot_len > need => slot_len,
        _ => need,
    };
    MBUF_HEADROOM + need
}

/// Octets that devices allow a frame beyond header and MTU: those of a tag.
#[must_use]
pub fn vlan_tag_len(octets: &[u8]) -> usize {
    match octets.get(12..14) {
        Some([0x81, 0x00] | [0x88, 0xa8]) => VLAN_TAGS / 2,
        _ => 0,
    }
}

/// Chunks that may wait for frames of one queue. Two ports share the memory; each has as many
/// again in its rx ring when the worker is late, and in its tx ring when the device is; the rest
/// is for frames under way.
#[must_use]
pub const fn fill_most(chunks: usize, queues: usize) -> u32 {
    let most = chunks / (8 * queues);
    let least = BURST_MAX;
    let most = if most < least { least } else { most };
    if most < XDP_RING as usize {
        most as u32
    } else {
        XDP_RING
    }
}

const _: () = {
    assert!(fill_most(CHUNKS, 1) == XDP_RING && fill_most(CHUNKS, 2) == XDP_RING / 2);
    // SecTAG with SCI, and an ICV, twice: a frame may be protected again by the next box's test.
    assert!(HEADROOM >= 2 * 16 && TAILROOM >= 2 * 16);
    assert!(HEADROOM.is_multiple_of(CACHE_LINE));
    assert!(POOL_FRAMES >= 4 * BURST_MAX && POOL_FRAMES <= POOL_FRAMES_MAX);
    assert!(room_len(MTU_MAX) < u16::MAX as usize);
    assert!(frame_len_max(MTU_MAX) <= PIECES_MAX * (CHUNK_LEN_SMALL - CHUNK_HEADROOM));
    assert!(XDP_RING.is_power_of_two() && CHUNK_HEADROOM >= HEADROOM);
    assert!(CHUNK_LEN_SMALL - CHUNK_OVERHEAD >= frame_len_max(1500 + 32));
    assert!(CHUNKS >= 2 * CHUNKS_MIN && CHUNKS <= POOL_FRAMES_MAX);
    // SecTAG and ICV fit in the mbuf; the pool fits the memory; red and black fit the pool.
    assert!(MBUF_HEADROOM >= HEADROOM && data_room(MTU_MAX, None) < u16::MAX as usize);
    assert!(MBUF_UNIT.is_multiple_of(CACHE_LINE));
    assert!((data_room(9000, None) - MBUF_HEADROOM).is_multiple_of(MBUF_UNIT));
    assert!(SLOT_LEN_MAX >= frame_len_max(MTU_MAX) + SLOT_HEADER);
    assert!(data_room(MTU_MAX, Some(SLOT_LEN_MAX)) < u16::MAX as usize);
    assert!(MBUFS_MIN * data_room(1532, None) < DPDK_MEMORY_MB_MIN << 20);
    assert!(2 * MBUFS * data_room(1532, None) < DPDK_MEMORY_MB << 20);
    assert!(MBUFS_MIN > 2 * (RX_DESCRIPTORS + TX_DESCRIPTORS) as usize + 2 * 512 + 2 * BURST_MAX);
    assert!(RING_BLOCK >= 2 * room_len(MTU_MAX));
    assert!(RING_OCTETS_MIN <= RING_OCTETS && RING_OCTETS <= RING_OCTETS_MAX);
};
