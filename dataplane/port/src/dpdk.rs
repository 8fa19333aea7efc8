//! A device driven by DPDK: a NIC that the kernel has handed over, or a virtual device.
//!
//! [`Eal`] is DPDK's environment; there is one per process. A port is one queue pair of a device.
//! Several workers open the same device, each with its own queue, and the device spreads received
//! frames by addresses and ports (RSS). A received frame is its mbuf (`lane`): SecTAG and ICV go
//! into the mbuf's headroom and tailroom, and the mbuf goes to the other port without a copy.
//! Frames of other kinds of ports are copied into an mbuf. A frame is one mbuf, also a jumbo frame.
//!
//! There is no descriptor to wait for: an adaptive worker without work sleeps 50 µs at a time, a
//! busy worker does not sleep.
//!
//! The port of queue 0 reports the counters of the device for all queues (`imissed` as
//! `rx_ring_full`, `rx_nombuf` as `rx_no_buffer`, `ierrors` as `rx_malformed`). Counters and
//! carrier are read at most ten times a second, because a NIC may take long to answer.
//!
//! The driver `net_af_packet` of DPDK 22.11 does not report the frames that its full ring has lost.
//!
//! Not supported: flow rules, receive interrupts, hot plug.

mod claim;
mod eal;
mod lane;
mod log;
mod watch;

use std::{ffi::c_int, io, os::fd::BorrowedFd, ptr::NonNull, rc::Rc};

use dpdk_sys::{Facts, Room};

use crate::{
    BURST_MAX, Burst, DeviceName, HEADROOM, LinkState, Port, PortCounters, PortError, TAILROOM,
    checksum, iface::Interface, limits, offload,
};
use claim::{Claim, Wanted};
use lane::{Lane, Mbufs, PoolKind};
use watch::Watch;

pub use eal::{Eal, EalConfig};

/// The device of a port, and its settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DpdkConfig {
    /// The device.
    pub device: DeviceName,
    /// The port sets the device to this MTU or refuses to open. The MTU of an interface that has a
    /// larger one stays. 0: the MTU stays.
    pub mtu_min: usize,
    /// The queue pair of this port: below `queues`.
    pub queue: u16,
    /// Queue pairs of the device, the same for all ports of it.
    pub queues: u16,
    /// mbufs of the queue's pool, which the same queue of other devices shares.
    pub mbufs: usize,
    /// Finishes checksums that a host behind a veth left to its device.
    pub finish_checksums: bool,
}

impl DpdkConfig {
    /// The config of the only queue of a device.
    #[must_use]
    pub fn new(device: DeviceName) -> Self {
        Self {
            finish_checksums: device.is_on_interface(),
            device,
            mtu_min: 0,
            queue: 0,
            queues: 1,
            mbufs: limits::MBUFS,
        }
    }
}

/// A queue pair of a device as a port.
pub struct Dpdk {
    /// Dropped first, because it may stop the device and the thread must still be registered with
    /// DPDK.
    claim: Claim,
    mbufs: Rc<Mbufs>,
    /// Used to convert between frames and DPDK's mbufs.
    rooms: Box<[Room; BURST_MAX]>,
    watch: Watch,
    name: String,
    mac: [u8; 6],
    mtu: usize,
    finish_checksums: bool,
    counters: PortCounters,
}

impl Dpdk {
    /// Opens a queue pair. The first port of a device starts it.
    ///
    /// # Errors
    /// The reason and the fix.
    pub fn open(started: Eal, config: DpdkConfig) -> Result<Self, PortError> {
        check("queues", config.queues.into(), 1, limits::QUEUES_MAX)?;
        check(
            "queue",
            config.queue.into(),
            0,
            usize::from(config.queues) - 1,
        )?;
        check("mbufs", config.mbufs, limits::MBUFS_MIN, limits::MBUFS_MAX)?;
        check("mtu", config.mtu_min, 0, limits::MTU_MAX)?;
        let interface = config
            .device
            .interface()
            .map(Interface::named)
            .transpose()?;
        let of_interface = interface
            .as_ref()
            .map(|interface| offload::prepare(interface, config.mtu_min, true))
            .transpose()?;
        let slot_len = config.device.slot_len();
        check("framesz", slot_len.unwrap_or(0), 0, limits::SLOT_LEN_MAX)?;
        fits_slots(&config.device, of_interface.unwrap_or(0))?;
        let mbufs = Mbufs::of_this_thread(started)?;
        let wanted = Wanted {
            queues: config.queues,
            // The MTU of an interface is already set.
            mtu_min: of_interface.map_or(config.mtu_min as u16, |_| 0),
            rx_descriptors: limits::RX_DESCRIPTORS,
            tx_descriptors: limits::TX_DESCRIPTORS,
        };
        let lane = |queue: u16, facts: &Facts| {
            let mtu = of_interface.unwrap_or(config.mtu_min);
            let kind = PoolKind {
                queue,
                count: config.mbufs as u32,
                data_room: limits::data_room(mtu, slot_len) as u16,
                // The node of a virtual device depends on the thread that asked first, so it is
                // ignored.
                socket: config.device.pci().map_or(-1, |_| facts.socket),
            };
            Lane::of(started, &config.device, kind)
        };
        let claim = Claim::new(started, &config.device, config.queue, wanted, lane)?;
        let mac = match &interface {
            Some(interface) => interface.mac()?,
            None => claim.mac()?,
        };
        let name = config.device.interface().unwrap_or(config.device.device());
        let mtu = of_interface.unwrap_or_else(|| claim.look().mtu.into());
        let on_interface = interface.is_some();
        let mut port = Self {
            name: name.to_owned(),
            watch: Watch::new(interface, &claim),
            claim,
            mbufs,
            rooms: Box::new([lane::EMPTY; BURST_MAX]),
            mac,
            mtu: mtu.clamp(limits::MTU_MIN, limits::MTU_MAX),
            finish_checksums: config.finish_checksums,
            counters: PortCounters::default(),
        };
        if on_interface {
            port.forget_what_came();
        }
        Ok(port)
    }

