//! The limits of this crate, and the relations between them.

use std::time::Duration;

/// Maximum number of frames in a burst.
pub const BURST_MAX: usize = 64;
/// Minimum of free octets in front of a received frame. The SecTAG (16) goes there.
pub const HEADROOM: usize = 64;
/// Minimum of free octets behind a received frame. The ICV (16) goes there.
pub const TAILROOM: usize = 64;
/// Destination, source, EtherType.
pub const ETHERNET_HEADER: usize = 14;
/// Two VLAN tags, which devices accept beyond the MTU.
pub const VLAN_TAGS: usize = 8;
/// Maximum length of a frame beyond its MTU.
pub const HEADERS_MAX: usize = ETHERNET_HEADER + VLAN_TAGS;
/// The largest MTU that a port carries.
pub const MTU_MAX: usize = 9216;
/// The smallest MTU of an Ethernet device (and of every IPv4 link).
pub const MTU_MIN: usize = 68;
/// Octets of a cache line; rooms are aligned to it.
pub const CACHE_LINE: usize = 64;
/// Default number of buffers of a pool: several bursts.
pub const POOL_FRAMES: usize = 1024;
/// Maximum number of buffers of a pool (600 MB with 9000-octet frames).
pub const POOL_FRAMES_MAX: usize = 1 << 16;

/// Octets of one block of a receive ring.
pub const RING_BLOCK: usize = 256 << 10;
/// Default size of a receive ring in octets: 5000 frames of 1500 octets, or 10 ms at half a million
/// frames a second, because a scheduler may keep a worker off its core that long. A ring that fits
/// the cache is cheaper (640 ns a frame with 1 MiB, 760 with 8, 880 with 16).
pub const RING_OCTETS: usize = 32 * RING_BLOCK;
/// Minimum size of a receive ring in octets.
pub const RING_OCTETS_MIN: usize = RING_BLOCK;
/// Maximum size of a receive ring in octets.
pub const RING_OCTETS_MAX: usize = 1024 * RING_BLOCK;
/// Number of immediate retries of a send while the device is busy.
pub const SEND_TRIES: u32 = 3;
/// Empty bursts before a port checks its interface: several rounds of an adaptive idle wait, or
/// some microseconds of a busy one.
pub const EMPTIES_BEFORE_LOOK: u32 = 1024;

/// Entries of each ring of an AF_XDP socket.
pub const XDP_RING: u32 = 2048;
/// Maximum number of queues of an interface that AF_XDP binds.
pub const QUEUES_MAX: usize = 64;
/// Octets that the kernel leaves free in front of a frame in a chunk (XDP_PACKET_HEADROOM).
pub const CHUNK_HEADROOM: usize = 256;
/// Size of the send buffer of an AF_PACKET port in octets: two bursts of jumbo frames, each of
/// which the kernel counts as 16 KiB or more.
pub const SEND_BUFFER: i32 = 4 << 20;
/// Maximum number of pieces of a frame: the kernel's limit for its own buffers (MAX_SKB_FRAGS).
pub const PIECES_MAX: usize = 17;
/// Duration for which a call polls the device, if busy polling is on.
pub const BUSY_POLL_US: u32 = 20;
/// Number of retries to reserve an interface that a process which is ending still holds.
pub const BUSY_TRIES: u32 = 50;
/// Number of retries to attach a program or bind a queue that is busy. The kernel frees those of a
/// closed port in its own time: up to a second was seen on a loaded machine.
pub const XDP_BUSY_TRIES: u32 = 300;
/// Pause before each retry; see [`BUSY_TRIES`] and [`XDP_BUSY_TRIES`].
pub const BUSY_PAUSE: Duration = Duration::from_millis(10);
/// Octets of a chunk that a frame cannot use.
pub const CHUNK_OVERHEAD: usize = CHUNK_HEADROOM + TAILROOM;
/// Octets of a chunk for usual Ethernet MTUs.
pub const CHUNK_LEN_SMALL: usize = 2048;
/// Octets of a chunk for larger MTUs: a page, the kernel's maximum.
pub const CHUNK_LEN: usize = 4096;
/// Default number of chunks of a UMEM: fill and tx rings of red and black.
pub const CHUNKS: usize = 16384;
/// Minimum number of chunks of a UMEM: one fill ring, and bursts in progress.
pub const CHUNKS_MIN: usize = XDP_RING as usize + POOL_FRAMES;

