//! A device by DPDK: a NIC that the kernel has handed over, or a virtual device.
//!
//! [`Eal`] is DPDK's environment, once per process. A port is one queue pair of a device; several
//! workers open the same device with a queue each, and the device spreads what it receives by
//! addresses and ports (RSS). A received frame is its mbuf (`lane`): SecTAG and ICV go into the
//! mbuf's headroom and tailroom, and the mbuf goes to the other port, without a copy. Frames of other
//! kinds of ports are copied into an mbuf. A frame has one mbuf, jumbo frames included.
//!
//! There is no descriptor to sleep on: an adaptive worker that has nothing to do sleeps 50 µs at a
//! time, a busy one does not sleep.
//!
//! Counters of the device (`imissed` as `rx_ring_full`, `rx_nombuf` as `rx_no_buffer`, `ierrors` as
//! `rx_malformed`) are told by the port of queue 0, for all queues. They and the carrier are asked for
//! at most ten times a second, because a NIC may take long to answer.
//!
//! The driver `net_af_packet` of DPDK 22.11 does not tell what its full ring has lost.
//!
//! Not here: steering by flow rules; rx interrupts; devices that are plugged in again.

mod claim;
mod eal;
mod lane;
mod log;
mod watch;

use std::{ffi::c_int, io, os::fd::BorrowedFd, ptr::NonNull, rc::Rc};

use dpdk_sys::{Facts, Room};

use crate::{
    BURST_MAX, Burst, DeviceName, HEADROOM, LinkState, Port, PortCounters, PortError, TAILROOM,
    checksum, iface::Interface, limits,
};
use claim::{Claim, Wanted};
use lane::{Lane, Mbufs, PoolKind};
use watch::Watch;

pub use eal::{Eal, EalConfig};

/// Which device, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DpdkConfig {
    /// The device.
    pub device: DeviceName,
    /// The device is set to this MTU, or the port is refused; that of an interface which has more is
    /// left alone. 0: as it is.
    pub mtu_min: usize,
    /// The queue pair of this port: below `queues`.
    pub queue: u16,
    /// Queue pairs of the device, the same for all ports of it.
    pub queues: u16,
    /// mbufs of the queue's pool, shared with the same queue of other devices.
    pub mbufs: usize,
    /// Finishes checksums that a host behind a veth left to its device.
    pub finish_checksums: bool,
}

impl DpdkConfig {
    /// The only queue of a device.
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
    /// Dropped first, while the thread is still known to DPDK: it may stop the device.
    claim: Claim,
    mbufs: Rc<Mbufs>,
    /// Between a burst's frames and DPDK's.
    rooms: Box<[Room; BURST_MAX]>,
    watch: Watch,
    name: String,
    mac: [u8; 6],
    mtu: usize,
    finish_checksums: bool,
    counters: PortCounters,
}

impl Dpdk {
    /// Opens a queue pair; starts the device if this is its first.
    ///
    /// # Errors
    /// What is missing, and the mend.
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
            .map(|interface| interface.prepare(config.mtu_min, true))
            .transpose()?;
        let slot_len = config.device.slot_len();
        check("framesz", slot_len.unwrap_or(0), 0, limits::SLOT_LEN_MAX)?;
        fits_slots(&config.device, of_interface.unwrap_or(0))?;
        let mbufs = Mbufs::of_this_thread(started)?;
        let wanted = Wanted {
            queues: config.queues,
            // Where there is an interface it has the MTU already.
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
                // A virtual device is at home wherever it was asked for first.
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

    /// Drops what the ring has from before this port was there, and counts none of it. `net_af_packet` of DPDK 22.11
    /// makes a socket for all protocols and binds it to its interface only after that: meanwhile it takes the
    /// frames of every interface of the namespace, for as long as a ring of jumbo frames takes to be mapped.
    fn forget_what_came(&mut self) {
        let mut burst = Burst::new();
        for _ in 0..usize::from(limits::RX_DESCRIPTORS).div_ceil(BURST_MAX) {
            self.rx_burst(&mut burst);
            burst.clear();
        }
        self.counters = PortCounters::default();
    }

    /// The address of a device that is not open yet.
    ///
    /// # Errors
    /// There is no such device, or DPDK has no driver for it.
    pub fn mac_of(started: Eal, device: &DeviceName) -> Result<[u8; 6], PortError> {
        claim::mac_of(started, device)
    }

    /// mbufs of this queue's pool that nobody has: for leak tests. The device's rings have their share.
    #[must_use]
    pub fn mbufs_free(&self) -> usize {
        self.claim.lane().free()
    }

    /// Whether frames can leave. Looks again when they could not.
    fn can_send(&self) -> bool {
        self.watch.last_link() == LinkState::Up || self.link_state() == LinkState::Up
    }

    /// Sends the first `count` rooms. What the device does not take is freed.
    #[allow(unsafe_code, reason = "a call of DPDK")]
    fn send(&mut self, count: usize) {
        let (number, queue) = (self.claim.number(), self.claim.queue());
        // SAFETY: the queue is this port's alone, and the port stays on its thread; the first `count`
        // rooms are mbufs that were frames of ours, within their memory, and are not used again.
        let taken =
            unsafe { dpdk_sys::qm_tx_burst(number, queue, self.rooms.as_ptr(), count as u16) };
        let (sent, refused) = self.rooms[..count].split_at(usize::from(taken).min(count));
        self.counters.tx_refused += refused.len() as u64;
        for room in sent {
            self.counters.count_tx(usize::from(room.end - room.start));
        }
    }
}

/// Why a received room is no frame.
#[derive(Clone, Copy)]
enum Unfit {
    TooLong,
    Malformed,
}

/// A room whose frame has its headroom and tailroom, and a header.
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

/// Whether frames may be sent by their length. The drop is counted.
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
        // SAFETY: the queue is this port's alone, and the port stays on its thread; there are
        // BURST_MAX rooms, the capacity of a burst.
        let came = unsafe { dpdk_sys::qm_rx_burst(number, queue, self.rooms.as_mut_ptr(), count) };
        for room in &self.rooms[..usize::from(came)] {
            match fit(room) {
                // SAFETY: the driver has just given us this mbuf, and it was looked at above. A
                // burst has place for as many as were asked for.
                Ok(base) => into.push(unsafe { self.mbufs.frame(room, base) }),
                Err(unfit) => {
                    // SAFETY: as above; a chain goes with its first mbuf.
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
        from.clear(); // what was sent is empty now, the rest goes back to where it came from
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

/// A value in its range.
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

/// A frame longer than a slot of the device's ring would come cut short, and be protected so.
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

/// A call of DPDK that failed, and what DPDK said of it.
fn failed(what: impl Into<String>, negative_errno: c_int) -> PortError {
    PortError::Dpdk {
        what: what.into() + &log::last_words(),
        source: io::Error::from_raw_os_error(-negative_errno),
    }
}
