//! An interface of the machine by an AF_PACKET socket. It works on any NIC and on veth, needs no
//! driver and no BPF, and changes only promiscuous mode and offloads of the interface.
//!
//! Receive: a TPACKET_V2 ring shared with the kernel (`ring`), without a system call per frame,
//! with one copy. TPACKET_V3 hands over a block of frames only when the block is full or 1 ms has
//! passed. A round trip over one veth took 920 us with V3, and 23 us with V2, which hands over each
//! frame at once. With equal rings a frame costs the same (640 ns in the kernel at 64 octets, veth
//! included; 45 to copy it out). But V2's slots have one length, so its ring exceeds the cache
//! earlier: see `limits::RING_OCTETS`.
//!
//! Send: one `sendmmsg` per burst (`transmit`), which bypasses the queueing discipline.
//!
//! The kernel changes frames before the ring gets them, and this port undoes that: it puts VLAN
//! tags back that the kernel took out, and finishes checksums that a host behind a veth left to the
//! device (`checksum`). Joined frames (GRO, or TSO of a host behind a veth) cannot be sealed; they
//! are dropped as `rx_joined`. The port turns these offloads off on its own interface, and on
//! request makes the kernel turn them off at the other end of a veth
//! ([`PacketConfig::cut_by_peer`]).
//!
//! The kernel's own stack still receives the frames of this interface, and may send on it. So give
//! the interface no address, and no IPv6 (`ip link set … addrgenmode none`).

mod fanout;
mod ring;
mod transmit;

use std::{
    cell::Cell,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
};

use rustix::net::{AddressFamily, SocketType};

use crate::{
    Burst, LinkState, Pool, Port, PortCounters, PortError, Watch, checksum,
    hearing::{Hearing, Needs},
    iface::Interface,
    limits, offload,
    promiscuous::Promiscuous,
    revival::Revival,
    sole::{SharedSole, Sole},
    sys, xdp,
};
use ring::{Received, Ring};
use transmit::Transmit;

pub use fanout::{Fanout, Spread};

/// The interface of a port, and its settings.
#[derive(Clone, Debug)]
pub struct PacketConfig {
    /// An Ethernet interface of this thread's network namespace.
    pub ifname: String,
    /// The port raises the MTU to this value or refuses to open. 0: the MTU stays.
    pub mtu_min: usize,
    /// Octets of the receive ring, where frames wait while the worker is busy.
    pub ring_octets: usize,
    /// Turns off the offloads that join frames or leave checksums unfinished (`offload`).
    pub disable_offloads: bool,
    /// The group of ports on this interface, one for each worker, that share its frames. `None`:
    /// this port gets all of them.
    pub fanout: Option<Fanout>,
    /// If the interface is a veth, makes the host at its other end segment its frames. A veth never
    /// segments frames that rely on TSO or GSO, and a TCP segment of 64 KiB does not fit the line.
    /// An XDP program that does nothing makes the kernel turn these offloads off at the other end.
    /// Without the right to attach a program, such frames arrive and are dropped as `rx_joined`.
    pub cut_by_peer: bool,
    /// Another port may use the interface too: this port does not reserve it, and is not refused.
    /// For a capture of the line, and for a host at the kernel's end of a TAP.
    pub shares_interface: bool,
    /// Number of buffers.
    pub pool_frames: usize,
}

impl Default for PacketConfig {
    fn default() -> Self {
        Self {
            ifname: String::new(),
            mtu_min: 0,
            ring_octets: limits::RING_OCTETS,
            disable_offloads: true,
            fanout: None,
            cut_by_peer: false,
            shares_interface: false,
            pool_frames: limits::POOL_FRAMES,
        }
    }
}