/// Default memory of DPDK in MiB: two pools of usual frames, and rings.
pub const DPDK_MEMORY_MB: usize = 256;
/// Minimum memory of DPDK in MiB: EAL itself, and the smallest pool.
pub const DPDK_MEMORY_MB_MIN: usize = 64;
/// Maximum memory of DPDK in MiB.
pub const DPDK_MEMORY_MB_MAX: usize = 64 << 10;
/// Maximum length of a DPDK device's name and arguments in octets.
pub const DPDK_DEVARGS_LEN: usize = 256;
/// Maximum number of lines of DPDK's log in an error.
pub const DPDK_LOG_LINES: usize = 6;
/// Maximum length of such a line in characters.
pub const DPDK_LOG_LINE_LEN: usize = 200;
/// Minimum interval between two reads of the state of a DPDK device.
pub const DPDK_LOOK_EVERY: Duration = Duration::from_millis(100);
/// Descriptors of a receive queue of a DPDK device: a worker that sleeps for 50 µs loses no frame
/// at 40 million frames a second.
pub const RX_DESCRIPTORS: u16 = 2048;
/// Descriptors of a transmit queue of a DPDK device.
pub const TX_DESCRIPTORS: u16 = 1024;
/// Default number of mbufs of a pool. The ring of a pool has a power of two minus one entries.
pub const MBUFS: usize = (1 << 14) - 1;
/// Minimum number of mbufs of a pool: rings of red and black, caches of threads, and bursts in
/// progress.
pub const MBUFS_MIN: usize = (1 << 13) - 1;
/// Maximum number of mbufs of a pool.
pub const MBUFS_MAX: usize = (1 << 20) - 1;
/// Octets that DPDK leaves free in front of a frame (RTE_PKTMBUF_HEADROOM).
pub const MBUF_HEADROOM: usize = 128;
/// Minimum octets of an mbuf behind its headroom, which some drivers require.
pub const MBUF_LEN: usize = 2048;
/// Octets of a slot of `net_af_packet` that a frame cannot use.
pub const SLOT_HEADER: usize = 128;
/// Maximum octets of such a slot: a power of two above the largest frame.
pub const SLOT_LEN_MAX: usize = 16384;
/// Octets of a block of such slots, fixed by the driver.
pub const SLOT_BLOCK: usize = 4096;

/// Maximum number of frames in the recorder's queue; further frames are not recorded.
pub const RECORDER_FRAMES: usize = 8192;
/// Initial octets of a recorder's buffer. A longer frame enlarges its buffer once.
pub const RECORDER_FRAME_LEN: usize = 1600;

/// Length of the longest frame for an MTU, in octets.
#[must_use]
pub const fn frame_len_max(mtu: usize) -> usize {
    HEADERS_MAX + mtu
}

/// Octets of a buffer for frames of an MTU, headroom and tailroom included.
#[must_use]
pub const fn room_len(mtu: usize) -> usize {
    (HEADROOM + frame_len_max(mtu) + TAILROOM).next_multiple_of(CACHE_LINE)
}

/// Some devices (igb, ixgbe) use buffers in whole units of this size and ignore the remainder.
pub const MBUF_UNIT: usize = 1024;
/// Octets of an mbuf for frames of an MTU, DPDK's headroom included. At least as long as a slot of
/// the driver's ring, if it has slots.
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

/// Octets of the VLAN tag that devices accept beyond header and MTU.
#[must_use]
pub fn vlan_tag_len(octets: &[u8]) -> usize {
    match octets.get(12..14) {
        Some([0x81, 0x00] | [0x88, 0xa8]) => VLAN_TAGS / 2,
        _ => 0,
    }
}

/// Maximum number of chunks in the fill ring of one queue. Two ports share the memory. Each may
/// have the same number in its rx ring when the worker is late, and in its tx ring when the device
/// is late. The rest is for frames in progress.
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
    // SecTAG with SCI, and an ICV, twice: a test of the next box may protect a frame again.
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
