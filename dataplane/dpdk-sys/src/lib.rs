//! The DPDK calls that a port needs: hand-written declarations of a C shim (`csrc/`).
//!
//! DPDK's frame path is inline C over large structs that differ between its versions. The shim
//! offers calls for whole bursts over structs of our own (`Room`, `Facts`, `Setup`, `Look`), so
//! that the Rust side does not depend on DPDK's memory layout.
//!
//! The crate is built only with the feature `link`, and is empty without it. `pkg-config` finds
//! DPDK (22.11 or newer), which is linked as shared libraries; it loads its drivers at run time
//! from its own directory. The crate of this name on crates.io is a different one, which can no
//! longer be built.
//!
//! **Common contract.** Only `qm_log_to` may be called before `qm_eal_start` has returned 0.
//! Functions that can fail return 0 or a negative `errno`. Control calls (pools, devices) may come
//! from any thread, but only from one at a time for each device. A queue and its frames belong to
//! one thread.
//!
//! These functions are unsafe; `port::dpdk` has a safe interface.

#![cfg(feature = "link")]
#![allow(unsafe_code, reason = "declarations of C functions are all there is")]

use core::ffi::{c_char, c_int};

/// `struct rte_mbuf`.
#[repr(C)]
pub struct Mbuf {
    _opaque: [u8; 0],
}

/// `struct rte_mempool`.
#[repr(C)]
pub struct Mempool {
    _opaque: [u8; 0],
}

/// An mbuf with one segment: its memory, and the range of the frame in it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Room {
    /// The mbuf.
    pub mbuf: *mut Mbuf,
    /// First octet of its memory.
    pub base: *mut u8,
    /// Length of its memory in octets.
    pub len: u16,
    /// Start of the frame in it.
    pub start: u16,
    /// End of the frame in it.
    pub end: u16,
    /// 0 if it is not a frame in one segment: a chain of mbufs, or a frame that lost its VLAN tag.
    pub is_whole: u16,
}

/// The capabilities of a device.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Facts {
    /// Its MAC address.
    pub mac: [u8; 6],
    /// The smallest MTU.
    pub mtu_min: u16,
    /// The largest MTU.
    pub mtu_max: u16,
    /// Maximum number of receive queues.
    pub rx_queues_max: u16,
    /// Maximum number of transmit queues.
    pub tx_queues_max: u16,
    /// Its NUMA node; -1: any.
    pub socket: i32,
}

/// The settings of a device.
#[repr(C)]
pub struct Setup {
    /// Number of queues in each direction.
    pub queues: u16,
    /// Descriptors of a receive queue; adjusted to the driver's range.
    pub rx_descriptors: u16,
    /// Descriptors of a transmit queue; adjusted to the driver's range.
    pub tx_descriptors: u16,
    /// The MTU. 0: the driver's own MTU.
    pub mtu: u16,
    /// One pool per queue.
    pub pools: *const *mut Mempool,
}

/// The state of a running device.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Look {
    /// Frames lost because a receive queue was full (`imissed`).
    pub missed: u64,
    /// Frames that the device found invalid (`ierrors`).
    pub errors: u64,
    /// Frames lost because a pool was empty (`rx_nombuf`).
    pub no_mbuf: u64,
    /// 1: the link is up.
    pub is_up: u8,
    /// 1: the device was removed.
    pub is_removed: u8,
    /// The MTU in octets.
    pub mtu: u16,
}

/// Receives a line of DPDK's log, or a part of one, without a terminating NUL. Called on any
/// thread. Must not call DPDK, and must not unwind.
pub type Hear = extern "C" fn(text: *const c_char, len: usize);

unsafe extern "C" {
    /// Redirects DPDK's log to `hear` for the rest of the process. Call it once, before
    /// [`qm_eal_start`].
    pub fn qm_log_to(hear: Hear) -> c_int;

    /// Starts the environment abstraction layer (`rte_eal_init`), once per process. Pins the
    /// calling thread, which becomes DPDK's main lcore and may end afterwards.
    ///
    /// `argv` has `argc` C strings, which live as long as the process.
    pub fn qm_eal_start(argc: c_int, argv: *mut *mut c_char) -> c_int;

    /// Gives this thread a DPDK thread number, and with it a cache of mbufs in each pool. Not to be
    /// called again before [`qm_thread_unregister`].
    pub fn qm_thread_register() -> c_int;

    /// Returns the thread number.
    pub fn qm_thread_unregister();

    /// Creates a pool of mbufs with `data_room` octets each, DPDK's headroom of 128 included.
    /// Returns null on failure and sets `error` to the reason. `name` is unique, and shorter than
    /// 26 octets.
    pub fn qm_pool_new(
        name: *const c_char,
        mbufs: u32,
        data_room: u16,
        socket: c_int,
        error: *mut c_int,
    ) -> *mut Mempool;

    /// Deletes a pool. No device may have it, and none of its mbufs may be in use.
    pub fn qm_pool_delete(pool: *mut Mempool);

    /// Number of free mbufs, those in the caches of threads included.
    pub fn qm_pool_free(pool: *const Mempool) -> u32;

    /// Finds a device by its devargs (PCI address, or driver and arguments) and returns its number
    /// in `port`. Creates a virtual device.
    pub fn qm_device_probe(devargs: *const c_char, port: *mut u16) -> c_int;

    /// Reads the capabilities of a device.
    pub fn qm_device_facts(port: u16, facts: *mut Facts) -> c_int;

    /// Configures a stopped device and starts it. Sets `step` to a static C string that names the
    /// last step tried. `setup.pools` has `setup.queues` live pools.
    pub fn qm_device_start(port: u16, setup: *const Setup, step: *mut *const c_char) -> c_int;

    /// Reads the state of a started device. Leaves fields unchanged that the device does not
    /// report. May cost a system call or register reads.
    pub fn qm_device_look(port: u16, look: *mut Look);

    /// Takes the link of a started device up or down; `-ENOTSUP` if the device does not support it.
    pub fn qm_device_set_link(port: u16, up: c_int) -> c_int;

    /// Stops, closes and removes a device. None of its queues may be in use, then or later.
    pub fn qm_device_remove(port: u16);

    /// Receives up to `count` (at most 64) frames into `rooms` and returns their number. The caller
    /// owns the mbufs, and sends or frees each once. Only the thread that owns the receive queue
    /// may call it.
    pub fn qm_rx_burst(port: u16, queue: u16, rooms: *mut Room, count: u16) -> u16;

    /// Sends `count` frames (at most 64) that the caller owns, with one segment each and
    /// `start..end` within their memory. Returns the number of frames that the device took, which
    /// are the first ones; the others are freed. Only the thread that owns the transmit queue may
    /// call it.
    pub fn qm_tx_burst(port: u16, queue: u16, rooms: *const Room, count: u16) -> u16;

    /// Takes a fresh mbuf from a pool, as an empty room behind DPDK's headroom. The caller owns it.
    pub fn qm_mbuf_new(pool: *mut Mempool, room: *mut Room) -> c_int;

    /// Returns an mbuf that the caller owns, and the mbufs chained to it, to their pool.
    pub fn qm_mbuf_free(mbuf: *mut Mbuf);
}