/// An interface as a port.
pub struct Packet {
    config: PacketConfig,
    interface: Interface,
    /// Declared before the socket, so that it is unmapped before the socket is closed.
    ring: Ring,
    receive: OwnedFd,
    transmit: Transmit,
    presence: Presence,
    /// The reservation of the interface, which the ports of a group share.
    sole: SharedSole,
    hearing: Arc<Hearing>,
    watch: Option<Watch>,
    mac: [u8; 6],
    mtu: usize,
    pool: Pool,
    counters: PortCounters,
    /// Kept separately: the kernel resets its count at each reading, also in `counters(&self)`.
    ring_full: Cell<u64>,
    empties: u32,
}

/// The state of the interface: the sockets are bound to it, or it is gone.
enum Presence {
    /// `lost`: the interface was taken down and is not up again.
    Bound {
        index: u32,
        lost: bool,
        _sole: Option<Arc<Sole>>,
        _promiscuous: Promiscuous,
        _idle: Option<xdp::Idle>,
    },
    Gone {
        revival: Revival,
    },
}

/// The option level of the packet family.
const SOL_PACKET: libc::c_int = libc::SOL_PACKET;

impl Packet {
    /// Opens the port: MTU, offloads, ring, promiscuous mode, interface up.
    ///
    /// # Errors
    /// The reason and the fix.
    pub fn open(config: PacketConfig) -> Result<Self, PortError> {
        let interface = Interface::named(&config.ifname)?;
        let (ring_min, ring_max) = (limits::RING_OCTETS_MIN, limits::RING_OCTETS_MAX);
        if !(ring_min..=ring_max).contains(&config.ring_octets) {
            let (what, have) = ("ring_octets", config.ring_octets);
            return Err(PortError::Range {
                what,
                have,
                min: ring_min,
                max: ring_max,
            });
        }
        let index = interface.index()?;
        let mac = interface.mac()?;
        let group = config.fanout.as_ref();
        let shared = group.map(|group| group.sole.clone()).unwrap_or_default();
        let sole = (!config.shares_interface)
            .then(|| shared.take_patiently(&interface, index))
            .transpose()?;
        let idle = cut_by_peer(&config, &interface, index);
        let mtu = offload::prepare(&interface, config.mtu_min, config.disable_offloads)?;
        let pool = Pool::new(config.pool_frames, mtu)?;
        let (receive, ring) = receiver(&interface, mtu, config.ring_octets)?;
        let transmit = Transmit::new().map_err(|source| interface.failed("send socket", source))?;
        let hearing = Arc::<Hearing>::default();
        // Without the kernel's routing socket the port works, but is not watched.
        let watch = Watch::new(&interface, Arc::clone(&hearing), Needs::Addresses).ok();
        let mut port = Self {
            config,
            interface,
            ring,
            receive,
            transmit,
            presence: Presence::Gone {
                revival: Revival::default(),
            },
            sole: shared,
            hearing,
            watch,
            mac,
            mtu,
            pool,
            counters: PortCounters::default(),
            ring_full: Cell::new(0),
            empties: 0,
        };
        let promiscuous = port.bind(index)?;
        port.presence = Presence::Bound {
            index,
            lost: false,
            _sole: sole,
            _promiscuous: promiscuous,
            _idle: idle,
        };
        Ok(port)
    }

    /// The pool of buffers, for leak tests.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Binds the sockets to the interface; frames arrive from here on.
    fn bind(&self, index: u32) -> Result<Promiscuous, PortError> {
        let failed = |what: &'static str| move |source| self.interface.failed(what, source);
        let receive = self.receive.as_fd();
        sys::bind_packet(self.transmit.socket(), index, 0).map_err(failed("bind"))?;
        let all = libc::ETH_P_ALL as u16;
        match &self.config.fanout {
            None => sys::bind_packet(receive, index, all).map_err(failed("bind"))?,
            Some(group) => {
                fanout::mute(receive).map_err(failed("filter"))?;
                sys::bind_packet(receive, index, all).map_err(failed("bind"))?;
                group.join(receive).map_err(failed("fanout"))?;
                fanout::hear(receive).map_err(failed("filter"))?;
            }
        }
        self.hearing.bound(index, 0);
        Promiscuous::hold(&self.interface, index)
    }