    /// Drops the frames that the ring held before this port opened, without counting them.
    /// `net_af_packet` of DPDK 22.11 opens a socket for all protocols and binds it to its interface
    /// only later. Until then it receives the frames of every interface of the namespace, for the
    /// time that it takes to map a ring of jumbo frames.
    fn forget_what_came(&mut self) {
        let mut burst = Burst::new();
        for _ in 0..usize::from(limits::RX_DESCRIPTORS).div_ceil(BURST_MAX) {
            self.rx_burst(&mut burst);
            burst.clear();
        }
        self.counters = PortCounters::default();
    }

    /// The address of a device that may not be open yet.
    ///
    /// # Errors
    /// There is no such device, or DPDK has no driver for it.
    pub fn mac_of(started: Eal, device: &DeviceName) -> Result<[u8; 6], PortError> {
        claim::mac_of(started, device)
    }

    /// Free mbufs of this queue's pool, for leak tests. The device's rings hold some.
    #[must_use]
    pub fn mbufs_free(&self) -> usize {
        self.claim.lane().free()
    }

    /// Returns whether frames can leave. If the link was down, checks it again.
    fn can_send(&self) -> bool {
        self.watch.last_link() == LinkState::Up || self.link_state() == LinkState::Up
    }

    /// Sends the first `count` rooms. Frees the mbufs that the device does not take.
    #[allow(unsafe_code, reason = "a call of DPDK")]
    fn send(&mut self, count: usize) {
        let (number, queue) = (self.claim.number(), self.claim.queue());
        // SAFETY: this port alone uses the queue, and the port stays on its thread. The first
        // `count` rooms are mbufs of former frames, with ranges inside their memory, and are not
        // used again.
        let taken =
            unsafe { dpdk_sys::qm_tx_burst(number, queue, self.rooms.as_ptr(), count as u16) };
        let (sent, refused) = self.rooms[..count].split_at(usize::from(taken).min(count));
        self.counters.tx_refused += refused.len() as u64;
        for room in sent {
            self.counters.count_tx(usize::from(room.end - room.start));
        }
    }
}

/// The reason why a received room is not a frame.
#[derive(Clone, Copy)]
enum Unfit {
    TooLong,
    Malformed,
}

/// Checks that the frame in a room has headroom, tailroom and an Ethernet header.
#[inline(always)]
fn fit(room: &Room) -> Result<NonNull<u8>, Unfit> {
    let (len, start, end) = (room.len as usize, room.start as usize, room.end as usize);
    let base = NonNull::new(room.base).ok_or(Unfit::Malformed)?;
    if room.is_whole == 0 || start < HEADROOM || end + TAILROOM > len {
        Err(Unfit::TooLong)
    } else if end < start + limits::ETHERNET_HEADER {
        Err(Unfit::Malformed)
    } else {
        Ok(base)
    }
}

/// Returns whether the frame is short enough to be sent. Counts the drop if not.
#[inline(always)]
fn may_leave(octets: &[u8], mtu: usize, counters: &mut PortCounters) -> bool {
    if octets.len() > limits::ETHERNET_HEADER + limits::vlan_tag_len(octets) + mtu {
        counters.tx_too_long += 1;
        false
    } else if octets.len() < limits::ETHERNET_HEADER {
        counters.tx_refused += 1;
        false
    } else {
        true
    }
}

