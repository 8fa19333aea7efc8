//! The few calls of DPDK that a port needs: hand-written declarations of a C shim (`csrc/`).
//!
//! Why a shim: DPDK's frame path is inline C over large structs that differ between its versions.
//! The shim turns it into calls of a burst at a time over structs of ours (`Room`, `Facts`,
//! `Setup`, `Look`), so that nothing of DPDK's memory layout is known on the Rust side.
//!
//! Built only with the feature `link`; without it the crate is empty. DPDK (22.11 or newer) is found
//! by `pkg-config` and linked as shared libraries; its drivers are loaded at run time from its own
//! folder. The crate of this name on crates.io is another one, and cannot be built any more.
//!
//! **Common contract.** Nothing but `qm_log_to` may be called before `qm_eal_start` has returned
//! 0. Functions that can fail return 0 or a negative `errno`. Control calls (pools, devices) may be
//! made on any thread, for one device by one at a time; a queue and the frames of it belong to one
//! thread.
//!
//! Not here: safety. `port::dpdk` makes it safe.

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

/// An mbuf of one piece: where its memory is, and where the frame is in it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Room {
    /// The mbuf.
    pub mbuf: *mut Mbuf,
    /// First octet of its memory.
    pub base: *mut u8,
    /// Octets of its memory.
    pub len: u16,
    /// Where the frame starts in it.
    pub start: u16,
    /// Where the frame ends in it.
    pub end: u16,
    /// 0 for what is no frame in one piece: a chain of mbufs, or one that lost its VLAN tag.
    pub is_whole: u16,
}

/// What a device can do.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Facts {
    /// Its address.
    pub mac: [u8; 6],
    /// The smallest MTU.
    pub mtu_min: u16,
    /// The largest MTU.
    pub mtu_max: u16,
    /// Receive queues, at most.
    pub rx_queues_max: u16,
    /// Transmit queues, at most.
    pub tx_queues_max: u16,
    /// Its NUMA node; -1: any.
    pub socket: i32,
}

/// How a device is set up.
#[repr(C)]
pub struct Setup {
    /// Queues each way.
    pub queues: u16,
    /// Frames that wait in a receive queue; brought into the driver's range.
    pub rx_descriptors: u16,
    /// Frames that wait in a transmit queue; brought into the driver's range.
    pub tx_descriptors: u16,
    /// 0: as the driver has it.
    pub mtu: u16,
    /// One pool per queue.
    pub pools: *const *mut Mempool,
}

/// What a device says of itself while it runs.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Look {
    /// Frames lost because a receive queue was full (`imissed`).
    pub missed: u64,
    /// Frames that the device found wrong (`ierrors`).
    pub errors: u64,
    /// Frames lost because a pool was empty (`rx_nombuf`).
    pub no_mbuf: u64,
    /// 1: carrier.
    pub is_up: u8,
    /// 1: unplugged.
    pub is_removed: u8,
    /// Octets of payload.
    pub mtu: u16,
}

/// Hears a line, or a part of one, of DPDK's log. Not NUL-terminated. Called on any thread; must not
/// call DPDK, and must not unwind.
pub type Hear = extern "C" fn(text: *const c_char, len: usize);

unsafe extern "C" {
    /// Sends DPDK's log to `hear`, from now on and for good. Call once, before [`qm_eal_start`].
    pub fn qm_log_to(hear: Hear) -> c_int;

    /// Starts the environment abstraction layer (`rte_eal_init`). Once per process. Pins the calling
    /// thread, which becomes DPDK's main lcore and need not live on.
    ///
    /// `argv` has `argc` C strings, which live as long as the process.
    pub fn qm_eal_start(argc: c_int, argv: *mut *mut c_char) -> c_int;

    /// Gives this thread a number of DPDK's, and with it a stock of mbufs of its own in each pool.
    /// Not twice without [`qm_thread_unregister`] in between.
    pub fn qm_thread_register() -> c_int;

    /// Takes the number back.
    pub fn qm_thread_unregister();

    /// A pool of mbufs with `data_room` octets each, DPDK's headroom of 128 included. Null where it
    /// cannot be had, and `error` says why. `name` is unique, and shorter than 26 octets.
    pub fn qm_pool_new(
        name: *const c_char,
        mbufs: u32,
        data_room: u16,
        socket: c_int,
        error: *mut c_int,
    ) -> *mut Mempool;

    /// Frees a pool. None of its mbufs is used any more, by anybody; no device has it.
    pub fn qm_pool_delete(pool: *mut Mempool);

    /// Mbufs that nobody has, those in stock of threads included.
    pub fn qm_pool_free(pool: *const Mempool) -> u32;

    /// Finds a device by its devargs (PCI address, or driver and arguments), and says its number. A
    /// virtual device is made by this.
    pub fn qm_device_probe(devargs: *const c_char, port: *mut u16) -> c_int;

    /// What the device of this number can do.
    pub fn qm_device_facts(port: u16, facts: *mut Facts) -> c_int;

    /// Configures a stopped device and starts it; `step` is set to a static C string that says what
    /// was tried last. `setup.pools` has `setup.queues` live pools.
    pub fn qm_device_start(port: u16, setup: *const Setup, step: *mut *const c_char) -> c_int;

    /// Asks a started device. Fields that it does not answer are left as they are. May cost a system
    /// call or reads of registers.
    pub fn qm_device_look(port: u16, look: *mut Look);

    /// Takes the link of a started device up or down; `-ENOTSUP` where it has none.
    pub fn qm_device_set_link(port: u16, up: c_int) -> c_int;

    /// Stops, closes and forgets a device. No queue of it may be in use, then or later.
    pub fn qm_device_remove(port: u16);

    /// Receives at most `count` (and 64) frames into `rooms`; returns how many. The mbufs are the
    /// caller's: sent or freed once. By the one thread that has this rx queue.
    pub fn qm_rx_burst(port: u16, queue: u16, rooms: *mut Room, count: u16) -> u16;

    /// Sends `count` frames (64 at most) that are the caller's, in one piece each, `start..end` within
    /// their memory. All are gone afterwards: the device took as many as are returned, the first ones,
    /// the others are freed. By the one thread that has this tx queue.
    pub fn qm_tx_burst(port: u16, queue: u16, rooms: *const Room, count: u16) -> u16;

    /// A fresh mbuf of a pool as an empty room behind DPDK's headroom; it is the caller's.
    pub fn qm_mbuf_new(pool: *mut Mempool, room: *mut Room) -> c_int;

    /// Gives an mbuf of the caller's, and what is chained to it, back to its pool.
    pub fn qm_mbuf_free(mbuf: *mut Mbuf);
}