    /// Checks the state of the interface, at intervals while nothing is received.
    fn look_after(&mut self) {
        self.empties = 0;
        if let Presence::Gone { revival } = &mut self.presence {
            if revival.is_due() {
                self.revive();
            }
            return;
        }
        // Reading the error clears it. Otherwise every idle wait would end at once.
        let taken_down = sys::had_error(self.receive.as_fd());
        let refused = self.transmit.link_was_down();
        let Presence::Bound { index, lost, .. } = &mut self.presence else {
            return;
        };
        if !taken_down && !refused && !*lost {
            return;
        }
        // The socket error is reported once per loss; refusals continue while the link is down.
        self.counters.link_losses += u64::from(taken_down || (refused && !*lost));
        match self.interface.index() {
            // The interface is down but exists: the kernel resumes when it is up again.
            Ok(now) if now == *index => *lost = self.interface.link_state() != LinkState::Up,
            _ => {
                self.presence = Presence::Gone {
                    revival: Revival::default(),
                }
            }
        }
    }

    /// Tries to bind the interface again. It may have returned with another index and MTU.
    fn revive(&mut self) {
        let Ok(index) = self.interface.index() else {
            return;
        };
        let config = &self.config;
        // Another encryptor may have taken the interface first.
        let take = || self.sole.take(&self.interface, index);
        let Ok(sole) = (!config.shares_interface).then(take).transpose() else {
            return;
        };
        let idle = cut_by_peer(config, &self.interface, index);
        let prepared = offload::prepare(&self.interface, config.mtu_min, config.disable_offloads);
        let Ok(mtu) = prepared else {
            return;
        };
        if mtu < self.mtu && self.config.mtu_min == 0 && self.interface.set_mtu(self.mtu).is_err() {
            return;
        }
        if self.config.fanout.is_some() {
            // A socket in a group cannot be bound again, so a new one is opened.
            let Ok((receive, ring)) = receiver(&self.interface, self.mtu, self.config.ring_octets)
            else {
                return;
            };
            self.read_ring_full();
            (self.ring, self.receive) = (ring, receive);
        }
        if let Ok(promiscuous) = self.bind(index) {
            self.mac = self.interface.mac().unwrap_or(self.mac);
            self.presence = Presence::Bound {
                index,
                lost: false,
                _sole: sole,
                _promiscuous: promiscuous,
                _idle: idle,
            };
            // Clears errors of the old interface.
            let _ = sys::had_error(self.receive.as_fd());
            self.transmit.link_was_down();
        }
    }

    /// Frames that found the ring full. The kernel resets its count at each reading.
    fn read_ring_full(&self) -> u64 {
        // struct tpacket_stats: tp_packets, tp_drops.
        let statistics =
            sys::option::<2>(self.receive.as_fd(), SOL_PACKET, libc::PACKET_STATISTICS);
        let fresh = statistics.map_or(0, |[_, drops]| u64::from(drops));
        self.ring_full.set(self.ring_full.get() + fresh);
        self.ring_full.get()
    }
}

impl Port for Packet {
    fn rx_burst(&mut self, into: &mut Burst) {
        let before = into.len();
        while !into.is_full() {
            let (pool, counters) = (&self.pool, &mut self.counters);
            match self.ring.next(|received| accept(received, pool, counters)) {
                Some(accepted) => into.extend(accepted),
                None => break,
            }
        }
        if into.len() == before {
            self.empties += 1;
            let gone = matches!(self.presence, Presence::Gone { .. });
            if gone || self.empties >= limits::EMPTIES_BEFORE_LOOK || self.transmit.suspicious() {
                self.look_after();
            }
        }
    }

    fn tx_burst(&mut self, from: &mut Burst) {
        self.transmit
            .send(from.iter().map(|frame| frame.bytes()), &mut self.counters);
        from.clear();
    }

    fn copy_tx(&mut self, frame: &[u8]) {
        // The kernel copies the frame while it sends.
        self.transmit.send([frame].into_iter(), &mut self.counters);
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self.presence {
            Presence::Bound { .. } => Some(self.receive.as_fd()),
            Presence::Gone { .. } => None,
        }
    }