impl Port for Dpdk {
    #[allow(unsafe_code, reason = "a call of DPDK, and frames over mbufs")]
    fn rx_burst(&mut self, into: &mut Burst) {
        let before = into.len();
        let (number, queue) = (self.claim.number(), self.claim.queue());
        let count = into.remaining_capacity() as u16;
        // SAFETY: this port alone uses the queue, and the port stays on its thread; there are
        // BURST_MAX rooms, the capacity of a burst.
        let came = unsafe { dpdk_sys::qm_rx_burst(number, queue, self.rooms.as_mut_ptr(), count) };
        for room in &self.rooms[..usize::from(came)] {
            match fit(room) {
                // SAFETY: the driver has just handed over this mbuf, and `fit` has checked it. The
                // burst has room for the requested number of frames.
                Ok(base) => into.push(unsafe { self.mbufs.frame(room, base) }),
                Err(unfit) => {
                    // SAFETY: as above; a chain is freed with its first mbuf.
                    unsafe { Mbufs::free(room) };
                    match unfit {
                        Unfit::TooLong => self.counters.rx_too_long += 1,
                        Unfit::Malformed => self.counters.rx_malformed += 1,
                    }
                }
            }
        }
        for frame in &mut into[before..] {
            if self.finish_checksums && checksum::finish_if_open(frame.bytes_mut()) {
                self.counters.rx_checksum_finished += 1;
            }
            self.counters.count_rx(frame.len());
        }
    }

    fn tx_burst(&mut self, from: &mut Burst) {
        if self.can_send() {
            let mut count = 0;
            for frame in from.iter_mut() {
                if !may_leave(frame.bytes(), self.mtu, &mut self.counters) {
                    continue;
                }
                let room = &mut self.rooms[count];
                if self.mbufs.give(frame, room)
                    || self.mbufs.copy(frame.bytes(), self.claim.lane(), room)
                {
                    count += 1;
                } else {
                    self.counters.tx_refused += 1;
                }
            }
            if count > 0 {
                self.send(count);
            }
        } else {
            self.counters.tx_link_down += from.len() as u64;
        }
        from.clear(); // the sent frames are empty now; the rest go back to their pools
    }

    fn copy_tx(&mut self, frame: &[u8]) {
        if !self.can_send() {
            self.counters.tx_link_down += 1;
        } else if may_leave(frame, self.mtu, &mut self.counters) {
            let room = &mut self.rooms[0];
            if self.mbufs.copy(frame, self.claim.lane(), room) {
                self.send(1);
            } else {
                self.counters.tx_refused += 1;
            }
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn mtu(&self) -> usize {
        self.mtu
    }

    fn mac(&self) -> [u8; 6] {
        self.mac
    }

    fn counters(&self) -> PortCounters {
        let seen = self.watch.look(&self.claim);
        let mut counters = self.counters;
        counters.buffers_held = self.mbufs.held();
        counters.link_losses += seen.losses;
        if self.claim.queue() == 0 {
            counters.rx_ring_full += seen.device.missed;
            counters.rx_no_buffer += seen.device.no_mbuf;
            counters.rx_malformed += seen.device.errors;
        }
        counters
    }

    fn link_up(&self) -> bool {
        self.link_state() == LinkState::Up
    }

    fn link_state(&self) -> LinkState {
        self.watch.look(&self.claim).link
    }

    fn set_link(&mut self, up: bool) -> bool {
        self.watch.set_link(up, &self.claim)
    }

    fn kind(&self) -> &'static str {
        "dpdk"
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// Checks that a value is in its range.
fn check(what: &'static str, have: usize, min: usize, max: usize) -> Result<(), PortError> {
    if (min..=max).contains(&have) {
        return Ok(());
    }
    Err(PortError::Range {
        what,
        have,
        min,
        max,
    })
}

/// Checks that the longest frame fits a slot of the device's ring; the driver would truncate it.
fn fits_slots(device: &DeviceName, mtu: usize) -> Result<(), PortError> {
    let need = limits::frame_len_max(mtu) + limits::SLOT_HEADER;
    match device.slot_len() {
        Some(slot_len) if slot_len < need => {
            let slot_len = need.next_power_of_two();
            let what = format!(
                "{device}: its ring is too narrow for MTU {mtu}: append \
                 \",framesz={slot_len},blocksz={}\"",
                slot_len.max(limits::SLOT_BLOCK)
            );
            Err(failed(what, -libc::EMSGSIZE))
        }
        _ => Ok(()),
    }
}

/// The error of a failed DPDK call, with DPDK's log lines about it.
fn failed(what: impl Into<String>, negative_errno: c_int) -> PortError {
    PortError::Dpdk {
        what: what.into() + &log::last_words(),
        source: io::Error::from_raw_os_error(-negative_errno),
    }
}