    fn mtu(&self) -> usize {
        self.mtu
    }

    fn mac(&self) -> [u8; 6] {
        self.mac
    }

    fn counters(&self) -> PortCounters {
        PortCounters {
            rx_ring_full: self.read_ring_full(),
            buffers_held: self.pool.held(),
            ..self.counters
        }
    }

    fn link_up(&self) -> bool {
        self.link_state() == LinkState::Up
    }

    fn link_state(&self) -> LinkState {
        match self.presence {
            Presence::Bound { .. } => self.interface.link_state(),
            Presence::Gone { .. } => LinkState::Gone,
        }
    }

    fn set_link(&mut self, up: bool) -> bool {
        let done = if up {
            self.interface.take_up()
        } else {
            self.interface.hold_down()
        };
        done.is_ok()
    }

    fn kind(&self) -> &'static str {
        "packet"
    }

    fn name(&self) -> &str {
        self.interface.name()
    }

    fn take_watch(&mut self) -> Option<Watch> {
        self.watch.take()
    }
}

/// See [`PacketConfig::cut_by_peer`]. This runs before the offloads are turned off, because a
/// program on a veth turns GRO on.
fn cut_by_peer(config: &PacketConfig, interface: &Interface, index: u32) -> Option<xdp::Idle> {
    if !config.cut_by_peer || interface.driver().as_deref() != Some("veth") {
        return None;
    }
    xdp::Idle::attach(index).ok()
}

/// A socket with a ring, not bound yet.
fn receiver(
    interface: &Interface,
    mtu: usize,
    ring_octets: usize,
) -> Result<(OwnedFd, Ring), PortError> {
    let socket = sys::socket(AddressFamily::PACKET, SocketType::RAW)
        .map_err(|source| interface.failed("packet socket", source))?;
    let ring = Ring::new(socket.as_fd(), limits::frame_len_max(mtu), ring_octets)
        .map_err(|source| interface.failed("receive ring", source))?;
    Ok((socket, ring))
}

/// Copies a frame out of the ring and undoes the kernel's changes, or drops and counts it.
fn accept(
    received: Option<Received<'_>>,
    pool: &Pool,
    counters: &mut PortCounters,
) -> Option<crate::Frame> {
    let Some(received) = received else {
        counters.rx_malformed += 1;
        return None;
    };
    let octets = received.octets;
    let tag_len = received.vlan_tag.map_or(0, |tag| tag.len());
    if received.joined {
        counters.rx_joined += 1;
        return None;
    }
    if octets.len() < received.len || octets.len() + tag_len > pool.frame_len_max() {
        counters.rx_too_long += 1;
        return None;
    }
    if octets.len() < limits::ETHERNET_HEADER {
        counters.rx_malformed += 1;
        return None;
    }
    let Some(mut frame) = pool.frame() else {
        counters.rx_no_buffer += 1;
        return None;
    };
    // Leaves space in front for a tag that was taken out.
    if !frame.copy_from(limits::HEADROOM + tag_len, octets) {
        counters.rx_too_long += 1;
        return None;
    }
    if let Some(place) = received.unfinished {
        if !checksum::finish(frame.bytes_mut(), place) {
            counters.rx_checksum_unfinished += 1;
            return None;
        }
        counters.rx_checksum_finished += 1;
    }
    if let Some(tag) = received.vlan_tag {
        let (room, start, end) = frame.room_mut();
        room.copy_within(start..start + 12, start - tag.len());
        room[start + 12 - tag.len()..start + 12].copy_from_slice(&tag);
        frame.set_range(start - tag.len(), end);
    }
    counters.count_rx(frame.len());
    Some(frame)
}

/// Sets a 32-bit option to 1.
fn turn_on(socket: BorrowedFd<'_>, option: libc::c_int) -> io::Result<()> {
    sys::set_option(socket, SOL_PACKET, option, &1i32)
}

#[cfg(test)]
mod tests;
